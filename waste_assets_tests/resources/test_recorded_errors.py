"""What Dagster records of failures, in its databases and its captured output, holds no secret."""

import ast
import shutil
import sqlite3
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import dagster as dg
import pytest

import waste_assets
from waste_assets.assets import (
    audit_report,
    cluster_summaries,
    haiku_labels,
    heuristic_flags,
    parsed_turns,
    raw_sessions,
    waste_mart,
)
from waste_assets.audit import prepare_instance
from waste_assets.checks import suite
from waste_assets.definitions import definitions
from waste_assets.redaction.errors import QuotedSecret, told_without_secrets
from waste_assets.sample import conversation
from waste_assets.settings import Settings
from waste_assets_tests.support import Audit

DAY = "2026-09-01"
#: Put together here, so that none stands in a file.
SECRET, INNER = "ghp_" + "Ab3dE6gH" * 4 + "Ab3d", "AKIA" + "IOSF7ODN" + "N7EXAMPQ"
#: What each stage calls to do its work.
WORK: dict[str, tuple[Any, str]] = {
    "raw_sessions": (raw_sessions.archive, "update"),
    "parsed_turns": (parsed_turns.turns, "build"),
    "heuristic_flags": (heuristic_flags.flags, "build"),
    "haiku_labels": (haiku_labels.judged, "build"),
    "cluster_summaries": (cluster_summaries.stage, "build"),
    "waste_mart": (waste_mart, "publish"),
    "audit_report": (audit_report, "write_report"),
}


def fail(*_: Any, **__: Any) -> NoReturn:
    """Fail as libraries do that quote what they were given, and say what led to it."""
    try:
        raise OSError(f"cannot look up {INNER}")
    except OSError as error:
        raise ValueError(f'line 7: {{"content":"git clone https://x:{SECRET}@host/a"}}') from error


@pytest.fixture
def settings(tmp_path: Path, environment: None) -> Settings:
    audit = Audit(tmp_path)
    audit.write(conversation("one", start=f"{DAY}T09:00:00Z").user("Go").read("a.py").say())
    return Settings(audit.data, (audit.source,), "UTC")


@pytest.fixture
def instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """As the UI has it: what a step writes is captured."""
    with dg.DagsterInstance.from_config(str(prepare_instance(settings))) as made:
        yield made


def recorded(home: Path) -> dict[str, bytes]:
    return {str(p.relative_to(home)): p.read_bytes() for p in home.rglob("*") if p.is_file()}


def assert_told_without_secrets(home: Path, run_id: str, error: str) -> None:
    """The error is there, in the database and in what was captured, and what it quoted is not."""
    held = recorded(home)
    assert [name for name, data in held.items() if SECRET.encode() in data] == []
    assert [name for name, data in held.items() if INNER.encode() in data] == []
    with sqlite3.connect(home / "history" / "runs" / f"{run_id}.db") as con:
        events = con.execute(
            "SELECT event FROM event_logs WHERE dagster_event_type = 'STEP_FAILURE'"
        ).fetchall()
    assert len(events) == 1
    assert error in events[0][0] and "[REDACTED:" in events[0][0] and "line 7" in events[0][0]
    captured = [data for name, data in held.items() if name.endswith(".err")]
    assert any(error.encode() in data and b"[REDACTED:" in data for data in captured)


@pytest.mark.parametrize("stage", WORK)
def test_a_failed_stage_tells_what_failed_and_no_secret(
    settings: Settings,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
    stage: str,
) -> None:
    monkeypatch.setattr(*WORK[stage], fail)
    job = definitions(settings).resolve_job_def("audit")
    keys = [key for key in job.asset_layer.executable_asset_keys if _step(job, key) == stage]
    result = job.execute_in_process(
        instance=instance, partition_key=DAY, asset_selection=keys, raise_on_error=False
    )
    assert not result.success
    assert_told_without_secrets(settings.data_root / "dagster", result.run_id, "ValueError")


def test_all_stages_are_tried() -> None:
    job = definitions(Settings(Path("nowhere"), (), "UTC")).resolve_job_def("audit")
    assert {_step(job, key) for key in job.asset_layer.executable_asset_keys} == WORK.keys()


def test_a_failed_check_tells_no_secret(
    settings: Settings, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suite, "run", fail)
    job = definitions(settings).resolve_job_def("audit")
    result = job.execute_in_process(
        instance=instance, partition_key=DAY, raise_on_error=False,
        asset_selection=[dg.AssetKey("raw_sessions")],
    )  # fmt: skip
    assert not result.success
    assert_told_without_secrets(settings.data_root / "dagster", result.run_id, "ValueError")


@pytest.mark.parametrize("sensor", ["changed_transcripts", "collect_labels"])
def test_a_failed_look_around_tells_no_secret(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, sensor: str
) -> None:
    made = definitions(settings)
    monkeypatch.setattr("waste_assets.resources.data_root.DataRoot.state", fail)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-fake-key")
    with (
        dg.build_sensor_context(resources=dict(made.resources or {})) as context,
        pytest.raises(Exception) as raised,
    ):
        made.resolve_sensor_def(sensor).evaluate_tick(context)
    told = "".join(traceback.format_exception(raised.value))
    assert "[REDACTED:" in told and "ValueError" in told
    assert SECRET not in told and INNER not in told


def test_what_others_log_or_raise_is_stored_without_secrets(
    tmp_path: Path, environment: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dagster and the libraries around a step do not know what a secret is."""
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(Path(__file__).parents[2] / "dagster.yaml", home)
    monkeypatch.setenv("DAGSTER_HOME", str(home))

    @dg.op
    def careless(context: dg.OpExecutionContext) -> None:
        context.log.warning(f"cannot look up {INNER}")
        context.log.info("nothing to hide")
        fail()

    @dg.job
    def job() -> None:
        careless()

    with dg.DagsterInstance.from_config(str(home)) as instance:
        result = job.execute_in_process(instance=instance, raise_on_error=False)
        stack = [
            event.step_failure_data.error.to_string()
            for event in result.all_events
            if event.is_step_failure and event.step_failure_data.error
        ]
    assert SECRET in str(stack), "else this test would prove nothing"
    held = b"".join(p.read_bytes() for p in (home / "history").rglob("*") if p.is_file())
    assert SECRET.encode() not in held and INNER.encode() not in held
    assert b"nothing to hide" in held and b"cannot look up [REDACTED" in held


def test_an_error_without_a_secret_is_raised_as_it_is() -> None:
    error = ValueError("three is no date")
    error.__cause__ = KeyError("three")
    assert told_without_secrets(error) is error
    assert isinstance(error.__cause__, KeyError)


def test_errors_keep_their_order_and_say_which_they_were() -> None:
    outer, inner = ValueError("no such line"), OSError(f"cannot look up {INNER}")
    outer.__cause__, inner.__context__ = inner, outer
    told = told_without_secrets(outer)
    assert told is outer
    assert isinstance(told.__cause__, QuotedSecret)
    assert str(told.__cause__).startswith("OSError: cannot look up [REDACTED:")
    assert told.__cause__.__context__ is outer


def _step(job: dg.JobDefinition, key: dg.AssetKey) -> str:
    return job.asset_layer.get(key).assets_def.op.name


def test_what_is_logged_is_inert_whatever_stores_it() -> None:
    """Dagster's storage on Postgres takes lines as they are."""
    logged = 0
    for module in Path(waste_assets.__file__).parent.rglob("*.py"):
        for call in ast.walk(ast.parse(module.read_text("utf-8"))):
            if isinstance(call, ast.Call) and _is_logging(call.func):
                logged += 1
                for given in call.args:
                    assert isinstance(given, ast.Constant) or _is_inert(given), (
                        f"{module}:{call.lineno}: {ast.unparse(given)}"
                    )
    assert logged > 7


def _is_logging(called: ast.expr) -> bool:
    """`<something>.log.<level>`, or the same of Dagster's logger."""
    levels = ("debug", "info", "warning", "error", "critical", "exception")
    return (
        isinstance(called, ast.Attribute)
        and called.attr in levels
        and ast.unparse(called.value).endswith((".log", "get_dagster_logger()"))
    )


def _is_inert(given: ast.expr) -> bool:
    return isinstance(given, ast.Call) and ast.unparse(given.func) == "inert"
