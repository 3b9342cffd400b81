"""What each stage of an audit took and left: seconds, memory, rows, disk."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq

from benchmarks.article.process import Run

#: What each stage writes, below the data root; `*` are days and parts.
WRITES = {
    "raw_sessions": (
        *("lake/raw_sessions", "lake/line_usage", "lake/line_blocks", "lake/line_costs"),
        *("lake/line_counts", "lake/quarantined_lines"),
    ),
    "parsed_turns": ("lake/parsed_turns", "lake/tool_calls", "lake/context_blocks"),
    "heuristic_flags": (
        *("lake/heuristic_flags", "lake/token_ledger", "lake/failed_calls", "lake/text_sizes"),
    ),
    "cluster_summaries": ("lake/failure_clusters", "lake/cluster_summaries"),
    "haiku_labels": ("lake/haiku_labels",),
    "waste_mart": ("bi",),
    "audit_report": ("report",),
    "(records)": ("dagster", "state.db"),
}
_ENDINGS = ("_archived_before_cleanup", "_checks")


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of one run."""

    name: str
    seconds: float
    checks_seconds: float
    peak_bytes: int
    """Of the process tree while it or its checks ran."""
    rows: int
    disk_bytes: int


def stages(run: Run, data: Path) -> list[Stage]:
    """The stages of a cold audit, in the order of their work."""
    spans = _spans(data, json.loads(run.output)["runs"])
    told = []
    for name, places in WRITES.items():
        own = [span for span in spans if span[0] == name]
        checks = [span for span in spans if _stage_of(span[0]) == name and span[0] != name]
        told.append(
            Stage(
                name,
                sum(end - start for _, start, end in own),
                sum(end - start for _, start, end in checks),
                max((run.peak_between(start, end) for _, start, end in own + checks), default=0),
                sum(_rows(data / place) for place in places),
                sum(_disk(data / place) for place in places),
            )
        )
    rest = [span for span in spans if _stage_of(span[0]) not in WRITES]
    told.append(
        Stage(
            "(others)",
            sum(end - start for _, start, end in rest),
            0.0,
            max((run.peak_between(start, end) for _, start, end in rest), default=0),
            0,
            _disk(data) - sum(stage.disk_bytes for stage in told),
        )
    )
    return told


def _stage_of(step: str) -> str:
    for ending in _ENDINGS:
        step = step.removesuffix(ending)
    return step


def _spans(data: Path, runs: list[str]) -> list[tuple[str, float, float]]:
    """When each step of the runs began and ended, from Dagster's own log."""
    found = []
    for name in runs:
        starts: dict[str, float] = {}
        path = data / "dagster" / "history" / "runs" / f"{name}.db"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as con:
            events = con.execute(
                "SELECT step_key, dagster_event_type, timestamp FROM event_logs "
                "WHERE dagster_event_type IN ('STEP_START', 'STEP_SUCCESS') ORDER BY id"
            )
            for step, kind, stamp in events:
                at = datetime.fromisoformat(stamp).replace(tzinfo=UTC).timestamp()
                if kind == "STEP_START":
                    starts[step] = at
                else:
                    found.append((step, starts[step], at))
    return found


def _files(place: Path) -> Iterator[Path]:
    if place.is_file():
        yield place
    yield from (path for path in place.rglob("*") if path.is_file())


def _rows(place: Path) -> int:
    return sum(
        pq.ParquetFile(path).metadata.num_rows
        for path in _files(place)
        if path.suffix == ".parquet"
    )


def _disk(place: Path) -> int:
    return sum(path.stat().st_size for path in _files(place))


def medians(told: list[list[Stage]]) -> list[Stage]:
    """The medians of several rounds, stage by stage."""
    by_name: dict[str, list[Stage]] = defaultdict(list)
    for one in told:
        for stage in one:
            by_name[stage.name].append(stage)
    middle = len(told) // 2
    return [
        Stage(
            name,
            sorted(stage.seconds for stage in each)[middle],
            sorted(stage.checks_seconds for stage in each)[middle],
            max(stage.peak_bytes for stage in each),
            each[-1].rows,
            each[-1].disk_bytes,
        )
        for name, each in by_name.items()
    ]
