"""`remedies`: what to change, and that it was."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import click

from waste_assets.cli import options
from waste_assets.cli.faults import faults
from waste_assets.cli.terminal import echo


@click.group(invoke_without_command=True)
@options.data_root
@click.option("--limit", default=10, show_default=True, help="How many to print.")
@click.option("--json", "as_json", is_flag=True, help="Print all of them as one JSON object.")
@click.pass_context
def remedies(context: click.Context, data_root: Path, limit: int, as_json: bool) -> None:
    """Print what to change, ready to copy, by the dollars that it addresses."""
    context.obj = data_root
    if context.invoked_subcommand is not None:
        return
    with faults():
        from waste_assets.report.remedies import read_remedies, render

        told = read_remedies(data_root.absolute() / "bi")
    echo(json.dumps(told, default=str) if as_json else render(told, limit))


@remedies.command()
@click.argument("remedy_id", metavar="ID")
@click.option("--data-root", type=click.Path(path_type=Path), help="As of `waste-assets remedies`.")
@click.option(
    "--on", "day", type=click.DateTime(["%Y-%m-%d"]), help="Since which day; today if not given."
)
@click.option("--project", help="Only in this project, as the account shows it.")
@click.option("--withdrawn", is_flag=True, help="It was taken back on that day.")
@click.option("--json", "as_json", is_flag=True, help="Print what was noted as one JSON object.")
@click.pass_obj
def applied(
    given: Path,
    remedy_id: str,
    data_root: Path | None,
    day: datetime | None,
    project: str | None,
    withdrawn: bool,
    as_json: bool,
) -> None:
    """Note that remedy ID was applied: the sessions after it are held against those before."""
    with faults():
        from waste_assets.report.remedies import note_applied

        on = options.day(day) or datetime.now().astimezone().date()
        root = (data_root or given).absolute()
        note_applied(root, remedy_id, on, project, withdrawn=withdrawn)
    what = "withdrawn" if withdrawn else "applied"
    if as_json:
        noted = {"remedy_id": remedy_id, "status": what, "on": str(on), "project": project}
        echo(json.dumps(noted))
        return
    where = f" in {project}" if project else ""
    echo(f"{remedy_id} counts as {what}{where} on {on}: the next audit will tell.")
