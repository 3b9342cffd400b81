"""The state database: several processes open it at once; on Postgres it knows what a file knows."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa

from waste_assets.clusters.applied import AppliedRemedies
from waste_assets.clusters.registry import Registry
from waste_assets.labels.store import LabelStore
from waste_assets.lake.catalog import CatalogEntry
from waste_assets.lake.known_files import KnownFiles
from waste_assets.lake.state import State, StateError
from waste_assets_tests.forks import FORKS
from waste_assets_tests.lake.test_bucket import talk
from waste_assets_tests.support import Audit

ENTRY = CatalogEntry("/a", "one.jsonl", 3, 4, 1, 0, {date(2026, 3, 2): "digest"})


@pytest.fixture
def setting(postgres: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The variable names a database of its own, as people write such a URL."""
    plain = postgres.replace("postgresql+psycopg://", "postgresql://")
    monkeypatch.setenv("WASTE_ASSETS_STATE", plain)
    yield plain
    engine = sa.create_engine(postgres)
    with engine.begin() as connection:
        connection.execute(sa.text("DROP SCHEMA public CASCADE"))
        connection.execute(sa.text("CREATE SCHEMA public"))
    engine.dispose()


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
        assert state.catalog().lines.tolist() == [len(audit.lines())]
        Registry(state)
        applied = AppliedRemedies(state)
        applied.record("reread", date(2026, 3, 3), "~/shop", withdrawn=False)
        assert [one.remedy_id for one in applied.all()] == ["reread"]
        state.forget_files(lambda transcript, days: True)
        assert len(state.catalog()) == 0
        assert LabelStore(state).forget_answers([date(2026, 3, 2)], set()) == 0
        state.compact()


def test_one_process_at_a_time_is_inside(tmp_path: Path, setting: str) -> None:
    inside: list[int] = []
    most: list[int] = []

    def work(n: int) -> None:
        with closing(State(tmp_path)) as state, state.exclusively("work"):
            inside.append(n)
            most.append(len(inside))
            state.remember([ENTRY])
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
        assert len(state.catalog()) == 0


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


def entry(name: str, size: int, *days: int) -> CatalogEntry:
    held = {date(2026, 3, day): f"{name}{size}{day}" for day in days}
    return CatalogEntry(f"/{name}", f"{name}.jsonl", size, size * 7, size, size % 2, held)


def told(state: State, *names: str) -> dict[str, CatalogEntry | None]:
    known = state.catalog()
    assert known.rows_of([hash(f"/{name}") for name in names]).max(initial=-1) < len(known)
    return {name: known.get(f"/{name}") for name in names}


@pytest.mark.parametrize("place", ["file", "postgres"])
def test_the_catalog_that_is_kept_is_that_of_the_database(
    tmp_path: Path, place: str, request: pytest.FixtureRequest
) -> None:
    """Whoever writes: this process, another one (that has no part in what is kept), or both."""
    url = request.getfixturevalue("setting") if place == "postgres" else None
    older = [entry("a", 1, 2, 3), entry("b", 2), entry("c", 3, 4)]
    with closing(State(tmp_path, url)) as state, ProcessPoolExecutor(1, FORKS) as other:
        state.remember(older)
        first = state.catalog()
        assert told(state, "a", "b", "c", "d") == dict(zip("abcd", [*older, None], strict=True))
        assert state.catalog() is first

        # A file that has grown, one that is new.
        state.remember([entry("c", 9, 4, 5), entry("d", 4)])
        newer = [*older[:2], entry("c", 9, 4, 5), entry("d", 4)]
        assert told(state, *"abcd") == dict(zip("abcd", newer, strict=True))
        kept, read = state.catalog(), KnownFiles(state._chunks())
        assert kept is not first and sorted(kept.keys) == sorted(read.keys)
        for known in (kept, read):
            assert known.sessions_on([date(2026, 3, 5)]) == {"c"}
            assert known.begins({"a", "c", "d"}) == {"a": date(2026, 3, 2), "c": date(2026, 3, 4)}
        assert len(first) == 3 and first["/c"] == older[2]

        other.submit(remembered, tmp_path, url, entry("a", 8, 8)).result()
        assert told(state, "a")["a"] == entry("a", 8, 8)
        other.submit(remembered, tmp_path, url, entry("e", 8, 8)).result()
        state.remember([entry("f", 6)])
        assert told(state, *"aef") == {
            "a": entry("a", 8, 8), "e": entry("e", 8, 8), "f": entry("f", 6)
        }  # fmt: skip
        state.forget_files(lambda transcript, days: transcript == "b.jsonl")
        assert told(state, *"bf") == {"b": None, "f": entry("f", 6)}


def remembered(data_root: Path, url: str | None, one: CatalogEntry) -> None:
    with closing(State(data_root, url)) as state:
        state.remember([one])
