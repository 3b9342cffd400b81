"""Work among processes: who does it."""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from pathlib import Path

import pytest

from waste_assets.processes import WORTH_PROCESSES, Processes, start_early


def _has_imported(name: str) -> bool:
    return name in sys.modules


def test_much_work_goes_to_the_processes_that_were_started_early(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    # Nothing else has any use for it.
    module = "colorsys"
    start_early([module])
    with Processes() as processes:
        assert processes.each(_has_imported, [module], [1]) == [module in sys.modules]
        much = [WORTH_PROCESSES, WORTH_PROCESSES]
        assert processes.each(_has_imported, [module, module], much) == [True, True]


def test_processes_that_nobody_has_work_for_end_with_those_who_might_have_had(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    before = {*multiprocessing.active_children()}
    start_early(["colorsys"])
    assert len({*multiprocessing.active_children()} - before) == 2
    with Processes() as processes:
        processes.each(_own_id, [0], [1])
    assert {*multiprocessing.active_children()} == before


def test_processes_that_rest_are_gone_and_others_come_when_there_is_work() -> None:
    with Processes(2) as processes:
        much = [WORTH_PROCESSES, WORTH_PROCESSES]
        first = processes.each(_own_id, [0, 1], much)
        processes.rest()
        assert not {*first} & {child.pid for child in multiprocessing.active_children()}
        assert not {*first} & {*processes.each(_own_id, [0, 1], much)}


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for the memory of a process")
def test_processes_that_wait_hold_nothing_of_the_work_that_is_done() -> None:
    with Processes(2) as processes:
        much = [WORTH_PROCESSES, WORTH_PROCESSES]
        for process, held in processes.each(_worked, [0, 1], much):
            until = time.monotonic() + 30
            while _resident(process) > held - _LEFT_BYTES / 2:
                assert time.monotonic() < until
                time.sleep(0.01)
        # They are there, and work on.
        assert {*processes.each(_own_id, [0, 1], much)} <= {
            child.pid for child in multiprocessing.active_children()
        }


def _worked(_: int) -> tuple[int, int]:
    """Leaves memory that is free, below some that is not; this process, and what it has then."""
    left = [bytes(4_096) for _ in range(_LEFT_BYTES // 4_096)]
    _kept.append(bytes(4_096))
    del left
    return os.getpid(), _resident(os.getpid())


_LEFT_BYTES = 160 << 20
_kept: list[bytes] = []


def _resident(process: int) -> int:
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _own_id(_: int) -> int:
    return os.getpid()
