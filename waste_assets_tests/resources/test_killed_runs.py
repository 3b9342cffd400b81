"""Runs of audits that were killed do not count as running for ever."""

from __future__ import annotations

from pathlib import Path

import dagster as dg

from waste_assets.audit import STARTED_BY_AUDIT, _end_killed_runs, _instance, run_audit
from waste_assets.sample import conversation
from waste_assets.settings import Settings


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


def test_a_run_killed_at_its_very_end_is_ended_by_an_audit_with_nothing_to_do(
    tmp_path: Path,
) -> None:
    (source := tmp_path / "source").mkdir()
    conversation("done").user("Go").say("Yes").write(source)
    settings = Settings(tmp_path / "data", (source,), "UTC")
    assert run_audit(settings).told["runs"]
    with _instance(settings) as instance:
        killed = instance.create_run_for_job(
            nothing, tags=STARTED_BY_AUDIT, status=dg.DagsterRunStatus.STARTED
        )
    mark = settings.data_root / ".running"
    mark.touch()
    # As if it had been killed before it noted that nothing is left to do.
    (settings.data_root / "unchanged.json").unlink()
    assert run_audit(settings).told["runs"] == []
    assert not mark.exists()
    with _instance(settings) as instance:
        run = instance.get_run_by_id(killed.run_id)
    assert run is not None and run.status is dg.DagsterRunStatus.FAILURE
