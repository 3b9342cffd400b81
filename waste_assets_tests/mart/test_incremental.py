"""A publication that builds upon the last one says what one from nothing would say."""

from __future__ import annotations

import os
import random
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from waste_assets.lake.cluster_names import ClusterNames, Title
from waste_assets.lake.lake import Lake
from waste_assets.lake.tables import FAILURE_CLUSTERS
from waste_assets.mart import publish as publishing
from waste_assets.mart.beside import NOTHING, Beside
from waste_assets.mart.publications import current
from waste_assets.mart.publish import MadeFrom, publish
from waste_assets_tests.mart.lakes import (
    HALF,
    TODAY,
    WHOLE,
    Days,
    Lakes,
    rows,
)


class Published:
    """A lake that changes, and what is published of it."""

    def __init__(self, lakes: Lakes, folder: Path) -> None:
        self.lakes = lakes
        self.lake = Lake(folder / "data" / "lake")
        self.bi = folder / "data" / "bi"
        self.facts = folder / "data" / "mart" / "facts.duckdb"
        self.days: Days = {}

    def change(self, days: Days) -> None:
        self.lakes.lay_out(self.lake, self.days, days)
        self.days = days

    def publish(self, beside: Beside = NOTHING) -> None:
        publish(self.lake, self.bi, TODAY, beside)

    def builds_upon_the_last(self) -> bool:
        return MadeFrom.read(current(self.bi)) is not None

    def is_right(self, beside: Beside = NOTHING) -> bool:
        return rows(self.bi) == self.lakes.from_nothing(self.days, beside)


@pytest.fixture
def published(lakes: Lakes, tmp_path: Path) -> Published:
    made = Published(lakes, tmp_path)
    made.change(dict.fromkeys(lakes.days[:-1], WHOLE))
    made.publish()
    return made


def test_whatever_has_changed_the_rows_and_their_order_are_those_from_nothing(
    published: Published,
) -> None:
    """Days come, go, and change, new ones and old ones; sessions lose and regain days."""
    chance = random.Random(1)
    for _ in range(4):
        published.change(published.lakes.another(published.days, chance))
        assert published.builds_upon_the_last()
        published.publish()
        assert published.is_right()


def test_a_day_that_is_new_is_published_without_opening_the_others(published: Published) -> None:
    lake = published.lake
    for part in sorted(lake.root.glob("*/day=*/part.parquet")):
        stat = part.stat()
        # Who opened it would find no Parquet; nothing tells from outside.
        with part.open("r+b") as file:
            file.write(b"gone")
        os.utime(part, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    before = rows(published.bi)
    published.change({**published.days, published.lakes.days[-1]: WHOLE})
    published.publish()
    after = rows(published.bi)
    for table in ("daily_usage", "flags", "token_ledger_daily", "cluster_days", "coverage"):
        assert after[table][: len(before[table])] == before[table]
        assert len(after[table]) > len(before[table])


def test_other_names_of_clusters_are_published_though_no_day_has_changed(
    published: Published,
) -> None:
    parts = published.lake.parts(FAILURE_CLUSTERS)
    pairs = duckdb.execute(
        "SELECT DISTINCT cluster_id, fingerprint_id FROM read_parquet($1) ORDER BY ALL", [parts]
    ).fetchall()
    one, other = pairs[0], pairs[-1]
    assert one[0] != other[0]
    names = ClusterNames({one: other[0]}, {other[0]: Title("Both", "They are one.", "ann")})
    merged = replace(NOTHING, clusters=names)
    published.publish(merged)
    assert published.is_right(merged)
    assert one[0] not in {row[1] for row in rows(published.bi)["cluster_days"]}
    published.publish()
    assert published.is_right()
    assert one[0] in {row[1] for row in rows(published.bi)["cluster_days"]}


def test_other_rules_make_everything_anew(
    published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    with duckdb.connect(str(published.facts)) as con:
        con.execute("UPDATE usage SET responses = responses + 1")
    monkeypatch.setattr(publishing, "_rules", lambda: "others")
    assert not published.builds_upon_the_last()
    published.change({**published.days, published.lakes.days[-1]: HALF})
    published.publish()
    monkeypatch.undo()
    assert published.is_right()


def test_nothing_is_built_upon_a_database_that_somebody_has_changed(published: Published) -> None:
    with duckdb.connect(str(published.bi / "waste.duckdb")) as con:
        con.execute("CREATE TABLE notes AS SELECT 1 AS mine; DELETE FROM flags")
    published.change({**published.days, published.lakes.days[-1]: HALF})
    published.publish()
    assert published.is_right()
    with duckdb.connect(str(published.bi / "waste.duckdb"), read_only=True) as con:
        assert ("notes",) not in con.execute("SHOW TABLES").fetchall()


@pytest.mark.parametrize("harm", ["nonsense", "wrong"])
def test_who_publishes_the_same_again_trusts_nothing_that_is_there(
    published: Published, harm: str
) -> None:
    """The way out when a check fails, whatever the reason."""
    if harm == "nonsense":
        published.facts.write_bytes(b"no database")
    else:
        with duckdb.connect(str(published.facts)) as con:
            con.execute("UPDATE owned SET usd = usd + 1")
    published.publish()
    assert published.is_right()


def test_what_begins_with_nothing_is_built_upon(published: Published) -> None:
    """As where all lines are dated after today, and then their day comes."""
    full = published.days
    published.change({})
    published.publish()
    assert published.is_right()
    published.change(full)
    published.publish()
    assert published.is_right()
