"""What workers gain, and what they cost: one process, one worker, two workers, on one sample.

The servers are on this machine too, and take their share of its cores. Each worker uses one
process, and so does the audit that they are compared with. `--embedded-processes 0` gives it all
cores. Prints one line for each, and what was asked of bucket and Postgres.

    .venv/bin/python benchmarks/workers.py --days 90 --sessions 2000
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import warnings
from contextlib import ExitStack
from datetime import date, timedelta
from pathlib import Path

import psycopg

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.team import equal, servers
from benchmarks.team.company import TRANSCRIPTS, audit, build, company, import_libraries

_END = date(2026, 10, 31)
_PATIENCE = 7_200.0


def main() -> None:
    """Measure, each in a process of its own, or be one of these processes."""
    asked = _arguments()
    if told := servers.missing():
        raise SystemExit(f"The servers of a team are not all here: {told}")
    if asked.workers is not None:
        print(json.dumps(_measure(asked)))
        return
    found = []
    for workers in asked.counts:
        same = [
            *("--days", str(asked.days), "--sessions", str(asked.sessions)),
            *("--days-a-run", str(asked.days_a_run), "--workers", str(workers)),
            *("--embedded-processes", str(asked.embedded_processes)),
        ]
        done = subprocess.run([sys.executable, __file__, *same], stdout=subprocess.PIPE, text=True)
        if done.returncode:
            raise SystemExit(done.returncode)
        found.append(json.loads(done.stdout.splitlines()[-1]))
        print(_line(found[-1]), flush=True)
    seconds = {one["workers"]: one["seconds"] for one in found}
    if {0, 1} <= seconds.keys():
        print(f"One worker takes {seconds[1] / seconds[0]:.2f} times as long as one process.")
    if {1, 2} <= seconds.keys():
        print(f"Two workers are {seconds[1] / seconds[2]:.2f} times as fast as one.")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--sessions", type=int, default=2_000)
    parser.add_argument("--days-a-run", type=int, default=15)
    parser.add_argument("--embedded-processes", type=int, default=1)
    parser.add_argument("--counts", type=int, nargs="+", default=[0, 1, 2], help="0: no workers")
    parser.add_argument("--workers", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


def _measure(asked: argparse.Namespace) -> dict[str, float]:
    warnings.simplefilter("ignore")
    import_libraries()
    from waste_assets.sample import generate

    with (
        tempfile.TemporaryDirectory(prefix="waste-assets-workers-") as folder,
        ExitStack() as stack,
    ):
        home = Path(folder)
        team = stack.enter_context(company(home, asked.days_a_run))
        generate(home / "sample", sessions=asked.sessions, days=asked.days, end=_END)
        source = home / "sample" / "projects"
        equal.upload(team.environment, source, TRANSCRIPTS.rpartition("/")[2])
        told: dict[str, float] = {
            "workers": asked.workers,
            "days": asked.days,
            "megabytes": sum(path.stat().st_size for path in source.rglob("*.jsonl")) / 1e6,
        }
        before = servers.requests(home)
        if not asked.workers:
            team.environment["WASTE_ASSETS_PROCESSES"] = str(asked.embedded_processes)
            started = time.monotonic()
            audit(team, home / "embedded", _END)
            return {**told, "seconds": time.monotonic() - started, "runs": 1}
        days = (_END - timedelta(days=asked.days - 1), _END)
        seconds, runs = build(stack, team, days, asked.workers, _PATIENCE)
        worked = sum(
            record.end_time - record.start_time
            for record in team.run_records()
            if record.end_time and record.start_time
        )
        with psycopg.connect(team.databases["dagster"]) as connection:
            (rows,) = connection.execute("SELECT count(*) FROM event_logs").fetchone() or (0,)
        return {
            **told,
            "seconds": seconds,
            "runs": len(runs),
            "seconds_in_runs": worked,
            "event_rows": rows,
            "bucket_requests": servers.requests(home) - before,
        }


def _line(found: dict[str, float]) -> str:
    count = found["workers"]
    who = f"workers: {count}" if count else "one process"
    told = (
        f"{who}: {found['seconds']:.1f} s for {found['megabytes']:.1f} MB on {found['days']} days"
    )
    if "event_rows" not in found:
        return told
    return (
        f"{told}, {found['runs']:.0f} runs of {found['seconds_in_runs'] / found['runs']:.1f} s; "
        f"{found['event_rows'] / found['days']:.0f} rows of events and "
        f"{found['bucket_requests'] / found['days']:.0f} bucket requests a day"
    )


if __name__ == "__main__":
    main()
