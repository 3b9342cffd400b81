"""The lake as DuckDB reads it for the BI tables: views over partitions, types of columns."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import duckdb
import pyarrow as pa

from waste_assets.lake.lake import Lake
from waste_assets.lake.tables import TIMESTAMP, Table

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
    listed = ", ".join(f"'{quoted(part)}'" for part in parts)
    con.execute(
        f"CREATE TEMP VIEW {name} AS "
        "SELECT * EXCLUDE (file_row_number), file_row_number AS row_no "
        f"FROM read_parquet([{listed}], file_row_number = true, "
        "hive_partitioning = true, hive_types = {'day': DATE})"
    )


def columns(table: Table) -> str:
    """The columns of a table as DuckDB creates them."""
    return ", ".join(f"{column.name} {SQL_TYPES[column.type]}" for column in table.columns)


def quoted(value: object) -> str:
    """What stands between quotes in SQL."""
    return str(value).replace("'", "''")
