"""Partitions as views of DuckDB."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import pyarrow as pa

from waste_assets.lake.quoting import listed
from waste_assets.lake.tables import Table


def view(con: duckdb.DuckDBPyConnection, name: str, table: Table, parts: Sequence[str]) -> None:
    """Let `name` be the rows of these partitions with their `day`, in the place of what it was.

    Raises:
        duckdb.Error: a partition cannot be read; the message names the file.
    """
    con.execute(f"DROP VIEW IF EXISTS {name}")
    if not parts:
        con.register(name, table.schema.append(pa.field("day", pa.date32())).empty_table())
        return
    con.execute(
        f"CREATE TEMP VIEW {name} AS SELECT * FROM read_parquet({listed(parts)}, "
        "hive_partitioning = true, hive_types = {'day': DATE})"
    )
