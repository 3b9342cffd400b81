"""What the last audit found: `usage`, `detectors`, `report`, `show`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from waste_assets.cli import options
from waste_assets.cli.faults import InputFault, faults
from waste_assets.cli.terminal import console, echo


@click.command()
@options.data_root
@click.option("--json", "as_json", is_flag=True, help="Print the rows as one JSON object.")
def usage(data_root: Path, as_json: bool) -> None:
    """Print tokens and list price by day, project and model, as the last audit published them."""
    with faults():
        bi = data_root.absolute() / "bi"
        if not (bi / "waste.duckdb").exists():
            raise InputFault(
                f"Nothing is published in {data_root}: run `waste-assets audit` first."
            )
        from waste_assets.report.account import account
        from waste_assets.report.terminal import print_usage

        told = account(bi)
    if as_json:
        names = ("totals", "by_day", "by_project", "by_model", "reconciliation")
        echo(json.dumps({name: told[name] for name in names}))
    else:
        print_usage(told, console())


@click.command()
@options.data_root
@click.option("--json", "as_json", is_flag=True, help="Print the rows as one JSON list.")
def detectors(data_root: Path, as_json: bool) -> None:
    """Print how often each detector's rules fired, and what they found."""
    with faults():
        from waste_assets.detectors.fired import fired, render

        rows = fired(data_root.absolute())
    echo(json.dumps(rows) if as_json else render(rows))


@click.command()
@options.data_root
@options.time_zone
@click.option("--session", help="Print one session: its id, or the beginning of it.")
@click.option("--html", is_flag=True, help="With --session: make its page, and open that.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as one JSON object.")
@click.option("--no-open", is_flag=True, help="Print where the page is, and open nothing.")
def report(
    data_root: Path,
    time_zone: str,
    session: str | None,
    html: bool,
    as_json: bool,
    no_open: bool,
) -> None:
    """Open the report of the last audit, or print one session."""
    with faults():
        if html and (as_json or session is None):
            raise InputFault("--html makes the page of one session: give --session, and no --json.")
        from waste_assets.report import asked

        root = asked.published(data_root.absolute(), time_zone)
        if session is not None and not html:
            asked.print_one(root, session, as_json)
        elif as_json:
            echo(json.dumps(asked.everything(root), default=str))
        else:
            page = asked.index(root) if session is None else asked.page(root, session)
            echo(str(page))
            # Into a file or a pipe goes the path alone.
            if not no_open and sys.stdout.isatty():
                click.launch(page.as_uri())


@click.command()
@click.argument("place")
@options.data_root
def show(place: str, data_root: Path) -> None:
    """Print archived lines as they were: PLACE is SESSION, SESSION:LINE or a transcript's name."""
    with faults():
        from waste_assets.lake.place import lake_of
        from waste_assets.transcripts.show import archived_lines

        for raw in archived_lines(lake_of(data_root), place):
            sys.stdout.buffer.write(raw)
        sys.stdout.buffer.flush()
