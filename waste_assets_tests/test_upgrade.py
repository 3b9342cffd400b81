"""Data roots of earlier versions, and damaged ones: opened, brought up to date, or refused."""

from __future__ import annotations

import sqlite3
from datetime import date
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from waste_assets.lake.lake import Unusable
from waste_assets.lake.source_catalog import SourceCatalog
from waste_assets.lake.state import State, StateError
from waste_assets.lake.tables import (
    LINE_BLOCKS,
    LINE_USAGE,
    PARSED_TURNS,
    RAW_SESSIONS,
    SCHEMA_VERSION,
    TOKEN_LEDGER,
    Table,
)
from waste_assets.sample import conversation
from waste_assets_tests.support import Audit

DAYS = (date(2026, 9, 1), date(2026, 9, 2))
#: Columns that were narrower in the first schema.
NARROW = {LINE_USAGE: ("part",), LINE_BLOCKS: ("part", "block_no")}


@pytest.fixture
def audit(tmp_path: Path) -> Audit:
    """Two days, accounted for and published."""
    made = Audit(tmp_path)
    made.write(
        *(
            conversation(f"of {day}", start=f"{day}T09:00:00Z").user("Go").read("a.py").say()
            for day in DAYS
        )
    )
    made.run()
    made.publish()
    return made


def of_first_schema(path: Path, narrow: tuple[str, ...]) -> None:
    """Write a partition as the first schema had it, by the rules of then."""
    rows = pq.read_table(path, partitioning=None)
    schema = pa.schema(
        [
            pa.field(f.name, pa.int16() if f.name in narrow else f.type, f.nullable)
            for f in rows.schema
        ]
    )
    notes = {**pq.read_metadata(path).metadata, b"waste.rules": b"4"}
    notes.pop(b"ARROW:schema", None)
    pq.write_table(rows.cast(schema).replace_schema_metadata(notes), path)


def test_a_data_root_of_the_first_schema_is_brought_up_to_date(audit: Audit) -> None:
    expected = {
        table.name: audit.rows(table) for table in (PARSED_TURNS, TOKEN_LEDGER, LINE_BLOCKS)
    }
    archived = audit.parts(RAW_SESSIONS)
    for table, narrow in NARROW.items():
        for day in DAYS:
            of_first_schema(audit.lake.part(table, day), narrow)
    for day in DAYS:
        counts = audit.data / "lake" / "line_counts" / f"day={day}" / "part.parquet"
        of_first_schema(counts, ())
        # Turns name the rules that they were made by in what they were made from.
        audit.lake.part(PARSED_TURNS, day).unlink()
    (audit.data / "schema_version").write_text("1\n")
    assert audit.plan().days == set(DAYS)
    audit.run()
    assert {
        table.name: audit.rows(table) for table in (PARSED_TURNS, TOKEN_LEDGER, LINE_BLOCKS)
    } == expected
    assert audit.parts(RAW_SESSIONS) == archived
    assert audit.plan().days == set()
    assert (audit.data / "schema_version").read_text() == f"{SCHEMA_VERSION}\n"


def test_a_state_database_without_a_column_gets_it_and_keeps_its_rows(tmp_path: Path) -> None:
    State(tmp_path).close()
    with sqlite3.connect(tmp_path / "state.db") as con:
        con.execute("CREATE TABLE decisions (id INTEGER PRIMARY KEY, what TEXT NOT NULL)")
        con.execute("INSERT INTO decisions VALUES (1, 'merged')")
    state = State(tmp_path)
    metadata = sa.MetaData()
    decisions = sa.Table(
        "decisions",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("why", sa.Text),
        sa.Column("times", sa.Integer, nullable=False, server_default="1"),
    )
    for _ in range(2):
        state.create(metadata)
    with state.reading() as connection:
        assert connection.execute(sa.select(decisions)).all() == [(1, "merged", None, 1)]
    state.close()


def test_a_table_that_is_none_of_ours_is_refused_in_a_sentence(tmp_path: Path) -> None:
    state = State(tmp_path)
    with sqlite3.connect(tmp_path / "state.db") as con:
        con.execute("CREATE TABLE source_files (path TEXT PRIMARY KEY)")
    with pytest.raises(StateError, match=r"source_files without transcript.*backup"):
        SourceCatalog(state)
    state.close()


@pytest.mark.parametrize("table", [PARSED_TURNS, TOKEN_LEDGER], ids=lambda table: table.name)
def test_a_damaged_partition_is_made_anew(audit: Audit, table: Table) -> None:
    before = audit.rows(table)
    audit.lake.part(table, DAYS[0]).write_bytes(b"PAR1 no longer")
    assert DAYS[0] in audit.plan().days
    audit.run()
    assert audit.rows(table) == before


def test_a_damaged_archive_is_a_sentence_that_names_the_file(audit: Audit) -> None:
    place = audit.lake.part(RAW_SESSIONS, DAYS[0])
    place.write_bytes(place.read_bytes()[:-20])
    with pytest.raises(Unusable, match=r"day=2026-09-01.*damaged.*backup"):
        audit.plan()


@pytest.mark.parametrize("columns", [["response_id"], None], ids=["lost", "of another type"])
def test_a_partition_of_another_shape_is_a_sentence_that_names_the_file(
    audit: Audit, columns: list[str] | None
) -> None:
    place = audit.lake.part(LINE_USAGE, DAYS[0])
    rows = pq.read_table(place, columns=columns, partitioning=None)
    if columns is None:
        at = rows.column_names.index("output_tokens")
        rows = rows.set_column(at, "output_tokens", pa.array(["many"] * rows.num_rows))
    pq.write_table(rows, place)
    with pytest.raises(Unusable, match=r"line_usage/day=2026-09-01.*no part of line_usage.*delete"):
        audit.turns()


def test_any_reader_of_parquet_reads_the_archive(audit: Audit) -> None:
    places = [str(audit.lake.part(RAW_SESSIONS, day)) for day in DAYS]
    told = b"".join(path.read_bytes() for path in sorted(audit.source.rglob("*.jsonl")))
    readers = {
        "pyarrow": [raw for p in places for raw in pq.ParquetFile(p).read()["raw"].to_pylist()],
        "pandas": [raw for p in places for raw in pd.read_parquet(p, partitioning=None)["raw"]],
        "duckdb": [
            raw for p in places for (raw,) in duckdb.sql(f"SELECT raw FROM '{p}'").fetchall()
        ],
    }
    for reader, lines in readers.items():
        assert sorted(lines) == sorted(told.splitlines(keepends=True)), reader
