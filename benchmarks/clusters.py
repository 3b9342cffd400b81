"""The clusters stage over a million failures of a thousand problems, day by day.

    .venv/bin/python benchmarks/clusters.py --failures 1000000 --problems 1000 --days 10

Writes a lake of failed calls with texts and flags (below a temporary directory, or --keep DIR), and
runs the stage on one day after the other in this process: failures a second, memory, and whether
the last day costs what the first does. Then all days at once, as a backfill on all cores does, and
whether its tables are the same, byte for byte.
"""

from __future__ import annotations

import argparse
import random
import resource
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
from failure_forms import _slot, _word

from waste_assets.clusters import stage
from waste_assets.lake.lake import Lake
from waste_assets.lake.tables import (
    CLUSTER_TABLES,
    FAILED_CALLS,
    FAILURE_CLUSTERS,
    HEURISTIC_FLAGS,
    TOKEN_LEDGER,
    TOOL_CALLS,
    Column,
    Table,
)
from waste_assets.processes import Processes

FIRST = date(2026, 1, 1)


def problems(count: int, rng: random.Random) -> list[tuple[str, str]]:
    """So many problems: a program and what it says of it, with places for what differs."""
    return [
        (
            f"{_word(rng)}{number}",
            f"{_word(rng)} {_word(rng)} failed: '{{word}}' {_word(rng)} of {_word(rng)} {{path}}",
        )
        for number in range(count)
    ]


def write_day(lake: Lake, day: date, count: int, known: list[tuple[str, str]], seed: int) -> None:
    """A day of failed calls, each with its call and a flag."""
    rng = random.Random(seed)
    weights = [1 / (rank + 1) for rank in range(len(known))]
    chosen = rng.choices(known, weights, k=count)
    slots = {name: [_slot(name, rng) for _ in range(500)] for name in ("word", "path", "n")}
    rows: dict[Table, list[dict[str, object]]] = {
        table: [] for table in (FAILED_CALLS, TOOL_CALLS, HEURISTIC_FLAGS, TOKEN_LEDGER)
    }
    for number, (program, said) in enumerate(chosen):
        filled = {name: rng.choice(values) for name, values in slots.items()}
        call, response = f"toolu_{seed}_{number}", f"msg_{seed}_{number}"
        session = f"session {seed} {number // 20}"
        text = f"Exit code 1\nstarting {filled['word']} {number}\n{said.format(**filled)}\ndone"
        place = {
            "tool_use_id": call,
            "response_id": response,
            "session_id": session,
            "agent": "main",
            "project": f"/home/dev/p{number % 9}",
            "ts": 1_767_225_600_000_000 + number,
            "tool_name": "Bash",
            "transcript": session,
            "line_no": number,
        }
        cost = {"tokens": 100, "usd": 0.001}
        rows[FAILED_CALLS].append({**place, **cost, "cause": "other", "fault": "feedback"})
        command = f'{{"command": "{program} {filled["path"]}"}}'
        result = {"input_text": command, "outcome": "error", "result_text": text}
        rows[TOOL_CALLS].append({**place, **result})
        owned = {"usd_owned": 0.001, "usd_direct": 0.001, "usd_avoidable": 0.002}
        flag = {"flag_id": call, "category": "retry_error", "tier": "likely"}
        rows[HEURISTIC_FLAGS].append({**place, **flag, **owned, "tool_use_ids": [call]})
    for table, found in rows.items():
        columns = [
            pa.array([row.get(one.name, _nothing(one)) for row in found], one.type)
            for one in table.columns
        ]
        lake.write(table, day, pa.Table.from_arrays(columns, schema=table.schema), {})


def _nothing(column: Column) -> object:
    """What stands in columns that the stage does not read."""
    if column.nullable:
        return None
    if pa.types.is_string(column.type):
        return ""
    return [] if pa.types.is_list(column.type) else 0


def main() -> None:
    """Write the lake, run the stage, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--failures", type=int, default=1_000_000)
    parser.add_argument("--problems", type=int, default=1_000)
    parser.add_argument("--days", type=int, default=10)
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake((given.keep or Path(folder)) / "lake")
        known = problems(given.problems, random.Random(1))
        days = [FIRST + timedelta(days=n) for n in range(given.days)]
        each = given.failures // given.days
        for number, day in enumerate(days):
            write_day(lake, day, each, known, number)
        print(f"{given.failures:,} failures of {given.problems:,} problems on {given.days} days")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024
        clusters: set[str] = set()
        for day in days:
            started, spent = time.perf_counter(), time.process_time()
            with Processes(1) as processes:
                stage.build(lake, [day], processes)
            seconds, cpu = time.perf_counter() - started, time.process_time() - spent
            clusters.update(lake.read(FAILURE_CLUSTERS, [day], ["cluster_id"])[0].to_pylist())
            print(
                f"{day}  {seconds:6.1f} s  {cpu:6.1f} s CPU  {each / cpu:8,.0f} failures a second "
                f"of CPU  {len(clusters):,} clusters so far",
                flush=True,
            )
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024
        print(f"memory: {peak:,.0f} MB at most, {before:,.0f} MB before")
        made = {path: path.read_bytes() for path in _parts(lake)}
        started = time.perf_counter()
        with Processes() as processes:
            stage.build(lake, days, processes)
        seconds = time.perf_counter() - started
        same = made == {path: path.read_bytes() for path in _parts(lake)}
        print(f"all days at once, on all cores: {seconds:.1f} s; the same bytes: {same}")


def _parts(lake: Lake) -> list[Path]:
    return [lake.part(table, day) for table in CLUSTER_TABLES for day in lake.days(table)]


if __name__ == "__main__":
    main()
