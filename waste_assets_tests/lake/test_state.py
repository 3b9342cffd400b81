"""The state database on Postgres, by a setting: what it knows is what a file would know."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa

from waste_assets.clusters.applied import AppliedRemedies
from waste_assets.clusters.registry import Registry
from waste_assets.labels.store import LabelStore
from waste_assets.lake.catalog import CatalogEntry
from waste_assets.lake.state import State, StateError
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
        assert [entry.lines for entry in state.catalog().values()] == [
            len(audit.lines()),
        ]
        Registry(state)
        applied = AppliedRemedies(state)
        applied.record("reread", date(2026, 3, 3), "~/shop", withdrawn=False)
        assert [one.remedy_id for one in applied.all()] == ["reread"]
        state.forget_files(lambda transcript, days: True)
        assert state.catalog() == {}
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
