"""Much to archive is divided by days among processes: the rows are those of one that does all."""

from __future__ import annotations

import os
import shutil
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest

from waste_assets.lake.known_files import KnownFiles
from waste_assets.lake.lake import Lake
from waste_assets.lake.source_catalog import SourceCatalog
from waste_assets.lake.state import State
from waste_assets.lake.tables import LINE_TABLES, RAW_SESSIONS
from waste_assets.processes import Processes
from waste_assets.sample import conversation, generate
from waste_assets.transcripts import archive, facts, portions
from waste_assets.transcripts.day_contents import contents
from waste_assets.transcripts.facts import DayFacts
from waste_assets.transcripts.portions import Portion
from waste_assets_tests.support import FIRST, LAST, Audit, as_line, record, write_lines

ARCHIVED = (RAW_SESSIONS, *LINE_TABLES)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    """A week with every odd shape, a session over weeks and a second copy, archived at once."""
    folder = tmp_path_factory.mktemp("whole")
    audit = Audit(folder, folder / "one", folder / "two")
    generate(folder / "one", sessions=12, days=7, end=date(2026, 9, 7), seed=3, odd=True)
    c = conversation("long", start="2026-09-01T22:00:00Z").user("Go").say()
    for _ in range(5):
        c = c.wait(hours=60).user("On").bash("ls", tokens=30).say()
    c.write(folder / "one")
    c.user("Only here").say().write(folder / "two")
    assert len(divided(audit)) == 1
    audit.archive()
    return audit


def divided(audit: Audit) -> list[Portion]:
    """The portions that a new data root would archive these sources in."""
    return portions.portions(audit.files(), KnownFiles(), FIRST, LAST, audit.calendar)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Portions of 60 kB."""
    monkeypatch.setattr(portions, "_PORTION_BYTES", 60_000)


def assert_same_rows(told: Audit, expected: Audit) -> None:
    for table in ARCHIVED:
        assert told.lake.days(table) == expected.lake.days(table)
        assert told.table(table).equals(expected.table(table)), table.name
    for day in expected.lake.days(RAW_SESSIONS):
        held, other = (
            contents(told.lake, day),
            contents(expected.lake, day),
        )
        assert held.version == other.version
        assert facts.is_current(told.lake, day)


@pytest.mark.usefixtures("small")
def test_in_portions_the_rows_are_the_same(whole: Audit, tmp_path: Path) -> None:
    other = Audit(tmp_path, *whole.roots)
    parts = divided(other)
    assert len(parts) > 3
    # Every day is of one portion.
    assert (parts[0].first, parts[-1].last) == (FIRST, LAST)
    for before, after in pairwise(parts):
        assert (after.first - before.last).days == 1
    report = other.archive()
    assert report.files_read == report.files == len(other.files())
    assert report.changed == set(whole.lake.days(RAW_SESSIONS))
    assert_same_rows(other, whole)
    assert other.archive().files_read == 0


@pytest.mark.usefixtures("small")
def test_each_file_is_read_in_the_portions_of_its_own_days_alone(whole: Audit) -> None:
    parts = divided(whole)
    state = State(whole.data)
    catalog = SourceCatalog(state).read()
    state.close()
    for file in whole.files():
        if not (days := catalog[file.path].days):
            continue
        reading = [p for p in parts if any(file.path == f.path for f in p.files)]
        assert all(any(p.first <= day <= p.last for p in reading) for day in days), file.path
        if file.is_lines and len(days) == 1 and file.path.count("long") == 0:
            assert len(reading) == 1, file.path


@pytest.mark.usefixtures("small")
def test_a_day_that_no_look_at_a_file_shows_is_archived_all_the_same(tmp_path: Path) -> None:
    audit = Audit(tmp_path)
    days = [1, 1, 1, 9, 1, 1, 1]
    padding = "x" * 20_000
    write_lines(
        audit,
        [
            as_line(record(n, "user", timestamp=f"2026-09-0{day}T09:00:00.000Z", text=padding))
            for n, day in enumerate(days)
        ],
    )
    audit.write(*(conversation(f"c{n}", start=f"2026-09-0{n}T09:00:00Z").user("Go").say()
                  for n in range(1, 10)))  # fmt: skip
    parts = divided(audit)
    assert len(parts) > 1
    assert not any(p.last >= date(2026, 9, 9) and len(p.files) == 10 for p in parts[1:])
    audit.archive()
    raw = audit.rows(RAW_SESSIONS)
    assert sum(row["day"] == date(2026, 9, 9) and "1111" in row["transcript"] for row in raw) == 1
    assert audit.archive().files_read == 0


@pytest.mark.usefixtures("small")
def test_a_process_killed_between_two_days_costs_nothing_but_time(
    whole: Audit, tmp_path: Path
) -> None:
    other = Audit(tmp_path, *whole.roots)
    child = os.fork()
    if not child:
        state = State(other.data)
        archive.update(
            other.lake, SourceCatalog(state), other.files(), FIRST, LAST, other.calendar,
            processes=Processes(1), follow=Killing,
        )  # fmt: skip
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    half = other.lake.days(RAW_SESSIONS)
    assert half
    assert len(half) < len(whole.lake.days(RAW_SESSIONS))
    assert not all(facts.is_current(other.lake, day) for day in half)
    other.archive()
    # Facts that were cut off are read again by whoever needs them.
    other.turns()
    assert_same_rows(other, whole)


class Killing(DayFacts):
    """Kills its process where the third day is in its place and its facts are not."""

    finished = 0

    def finish(self, version: str) -> None:
        Killing.finished += 1
        if Killing.finished == 3:
            os._exit(9)
        super().finish(version)


def test_facts_taken_while_archiving_are_those_read_from_the_archive(
    whole: Audit, tmp_path: Path
) -> None:
    lake = Lake(tmp_path / "lake")
    shutil.copytree(whole.lake.root / RAW_SESSIONS.name, lake.root / RAW_SESSIONS.name)
    for day in lake.days(RAW_SESSIONS):
        facts.read_day(lake, "UTC", day)
        for table in LINE_TABLES:
            read, taken = lake.part(table, day), whole.lake.part(table, day)
            assert read.exists() == taken.exists()
            assert not read.exists() or read.read_bytes() == taken.read_bytes(), (table.name, day)
