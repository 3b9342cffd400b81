"""An audit takes the short way exactly where nothing that its result rests on has changed."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from waste_assets import unchanged
from waste_assets.lake.tables import PARSED_TURNS, RAW_SESSIONS
from waste_assets.sample import conversation
from waste_assets.settings import Settings
from waste_assets.transcripts.discover import discover
from waste_assets_tests.support import Audit


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    audit = Audit(tmp_path_factory.mktemp("unchanged"))
    audit.write(conversation("one", start="2026-09-01T09:00:00Z").user("Go").say())
    audit.run()
    audit.publish()
    audit.report()
    return audit


@pytest.fixture
def audit(built: Audit, tmp_path: Path) -> Audit:
    shutil.copytree(built.folder, tmp_path / "copy")
    return Audit(tmp_path / "copy")


def identity(audit: Audit, zone: str = "UTC") -> str:
    settings = Settings(audit.data, (audit.source,), zone)
    return unchanged.identity(settings, discover([audit.source]))


def a_partition_is_deleted(audit: Audit) -> None:
    audit.lake.remove(PARSED_TURNS, audit.lake.days(PARSED_TURNS)[0])


def a_partition_is_replaced_by_its_copy(audit: Audit) -> None:
    part = audit.lake.part(RAW_SESSIONS, audit.lake.days(RAW_SESSIONS)[0])
    shutil.copy2(part, part.with_name("other"))
    part.with_name("other").replace(part)


def a_partition_is_changed_in_place(audit: Audit) -> None:
    part = audit.lake.part(RAW_SESSIONS, audit.lake.days(RAW_SESSIONS)[0])
    with part.open("r+b") as file:
        file.write(b"PAR2")


def the_database_is_gone(audit: Audit) -> None:
    (audit.bi / "waste.duckdb").unlink()


def a_parquet_twin_is_replaced(audit: Audit) -> None:
    (audit.bi / "daily_usage.parquet").write_bytes(b"")


def the_report_is_gone(audit: Audit) -> None:
    (audit.data / "report" / "index.html").unlink()


def the_catalog_is_another(audit: Audit) -> None:
    shutil.copy2(audit.data / "state.db", audit.data / "other.db")
    (audit.data / "other.db").replace(audit.data / "state.db")


def the_catalog_is_gone(audit: Audit) -> None:
    (audit.data / "state.db").unlink()


def the_schema_is_newer(audit: Audit) -> None:
    (audit.data / "schema_version").write_text("99\n")


def a_source_is_touched(audit: Audit) -> None:
    (path,) = audit.source.rglob("*.jsonl")
    os.utime(path)


def a_source_is_gone(audit: Audit) -> None:
    (path,) = audit.source.rglob("*.jsonl")
    path.unlink()


def a_source_is_new(audit: Audit) -> None:
    audit.write(conversation("two", start="2026-09-02T09:00:00Z").user("Go").say())


def a_source_cannot_be_looked_at(audit: Audit) -> None:
    (audit.source / "projects" / "gone.jsonl").symlink_to("nowhere.jsonl")


@pytest.mark.parametrize(
    "change",
    [
        a_partition_is_deleted,
        a_partition_is_replaced_by_its_copy,
        a_partition_is_changed_in_place,
        the_database_is_gone,
        a_parquet_twin_is_replaced,
        the_report_is_gone,
        the_catalog_is_another,
        the_catalog_is_gone,
        the_schema_is_newer,
        a_source_is_touched,
        a_source_is_gone,
        a_source_is_new,
        a_source_cannot_be_looked_at,
    ],
    ids=lambda change: change.__name__.replace("_", " "),
)
def test_a_change_of_anything_is_noticed(change: Callable[[Audit], None], audit: Audit) -> None:
    before = identity(audit)
    assert identity(audit) == before
    change(audit)
    assert identity(audit) != before


def test_settings_and_code_belong_to_it(
    audit: Audit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = identity(audit)
    assert identity(audit, "Asia/Tokyo") != before
    code = tmp_path / "code"
    code.mkdir()
    (code / "prices.csv").write_text("1")
    monkeypatch.setattr(unchanged, "_CODE", code)
    other = identity(audit)
    assert other != before
    (code / "prices.csv").write_text("2!")
    assert identity(audit) != other


def test_what_is_being_written_beside_a_partition_does_not_count(audit: Audit) -> None:
    before = identity(audit)
    part = audit.lake.part(RAW_SESSIONS, audit.lake.days(RAW_SESSIONS)[0])
    part.with_name(".part.parquet.1.abc").write_bytes(b"half")
    assert identity(audit) == before


def test_what_was_told_is_told_again_until_it_may_be_another(audit: Audit) -> None:
    told = {"totals": {"responses": 1, "usd": 0.125}, "files": {"unreadable": []}}
    assert unchanged.recalled(audit.data, "a") is None
    unchanged.note(audit.data, "a", None, told)
    assert unchanged.recalled(audit.data, "a") == told
    assert unchanged.recalled(audit.data, "b") is None
    # The last line of a file that nobody goes on with counts from then on.
    unchanged.note(audit.data, "a", time.time() + 3_600, told)
    assert unchanged.recalled(audit.data, "a") == told
    unchanged.note(audit.data, "a", time.time() - 1, told)
    assert unchanged.recalled(audit.data, "a") is None


def test_a_note_that_cannot_be_read_is_none(audit: Audit) -> None:
    for text in ("", "{", "[]", "7", '{"identity": "a"}'):
        (audit.data / "unchanged.json").write_text(text)
        assert unchanged.recalled(audit.data, "a") is None


def test_a_note_that_cannot_be_written_is_left_out(audit: Audit) -> None:
    unchanged.note(audit.data / "nowhere", "a", None, {})
    assert not (audit.data / "nowhere").exists()
