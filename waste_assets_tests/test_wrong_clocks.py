"""Lines that a wrong clock has dated.

After today: they are kept, and count when their day has come. Before the first day that there is:
they count on that one.
"""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime, time, timedelta, tzinfo
from pathlib import Path
from typing import Self
from zoneinfo import ZoneInfo

import pytest

from waste_assets import plan as planning
from waste_assets.audit import run_audit
from waste_assets.claude_code.session_end import archive_session
from waste_assets.lake.tables import FLAG_TABLES, PARSED_TURNS, TURN_TABLES
from waste_assets.resources.data_root import DataRoot
from waste_assets.sample import Conversation, conversation
from waste_assets.settings import Settings
from waste_assets.transcripts.days import FIRST_DAY
from waste_assets_tests.checks.every import broken
from waste_assets_tests.plug.roots import archived, written
from waste_assets_tests.support import Audit, as_line, record, write_lines

TODAY = datetime.now(UTC).date()
YESTERDAY, AHEAD = TODAY - timedelta(days=1), TODAY + timedelta(days=364)


def sessions() -> list[Conversation]:
    """One of yesterday, and one that began then and goes on in a year."""
    start = f"{YESTERDAY}T09:00:00Z"
    long = conversation("ahead", start=start).user("Go").read("a.py").say()
    long.wait(hours=24 * 365).user("More").read("a.py").bash("make", "no", code=2).say()
    return [conversation("right", start=start).user("Go").read("b.py").say(), long]


@pytest.fixture
def audit(tmp_path: Path) -> Audit:
    made = Audit(tmp_path)
    made.write(*sessions())
    return made


def run(audit: Audit) -> None:
    """What is planned, built and published."""
    days = audit.plan().days
    audit.archive(min(days), max(days))
    audit.turns(days)
    audit.flags(days)
    audit.labels(days)
    audit.publish()
    audit.report()


def test_they_are_archived_told_and_in_no_figure(audit: Audit, environment: None) -> None:
    settings = Settings(audit.data, (audit.source,), "UTC")
    told = run_audit(settings).told
    assert told["errors"] == [] and told["checks"]["failed"] == []
    assert told["files"]["misdated"] == 1
    assert archived(audit.data) == written(audit.source)
    assert audit.lake.days(PARSED_TURNS) == [YESTERDAY]
    assert audit.query("SELECT max(day) FROM coverage") == [(YESTERDAY,)]
    assert audit.query("SELECT max(day) FROM daily_usage") == [(YESTERDAY,)]
    assert len(told["runs"]) == 1
    # Where no days are named, all are checked.
    assert broken(DataRoot(path=str(audit.data))) == []


def test_once_their_day_has_come_they_count_also_without_their_file(
    audit: Audit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(audit)
    assert audit.lake.days(PARSED_TURNS) == [YESTERDAY]
    assert audit.plan().is_empty
    shutil.rmtree(audit.source)
    audit.source.mkdir()
    assert audit.plan().is_empty

    class Later(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return cls.combine(AHEAD, datetime.min.time(), tz)

    monkeypatch.setattr(planning, "datetime", Later)
    assert audit.plan().days == {YESTERDAY, AHEAD}
    run(audit)
    assert audit.lake.days(PARSED_TURNS) == [YESTERDAY, AHEAD]
    assert audit.plan().is_empty
    # As where it had been its day from the start.
    start = Audit(tmp_path / "start")
    start.write(*sessions())
    start.run()
    for table in (*TURN_TABLES, *FLAG_TABLES):
        assert audit.rows(table) == start.rows(table), table.name


def test_the_hook_archives_them_too(audit: Audit) -> None:
    for file in sorted(audit.source.rglob("*.jsonl")):
        archive_session(audit.data, "UTC", file)
    assert archived(audit.data) == written(audit.source)


def test_a_session_of_another_time_altogether_is_archived(tmp_path: Path) -> None:
    audit = Audit(tmp_path)
    audit.write(conversation("ahead", start="2077-03-01T09:00:00Z").user("Go").say())
    made = audit.plan()
    assert made.dated_later and made.days == {TODAY}
    run(audit)
    assert archived(audit.data) == written(audit.source)
    assert audit.lake.days(PARSED_TURNS) == []
    assert not audit.plan().days


def test_a_clock_that_was_put_back_changes_nothing(
    audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(audit)
    before = audit.parts(*TURN_TABLES, *FLAG_TABLES)

    class Earlier(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return cls.combine(YESTERDAY - timedelta(days=9), datetime.min.time(), tz)

    monkeypatch.setattr(planning, "datetime", Earlier)
    assert audit.plan().is_empty
    assert audit.parts(*TURN_TABLES, *FLAG_TABLES) == before


def test_what_is_dated_before_the_first_day_counts_on_it(tmp_path: Path, environment: None) -> None:
    audit = Audit(tmp_path)
    behind = conversation("behind", start="2021-06-01T09:00:00Z").user("Go").read("a.py").say()
    behind.wait(hours=24 * 40).user("More").read("b.py").say()
    now = conversation("now", start=f"{YESTERDAY}T09:00:00Z").user("Go").say()
    audit.write(behind, now)
    told = run_audit(Settings(audit.data, (audit.source,), "Europe/Berlin")).told
    assert told["errors"] == [] and told["checks"]["failed"] == []
    assert told["totals"]["responses"] == 5
    assert audit.lake.days(PARSED_TURNS) == [FIRST_DAY, YESTERDAY]
    assert archived(audit.data) == written(audit.source)
    assert broken(DataRoot(path=str(audit.data), time_zone="Europe/Berlin")) == []


@pytest.mark.parametrize(
    ("zone", "lacking"),
    [("Pacific/Kiritimati", 2), ("Pacific/Kiritimati", 6), ("Pacific/Niue", 6)],
    ids=["at its beginning", "throughout", "far in the west"],
)
def test_responses_without_a_time_count_on_the_day_of_their_neighbours_or_of_their_file(
    tmp_path: Path, environment: None, zone: str, lacking: int
) -> None:
    audit = Audit(tmp_path)
    rows = [record(number) for number in range(6)]
    for row in rows[:lacking]:
        row["timestamp"] = "soon"
    path = write_lines(audit, map(as_line, rows))
    local = ZoneInfo(zone)
    noon = datetime.combine(YESTERDAY, time(12), local).timestamp()
    os.utime(path, (noon, noon))
    told = run_audit(Settings(audit.data, (audit.source,), zone)).told
    assert told["errors"] == [] and told["checks"]["failed"] == []
    assert told["totals"]["responses"] == 6
    day = YESTERDAY
    if lacking < len(rows):
        day = datetime.fromisoformat(rows[-1]["timestamp"]).astimezone(local).date()
    assert audit.lake.days(PARSED_TURNS) == [day]
