"""`waste-assets`: a face on the assets, with no logic of its own.

Nothing heavy is imported before a command needs it: worker processes import this module too.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click

from waste_assets.faults import Fault

EXIT_CHECKS_FAILED, EXIT_USAGE = 1, 2

_data_root = click.option(
    "--data-root",
    type=click.Path(path_type=Path),
    envvar="WASTE_ASSETS_DATA",
    default=Path("data"),
    show_default=True,
    help="Where everything is kept.",
)
_time_zone = click.option(
    "--time-zone",
    envvar="WASTE_ASSETS_TIMEZONE",
    default="UTC",
    show_default=True,
    help="Zone whose calendar days are counted.",
)


class _Fault(click.ClickException):
    exit_code = EXIT_USAGE


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="waste-assets")
def commands() -> None:
    """Find the tokens of Claude Code that buy nothing."""


@commands.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@_data_root
@_time_zone
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="First day to build.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="Last day to build.")
@click.option(
    "--labels",
    "labels_file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="What people have judged; labels.jsonl of the data root if not given.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the account as one JSON object.")
def audit(
    paths: tuple[Path, ...],
    data_root: Path,
    time_zone: str,
    since: datetime | None,
    until: datetime | None,
    labels_file: Path | None,
    as_json: bool,
) -> None:
    """Archive transcripts, account for every token, and print the account.

    PATHS are directories with transcripts; without any, Claude Code's own directories are taken,
    and where there are none, a sample is generated.
    """
    with _faults():
        settings = _settings(paths, data_root, time_zone)
        if labels_file is not None:
            settings = replace(settings, labels_file=labels_file.absolute())
        started = time.perf_counter()
        from waste_assets.audit import run_audit

        importing = time.perf_counter() - started
        with _progress():
            outcome = run_audit(settings, _day(since), _day(until))
    startup = outcome.told["startup"]
    startup["import_seconds"] = round(startup["import_seconds"] + importing, 3)
    if as_json:
        click.echo(json.dumps(outcome.told, default=str))
    elif "totals" in outcome.told:
        from rich.console import Console

        from waste_assets.report.terminal import print_account

        print_account(outcome.told, Console(width=None if sys.stdout.isatty() else 120))
    for error in outcome.told["errors"]:
        click.echo(f"Error: {error}", err=True)
    if not outcome.succeeded:
        sys.exit(EXIT_CHECKS_FAILED)


@commands.command()
@click.argument("gold", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@_data_root
@click.option(
    "--answers",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Recorded answers to score instead of those in the state database.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as one JSON object.")
def evaluate(gold: Path, data_root: Path, answers: Path | None, as_json: bool) -> None:
    """Score the detectors against annotated calls, or labels against known ones.

    GOLD is a file of annotated tool calls or of known labels, one JSON object a line. Their
    transcripts must have been audited into the data root. The detectors run as they are now,
    labels are scored from kept answers; nothing is asked, and nothing is written.
    """
    with _faults():
        from waste_assets.labels.evaluate import is_label_gold

        if is_label_gold(gold):
            click.echo(_label_scores(gold, data_root.absolute(), answers, as_json))
            return
        from waste_assets.detectors.evaluate import read_gold, render
        from waste_assets.detectors.flag import Settings as DetectorSettings
        from waste_assets.detectors.score import score
        from waste_assets.lake.lake import Lake
        from waste_assets.settings import Settings

        given = Settings.from_environment()
        settings = DetectorSettings(given.prefix_budget, given.result_cap)
        found = score(Lake(data_root.absolute() / "lake"), read_gold(gold), settings)
        if found.items and len(found.missing) == found.items:
            raise _Fault(
                f"None of the annotated calls lies in {data_root}: run `waste-assets audit` on "
                "their transcripts first."
            )
    click.echo(json.dumps(asdict(found), default=str) if as_json else render(found))


def _label_scores(gold: Path, data_root: Path, recorded: Path | None, as_json: bool) -> str:
    from waste_assets.labels import evaluate as scoring
    from waste_assets.labels.labelling import Labelling
    from waste_assets.labels.recorded import RecordedAnswers
    from waste_assets.lake.lake import Lake
    from waste_assets.lake.state import State
    from waste_assets.settings import LABELS_FILE, Settings

    known = scoring.read_known(gold)
    state = State(data_root)
    try:
        file, sample = data_root / LABELS_FILE, Settings.audit_sample
        kept = RecordedAnswers.read(recorded) if recorded else None
        answers = Labelling.of(state, file, sample, answers=kept).answers
        found = scoring.evaluate_labels(Lake(data_root / "lake"), known, answers)
    finally:
        state.close()
    if known and not found.items:
        raise _Fault(
            f"None of the known labels is of a subject in {data_root}: run `waste-assets audit` on "
            "their transcripts first."
        )
    return json.dumps(scoring.as_json(found)) if as_json else scoring.render(found)


@commands.command()
@_data_root
@click.option("--json", "as_json", is_flag=True, help="Print the rows as one JSON list.")
def detectors(data_root: Path, as_json: bool) -> None:
    """Print how often each detector's rules fired, and what they found."""
    with _faults():
        from waste_assets.detectors.fired import fired, render

        rows = fired(data_root.absolute())
    click.echo(json.dumps(rows) if as_json else render(rows))


@commands.command()
@click.argument("place")
@_data_root
def show(place: str, data_root: Path) -> None:
    """Print archived lines as they were: PLACE is SESSION, SESSION:LINE or a transcript's name."""
    with _faults():
        from waste_assets.lake.lake import Lake
        from waste_assets.transcripts.show import archived_lines

        for raw in archived_lines(Lake(data_root / "lake"), place):
            sys.stdout.buffer.write(raw)
        sys.stdout.buffer.flush()


@commands.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--sessions", default=40, show_default=True, help="How many sessions.")
@click.option("--days", default=14, show_default=True, help="Over how many days.")
@click.option("--seed", default=7, show_default=True, help="Equal seeds, equal samples.")
@click.option(
    "--until", type=click.DateTime(["%Y-%m-%d"]), help="Last day; yesterday if not given."
)
@click.option("--odd", is_flag=True, help="Add one session for each odd shape of a transcript.")
def sample(
    directory: Path, sessions: int, days: int, seed: int, until: datetime | None, odd: bool
) -> None:
    """Write generated transcripts with planted waste, and their exact totals, into DIRECTORY."""
    with _faults():
        if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
            raise _Fault(f"{directory} is not empty: give a directory that does not exist yet.")
        truth = _write_sample(directory, sessions, days, seed, _day(until), odd)
    click.echo(f"{truth.transcripts:,} transcripts with {truth.lines:,} lines in {directory}.")


@commands.command()
@_data_root
@_time_zone
@click.option("--port", default=3000, show_default=True, help="Port on this machine.")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
def ui(data_root: Path, time_zone: str, port: int, paths: tuple[Path, ...]) -> None:
    """Start Dagster's UI, its schedule and its sensor, on this data root."""
    with _faults():
        settings = _settings(paths, data_root, time_zone)
        from waste_assets.audit import prepare_instance

        prepare_instance(settings)
    program = str(Path(sys.executable).with_name("dagster"))
    arguments = ["dev", "-m", "waste_assets.definitions", "-h", "127.0.0.1", "-p", str(port)]
    # A shell starts what runs in the background with interrupts ignored, and Dagster does on
    # SIGTERM what it does on an interrupt: without this it would never stop.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.execv(program, [program, *arguments])


def _settings(paths: tuple[Path, ...], data_root: Path, time_zone: str) -> Any:
    from waste_assets.settings import Settings
    from waste_assets.transcripts.days import Calendar

    Calendar(time_zone)
    found = Settings.from_environment()
    sources = tuple(path.absolute() for path in paths) or found.sources
    if not sources:
        sources = (_generated(data_root.absolute()),)
    return replace(found, data_root=data_root.absolute(), sources=sources, time_zone=time_zone)


def _generated(data_root: Path) -> Path:
    """A sample below the data root, for people who have no transcripts here."""
    directory = data_root / "sample"
    if not directory.exists():
        click.echo("No transcripts of Claude Code here: using a generated sample.", err=True)
        _write_sample(directory, 40, 14, 7, None, odd=False)
    return directory


def _write_sample(
    directory: Path, sessions: int, days: int, seed: int, until: date | None, odd: bool
) -> Any:
    from datetime import UTC, timedelta

    from waste_assets.sample.generate import generate

    end = until or datetime.now(UTC).date() - timedelta(days=1)
    return generate(directory, sessions=sessions, days=days, end=end, seed=seed, odd=odd)


def _day(moment: datetime | None) -> date | None:
    return moment.date() if moment else None


@contextmanager
def _faults() -> Iterator[None]:
    """Say in one sentence what is wrong with the input."""
    try:
        yield
    except (Fault, ValueError) as error:
        raise _Fault(str(error)) from error
    except OSError as error:
        raise _Fault(f"{error.strerror}: {error.filename or 'the data root'}") from error


@contextmanager
def _progress() -> Iterator[None]:
    """Progress bars on standard error, where somebody looks at it."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    from waste_assets.progress import watched

    columns = (
        TextColumn("{task.description:<16}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, Any] = {}

        def watch(label: str, done: float, total: float) -> None:
            if label not in tasks:
                tasks[label] = bars.add_task(label, total=total or 1)
            bars.update(tasks[label], completed=done, total=total or 1)

        with watched(watch):
            yield


def main() -> None:
    """Run one command, and be gone."""
    try:
        commands()
    except SystemExit as ended:
        # What Dagster and its libraries have brought along takes seconds to take apart.
        if "dagster" in sys.modules and isinstance(ended.code, int | None):
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(ended.code or 0)
        raise


if __name__ == "__main__":
    main()
