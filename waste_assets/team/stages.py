"""Runs of one backfill that build upon one another: who publishes, and who waits for whom.

Where workers share a backfill, each stage of each slice of days is a run of its own. Dagster
starts a run once that has been built which it is made from; but what was built may have failed a
check that blocks, or another run may still be checking it. Within one run Dagster sees to that.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from dagster import DagsterInstance, DagsterRun, DagsterRunStatus, RunRecord, RunsFilter
from dagster._core.storage.tags import (
    AUTO_RETRY_RUN_ID_TAG,
    BACKFILL_ID_TAG,
    RETRY_ON_ASSET_OR_OP_FAILURE_TAG,
    WILL_RETRY_TAG,
)

from waste_assets.faults import Fault

_MART = "waste_mart"
#: For so long a run waits for others before it makes room for them, seconds.
_PATIENCE = 120.0
_LOOK_SECONDS = 0.5
_FAILED = (DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED)
_ENDED = (DagsterRunStatus.SUCCESS, *_FAILED)


def name_of(run: DagsterRun) -> str:
    """Under which name a run spends: runs of one backfill share what labels may cost."""
    return run.tags.get(BACKFILL_ID_TAG, run.run_id)


def publishes(run: DagsterRun) -> bool:
    """Whether a run writes the BI files: those of whole jobs do, too."""
    return run.asset_selection is None or _MART in {
        key.to_user_string() for key in run.asset_selection
    }


def await_others(instance: DagsterInstance, run: DagsterRun) -> int:
    """Wait until earlier runs of the backfill have ended well, and return how many they are.

    Dagster has seen that all is built which these runs were to build. A run that is done anew is
    as early as it was at first: what a lost run had built is built upon while it is done anew, so
    where each waited for all others, it and the next gate would wait for each other. Whoever
    waits takes up a worker, which may be the last one: so it gives up after a while, and is
    started anew later.

    Raises:
        Fault: another run has failed, and has not been done again since; or has not ended.
    """
    backfill = run.tags.get(BACKFILL_ID_TAG)
    if backfill is None:
        return 0
    until = time.monotonic() + _PATIENCE
    while True:
        of_backfill = instance.get_run_records(RunsFilter(tags={BACKFILL_ID_TAG: backfill}))
        others = _earlier(of_backfill, run)
        if failed := _failed(others):
            raise Fault(
                f"Run {failed[0].run_id} of this backfill has failed, and nothing is made from "
                "what it built: see there what to do, have it done again, and then this one."
            )
        if all(other.status in _ENDED and not _is_retried(other) for other in others):
            return len(others)
        if time.monotonic() > until:
            instance.add_run_tags(run.run_id, {RETRY_ON_ASSET_OR_OP_FAILURE_TAG: "true"})
            raise Fault("Other runs of this backfill have not ended: it makes room for them.")
        time.sleep(_LOOK_SECONDS)


def _earlier(records: Sequence[RunRecord], run: DagsterRun) -> list[DagsterRun]:
    """Runs that were asked for before a run was, both at first."""
    asked = {record.dagster_run.run_id: record.storage_id for record in records}
    runs = [record.dagster_run for record in records]
    return [other for other in runs if asked[_root(other)] < asked[_root(run)]]


def _failed(runs: Iterable[DagsterRun]) -> list[DagsterRun]:
    """Runs that have failed, and were not done again, nor will be."""
    listed = list(runs)
    redone = {_root(run) for run in listed if run.status not in _FAILED or _is_retried(run)}
    return [run for run in listed if run.status in _FAILED and _root(run) not in redone]


def _is_retried(run: DagsterRun) -> bool:
    """Whether Dagster is about to start a failed run anew."""
    return run.tags.get(WILL_RETRY_TAG) == "true" and AUTO_RETRY_RUN_ID_TAG not in run.tags


def _root(run: DagsterRun) -> str:
    return run.root_run_id or run.run_id
