"""Who is at work in a data root: temporary files of the dead go, those of the living stay."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from waste_assets.faults import Fault
from waste_assets.lake.in_use import in_use, one_audit
from waste_assets.lake.lake import Lake
from waste_assets.lake.tables import RAW_SESSIONS
from waste_assets.lake.whole import temporary, write_whole
from waste_assets.processes import Processes
from waste_assets.transcripts.days import FIRST_DAY

#: A process that writes a partition, and is killed or waited for before it has ended.
WRITING = """
import sys, time
from pathlib import Path
from waste_assets.lake.in_use import in_use
from waste_assets.lake.lake import Lake
from waste_assets.lake.tables import RAW_SESSIONS
from waste_assets.transcripts.days import FIRST_DAY
root = Path(sys.argv[1])
with in_use(root), Lake(root / "lake").writer(RAW_SESSIONS, FIRST_DAY) as writer:
    writer.append(RAW_SESSIONS.schema.empty_table())
    print("writing", flush=True)
    sys.stdin.read()
"""
#: A process with two others that would sleep for long.
SLEEPING = """
import sys, time
from waste_assets.processes import Processes
with Processes(2) as processes:
    print("started", flush=True)
    processes.each(time.sleep, [600, 600], [1 << 30, 1 << 30])
"""


def started(program: str, *arguments: str) -> subprocess.Popen[bytes]:
    """A process that has said that it is at work."""
    process = subprocess.Popen(
        [sys.executable, "-c", program, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline()
    return process


def partial_files(root: Path) -> list[Path]:
    return list((root / "lake").rglob(".part*"))


def test_what_a_killed_process_leaves_goes_and_what_a_living_one_writes_stays(
    tmp_path: Path,
) -> None:
    writing = started(WRITING, str(tmp_path))
    with in_use(tmp_path):
        assert len(partial_files(tmp_path)) == 1
    writing.kill()
    writing.wait()
    assert len(partial_files(tmp_path)) == 1
    with in_use(tmp_path):
        assert partial_files(tmp_path) == []
        # Who is at work twice does not take its own away.
        own = temporary(tmp_path / "bi" / "waste.duckdb")
        own.parent.mkdir()
        own.touch()
        with in_use(tmp_path):
            assert own.exists()
    with in_use(tmp_path, sweep=False):
        assert own.exists()
    with in_use(tmp_path):
        assert not own.exists()


def test_only_temporary_names_are_taken_away(tmp_path: Path) -> None:
    place = Lake(tmp_path / "lake").part(RAW_SESSIONS, FIRST_DAY)
    kept = [place, place.with_name(".response_digests"), tmp_path / ".env", tmp_path / "a.1.b"]
    left = [
        temporary(tmp_path / "schema_version"),
        temporary(tmp_path / "sample") / "a.jsonl",
        temporary(tmp_path / "dagster" / "dagster.yaml"),
    ]
    for path in (*kept, *left):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    with in_use(tmp_path):
        pass
    assert [path.exists() for path in kept] == [True] * 4
    assert [path.exists() for path in left] == [False] * 3


def test_a_second_audit_says_that_it_waits_and_begins_when_the_first_has_ended(
    tmp_path: Path,
) -> None:
    told: list[str] = []
    waits = threading.Event()

    def waiting() -> None:
        told.append("waits")
        waits.set()

    def second() -> None:
        with one_audit(tmp_path, waiting):
            told.append("second")

    with one_audit(tmp_path, lambda: told.append("never")):
        other = threading.Thread(target=second)
        other.start()
        assert waits.wait(20)
        told.append("first")
    other.join(20)
    assert told == ["waits", "first", "second"]


def test_a_data_root_that_is_a_file_is_told(tmp_path: Path) -> None:
    place = tmp_path / "data"
    place.touch()
    with pytest.raises(Fault, match="--data-root"), in_use(place):
        pass


def test_a_file_is_written_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "mark"
    write_whole(place, b"old")

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(place, b"new")
    assert place.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [place]


def test_processes_die_with_the_one_that_started_them() -> None:
    parent = started(SLEEPING)
    children: list[int] = []
    deadline = time.monotonic() + 60
    while len(children) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
        children = [one for one in _children(parent.pid) if b"spawn_main" in _command(one)]
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    while any(_command(one) for one in children):
        assert time.monotonic() < deadline, "they live on"
        time.sleep(0.05)


def test_processes_that_are_done_with_end_as_ever() -> None:
    with Processes(2) as processes:
        assert processes.each(abs, [-1, -2], [1 << 30, 1 << 30]) == [1, 2]


def _children(process: int) -> list[int]:
    try:
        return [
            int(one) for one in Path(f"/proc/{process}/task/{process}/children").read_text().split()
        ]
    except OSError:
        pytest.skip("no /proc here")


def _command(process: int) -> bytes:
    """How a process was started; empty where it is gone."""
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""
