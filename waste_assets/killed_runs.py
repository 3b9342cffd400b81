"""Runs of Dagster's whose process is gone without having said so.

They would count as running for ever, and while they do, no other is started.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from waste_assets.lake.in_use import is_idle, only_ui
from waste_assets.settings import Settings

if TYPE_CHECKING:
    from dagster import DagsterInstance, RunsFilter

#: Of Dagster's runs those that an audit has started, in its own process.
STARTED_BY_AUDIT = {"waste_assets/started_by": "audit"}
#: A process works, or worked, for a run of these; what only waits for its turn gets it.
_AT_WORK = ("STARTING", "STARTED", "CANCELING")


def end_killed_audits(instance: DagsterInstance) -> None:
    """Say of the runs of audits that were killed that they have failed.

    For the only audit of the data root, so that none of them is at work.
    """
    from dagster import RunsFilter
    from dagster._core.storage.dagster_run import IN_PROGRESS_RUN_STATUSES

    _end(instance, RunsFilter(statuses=IN_PROGRESS_RUN_STATUSES, tags=STARTED_BY_AUDIT))


def end_killed_runs(settings: Settings) -> None:
    """Say of all runs that were killed that they have failed, where no other can be at work.

    For whoever is about to become the UI: Dagster looks after the runs that it has started for as
    long as it lives, and the next one knows nothing of them.

    Raises:
        Fault: the data root cannot be used.
    """
    root = settings.data_root
    if not (only_ui(root) and is_idle(root)) or not _any_at_work(root):
        return
    from dagster import DagsterRunStatus, RunsFilter

    from waste_assets.audit import instance_of

    with instance_of(settings) as instance:
        _end(instance, RunsFilter(statuses=[DagsterRunStatus(status) for status in _AT_WORK]))


def _any_at_work(root: Path) -> bool:
    """Whether the records name one. Dagster takes a second to open them, and seldom has to."""
    place = root / "dagster" / "history" / "runs.db"
    if not place.exists():
        return False
    marks = ", ".join("?" * len(_AT_WORK))
    try:
        with closing(sqlite3.connect(place)) as con:
            found = con.execute(f"SELECT 1 FROM runs WHERE status IN ({marks}) LIMIT 1", _AT_WORK)
            return found.fetchone() is not None
    except sqlite3.Error:
        # Dagster knows what to make of it.
        return True


def _end(instance: DagsterInstance, which: RunsFilter) -> None:
    for run in instance.get_runs(which):
        instance.report_run_failed(run, "The process of this run was killed.")
