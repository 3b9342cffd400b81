"""Work among processes: who does it."""

from __future__ import annotations

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
