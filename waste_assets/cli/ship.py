"""`ship`: transcripts of this machine, into a bucket."""

from __future__ import annotations

import json
import sys

import click

from waste_assets.cli.faults import EXIT_CHECKS_FAILED, InputFault, faults
from waste_assets.cli.terminal import echo


@click.command()
@click.argument("places", nargs=-1, required=True, metavar="[PATH]... URL")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as one JSON object.")
def ship(places: tuple[str, ...], as_json: bool) -> None:
    """Put transcripts that have changed into a bucket; nothing is deleted there.

    PATHS are directories with transcripts; without any, Claude Code's own. URL is where those of
    this machine go: s3://bucket/transcripts/OWNER/HOST.
    """
    with faults():
        from waste_assets.settings import Settings
        from waste_assets.transcripts.ship import ship as put
        from waste_assets.transcripts.sources import roots_of

        *paths, url = places
        roots = roots_of(paths) or Settings.from_environment().sources
        if not roots:
            raise InputFault("There are no transcripts here: give the directory that holds them.")
        done = put(roots, url)
    if as_json:
        echo(json.dumps(vars(done)))
    else:
        size = f"{done.bytes / 1e6:,.1f} MB"
        echo(f"{done.files:,} files shipped ({size}), {done.same:,} as they were.")
    for path, reason in done.failed:
        echo(f"Error: {path}: {reason}", err=True)
    if done.failed:
        sys.exit(EXIT_CHECKS_FAILED)
