"""An audit, from the command line: plan, let Dagster materialise, tell the result."""

from __future__ import annotations

import logging
import os
import shutil
import sys
import time
import warnings
from dataclasses import dataclass, field
from datetime import date
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any

from waste_assets.lake.state import State
from waste_assets.plan import Plan, plan
from waste_assets.report.account import account
from waste_assets.resources.data_root import DataRoot
from waste_assets.settings import Settings
from waste_assets.transcripts.discover import SourceError, SourceFile, check_roots, discover

#: A file may show a day in its middle only once it is known line by line.
_ROUNDS = 3


@dataclass
class Outcome:
    """What an audit did and found."""

    told: dict[str, Any]
    succeeded: bool = True


@dataclass
class _Work:
    runs: list[str] = field(default_factory=list)
    failed_checks: list[dict[str, str]] = field(default_factory=list)
    passed_checks: int = 0
    errors: list[str] = field(default_factory=list)


def run_audit(settings: Settings, since: date | None = None, until: date | None = None) -> Outcome:
    """Bring everything up to date with the sources and read the account.

    The work is done by the Dagster job `audit`, recorded in the instance of the data root;
    where nothing has changed there is no run.

    Raises:
        SourceError: nothing to read, with a sentence that says what to do.
        StateError: the data root cannot be used.
    """
    started = time.perf_counter()
    roots = check_roots(settings.sources)
    data_root = DataRoot(path=str(settings.data_root), time_zone=settings.time_zone)
    state = State(settings.data_root)
    work = _Work()
    starting = 0.0
    try:
        found, unlisted = discover(roots)
        if not found and not data_root.lake.root.exists():
            raise SourceError(_nothing(roots, unlisted))
        for _ in range(_ROUNDS):
            made = plan(data_root.lake, state, data_root.bi, found, data_root.calendar)
            days = sorted(
                day
                for day in made.days
                if (not since or day >= since) and (not until or day <= until)
            )
            if not days and not made.publish:
                break
            starting += _execute(settings, made, days, work)
            if work.errors or not days:
                break
            found, unlisted = discover(roots)
        catalog = state.catalog()
    finally:
        state.close()
    read = [file for file in found if file.path in catalog]
    told = {
        "data_root": str(settings.data_root),
        "sources": [str(root) for root in roots],
        "files": {
            "found": len(found) + len(unlisted),
            "read": len(read),
            "being_written": sum(catalog[file.path].pending_bytes > 0 for file in read),
            "unreadable": _unreadable(found, catalog.keys(), unlisted),
        },
        **_published(data_root.bi, work),
        "checks": {"passed": work.passed_checks, "failed": work.failed_checks},
        "runs": work.runs,
        "errors": work.errors,
        **_times(started, starting),
    }
    return Outcome(told, not work.errors)


def _times(started: float, starting: float) -> dict[str, Any]:
    """Seconds of the work, and apart from it those that went into starting."""
    expectations = sys.modules.get("waste_assets.checks.expectations")
    importing = getattr(expectations, "import_seconds", 0.0)
    worked = time.perf_counter() - started - starting - importing
    return {
        "seconds": round(worked, 3),
        "startup": {
            "dagster_seconds": round(starting, 3),
            "great_expectations_seconds": round(importing, 3),
        },
    }


def _published(bi: Path, work: _Work) -> dict[str, Any]:
    """The account; where a first audit failed before it published one, there is none."""
    if work.errors and not (bi / "waste.duckdb").exists():
        return {}
    return account(bi)


def prepare_instance(settings: Settings) -> Path:
    """The directory of the data root's Dagster instance, with its `dagster.yaml`."""
    home = settings.data_root / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    # A link to the one at the top of the project: an installed package has it too.
    shipped = Path(str(package_files("waste_assets"))) / "dagster.yaml"
    shutil.copyfile(shipped, home / "dagster.yaml")
    os.environ.update(settings.to_environment(), DAGSTER_HOME=str(home))
    return home


def _execute(settings: Settings, made: Plan, days: list[date], work: _Work) -> float:
    """Run the job over the days; returns the seconds that starting Dagster took."""
    started = time.perf_counter()
    home = prepare_instance(settings)
    warnings.filterwarnings("ignore", module="dagster")
    import dagster as dg

    warnings.filterwarnings("ignore", category=dg.BetaWarning)
    logging.getLogger("dagster").setLevel(logging.ERROR)
    from waste_assets.automation import range_tags
    from waste_assets.definitions import definitions

    instance = dg.DagsterInstance.from_config(str(home))
    # Without a day to build there is nothing but the BI files, which come from all days.
    job = definitions(settings).resolve_job_def("audit" if days else "publish")
    starting = time.perf_counter() - started
    with instance:
        result = job.execute_in_process(
            instance=instance,
            raise_on_error=False,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            tags=range_tags(days[0], days[-1]) if days else {},
        )
    work.runs.append(result.run_id)
    for evaluation in result.get_asset_check_evaluations():
        if evaluation.passed:
            work.passed_checks += 1
        else:
            work.failed_checks.append(
                {
                    "asset": evaluation.asset_key.to_user_string(),
                    "check": evaluation.check_name,
                    "severity": evaluation.severity.value,
                    "told": evaluation.description or "",
                }
            )
    blocked = [check for check in work.failed_checks if check["severity"] == "ERROR"]
    work.errors += [f"{c['asset']}: check {c['check']} failed: {c['told']}" for c in blocked]
    for event in result.all_events:
        if event.is_step_failure and event.step_failure_data.error and not blocked:
            work.errors.append(_innermost(event.step_failure_data.error))
    if not result.success and not work.errors:
        work.errors.append(f"run {result.run_id} failed: open it with `waste-assets ui`")
    return starting


def _innermost(error: Any) -> str:
    while error.cause is not None:
        error = error.cause
    lines = [line for line in str(error.message).strip().splitlines() if line.strip()]
    # A worker's error brings its traceback along; its last line is the error itself.
    return lines[-1].strip(" '\"") if "Traceback" in lines[0] else lines[0]


def _unreadable(
    found: list[SourceFile], known: Any, unlisted: list[tuple[str, str]]
) -> list[tuple[str, str]]:
    missing = [(file.path, "cannot be read") for file in found if file.path not in known]
    return [*unlisted, *missing]


def _nothing(roots: list[Path], unlisted: list[tuple[str, str]]) -> str:
    where = ", ".join(map(str, roots)) or "Claude Code's directories"
    if unlisted:
        path, reason = unlisted[0]
        return (
            f"Nothing under {where} could be read ({path}: {reason}): allow this user to read it."
        )
    return f"No transcript (*.jsonl) lies under {where}: give the directory that holds them."
