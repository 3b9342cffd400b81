"""`audit`: archive, account, and print the account."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import click

from waste_assets.cli import options
from waste_assets.cli.faults import EXIT_BUDGET, EXIT_CHECKS_FAILED, faults
from waste_assets.cli.settings import settings_of, with_budget
from waste_assets.cli.terminal import console, echo, progress
from waste_assets.lake.disk import disk_faults


@click.command()
@click.argument("paths", nargs=-1)
@options.data_root
@options.time_zone
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="First day to build.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="Last day to build.")
@options.max_usd
@click.option("--no-labels", is_flag=True, help="Send nothing to the model that judges.")
@click.option(
    "--labels",
    "labels_file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="What people have judged; labels.jsonl of the data root if not given.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the account as one JSON object.")
@click.option("--quiet", is_flag=True, help="Print nothing but alerts, warnings and errors.")
def audit(
    paths: tuple[str, ...],
    data_root: Path,
    time_zone: str,
    since: datetime | None,
    until: datetime | None,
    max_usd: float | None,
    no_labels: bool,
    labels_file: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Archive transcripts, account for every token, and print the account.

    PATHS are directories with transcripts; without any, Claude Code's own directories are taken,
    and where there are none, a sample is generated.
    """
    with faults():
        settings = settings_of(paths, data_root, time_zone)
        settings = with_budget(settings, 0.0 if no_labels else max_usd)
        if labels_file is not None:
            settings = replace(settings, labels_file=labels_file.absolute())
        started = time.perf_counter()
        from waste_assets.audit import run_audit

        importing = time.perf_counter() - started
        with progress(), disk_faults(settings.data_root):
            outcome = run_audit(settings, options.day(since), options.day(until))
    startup = outcome.told["startup"]
    startup["import_seconds"] = round(startup["import_seconds"] + importing, 3)
    if as_json:
        echo(json.dumps(outcome.told, default=str))
    elif "totals" in outcome.told:
        from waste_assets.report.terminal import print_account, warnings

        if quiet:
            for line in warnings(outcome.told):
                echo(line)
        else:
            print_account(outcome.told, console())
    for error in outcome.told["errors"]:
        echo(f"Error: {error}", err=True)
    for sentence in outcome.told["labelling"].get("faults", ()):
        echo(f"Labels: {sentence}", err=True)
    if not outcome.succeeded:
        sys.exit(EXIT_CHECKS_FAILED)
    if outcome.told["labelling"].get("stopped_for_money"):
        sys.exit(EXIT_BUDGET)
