"""Building the BI files and putting them in their places."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from waste_assets.lake.cluster_names import ClusterNames
from waste_assets.lake.lake import Lake
from waste_assets.lake.tables import (
    CLUSTER_SUMMARIES,
    FAILED_CALLS,
    FAILURE_CLUSTERS,
    HAIKU_LABELS,
    HEURISTIC_FLAGS,
    JUDGED_FLAGS,
    JUDGED_LEDGER,
    LINE_COSTS,
    LINE_COUNTS,
    PARSED_TURNS,
    SCHEMA_VERSION,
    TEXT_SIZES,
    TIMESTAMP,
    TOKEN_LEDGER,
    TOOL_CALLS,
    Table,
)
from waste_assets.mart.beside import NOTHING, Beside
from waste_assets.mart.fault_shares import fault_shares
from waste_assets.mart.remedies import cluster_estimates, remedies
from waste_assets.mart.rule_quality import Judged, rule_quality
from waste_assets.mart.tables import (
    CLUSTER_ESTIMATES,
    FAULT_SHARES,
    LABEL_SPEND,
    MART_TABLES,
    REMEDIES,
    REMEDY_TRACKING,
    RULE_QUALITY,
    SESSION_OWNERS,
)
from waste_assets.transcripts import archive

_SOURCES = {
    "turns": PARSED_TURNS,
    "line_counts": LINE_COUNTS,
    "line_costs": LINE_COSTS,
    "rules_ledger": TOKEN_LEDGER,
    "rules_flags": HEURISTIC_FLAGS,
    "haiku_labels": HAIKU_LABELS,
    "judged_flags": JUDGED_FLAGS,
    "judged_ledger": JUDGED_LEDGER,
    "failed_calls": FAILED_CALLS,
    "tool_calls": TOOL_CALLS,
    "text_sizes": TEXT_SIZES,
    "failure_clusters": FAILURE_CLUSTERS,
}
#: In this order: each may read what those before it have made.
_SCRIPTS = (
    "mart.sql",
    "judged.sql",
    "waste.sql",
    "clusters.sql",
    "remedies.sql",
    "occurrences.sql",
    "cache_economics.sql",
    "tokenizer_drift.sql",
)
#: What decides about the tables beside the lake.
_CODE = ("waste_assets.mart", "waste_assets.clusters", "waste_assets.clusters.remedies")


def inputs(lake: Lake, beside: Beside = NOTHING) -> str:
    """Identity of everything that the BI files are made from."""
    notes = {
        f"{table.name}/{day}": lake.notes(table, day)
        for table in (PARSED_TURNS, TOKEN_LEDGER, CLUSTER_SUMMARIES, HAIKU_LABELS)
        for day in lake.days(table)
    }
    told = hashlib.sha256(json.dumps(notes, sort_keys=True).encode())
    told.update(beside.identity.encode())
    for package in _CODE:
        for rules in sorted(files(package).iterdir(), key=lambda path: path.name):
            if rules.name.endswith((".py", ".sql")):
                told.update(rules.read_bytes())
    return told.hexdigest()[:16]


def published_inputs(bi: Path) -> str | None:
    """What the published database was made from; None where there is none."""
    with suppress(duckdb.Error), duckdb.connect(str(bi / "waste.duckdb"), read_only=True) as con:
        row = con.execute("SELECT value FROM meta WHERE key = 'inputs'").fetchone()
        return str(row[0]) if row else None
    return None


def publish(lake: Lake, bi: Path, today: date, beside: Beside = NOTHING) -> None:
    """Build `waste.duckdb` and its Parquet twins from the lake and replace the old ones.

    Readers that hold an old file keep it; nobody ever sees a half-written one.

    Raises:
        OSError, duckdb.Error: the files cannot be built; the old ones stay.
    """
    bi.mkdir(parents=True, exist_ok=True)
    mark = f"{os.getpid()}.{secrets.token_hex(4)}"
    database = bi / f".waste.duckdb.{mark}"
    exported: list[tuple[Path, Path]] = []
    try:
        with duckdb.connect(str(database)) as con:
            # The lake has a small file a day and table: two threads take twice the time of one
            # to open and decode them.
            con.execute(
                "SET memory_limit = '384MB'; SET threads = 1; SET preserve_insertion_order = true; "
                "SET parquet_metadata_cache = true; "
                # What is committed goes into the file at once, and not by way of a log.
                "SET checkpoint_threshold = '1KB'"
            )
            for name, table in _SOURCES.items():
                _view(con, name, lake, table)
            facts = {
                "schema_version": str(SCHEMA_VERSION),
                "published_on": today.isoformat(),
                "inputs": inputs(lake, beside),
                "money": "USD at the API's list price of the day, also for subscribers",
            }
            con.execute("CREATE TEMP TABLE facts (key VARCHAR, value VARCHAR)")
            con.executemany("INSERT INTO facts VALUES (?, ?)", list(facts.items()))
            _cluster_names(con, beside.clusters)
            con.begin()
            for script in _SCRIPTS:
                con.execute(files("waste_assets.mart").joinpath(script).read_text("utf-8"))
            _fill(con, FAULT_SHARES, fault_shares(con.execute("FROM session_faults").fetchall()))
            ranked, tracked = remedies(con, beside.applied, names=beside.names)
            _fill(con, REMEDIES, ranked)
            _fill(con, REMEDY_TRACKING, tracked)
            _fill(con, CLUSTER_ESTIMATES, cluster_estimates(con))
            _session_owners(con, archive.owners(lake))
            _label_spend(con, beside.spend.rows)
            _fill(con, RULE_QUALITY, _quality(con))
            con.execute("; ".join(told for table in MART_TABLES for told in _comments(table)))
            con.commit()
            for table in MART_TABLES:
                place = bi / f"{table.name}.parquet"
                temporary = place.with_name(f".{place.name}.{mark}")
                exported.append((temporary, place))
                target = f"'{_quoted(temporary)}' (FORMAT parquet, COMPRESSION zstd)"
                con.execute(f"COPY {table.name} TO {target}")
        exported.append((database, bi / "waste.duckdb"))
        for temporary, place in exported:
            temporary.replace(place)
    finally:
        for temporary, _ in exported:
            temporary.unlink(missing_ok=True)
        database.unlink(missing_ok=True)
        database.with_name(database.name + ".wal").unlink(missing_ok=True)


def _view(con: duckdb.DuckDBPyConnection, name: str, lake: Lake, table: Table) -> None:
    parts = lake.parts(table)
    if not parts:
        con.execute(f"CREATE TEMP TABLE {name} ({_columns(table)}, day DATE)")
        return
    listed = ", ".join(f"'{_quoted(part)}'" for part in parts)
    con.execute(
        f"CREATE TEMP VIEW {name} AS SELECT * FROM read_parquet([{listed}], "
        "hive_partitioning = true, hive_types = {'day': DATE})"
    )


def _cluster_names(con: duckdb.DuckDBPyConnection, names: ClusterNames) -> None:
    con.execute(
        "CREATE TEMP TABLE cluster_names "
        "(cluster_id VARCHAR, fingerprint_id VARCHAR, shown_id VARCHAR); "
        "CREATE TEMP TABLE cluster_titles "
        "(cluster_id VARCHAR, title VARCHAR, summary VARCHAR, given_by VARCHAR)"
    )
    if names.shown:
        rows = [(*pair, shown) for pair, shown in sorted(names.shown.items())]
        con.executemany("INSERT INTO cluster_names VALUES (?, ?, ?)", rows)
    if names.titles:
        told = [(one, t.title, t.summary, t.by) for one, t in sorted(names.titles.items())]
        con.executemany("INSERT INTO cluster_titles VALUES (?, ?, ?, ?)", told)
    shown = "true" if names.show_examples else "false"
    con.execute("INSERT INTO facts VALUES ('show_examples', ?)", [shown])


def _fill(con: duckdb.DuckDBPyConnection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    con.execute(f"CREATE TABLE {table.name} ({_columns(table)})")
    if rows:
        # In one statement: one a row takes ten times as long.
        places = f"({', '.join('?' * len(table.columns))})"
        values = [row[column.name] for row in rows for column in table.columns]
        con.execute(f"INSERT INTO {table.name} VALUES {', '.join([places] * len(rows))}", values)


def _session_owners(con: duckdb.DuckDBPyConnection, owners: Mapping[str, archive.Owner]) -> None:
    """Of the sessions that have used anything."""
    con.execute(f"CREATE TABLE {SESSION_OWNERS.name} ({_columns(SESSION_OWNERS)})")
    rows = [(session, *owner) for session, owner in sorted(owners.items())]
    con.execute(
        f"INSERT INTO {SESSION_OWNERS.name} "
        "SELECT session_id, nullif(owner, ''), nullif(host, '') "
        "FROM (SELECT unnest(?::VARCHAR[]) AS session_id, unnest(?::VARCHAR[]) AS owner, "
        "unnest(?::VARCHAR[]) AS host) JOIN session_usage USING (session_id) ORDER BY session_id",
        [list(column) for column in zip(*rows, strict=True)] or [[], [], []],
    )


def _label_spend(con: duckdb.DuckDBPyConnection, rows: Sequence[tuple[Any, ...]]) -> None:
    con.execute(f"CREATE TABLE {LABEL_SPEND.name} ({_columns(LABEL_SPEND)})")
    if rows:
        # Whole columns at once: a row at a time takes minutes where there are many.
        lists = ", ".join(f"unnest(?::{_SQL_TYPES[c.type]}[])" for c in LABEL_SPEND.columns)
        columns = [list(column) for column in zip(*rows, strict=True)]
        con.execute(f"INSERT INTO {LABEL_SPEND.name} SELECT {lists}", columns)


def _quality(con: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    wasted = con.execute("SELECT category, sum(usd_direct) FROM daily_waste GROUP BY category")
    published = {category: usd or 0.0 for category, usd in wasted.fetchall()}
    sample = [Judged(*row) for row in con.execute("FROM audit_sample").fetchall()]
    return rule_quality(sample, published)


#: Not by way of Arrow: DuckDB would import pandas for that.
_SQL_TYPES = {
    pa.string(): "VARCHAR",
    pa.list_(pa.string()): "VARCHAR[]",
    pa.bool_(): "BOOLEAN",
    pa.int16(): "SMALLINT",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.float64(): "DOUBLE",
    pa.date32(): "DATE",
    TIMESTAMP: "TIMESTAMPTZ",
}


def _columns(table: Table) -> str:
    return ", ".join(f"{column.name} {_SQL_TYPES[column.type]}" for column in table.columns)


def _comments(table: Table) -> Iterator[str]:
    yield f"COMMENT ON TABLE {table.name} IS '{_quoted(table.description)}'"
    for column in table.columns:
        text = column.description + (f" [{column.unit}]" if column.unit else "")
        yield f"COMMENT ON COLUMN {table.name}.{column.name} IS '{_quoted(text)}'"


def _quoted(value: object) -> str:
    return str(value).replace("'", "''")
