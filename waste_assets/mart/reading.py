"""The lake as DuckDB reads it for the BI tables: views over partitions, types of columns."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import duckdb
import pyarrow as pa

from waste_assets.lake.lake import Lake
from waste_assets.lake.quoting import listed
from waste_assets.lake.tables import TIMESTAMP, Table
from waste_assets.redaction import redact

#: Not by way of Arrow: DuckDB would import pandas for that.
SQL_TYPES = {
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
# The lake has a small file a day and table: two threads take twice the time of one to open and
# decode them.
_SETTINGS = (
    "SET memory_limit = '384MB'; SET threads = 1; SET preserve_insertion_order = true; "
    "SET parquet_metadata_cache = true; SET enable_progress_bar = false; "
    # What is committed goes into the file at once, and not by way of a log.
    "SET checkpoint_threshold = '1KB'"
)
#: Columns with names of files.
_FILES = ("transcript", "last_transcript", "result_transcript")
_NAMED_BY_CLAUDE = r"([0-9a-f-]{36}|([0-9a-f-]{36}/subagents/)?agent-[0-9a-f]+)\.jsonl"


def opened(database: object) -> duckdb.DuckDBPyConnection:
    """Open a database file (or `:memory:`) for building tables."""
    con = duckdb.connect(str(database))
    con.execute(_SETTINGS)
    return con


def view(
    con: duckdb.DuckDBPyConnection, name: str, lake: Lake, table: Table, days: Iterable[date]
) -> None:
    """Let `name` be the rows of some days of a table, each with its `day` and its `row_no` there.

    Only those who ask for `row_no` pay for it.
    """
    parts = lake.parts(table, list(days))
    if not parts:
        con.execute(f"CREATE TEMP TABLE {name} ({columns(table)}, day DATE, row_no BIGINT)")
        return
    rows = (
        f"read_parquet({listed(parts)}, file_row_number = true, "
        "hive_partitioning = true, hive_types = {'day': DATE})"
    )
    replaced = [
        f"coalesce((SELECT shown FROM hidden_files WHERE file = {column}), {column}) AS {column}"
        for column in _FILES
        if column in table.column_names and _hide(con, rows, column)
    ]
    replace = f"REPLACE ({', '.join(replaced)})" if replaced else ""
    con.execute(
        f"CREATE TEMP VIEW {name} AS "
        f"SELECT * EXCLUDE (file_row_number) {replace}, file_row_number AS row_no FROM {rows}"
    )


def _hide(con: duckdb.DuckDBPyConnection, rows: str, column: str) -> bool:
    """Note how files are shown whose names hold a secret or say who somebody is.

    Whoever named a file may have put anything into its name; Claude Code puts nothing into it.
    """
    con.execute("CREATE TEMP TABLE IF NOT EXISTS hidden_files (file VARCHAR, shown VARCHAR)")
    named = con.execute(
        f"SELECT DISTINCT {column} FROM {rows} WHERE NOT regexp_full_match({column}, $standard)",
        {"standard": _NAMED_BY_CLAUDE},
    ).fetchall()
    hidden = [(file, shown) for (file,) in named if (shown := redact(file)) != file]
    if hidden:
        known = "SELECT file FROM hidden_files"
        con.executemany(f"INSERT INTO hidden_files SELECT $1, $2 WHERE $1 NOT IN ({known})", hidden)
    return bool(hidden)


def columns(table: Table) -> str:
    """The columns of a table as DuckDB creates them."""
    return ", ".join(f"{column.name} {SQL_TYPES[column.type]}" for column in table.columns)
