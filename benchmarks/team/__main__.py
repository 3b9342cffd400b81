"""Several machines do what one does, and one of them dies: `make demo`.

Starts Postgres, Redis, an S3 server and three workers on free ports of loopback, in a temporary
folder. Backfills the days of the generated sample, kills one worker in the middle of its work
(SIGKILL, with all its processes), and compares every row of the lake and of the BI tables with
those of an audit by one process on one machine. Ends with status 0 where all are equal. Takes no
more with it than the folder, also on Ctrl-C.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, timedelta
from pathlib import Path

from benchmarks.team import equal, servers
from benchmarks.team.company import (
    LAKE,
    TRANSCRIPTS,
    Company,
    audit,
    build,
    company,
    import_libraries,
)
from waste_assets_tests.plug.roots import how

_END = date(2026, 10, 31)


def main() -> int:
    """The command line; returns its exit status."""
    asked = _arguments()
    # What Dagster calls beta is no news here.
    warnings.simplefilter("ignore")
    if told := servers.missing():
        print(f"The servers of a team are not all here: {told}", file=sys.stderr)
        return 2
    # So that everything that was started ends. What a shell starts in the background ignores the
    # first of them.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    home = Path(tempfile.mkdtemp(prefix="waste-assets-team-"))
    try:
        return _show(asked, home)
    except KeyboardInterrupt:
        print("\nInterrupted: everything that was started has ended.", file=sys.stderr)
        return 130
    finally:
        if not asked.keep:
            shutil.rmtree(home, ignore_errors=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--sessions", type=int, default=180)
    parser.add_argument("--days-a-run", type=int, default=15)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--patience", type=float, default=1_800, help="seconds at most")
    parser.add_argument("--keep", action="store_true", help="keep the folder, and its logs")
    parser.add_argument("--early", action="store_true", help="kill before the run has begun")
    parser.add_argument("--plain", action="store_true", help="no odd shapes of transcripts")
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
            audit(team, embedded, _END)
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
            print(f"  differs: {name}: {how(expected.get(name), found.get(name))}")
        print(f"{len(differing)} of {len(expected)} tables and partitions differ.")
        return 1
    print(
        f"Equal, row by row: {equal.rows(expected):,} rows of {len(expected):,} tables and "
        "partitions."
    )
    return 0


def _backfill(stack: ExitStack, team: Company, first: date, asked: argparse.Namespace) -> None:
    """Have all days built, and kill a worker in the middle of a step."""
    doomed = [] if asked.no_kill else [f"worker-{asked.workers}"]

    def look() -> None:
        if doomed and (team.has_a_run if asked.early else team.is_at_work)(doomed[0]):
            name = doomed.pop()
            team.machines[name].kill()
            when = "before its run began" if asked.early else "in the middle of a run"
            print(f"  killed {name} {when}", flush=True)

    _, runs = build(stack, team, (first, _END), asked.workers, asked.patience, look)
    lost = [run for run in runs if run.status.value == "FAILURE"]
    print(f"  {len(runs)} runs, {len(lost)} of them lost and done again")


def _generate(sample: Path, asked: argparse.Namespace) -> None:
    from waste_assets.sample import generate

    generate(sample, sessions=asked.sessions, days=asked.days, end=_END, odd=not asked.plain)


@contextmanager
def _told(what: str, after: str = "") -> Iterator[None]:
    started = time.perf_counter()
    if after:
        print(f"{what} ...", flush=True)
    yield
    print(f"{time.perf_counter() - started:7.1f} s  {what}{after}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
