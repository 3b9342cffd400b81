"""A publication is held against every day of the lake, and only days that have changed are read."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from datetime import date
from pathlib import Path

import duckdb
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from waste_assets.checks.lake_views import held_days
from waste_assets.checks.suite import Finding, run
from waste_assets.checks.waste_mart import SUITE
from waste_assets.lake.tables import (
    FAILED_CALLS,
    HEURISTIC_FLAGS,
    PARSED_TURNS,
    TOKEN_LEDGER,
    Table,
)
from waste_assets.resources.data_root import DataRoot
from waste_assets.sample import generate
from waste_assets_tests.support import Audit

END = date(2026, 9, 14)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    audit = Audit(folder)
    generate(audit.source, sessions=8, days=3, end=END, seed=11, plants=0.5)
    audit.run()
    return folder


@pytest.fixture
def audit(whole: Path, tmp_path: Path) -> Audit:
    """All days but the last, published and checked; the last one waits in `whole`."""
    audit = Audit(tmp_path)
    shutil.copytree(whole / "data", tmp_path / "data", dirs_exist_ok=True)
    for part in audit.lake.root.glob(f"*/day={last_day(audit)}"):
        shutil.rmtree(part)
    audit.publish()
    assert not failing(audit)
    return audit


def last_day(audit: Audit) -> date:
    return audit.lake.days(PARSED_TURNS)[-1]


def check(audit: Audit) -> list[Finding]:
    with duckdb.connect(":memory:") as con:
        return run(
            SUITE, con, DataRoot(path=str(audit.data)), held_days(audit.lake, SUITE, date.max)
        )


def failing(audit: Audit) -> dict[str, list[str]]:
    """The days on which each check fails that does."""
    return {one.check.name: one.failing for one in check(audit) if one.failing}


def make_unreadable(parts: Iterable[Path]) -> None:
    """Who opened one of them would find no Parquet; nothing tells from outside."""
    for part in parts:
        stat = part.stat()
        with part.open("r+b") as file:
            file.write(b"gone")
            file.seek(-4, os.SEEK_END)
            file.write(b"gone")
        os.utime(part, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def rewrite(audit: Audit, table: Table, day: date, column: str) -> None:
    """Double the amounts of a day, behind everybody's back."""
    part = audit.lake.part(table, day)
    rows = pq.ParquetFile(part).read()
    place = rows.column_names.index(column)
    doubled = pc.multiply(rows[column], 2)
    assert pc.sum(rows[column]).as_py()
    audit.lake.write(table, day, rows.set_column(place, column, doubled), {})


def test_of_a_new_day_nothing_else_is_opened(audit: Audit, whole: Path) -> None:
    checked = {one.check.name: one.checked.total() for one in check(audit)}
    make_unreadable(audit.lake.root.glob("*/day=*/part.parquet"))
    there = whole / "data" / "lake"
    for part in there.glob(f"*/day={last_day(Audit(whole))}"):
        shutil.copytree(part, audit.lake.root / part.relative_to(there))
    audit.publish()
    found = check(audit)
    assert not [one.told for one in found if one.failing]
    for one in found:
        if one.check.name in ("days_equal_lake", "flags_equal_lake", "coverage_complete"):
            assert one.checked.total() > checked[one.check.name]


def test_an_old_day_that_changed_behind_our_back_is_found(audit: Audit) -> None:
    old = audit.lake.days(PARSED_TURNS)[0]
    rewrite(audit, PARSED_TURNS, old, "output_tokens")
    rewrite(audit, TOKEN_LEDGER, old, "usd_avoidable")
    rewrite(audit, HEURISTIC_FLAGS, old, "usd_owned")
    rewrite(audit, FAILED_CALLS, old, "usd")
    others = audit.lake.root.glob("*/day=*/part.parquet")
    make_unreadable(part for part in others if part.parent.name != f"day={old}")
    found = failing(audit)
    for name in (
        "days_equal_lake",
        "token_kinds_equal_lake",
        "waste_days_equal_lake",
        "judged_waste_equals_lake",
        "flags_equal_lake",
        "failures_equal_lake",
        "clusters_equal_lake",
    ):
        assert found[name] == [str(old)]


def test_an_old_day_that_changed_in_the_publication_is_found(audit: Audit) -> None:
    old = str(audit.lake.days(HEURISTIC_FLAGS)[0])
    with duckdb.connect(str(audit.bi / "waste.duckdb")) as con:
        con.execute("UPDATE flags SET usd_owned = usd_owned + 1 WHERE day = $1", [old])
        con.execute("DELETE FROM daily_usage WHERE day = $1", [old])
    found = failing(audit)
    assert found["flags_equal_lake"] == found["days_equal_lake"] == [old]
    assert "parquet_twins_equal" in found
    for part in audit.lake.root.glob(f"*/day={old}"):
        shutil.rmtree(part)
    found = failing(audit)
    assert found["flags_equal_lake"] == [old]
    assert "days_equal_lake" not in found


def test_who_publishes_the_same_again_has_the_sums_made_from_nothing(audit: Audit) -> None:
    sums = audit.data / "mart" / "sums.duckdb"
    with duckdb.connect(str(sums)) as con:
        con.execute("UPDATE lake_usage SET output_tokens = output_tokens + 1")
    assert "days_equal_lake" in failing(audit)
    audit.publish()
    assert not failing(audit)
    sums.write_bytes(b"no database")
    assert not failing(audit)
