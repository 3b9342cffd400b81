"""Work among processes: who does it."""

from __future__ import annotations

import multiprocessing
import os
import sys

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


def test_processes_that_rest_are_gone_and_others_come_when_there_is_work() -> None:
    with Processes(2) as processes:
        much = [WORTH_PROCESSES, WORTH_PROCESSES]
        first = processes.each(_own_id, [0, 1], much)
        processes.rest()
        assert not {*first} & {child.pid for child in multiprocessing.active_children()}
        assert not {*first} & {*processes.each(_own_id, [0, 1], much)}


def _own_id(_: int) -> int:
    return os.getpid()
