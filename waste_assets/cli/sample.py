"""`sample`: generated transcripts, asked for or for want of any."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from waste_assets.cli import options
from waste_assets.cli.faults import InputFault, faults
from waste_assets.cli.terminal import echo


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--sessions", default=40, show_default=True, help="How many sessions.")
@click.option("--days", default=14, show_default=True, help="Over how many days.")
@click.option("--seed", default=7, show_default=True, help="Equal seeds, equal samples.")
@click.option(
    "--until", type=click.DateTime(["%Y-%m-%d"]), help="Last day; yesterday if not given."
)
@click.option("--odd", is_flag=True, help="Add one session for each odd shape of a transcript.")
@click.option("--json", "as_json", is_flag=True, help="Print what was written as one JSON object.")
def sample(
    directory: Path,
    sessions: int,
    days: int,
    seed: int,
    until: datetime | None,
    odd: bool,
    as_json: bool,
) -> None:
    """Write generated transcripts with planted waste, and their exact totals, into DIRECTORY."""
    with faults():
        if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
            raise InputFault(f"{directory} is not empty: give a directory that does not exist yet.")
        truth = _write_sample(directory, sessions, days, seed, options.day(until), odd)
    if as_json:
        told = {"transcripts": truth.transcripts, "lines": truth.lines, "directory": str(directory)}
        echo(json.dumps(told))
    else:
        echo(f"{truth.transcripts:,} transcripts with {truth.lines:,} lines in {directory}.")


def generated(data_root: Path) -> Path:
    """A sample below the data root, for people who have no transcripts here."""
    directory = data_root / "sample"
    if not directory.exists():
        from waste_assets.lake.in_use import in_use
        from waste_assets.lake.whole import temporary

        echo("No transcripts of Claude Code here: using a generated sample.", err=True)
        # Whole or not at all: half of it would be taken for all of it, for ever.
        with in_use(data_root, sweep=False):
            written = temporary(directory)
            _write_sample(written, 40, 14, 7, None, odd=False)
            try:
                written.rename(directory)
            except OSError:
                # Another process was sooner.
                shutil.rmtree(written)
                if not directory.exists():
                    raise
    return directory


def _write_sample(
    directory: Path, sessions: int, days: int, seed: int, until: date | None, odd: bool
) -> Any:
    from waste_assets.sample.generate import generate

    end = until or datetime.now(UTC).date() - timedelta(days=1)
    return generate(directory, sessions=sessions, days=days, end=end, seed=seed, odd=odd)
