"""What planning a new day costs: little for each file that has not changed, none for its footer."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from uuid import UUID

import pyarrow.parquet as pq
import pytest

from waste_assets.lake import kept_notes
from waste_assets.lake.catalog import CatalogEntry
from waste_assets.lake.known_files import KnownFiles
from waste_assets.lake.source_catalog import SourceCatalog
from waste_assets.lake.state import State
from waste_assets.lake.tables import RAW_SESSIONS
from waste_assets.sample import conversation
from waste_assets.transcripts.day_contents import DayContents, notes_of
from waste_assets.transcripts.listing import Listing, SourceFile
from waste_assets_tests.support import Audit

FIRST = date(2026, 1, 1)
#: What a file that is as it was takes while a plan is made, and when it has been made: the listing,
#: and what is known of the files.
PEAK_BYTES, HELD_BYTES = 650, 300


def history(files: int) -> Iterator[tuple[SourceFile, CatalogEntry]]:
    """Files as a listing of them says, and as they were read: 250 each day."""
    for n in range(files):
        session = f"{UUID(int=n * 7919, version=4)}.jsonl"
        path = f"/home/ann/.claude/projects/-home-ann-work-service/{session}"
        day = FIRST + timedelta(days=n // 250)
        file = SourceFile(path, session, True, 1_000 + n, n, "ann", "laptop")
        yield file, CatalogEntry(path, session, 1_000 + n, n, 9, 0, {day: f"{n:032x}"})


def remembered(folder: Path, files: int) -> Audit:
    """A data root whose archive holds all of them, in a process that has just begun."""
    audit = Audit(folder)
    state = State(audit.data)
    SourceCatalog(state).record(entry for _, entry in history(files))
    state.close()
    held: dict[date, DayContents] = {}
    for _, entry in history(files):
        for day, digest in entry.days.items():
            held.setdefault(day, DayContents()).held[entry.transcript] = digest
    for day, told in held.items():
        audit.lake.write(RAW_SESSIONS, day, RAW_SESSIONS.schema.empty_table(), notes_of(told))
    audit.plan()
    return audit


def test_a_file_that_has_not_changed_takes_a_few_hundred_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few, many = 250, 5_250
    taken = []
    for files in (few, many):
        audit = remembered(tmp_path / str(files), files)
        monkeypatch.setattr("waste_assets.lake.source_catalog._last", ("", KnownFiles()))
        gc.collect()
        tracemalloc.start()
        listing = Listing.of(file for file, _ in history(files))
        audit.files = lambda found=listing: found  # type: ignore[misc, assignment]
        tracemalloc.reset_peak()
        made = audit.plan()
        taken.append(tracemalloc.get_traced_memory())
        tracemalloc.stop()
        assert made.changed_bytes == 0
        with closing(State(audit.data)) as state:
            assert len(SourceCatalog(state).read()) == files
    (held_few, peak_few), (held, peak) = taken
    assert held - held_few < HELD_BYTES * (many - few)
    assert peak - peak_few < PEAK_BYTES * (many - few)


def test_what_is_told_of_a_file_is_what_was_given(tmp_path: Path) -> None:
    files = [file for file, _ in history(3)]
    files += [SourceFile("/odd/\udcff/é.jsonl", "\udcff/é.jsonl", False, 0, -5)]
    listing = Listing.of(files)
    assert list(listing) == files
    assert (listing[-1], listing[1:3]) == (files[3], files[1:3])
    assert list(listing.chosen(file.is_lines for file in listing)) == files[:3]
    assert listing.identity != listing.chosen([True, True, True, False]).identity
    state = State(tmp_path)
    entry = CatalogEntry("/é", "é.jsonl", 3, 4, 5, 6, {FIRST: "a", FIRST + timedelta(days=9): "b"})
    SourceCatalog(state).record([entry, *(one for _, one in history(3))])
    known = SourceCatalog(state).read()
    state.close()
    assert known["/é"] == entry
    assert known.begins({"é", "another"}) == {"é": FIRST}
    assert "/another" not in known
    assert known.sessions_on([FIRST + timedelta(days=9)]) == {"é"}
    assert known.sessions_on([]) == set()


@pytest.fixture
def footers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The partitions whose footers have been opened since."""
    opened: list[str] = []
    read = pq.read_metadata

    def noting(where: object) -> pq.FileMetaData:
        opened.append(str(where))
        return read(where)

    monkeypatch.setattr(pq, "read_metadata", noting)
    return opened


def days_of(opened: list[str]) -> set[str]:
    return {Path(path).parent.name.removeprefix("day=") for path in opened}


def test_with_a_new_day_only_its_own_footers_are_opened(
    tmp_path: Path, footers: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    audit = Audit(tmp_path)
    audit.write(*(conversation(f"c{n}", start=f"2026-03-0{n}T10:00:00Z").user("Go").say()
                  for n in range(1, 6)))  # fmt: skip
    audit.run()
    audit.plan()
    # As another process, which knows no more than what lies on the disk.
    monkeypatch.setattr(kept_notes, "_known", {})
    footers.clear()
    assert audit.plan().days == set()
    assert footers == []
    audit.write(conversation("new", start="2026-03-09T10:00:00Z").user("Go").say())
    assert audit.plan().days == {date(2026, 3, 9)}
    new = [date(2026, 3, 9)]
    audit.archive(*new, *new)
    audit.turns(new)
    audit.flags(new)
    audit.labels(new)
    assert audit.plan().days == set()
    assert days_of(footers) == {"2026-03-09"}


@pytest.mark.parametrize("content", [b"", b"no notes", b'[["raw_sessions", "2026-03-01", "1", 9]]'])
def test_notes_that_are_lost_or_torn_are_read_again(tmp_path: Path, content: bytes) -> None:
    audit = Audit(tmp_path)
    audit.write(conversation("one", start="2026-03-01T10:00:00Z").user("Go").say())
    audit.run()
    before = audit.plan()
    (audit.lake.root / ".notes").write_bytes(content)
    kept_notes._known.clear()
    after = audit.plan()
    assert (after.days, after.publish) == (before.days, before.publish)
    assert (audit.lake.root / ".notes").stat().st_size > 1_000


def test_notes_of_what_was_taken_away_do_not_stay(tmp_path: Path) -> None:
    audit = Audit(tmp_path)
    audit.write(conversation("one", start="2026-03-01T10:00:00Z").user("Go").say())
    audit.run()
    audit.plan()
    kept = audit.lake.root / ".notes"
    assert b".jsonl" in kept.read_bytes()
    audit.lake.drop_copies(RAW_SESSIONS, date(2026, 3, 1))
    assert not kept.exists()
