"""A run of a backfill waits for the others, and builds nothing upon one that has failed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest
from dagster._core.storage.tags import (
    AUTO_RETRY_RUN_ID_TAG,
    BACKFILL_ID_TAG,
    RETRY_ON_ASSET_OR_OP_FAILURE_TAG,
    WILL_RETRY_TAG,
)
from dagster._core.test_utils import create_run_for_test

from waste_assets.faults import Fault
from waste_assets.team import stages
from waste_assets.team.stages import await_others, name_of, publishes

DONE, FAILED, STARTED = (
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.STARTED,
)
ENDED = dg.DagsterEvent(dg.DagsterEventType.PIPELINE_SUCCESS.value, "all")


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def _run(instance: dg.DagsterInstance, status: dg.DagsterRunStatus, **more: Any) -> dg.DagsterRun:
    tags = {BACKFILL_ID_TAG: "ours", **more.pop("tags", {})}
    return create_run_for_test(instance, status=status, tags=tags, **more)


def test_who_waits_goes_on_when_all_others_have_ended_well(instance: dg.DagsterInstance) -> None:
    _run(instance, DONE), _run(instance, DONE)
    gate = _run(instance, STARTED)
    _run(instance, FAILED, tags={BACKFILL_ID_TAG: "another"})
    assert await_others(instance, gate) == 2


def test_a_run_of_no_backfill_waits_for_nobody(instance: dg.DagsterInstance) -> None:
    _run(instance, FAILED)
    assert await_others(instance, create_run_for_test(instance, status=STARTED)) == 0


def test_nothing_is_built_upon_a_run_that_has_failed(instance: dg.DagsterInstance) -> None:
    failed, gate = _run(instance, FAILED), _run(instance, STARTED)
    with pytest.raises(Fault, match=failed.run_id):
        await_others(instance, gate)


def test_a_run_that_was_done_again_has_not_failed(instance: dg.DagsterInstance) -> None:
    failed, gate = _run(instance, FAILED), _run(instance, STARTED)
    again = {"root_run_id": failed.run_id, "parent_run_id": failed.run_id}
    _run(instance, DONE, **again)
    assert await_others(instance, gate) == 2


def test_a_gate_that_is_done_anew_and_the_next_one_do_not_wait_for_each_other(
    instance: dg.DagsterInstance,
) -> None:
    lost = _run(instance, FAILED, tags={WILL_RETRY_TAG: "true"})
    next_gate = _run(instance, STARTED)
    again = _run(instance, STARTED, root_run_id=lost.run_id, parent_run_id=lost.run_id)
    instance.add_run_tags(lost.run_id, {AUTO_RETRY_RUN_ID_TAG: again.run_id})
    assert await_others(instance, again) == 0
    instance.report_dagster_event(ENDED, again.run_id)
    assert await_others(instance, next_gate) == 2


@pytest.mark.parametrize("other", ["at work", "lost"])
def test_who_waits_for_long_makes_room_and_is_started_anew(
    instance: dg.DagsterInstance, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages, "_PATIENCE", 0.0)
    if other == "at work":
        _run(instance, STARTED)
    else:
        _run(instance, FAILED, tags={WILL_RETRY_TAG: "true"})
    gate = _run(instance, STARTED)
    with pytest.raises(Fault, match="have not ended"):
        await_others(instance, gate)
    known = instance.get_run_by_id(gate.run_id)
    assert known and known.tags[RETRY_ON_ASSET_OR_OP_FAILURE_TAG] == "true"


def test_runs_of_a_backfill_spend_under_one_name(instance: dg.DagsterInstance) -> None:
    assert name_of(_run(instance, STARTED)) == "ours"
    alone = create_run_for_test(instance)
    assert name_of(alone) == alone.run_id


def test_whole_jobs_and_the_mart_publish_and_slices_do_not(instance: dg.DagsterInstance) -> None:
    mart, slice_ = dg.AssetKey("waste_mart"), dg.AssetKey("parsed_turns")
    assert publishes(create_run_for_test(instance))
    assert publishes(create_run_for_test(instance, asset_selection=frozenset({mart, slice_})))
    assert not publishes(create_run_for_test(instance, asset_selection=frozenset({slice_})))
