"""Several machines do what one does, and one of them dies: `make demo`.

Starts Postgres, Redis, an S3 server and three workers on free ports of loopback, in a temporary
folder. Backfills the days of the generated sample, kills one worker in the middle of its work
(SIGKILL, with all its processes), and compares every row of the lake and of the BI tables with
those of an audit by one process on one machine. Ends with status 0 where all are equal. Takes no
more with it than the folder, also on Ctrl-C.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, timedelta
from functools import partial
from pathlib import Path

from benchmarks.team import equal, servers
from benchmarks.team.company import (
    LAKE,
    TRANSCRIPTS,
    Backfill,
    Company,
    company,
    import_libraries,
)

_END = date(2026, 10, 31)
_LOOK_SECONDS = 0.2
_DONE = "COMPLETED_SUCCESS"


def main() -> int:
    """The command line; returns its exit status."""
    asked = _arguments()
    # What Dagster calls beta is no news here.
    warnings.simplefilter("ignore")
    if told := servers.missing():
        print(f"The servers of a team are not all here: {told}", file=sys.stderr)
        return 2
    # So that everything that was started ends.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    home = Path(tempfile.mkdtemp(prefix="waste-assets-team-"))
    try:
        return _show(asked, home)
    except KeyboardInterrupt:
        print("\nInterrupted: everything that was started has ended.", file=sys.stderr)
        return 130
    finally:
        if not asked.keep:
            servers.remove(home)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--sessions", type=int, default=180)
    parser.add_argument("--days-a-run", type=int, default=15)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--patience", type=float, default=1_800, help="seconds at most")
    parser.add_argument("--keep", action="store_true", help="keep the folder, and its logs")
    parser.add_argument("--no-kill", action="store_true", help="let all workers live")
    return parser.parse_args()


def _show(asked: argparse.Namespace, home: Path) -> int:
    first = _END - timedelta(days=asked.days - 1)
    sample, embedded = home / "sample", home / "embedded"
    with ExitStack() as stack:
        with _told("libraries imported, once for all processes"):
            import_libraries()
        with _told("Postgres, Redis and an S3 server started"):
            team = stack.enter_context(company(home, asked.days_a_run))
        with _told(f"sample of {asked.days} days generated and put into the bucket"):
            _generate(sample, asked)
            equal.upload(team.environment, sample / "projects", TRANSCRIPTS.rpartition("/")[2])
        with _told("audit by one process, the lake on the disk"):
            _audit(team, embedded)
        expected = equal.tables(embedded)
        with _told(f"{asked.workers} workers: the backfill", " was done"):
            _backfill(stack, team, first, asked)
        with _told("compared"):
            whole = home / "company"
            equal.fetch_lake(team.environment, LAKE.rpartition("/")[2], whole)
            (whole / "bi").symlink_to(team.data("worker-1") / "bi")
            found = equal.tables(whole)
    differing = [
        name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name)
    ]
    if differing:
        for name in sorted(differing)[:20]:
            print(f"  differs: {name}: {equal.how(expected.get(name), found.get(name))}")
        print(f"{len(differing)} of {len(expected)} tables and partitions differ.")
        return 1
    print(
        f"Equal, row by row: {equal.rows(expected):,} rows of {len(expected):,} tables and "
        "partitions."
    )
    return 0


def _backfill(stack: ExitStack, team: Company, first: date, asked: argparse.Namespace) -> None:
    """Have all days built, and kill a worker in the middle of a step."""
    from dagster import DagsterInstance

    os.environ.update(team.machine("daemon"))
    stack.enter_context(team.daemon())
    for number in range(1, asked.workers + 1):
        queues = "dagster,publish" if number == 1 else "dagster"
        stack.enter_context(team.worker(f"worker-{number}", queues))
    instance = stack.enter_context(DagsterInstance.get())
    backfill = Backfill(instance, first, _END)
    victim = None if asked.no_kill else f"worker-{asked.workers}"
    # A bound for a test of this: nobody waits for a backfill that stands still.
    until = time.monotonic() + asked.patience
    while (status := backfill.status) in ("REQUESTED", "COMPLETING"):
        if time.monotonic() > until:
            break
        if victim and team.is_at_work(victim):
            team.machines[victim].kill()
            print(f"  killed {victim} in the middle of a run")
            victim = None
        time.sleep(_LOOK_SECONDS)
    runs = backfill.runs()
    lost = [run for run in runs if run.status.value == "FAILURE"]
    print(f"  {len(runs)} runs, {len(lost)} of them lost and done again")
    if status != _DONE:
        raise SystemExit(f"The backfill ended as {status}: see {team.home}/*.log (with --keep).")


def _generate(sample: Path, asked: argparse.Namespace) -> None:
    from waste_assets.sample import generate

    generate(sample, sessions=asked.sessions, days=asked.days, end=_END, odd=True)


def _audit(team: Company, data: Path) -> None:
    environment = {**os.environ, **team.environment, "WASTE_ASSETS_DATA": str(data)}
    for name in ("WASTE_ASSETS_LAKE", "WASTE_ASSETS_STATE", "WASTE_ASSETS_DAYS_A_RUN"):
        environment.pop(name)
    log = team.home / "audit.log"
    audit = servers.Machine(partial(_run_audit, data), environment, log)
    try:
        status = audit.wait()
    finally:
        audit.kill()
    if status:
        raise SystemExit(f"The audit by one process failed: {log.read_text()[-2000:]}")


def _run_audit(data: Path) -> None:
    from waste_assets.cli import commands

    # A transcript without a time is of the day on which it was written: of today.
    commands(["audit", TRANSCRIPTS, "--data-root", str(data), "--until", _END.isoformat()])


@contextmanager
def _told(what: str, after: str = "") -> Iterator[None]:
    started = time.perf_counter()
    if after:
        print(f"{what} ...", flush=True)
    yield
    print(f"{time.perf_counter() - started:7.1f} s  {what}{after}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
