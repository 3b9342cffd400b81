"""`forget`: delete sessions on request, for good."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path

import click

from waste_assets.cli import options
from waste_assets.cli.faults import EXIT_CHECKS_FAILED, InputFault, faults
from waste_assets.cli.terminal import echo


@click.command()
@click.argument("paths", nargs=-1)
@options.data_root
@options.time_zone
@click.option("--owner", help="All sessions of this owner, archived or still in the sources.")
@click.option("--session", help="One session, by its whole id.")
@click.option("--project", help="All sessions of this directory, by its whole path.")
@click.option(
    "--before", type=click.DateTime(["%Y-%m-%d"]), help="All lines of days before this one."
)
@click.option("--dry-run", is_flag=True, help="Print what would be deleted, and delete nothing.")
@click.option("--yes", is_flag=True, help="Delete without asking.")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as one JSON object.")
def forget(
    paths: tuple[str, ...],
    data_root: Path,
    time_zone: str,
    owner: str | None,
    session: str | None,
    project: str | None,
    before: datetime | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Delete sessions from everything that is kept of them, and never archive them again.

    Transcripts themselves are not touched: PATHS, or the usual sources, are only looked at for
    sessions of the owner that are not archived yet.
    """
    with faults():
        from dataclasses import replace

        from waste_assets.forgetting import Request, find
        from waste_assets.forgetting import forget as forget_all
        from waste_assets.settings import Settings
        from waste_assets.transcripts.sources import roots_of

        settings = replace(
            Settings.from_environment(), data_root=data_root.absolute(), time_zone=time_zone
        )
        if paths:
            settings = replace(settings, sources=tuple(roots_of(paths)))
        request = Request(owner, session, project, options.day(before))
        if request == Request():
            raise InputFault("Say what: --owner, --session, --project or --before.")
        found = find(settings, request)
        told = found.told()
        counted = f"{len(found.sessions):,} sessions, on {len(found.days):,} days of the archive"
        if found.past:
            counted += f" (of which {len(found.past):,} go whole)"
        if not found.sessions and not request.before:
            raise InputFault("Nothing is known of that: nothing was deleted.")
        if not as_json:
            echo(counted + ".")
        if not dry_run:
            if not yes and (as_json or not _agreed()):
                raise InputFault("Nothing was deleted: --yes deletes without asking.")
            told = forget_all(settings, request)
    if as_json:
        echo(json.dumps(told))
    elif not dry_run:
        echo(f"Deleted: {told['rows_removed']:,} lines and files; the account is made anew.")
    for error in told.get("errors", ()):
        echo(f"Error: {error}", err=True)
    if told.get("errors"):
        sys.exit(EXIT_CHECKS_FAILED)


def _agreed() -> bool:
    try:
        return click.confirm("Delete this for good?")
    except click.Abort:
        return False
