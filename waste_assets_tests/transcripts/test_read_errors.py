"""Sources that fail while they are read, and a lake that fails while it is written."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

import waste_assets.audit as audit_module
from waste_assets.audit import run_audit
from waste_assets.lake.lake import PartitionWriter
from waste_assets.lake.tables import RAW_SESSIONS
from waste_assets.plan import Plan
from waste_assets.sample import conversation
from waste_assets.settings import Settings
from waste_assets.transcripts import day_writer, lines
from waste_assets_tests.plug.stages import run_stages
from waste_assets_tests.support import Audit, as_line, record, write_lines

START = "2026-03-02T20:00:00Z"


def test_a_file_that_vanishes_is_told_and_costs_nothing_else(tmp_path: Path) -> None:
    audit = Audit(tmp_path)
    audit.write(*(conversation(name, start=START).user().say() for name in "abc"))
    victim = audit.files()[1].path
    report = audit.archive(opened=lambda path: Path(path).unlink() if path == victim else None)
    assert report.unreadable == [(victim, "No such file or directory")]
    assert len({row["transcript"] for row in audit.rows(RAW_SESSIONS)}) == 2


@pytest.mark.parametrize("name", ["gone.jsonl", "fine/tool-results/gone.txt"])
def test_what_vanishes_while_an_audit_is_at_work_is_told_and_not_looked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    source = tmp_path / "source"
    conversation("fine", start=START).user().say().write(source)
    (project,) = (source / "projects").iterdir()
    (transcript,) = project.iterdir()
    victim = project / name.replace("fine", transcript.stem)
    victim.parent.mkdir(exist_ok=True, parents=True)
    victim.write_bytes(as_line(record(1, timestamp=START)))
    runs: list[list[date]] = []

    def execute(settings: Settings, made: Plan, days: list[date], *given: Any) -> None:
        victim.unlink(missing_ok=True)
        runs.append(days)
        run_stages(settings, made, days, *given)

    monkeypatch.setattr(audit_module, "_execute", execute)
    told = run_audit(Settings(tmp_path / "data", (source,), "UTC")).told
    assert told["files"]["unreadable"] == [(str(victim), "cannot be read")]
    assert runs == [[date(2026, 3, 2)]]


class _Failing:
    """A file whose reading fails after its first blocks."""

    def __init__(self, path: str, blocks: int) -> None:
        self._file = open(path, "rb", buffering=0)  # noqa: SIM115
        self._left = blocks

    def __enter__(self) -> _Failing:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def fileno(self) -> int:
        return self._file.fileno()

    def readinto(self, buffer: memoryview) -> int:
        if not self._left:
            raise OSError(5, "Input/output error")
        self._left -= 1
        return self._file.readinto(buffer[:1_000])


@pytest.mark.parametrize("blocks", [0, 1, 4])
def test_a_file_that_fails_in_the_middle_is_merged_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, blocks: int
) -> None:
    audit = Audit(tmp_path)
    audit.write(conversation("fine", start=START).user().say())
    # Two days, so that some days are whole at the failure and others are not.
    days = ["2026-03-02T23:{:02}:00.000Z", "2026-03-03T00:{:02}:00.000Z"]
    path = write_lines(
        audit, [as_line(record(n, timestamp=days[n > 6].format(n))) for n in range(1, 13)]
    )

    def failing(name: str, *arguments: Any, **options: Any) -> Any:
        return _Failing(name, blocks) if name == str(path) else open(name, *arguments, **options)

    monkeypatch.setattr(lines, "open", failing, raising=False)
    report = audit.account()
    assert report.unreadable == [(str(path), "Input/output error")]
    held = len(audit.lines())
    assert (held > 2) == (blocks > 0)
    assert held < 14
    monkeypatch.undo()
    for _ in range(2):
        audit.account()
        assert audit.tokens()["responses"] == 13
        own = [row["raw"] for row in audit.rows(RAW_SESSIONS) if row["path"] == str(path)]
        assert b"".join(own) == path.read_bytes()
        assert len(audit.lines()) == 14


def test_a_full_disk_is_not_taken_for_a_file_that_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit = Audit(tmp_path)
    audit.write(*(conversation(name, start=START).user().say() for name in "abcdef"))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(day_writer, "_DAY_BYTES", 1)
    monkeypatch.setattr(PartitionWriter, "append", full)
    with pytest.raises(OSError, match="No space"):
        audit.archive()
    assert audit.lake.days(RAW_SESSIONS) == []
    monkeypatch.undo()
    audit.account()
    assert audit.tokens()["responses"] == 6


def test_a_partition_for_which_there_is_no_room_at_its_end_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is little waits in memory until its file is closed."""
    audit = Audit(tmp_path)
    audit.write(conversation("a", start=START).user().say())
    audit.archive()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(PartitionWriter, "_put", full)
    with pytest.raises(OSError, match="No space"):
        audit.turns()
    assert not list(audit.lake.root.rglob(".part.*"))
    monkeypatch.undo()
    audit.turns()
    assert audit.tokens()["responses"] == 1
