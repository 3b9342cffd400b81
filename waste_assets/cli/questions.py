"""`questions`: what people ask of the BI tables, answered."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import click

from waste_assets.cli import options
from waste_assets.cli.faults import faults
from waste_assets.cli.terminal import echo


@click.command()
@click.argument("name", required=False)
@options.data_root
@click.option(
    "--from",
    "since",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Of the question `since`: the day of the change.",
)
@click.option("--sql", "as_sql", is_flag=True, help="Print the SQL, to be used elsewhere.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def questions(
    name: str | None, data_root: Path, since: datetime | None, as_sql: bool, as_json: bool
) -> None:
    """Print what can be asked of the BI tables, or the answer to the question NAME."""
    with faults():
        from waste_assets.questions import ask

        if name is None:
            known = ask.questions()
            if as_json:
                echo(json.dumps([{"name": one.name, "question": one.text} for one in known]))
            else:
                width = max(len(one.name) for one in known)
                echo("\n".join(f"{one.name:<{width}}  {one.text}" for one in known))
            return
        asked = ask.question(name)
        if as_sql:
            echo(asked.sql, nl=False)
            return
        told = ask.answer(data_root.absolute() / "bi", asked, options.day(since))
        if as_json:
            shown = {"name": asked.name, "question": asked.text, "rows": told}
            echo(json.dumps(shown, default=str))
        else:
            echo(f"{asked.text}\n\n{ask.render(told)}")
