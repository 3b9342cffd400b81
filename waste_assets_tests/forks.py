"""Processes that begin with everything imported.

To import Dagster takes longer than most of what a test has done: so each process that runs tests
has one that has imported it, of which others are forks. There is one such process, whoever asks:
what it imports stands here, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from multiprocessing import get_context
from multiprocessing.process import BaseProcess

#: What takes long to import, and reads none of the project's variables.
_IMPORTED = (
    "dagster", "dagster._core.storage.legacy_storage", "dagster_duckdb", "great_expectations",
    "pandas", "rich.console", "waste_assets.plan", "waste_assets.labelling",
    "waste_assets.mart.publish", "waste_assets.report.site", "waste_assets.report.terminal",
    "waste_assets_tests.program", "waste_assets_tests.support",
)  # fmt: skip
#: What `multiprocessing` calls a context. A fork has the variables of whoever asked first.
FORKS = get_context("forkserver")
FORKS.set_forkserver_preload([*_IMPORTED])


def ended(processes: Sequence[BaseProcess]) -> list[int | None]:
    """Start all of them, and wait for all; how each has ended."""
    for process in processes:
        process.start()
    for process in processes:
        process.join(300)
    return [process.exitcode for process in processes]
