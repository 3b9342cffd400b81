"""The clusters stage: to which problem each failed call of a day belongs, and the day's sums.

A day's rows are made of its own failed calls, their texts and its flags, and of nothing else: not
of other days, nor of what was clustered before. So days come out equal in whatever order, by
whatever number of processes and how often ever they are built, in time linear in their failures.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from functools import cache, lru_cache, partial
from importlib.resources import files
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from waste_assets.clusters.families import Failed, command_of, family
from waste_assets.clusters.fingerprint import digest
from waste_assets.lake.lake import Lake
from waste_assets.lake.tables import (
    CLUSTER_SUMMARIES,
    FAILED_CALLS,
    FAILURE_CLUSTERS,
    HEURISTIC_FLAGS,
    TOKEN_LEDGER,
    TOOL_CALLS,
)
from waste_assets.processes import Processes
from waste_assets.redaction import redact

#: Changed when clusters have to be made anew although no other code has changed.
RULES = "1"
_INPUTS, _RULES = "waste.inputs", "waste.rules"
#: What decides about ids,
_OF_IDS = {
    "waste_assets.clusters": (
        "catalogue.py",
        "families.py",
        "fingerprint.py",
        "reports.py",
        "salient.py",
    ),
    "waste_assets.detectors": ("cause_rules.py", "causes.py", "shell.py"),
    "waste_assets.redaction": (
        "named.py",
        "people.py",
        "redact.py",
        "rule.py",
        "tokens.py",
        "values.py",
    ),
}
#: and about the rest of a row.
_OF_ROWS = {"waste_assets.clusters": ("failed.sql", "stage.py", "summaries.sql")}
#: What is read of each table.
_READ = {
    FAILED_CALLS: None,
    TOOL_CALLS: (
        "tool_use_id",
        "response_id",
        "outcome",
        "input_text",
        "result_text",
        "result_tail",
    ),
    HEURISTIC_FLAGS: (
        "category",
        "tier",
        "session_id",
        "agent",
        "tool_use_ids",
        "usd_owned",
        "usd_direct",
        "usd_avoidable",
    ),
}
#: Days are built together up to so many failures, which are in memory at once.
_BATCH_ROWS = 5_000
_FETCHED = 2_000
#: Transcript that takes as long to read as a failure takes here: says whether there is enough work
#: for several processes.
_BYTES_PER_FAILURE = 12_000
#: What of a telling line is kept as an example.
_EXAMPLE_CHARS = 200


@cache
def rules() -> str:
    """Identity of all that decides to which cluster a failed call belongs."""
    return _identity(_OF_IDS)


@cache
def _all_rules() -> str:
    return f"{RULES}/{rules()}/{_identity(_OF_ROWS)}"


def _identity(modules: Mapping[str, Iterable[str]]) -> str:
    told = hashlib.sha256()
    for package, names in modules.items():
        for name in names:
            told.update(files(package).joinpath(name).read_bytes())
    return told.hexdigest()[:12]


def rules_of(lake: Lake, day: date) -> str | None:
    """The rules by which the clusters of a day were made; None: there are none."""
    return lake.notes(FAILURE_CLUSTERS, day).get(_RULES)


def inputs(lake: Lake, day: date) -> str:
    """Identity of everything that a day's clusters are made from."""
    told = [sorted(lake.notes(table, day).items()) for table in (TOKEN_LEDGER, TOOL_CALLS)]
    return hashlib.sha256(json.dumps([told, _all_rules()]).encode()).hexdigest()[:16]


def stale_days(lake: Lake) -> set[date]:
    """Days whose clusters were not made from the flags as they are, by these rules."""
    return {
        day
        for day in lake.days(TOKEN_LEDGER)
        if lake.notes(CLUSTER_SUMMARIES, day).get(_INPUTS) != inputs(lake, day)
    }


def build(
    lake: Lake,
    days: Iterable[date],
    processes: Processes,
    watch: Callable[[str, int], Callable[[int], None]] = lambda label, total: lambda done: None,
) -> None:
    """Build and write the clusters of `days`; days without flags have none.

    Raises:
        OSError, duckdb.Error: the lake cannot be read or written.
    """
    held = sorted(set(lake.days(TOKEN_LEDGER)).intersection(days))
    batches = list(_batches(lake, held))
    counted = [rows * _BYTES_PER_FAILURE for _, rows in batches]
    function = partial(_build_batch, lake)
    tasks = [batch for batch, _ in batches]
    processes.each(function, tasks, counted, watch("Clustering", sum(counted)))


def _build_batch(lake: Lake, days: list[date]) -> None:
    notes = {day: {_INPUTS: inputs(lake, day), _RULES: rules()} for day in days}
    with duckdb.connect(":memory:", config={"threads": 1, "memory_limit": "384MB"}) as con:
        # Rows are fetched while Python works on them: DuckDB would show that as a slow query.
        con.execute("SET enable_progress_bar = false")
        rows = failure_clusters(con, lake, days)
        sums = _summaries(con, rows)
    for day in days:
        lake.write(FAILURE_CLUSTERS, day, _of_day(rows, day), notes[day])
        # The sums come last: their notes say that a day is done.
        lake.write(CLUSTER_SUMMARIES, day, _of_day(sums, day), notes[day])


def _batches(lake: Lake, days: Iterable[date]) -> Iterator[tuple[list[date], int]]:
    """Days that are built together, and their failures: few cost less than to begin."""
    batch: list[date] = []
    size = 0
    for day in days:
        batch.append(day)
        size += sum(pq.read_metadata(part).num_rows for part in lake.parts(FAILED_CALLS, [day]))
        if size >= _BATCH_ROWS:
            yield batch, size
            batch, size = [], 0
    if batch:
        yield batch, size


def _of_day(rows: pa.Table, day: date) -> pa.Table:
    return rows.filter(pc.equal(rows["day"], pa.scalar(day, pa.date32())))


def failure_clusters(con: duckdb.DuckDBPyConnection, lake: Lake, days: list[date]) -> pa.Table:
    """The rows of `failure_clusters` of some days, in the order of their failed calls."""
    for table, columns in _READ.items():
        con.register(table.name, lake.read(table, days, columns))
    rows = con.execute(files("waste_assets.clusters").joinpath("failed.sql").read_text("utf-8"))
    schema = FAILURE_CLUSTERS.schema.append(pa.field("day", pa.date32()))
    names = [column[0] for column in rows.description or ()]
    parts = [schema.empty_table()]
    while batch := rows.fetchmany(_FETCHED):
        told = [_row(dict(zip(names, values, strict=True))) for values in batch]
        parts.append(pa.Table.from_pylist(told, schema))
    for table in _READ:
        con.unregister(table.name)
    return pa.concat_tables(parts)


def _row(told: dict[str, Any]) -> dict[str, Any]:
    found = family(failed_of(told))
    return {
        **told,
        "cluster_id": found.cluster_id,
        "fingerprint_id": found.fingerprint_id,
        "title": found.title,
        "template": found.template,
        "example": _example(found.line or found.template),
        "example_rank": digest(f"{told['tool_use_id']}\0{told['response_id']}"),
    }


def failed_of(told: dict[str, Any]) -> Failed:
    """A failed call from its row of failed.sql."""
    return Failed(
        told["tool_name"],
        told["cause_rule"],
        told["result_text"],
        told["result_tail"],
        command_of(told["tool_name"], told["input_text"]),
    )


@lru_cache(maxsize=2_048)
def _example(line: str) -> str | None:
    # While it is whole: half a secret has no mark.
    text = redact(line)
    return (text if len(text) <= _EXAMPLE_CHARS else text[: _EXAMPLE_CHARS - 1] + "…") or None


def _summaries(con: duckdb.DuckDBPyConnection, rows: pa.Table) -> pa.Table:
    """The rows of `cluster_summaries`, with their day."""
    con.register(FAILURE_CLUSTERS.name, rows)
    query = files("waste_assets.clusters").joinpath("summaries.sql").read_text("utf-8")
    found: pa.Table = con.sql(query).to_arrow_table()
    con.unregister(FAILURE_CLUSTERS.name)
    schema = CLUSTER_SUMMARIES.schema.append(pa.field("day", pa.date32()))
    return found.select(schema.names).cast(schema)
