"""Runs of audits that were killed do not count as running for ever."""

from __future__ import annotations

import dagster as dg

from waste_assets.audit import STARTED_BY_AUDIT, _end_killed_runs


@dg.job
def nothing() -> None:
    """A job without a step."""


def test_runs_of_killed_audits_have_failed_and_others_are_left_alone() -> None:
    with dg.instance_for_test() as instance:
        killed, of_the_ui = (
            instance.create_run_for_job(nothing, tags=tags, status=dg.DagsterRunStatus.STARTED)
            for tags in (STARTED_BY_AUDIT, {})
        )
        done = nothing.execute_in_process(instance=instance, tags=STARTED_BY_AUDIT)
        _end_killed_runs(instance)
        after = {run.run_id: run.status for run in instance.get_runs()}
    assert after == {
        killed.run_id: dg.DagsterRunStatus.FAILURE,
        of_the_ui.run_id: dg.DagsterRunStatus.STARTED,
        done.run_id: dg.DagsterRunStatus.SUCCESS,
    }
