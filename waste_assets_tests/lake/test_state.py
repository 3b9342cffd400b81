"""The state database: several processes open it at once; on Postgres it knows what a file knows."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa

from waste_assets.clusters.applied import AppliedRemedies
from waste_assets.clusters.registry import Registry
from waste_assets.labels.store import LabelStore
from waste_assets.lake.catalog import CatalogEntry
from waste_assets.lake.source_catalog import SourceCatalog
from waste_assets.lake.state import State, StateError
from waste_assets_tests.lake.test_bucket import talk
from waste_assets_tests.support import Audit

ENTRY = CatalogEntry("/a", "one.jsonl", 3, 4, 1, 0, {date(2026, 3, 2): "digest"})


def test_an_audit_keeps_its_state_where_the_setting_says(tmp_path: Path, setting: str) -> None:
    audit = Audit(tmp_path)
    audit.write(talk("one"))
    audit.run()
    audit.publish()
    assert not (audit.data / "state.db").exists()
    assert audit.archive().files_read == 0
    # Another machine that shares it knows what was read.
    other = Audit(tmp_path / "other", audit.source)
    with closing(State(other.data)) as state:
        catalog = SourceCatalog(state)
        assert catalog.read().lines.tolist() == [len(audit.lines())]
        Registry(state)
        applied = AppliedRemedies(state)
        applied.record("reread", date(2026, 3, 3), "~/shop", withdrawn=False)
        assert [one.remedy_id for one in applied.all()] == ["reread"]
        catalog.forget(lambda transcript, days: True)
        assert len(catalog.read()) == 0
        assert LabelStore(state).forget_answers([date(2026, 3, 2)], set()) == 0
        state.compact()


def test_one_process_at_a_time_is_inside(tmp_path: Path, setting: str) -> None:
    inside: list[int] = []
    most: list[int] = []

    def work(n: int) -> None:
        with closing(State(tmp_path)) as state, state.exclusively("work"):
            inside.append(n)
            most.append(len(inside))
            SourceCatalog(state).record([ENTRY])
            inside.remove(n)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert most == [1, 1, 1, 1]


def test_a_password_is_told_to_nobody(tmp_path: Path) -> None:
    url = "postgresql://someone:hunter2@127.0.0.1:1/nothing"
    with pytest.raises(StateError) as raised:
        State(tmp_path, url)
    assert "cannot be used" in str(raised.value)
    assert "hunter2" not in str(raised.value)
    with pytest.raises(StateError, match="is no URL of a database"):
        State(tmp_path, "hunter2 on that server")


def test_a_new_database_waits_for_another_process_that_makes_it(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "state.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    done = threading.Timer(0.2, other.close)
    done.start()
    with closing(State(tmp_path)) as state:
        assert not done.is_alive()
        assert len(SourceCatalog(state).read()) == 0


def test_of_several_that_find_an_older_table_one_adds_what_it_lacks(tmp_path: Path) -> None:
    older, newer = sa.MetaData(), sa.MetaData()
    sa.Table("kept", older, sa.Column("name", sa.Text))
    extra = [sa.Column(f"extra_{n}", sa.Text, server_default="none") for n in range(20)]
    sa.Table("kept", newer, sa.Column("name", sa.Text), *extra)
    with closing(State(tmp_path)) as state:
        state.create(older)
        with state.engine.begin() as connection:
            connection.execute(sa.text("INSERT INTO kept VALUES ('paid for')"))
    together = threading.Barrier(4)

    def grow(_: int) -> None:
        with closing(State(tmp_path)) as state:
            together.wait(60)
            state.create(newer)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(grow, range(4)))
    with closing(State(tmp_path)) as state, state.engine.begin() as connection:
        rows = connection.execute(sa.text("SELECT * FROM kept")).all()
        assert rows == [("paid for", *["none"] * 20)]
