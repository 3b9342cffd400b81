"""Files that change while they are read, and clocks that are wrong: nothing is lost or doubled."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from waste_assets.lake.tables import RAW_SESSIONS
from waste_assets.transcripts import lines
from waste_assets.transcripts.days import FIRST_DAY
from waste_assets_tests.support import Audit, as_line, record, write_lines

DAY = date(2026, 3, 2)


def line(number: int, day: str = "2026-03-02") -> bytes:
    """A line of a transcript, with its end."""
    return as_line(record(number, timestamp=f"{day}T20:{number:02}:00.000Z")) + b"\n"


LINES = [line(n) for n in range(1, 13)]


def write(audit: Audit, *data: bytes) -> Path:
    """A transcript of these bytes."""
    path = write_lines(audit, [])
    path.write_bytes(b"".join(data))
    return path


def grows(path: Path) -> None:
    with path.open("ab") as handle:
        handle.write(LINES[10] + LINES[11][:20])


def is_cut(path: Path) -> None:
    os.truncate(path, len(LINES[0]) + 5)


def is_replaced(path: Path) -> None:
    new = path.with_suffix(".new")
    new.write_bytes(b"".join([*LINES[:3], *LINES[6:12]]))
    new.replace(path)


def vanishes(path: Path) -> None:
    path.unlink()


def archived(audit: Audit) -> Counter[bytes]:
    return Counter(row["raw"] for row in audit.rows(RAW_SESSIONS))


@pytest.mark.parametrize("change", [grows, is_cut, is_replaced, vanishes])
def test_a_file_that_changes_while_it_is_read_is_archived_once_and_settles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], None]
) -> None:
    audit = Audit(tmp_path)
    path = write(audit, *LINES[:10])
    known, size = Counter(LINES), 2 * len(LINES[0])
    fill, changed = lines._fill, False

    def some(handle: lines.FileIO, buffer: memoryview) -> int:
        nonlocal changed
        got = fill(handle, buffer[:size])
        if not changed:
            changed = True
            change(path)
        return got

    monkeypatch.setattr(lines, "_fill", some)
    audit.archive()
    monkeypatch.undo()
    during = archived(audit)
    audit.archive()
    after = archived(audit)
    # What was there is there, and what came is; each line once, and none that never was.
    assert {one for one in during if one in known} <= after.keys()
    assert set(after.values()) == {1}
    if path.exists():
        whole = path.read_bytes().splitlines(keepends=True)
        assert after.keys() >= {one for one in whole if one.endswith(b"\n")}
    audit.archive()
    assert archived(audit) == after
    if change is grows:
        with path.open("ab") as handle:
            handle.write(LINES[11][20:])
        audit.archive()
        assert archived(audit) == known


@pytest.mark.parametrize("seconds", [0, -5_000_000_000, 4_000_000_000, 1 << 40])
def test_a_file_from_a_wrong_clock_is_archived_all_the_same(tmp_path: Path, seconds: int) -> None:
    audit = Audit(tmp_path)
    timeless = b'{"type": "summary", "summary": "of no time"}\n'
    path = write(audit, timeless, timeless)
    try:
        os.utime(path, (seconds, seconds))
    except (OSError, OverflowError):
        pytest.skip("this file system keeps no such time")
    days = audit.plan().days
    assert days == {FIRST_DAY}
    audit.archive(min(days), max(days))
    audit.turns()
    assert archived(audit) == {timeless: 2}
    # Clocks are set right, and the file is touched: its lines stay where they are.
    os.utime(path, (time.time(), time.time()))
    audit.archive()
    assert len(archived(audit)) == 1


def test_lines_from_before_there_was_anything_lie_on_the_first_day(tmp_path: Path) -> None:
    audit = Audit(tmp_path)
    early = [line(n, "2021-01-01") for n in (1, 2)]
    write(audit, *early, LINES[0])
    days = audit.plan().days
    assert {FIRST_DAY, DAY} <= days
    audit.archive(min(days), max(days))
    assert archived(audit) == Counter([*early, LINES[0]])
    audit.turns()
    assert audit.lake.days(RAW_SESSIONS) == [FIRST_DAY, DAY]


def test_a_torn_line_of_a_file_from_the_future_is_not_waited_for(tmp_path: Path) -> None:
    audit = Audit(tmp_path)
    path = write(audit, LINES[0], LINES[1][:30])
    ahead = datetime.now(UTC).timestamp() + 40 * 86_400
    os.utime(path, (ahead, ahead))
    audit.archive()
    assert archived(audit) == {LINES[0]: 1, LINES[1][:30]: 1}
