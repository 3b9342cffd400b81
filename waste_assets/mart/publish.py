"""Building the BI files and putting them in their places."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from contextlib import suppress
from datetime import date
from importlib.resources import files
from pathlib import Path

import duckdb
import pyarrow as pa

from waste_assets.lake.lake import Lake
from waste_assets.lake.tables import (
    LINE_COSTS,
    LINE_COUNTS,
    PARSED_TURNS,
    QUARANTINED_LINES,
    SCHEMA_VERSION,
    TOKEN_LEDGER,
    Table,
)
from waste_assets.mart.tables import MART_TABLES

_SOURCES = {
    "turns": PARSED_TURNS,
    "line_counts": LINE_COUNTS,
    "line_costs": LINE_COSTS,
    "quarantined_lines": QUARANTINED_LINES,
}


def inputs(lake: Lake) -> str:
    """Identity of everything that the BI files are made from."""
    notes = {
        f"{table.name}/{day}": lake.notes(table, day)
        for table in (PARSED_TURNS, TOKEN_LEDGER)
        for day in lake.days(table)
    }
    rules = files("waste_assets.mart").joinpath("mart.sql").read_bytes()
    told = json.dumps([notes, hashlib.sha256(rules).hexdigest()], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def published_inputs(bi: Path) -> str | None:
    """What the published database was made from; None where there is none."""
    with suppress(duckdb.Error), duckdb.connect(str(bi / "waste.duckdb"), read_only=True) as con:
        row = con.execute("SELECT value FROM meta WHERE key = 'inputs'").fetchone()
        return str(row[0]) if row else None
    return None


def publish(lake: Lake, bi: Path, today: date) -> None:
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
            con.execute(
                "SET memory_limit = '384MB'; SET threads = 2; SET preserve_insertion_order = true"
            )
            for name, table in _SOURCES.items():
                _view(con, name, lake, table)
            facts = {
                "schema_version": str(SCHEMA_VERSION),
                "published_on": today.isoformat(),
                "inputs": inputs(lake),
                "money": "USD at the API's list price of the day, also for subscribers",
            }
            rows = pa.table({"key": list(facts), "value": list(facts.values())})
            con.register("facts", rows)
            con.begin()
            con.execute(files("waste_assets.mart").joinpath("mart.sql").read_text("utf-8"))
            for table in MART_TABLES:
                _comment(con, table)
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
        empty = table.schema.append(pa.field("day", pa.date32())).empty_table()
        con.register(f"no_{name}", empty)
        con.execute(f"CREATE TEMP TABLE {name} AS SELECT * FROM no_{name}")
        return
    listed = ", ".join(f"'{_quoted(Path(part))}'" for part in parts)
    con.execute(
        f"CREATE TEMP VIEW {name} AS SELECT * FROM read_parquet([{listed}], "
        "hive_partitioning = true, hive_types = {'day': DATE})"
    )


def _comment(con: duckdb.DuckDBPyConnection, table: Table) -> None:
    con.execute(f"COMMENT ON TABLE {table.name} IS '{_quoted(table.description)}'")
    for column in table.columns:
        text = column.description + (f" [{column.unit}]" if column.unit else "")
        con.execute(f"COMMENT ON COLUMN {table.name}.{column.name} IS '{_quoted(text)}'")


def _quoted(value: object) -> str:
    return str(value).replace("'", "''")
