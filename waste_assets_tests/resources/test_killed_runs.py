"""Runs of audits that were killed do not count as running for ever."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest

from waste_assets.audit import instance_of, run_audit
from waste_assets.killed_runs import STARTED_BY_AUDIT, end_killed_audits, end_killed_runs
from waste_assets.lake import in_use
from waste_assets.resources.data_root import DataRoot
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
        end_killed_audits(instance)
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
    with instance_of(settings) as instance:
        killed = instance.create_run_for_job(
            nothing, tags=STARTED_BY_AUDIT, status=dg.DagsterRunStatus.STARTED
        )
    mark = settings.data_root / ".running"
    mark.touch()
    # As if it had been killed before it noted that nothing is left to do.
    (settings.data_root / "unchanged.json").unlink()
    assert run_audit(settings).told["runs"] == []
    assert not mark.exists()
    with instance_of(settings) as instance:
        run = instance.get_run_by_id(killed.run_id)
    assert run is not None and run.status is dg.DagsterRunStatus.FAILURE


@pytest.fixture
def settings(tmp_path: Path, environment: None, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(in_use, "_open_for_good", [])
    return Settings(tmp_path / "data", (tmp_path,), "UTC")


def recorded(settings: Settings) -> dict[str, str]:
    """A run of each status, by run id, as after a power failure: none has a process."""
    statuses = dg.DagsterRunStatus
    with instance_of(settings) as instance:
        return {
            instance.create_run_for_job(nothing, status=status).run_id: status.value
            for status in (
                statuses.STARTED,
                statuses.STARTING,
                statuses.NOT_STARTED,
                statuses.SUCCESS,
            )
        }


def now(settings: Settings, runs: dict[str, str]) -> dict[str, str]:
    """What has become of them, by the status that they had."""
    with instance_of(settings) as instance:
        found = {run.run_id: run.status.value for run in instance.get_runs()}
    return {before: found[run] for run, before in runs.items()}


def test_who_opens_the_ui_ends_what_was_killed_and_what_waits_gets_its_turn(
    settings: Settings,
) -> None:
    end_killed_runs(settings)
    runs = recorded(settings)
    end_killed_runs(settings)
    # The first call of this process has made it a UI.
    assert set(now(settings, runs).values()) == {"STARTED", "STARTING", "NOT_STARTED", "SUCCESS"}
    in_use._open_for_good.clear()
    end_killed_runs(settings)
    assert now(settings, runs) == {
        "STARTED": "FAILURE", "STARTING": "FAILURE", "NOT_STARTED": "NOT_STARTED",
        "SUCCESS": "SUCCESS",
    }  # fmt: skip


def test_where_somebody_is_at_work_no_run_is_ended(settings: Settings) -> None:
    runs = recorded(settings)
    with in_use.in_use(settings.data_root):
        end_killed_runs(settings)
    assert now(settings, runs)["STARTED"] == "STARTED"


def test_a_run_waits_for_an_audit_and_an_audit_for_a_run(tmp_path: Path) -> None:
    told: list[str] = []
    waits = "An audit by command is running: waiting until it has ended."

    # As Dagster makes a run's resources.
    log = SimpleNamespace(info=lambda words: told.append(words))
    of_a_run: Any = SimpleNamespace(run=object(), log=log)
    looking: Any = SimpleNamespace(run=None)

    def run() -> None:
        with DataRoot(path=str(tmp_path)).yield_for_execution(of_a_run):
            told.append("the run is at work")

    # Another process in the place of this one's audit: it is no part of that.
    other = (
        "import sys; from pathlib import Path; from waste_assets.lake.in_use import one_audit\n"
        "with one_audit(Path(sys.argv[1]), lambda: print('waits', flush=True)):\n"
        "    print('at work', flush=True); sys.stdin.readline()\n"
    )
    arguments = [sys.executable, "-c", other, str(tmp_path)]
    with subprocess.Popen(
        arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as audit:
        assert audit.stdin and audit.stdout
        assert audit.stdout.readline() == "at work\n"
        thread = threading.Thread(target=run)
        thread.start()
        while not told:
            time.sleep(0.01)
        assert told == [waits]
        # A sensor only looks around.
        with DataRoot(path=str(tmp_path)).yield_for_execution(looking):
            pass
        audit.stdin.close()
        thread.join()
    assert told == [waits, "the run is at work"]
    with (
        in_use.beside_no_audit(tmp_path, lambda: told.append("never")),
        # Two runs do not wait for each other.
        in_use.beside_no_audit(tmp_path, lambda: told.append("never")),
        subprocess.Popen(
            arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        ) as audit,
    ):
        assert audit.stdout and audit.stdout.readline() == "waits\n"
        audit.kill()
    with in_use.one_audit(tmp_path, lambda: told.append("never")):
        run()
    assert "never" not in told and told[-1] == "the run is at work"
