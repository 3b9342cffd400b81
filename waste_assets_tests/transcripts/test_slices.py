"""Slices of days, archived by whoever and in whatever order, hold what one run archives."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from waste_assets.lake.source_catalog import SourceCatalog
from waste_assets.lake.state import State
from waste_assets.lake.tables import LINE_TABLES, RAW_SESSIONS
from waste_assets.processes import Processes
from waste_assets.sample import generate
from waste_assets.transcripts import archive
from waste_assets.transcripts.archive_days import ArchiveReport
from waste_assets.transcripts.facts import DayFacts
from waste_assets_tests.support import Audit, as_line, record, write_lines

END = date(2026, 10, 31)
FIRST, NEXT = date(2026, 3, 2), date(2026, 3, 3)


def archive_slice(
    audit: Audit, first: date, last: date, opened: Callable[[str], None] = lambda path: None
) -> ArchiveReport:
    state = State(audit.data)
    try:
        with Processes(1) as processes:
            return archive.update(
                audit.lake, SourceCatalog(state), audit.files(), first, last, audit.calendar,
                is_slice=True,
                processes=processes, follow=DayFacts, opened=opened,
            )  # fmt: skip
    finally:
        state.close()


def days(*numbers: int) -> list[date]:
    return [END - timedelta(days=number) for number in numbers]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    """Odd transcripts of four days, archived by one run."""
    folder = tmp_path_factory.mktemp("whole")
    generate(folder / "source", sessions=6, days=4, end=END, odd=True)
    audit = Audit(folder, folder / "source")
    audit.archive(*days(3, 0))
    return audit


@pytest.mark.parametrize("slices", [((3, 2), (1, 0)), ((1, 0), (3, 2)), ((3, 3), (0, 0), (2, 1))])
def test_slices_in_any_order_hold_what_one_run_archives(
    whole: Audit, tmp_path: Path, slices: tuple[tuple[int, int], ...]
) -> None:
    sliced = Audit(tmp_path, whole.source)
    for first, last in slices:
        archive_slice(sliced, *days(first, last))
    expected = whole.parts(RAW_SESSIONS, *LINE_TABLES)
    assert len(expected) > 4
    assert sliced.parts(RAW_SESSIONS, *LINE_TABLES) == expected


def test_a_slice_reads_no_file_that_is_about_other_days(tmp_path: Path) -> None:
    audit = Audit(tmp_path)
    for number, day in enumerate((FIRST, NEXT)):
        line = record(number, timestamp=f"{day}T09:00:00.000Z")
        write_lines(audit, [as_line(line)], session=f"{number:08}-2222-4333-8444-555555555555")
    opened: list[str] = []
    report = archive_slice(audit, NEXT, NEXT, opened.append)
    assert [Path(path).name[:8] for path in opened] == ["00000001"]
    assert report.changed == {NEXT}


def test_a_day_of_which_the_ends_of_a_file_do_not_tell_is_archived_by_who_reads_it(
    tmp_path: Path,
) -> None:
    """A clock that jumped: the line in the middle is of a day before those at the ends."""
    audit = Audit(tmp_path)
    stamps = ["2026-03-05T09:00:00.000Z"] * 40 + ["2026-03-02T09:00:00.000Z"]
    stamps += ["2026-03-05T10:00:00.000Z"] * 40
    filler = "x" * 1_000
    lines = [
        as_line(record(number, timestamp=stamp, filler=filler))
        for number, stamp in enumerate(stamps)
    ]
    write_lines(audit, lines)
    # Whoever has the slice of that day sees nothing of it, and was the first.
    assert archive_slice(audit, FIRST, NEXT).changed == set()
    changed = archive_slice(audit, date(2026, 3, 4), date(2026, 3, 6)).changed
    assert changed == {FIRST, date(2026, 3, 5)}
    assert sorted(audit.lines()) == sorted(line + b"\n" for line in lines)
    assert archive_slice(audit, FIRST, NEXT).changed == set()
