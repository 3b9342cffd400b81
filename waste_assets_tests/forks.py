"""Processes that begin with everything imported.

To import Dagster takes longer than most of what a test has done: so each process that runs tests
has one that has imported it, of which others are forks. There is one such process, whoever asks:
what it imports stands here, and nowhere else.
"""

from __future__ import annotations

from multiprocessing import get_context

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
