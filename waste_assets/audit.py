"""An audit, from the command line: plan, let Dagster materialise, tell the result."""

from __future__ import annotations

import logging
import os
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from importlib.resources import files as package_files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from waste_assets.alerts.settings import AlertSettings
from waste_assets.faults import Fault
from waste_assets.imports import large_imports
from waste_assets.killed_runs import STARTED_BY_AUDIT, end_killed_audits
from waste_assets.labelling import asked_of, labelled, new_run, pick_up, submit
from waste_assets.lake.disk import blamed
from waste_assets.lake.in_use import in_use, one_audit
from waste_assets.lake.place import lake_of, may_have_forgotten
from waste_assets.lake.whole import write_whole
from waste_assets.processes import WORTH_PROCESSES, start_early
from waste_assets.redaction import redact, without_secrets
from waste_assets.settings import Settings
from waste_assets.transcripts.discover import Discovered, check_roots, discover
from waste_assets.transcripts.listing import Listing
from waste_assets.transcripts.sources import Source, SourceError
from waste_assets.unchanged import identity, note, recalled

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from waste_assets.lake.known_files import KnownFiles
    from waste_assets.lake.state import State
    from waste_assets.plan import Plan
    from waste_assets.transcripts.days import Calendar

#: A file may show a day in its middle only once it is known line by line.
_ROUNDS = 3
#: What the processes work with, stage after stage.
_WORK = (
    "waste_assets.transcripts.facts",
    "waste_assets.accounting.turns",
    "waste_assets.detectors.flags",
    "waste_assets.clusters.stage",
)
#: What this process writes on its streams is for whoever called it; events tell the rest. Each
#: capture of a step would start a process or two.
_NO_CAPTURE = {
    "compute_logs": {
        "module": "dagster._core.storage.noop_compute_log_manager",
        "class": "NoOpComputeLogManager",
    }
}

#: There while a run of an audit is recorded as going on.
_RUNNING = ".running"


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
    #: Seconds of each stage of the job.
    stages: dict[str, float] = field(default_factory=dict)
    #: Seconds that importing the engines and their libraries took,
    importing: float = 0.0
    #: and importing and opening Dagster.
    starting: float = 0.0


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
    listed = _discovered(settings, roots)
    work = _Work()
    labels = _Labels(settings)
    labels.pick_up()
    # What was left out before comes first.
    labels.ask()
    told = recalled(settings.data_root, identity(settings, listed))
    if told is None:
        if not listed.files and not lake_of(settings.data_root, settings.lake).exists():
            raise SourceError(_nothing(roots, listed.unlisted))
        told = _brought_up_to_date(settings, since, until, roots, work, labels.run, listed)
    if not work.errors and labels.ask():
        # What it cost is published too; and what was answered at once is at hand.
        told = _brought_up_to_date(settings, since, until, roots, work, labels.run)
    labels.add_up()
    page = settings.data_root / "report" / "index.html"
    told = {
        "data_root": str(settings.data_root),
        "report": str(page) if page.exists() else None,
        "sources": [source.root for source in roots],
        **told,
        "checks": {"passed": work.passed_checks, "failed": work.failed_checks},
        "labelling": labels.told,
        "runs": work.runs,
        "stages": {name: round(seconds, 3) for name, seconds in work.stages.items()},
        "errors": work.errors,
        **_times(started, work),
    }
    return Outcome(told, not work.errors)


def _discovered(settings: Settings, roots: list[Source]) -> Discovered:
    """What the sources hold, without what was forgotten on request."""
    found = discover(roots)
    if may_have_forgotten(settings.data_root, settings.lake):
        from waste_assets.transcripts.forgotten import Forgotten

        forgotten = Forgotten.of(lake_of(settings.data_root, settings.lake))
        found = found._replace(files=forgotten.without(found.files))
    return found


class _Labels:
    """What an audit does about labels, besides what its assets do: nothing without a budget."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.run = new_run()
        self.told: dict[str, Any] = {}
        off = settings.labels.why_off()
        self._is_on = off is None
        if off is not None:
            self.told["off"] = off

    def pick_up(self) -> None:
        """Pick up what has come back: days that it is about are then out of date."""
        if self._is_on and self._has_lake():
            with self._noted():
                collected = pick_up(self._settings)
                self.told["collected"] = vars(collected)
                self.told.setdefault("faults", []).extend(collected.faults)

    def ask(self) -> bool:
        """Ask what days have to ask that are not built anew; whether anything was sent."""
        sent = False
        if not self._is_on or not self._has_lake():
            return sent
        with self._noted():
            last = submit(self._settings, self.run, all_days=False)
            sent = last.reserved_usd > 0
        return sent

    def add_up(self) -> None:
        """Tell of all that was asked in the run, here and by its assets."""
        if not self._is_on:
            return
        asked = asked_of(self._settings, self.run)
        self.told["asked"] = asked
        self.told["stopped_for_money"] = asked.get("stopped") in ("budget", "cap")
        if asked.get("told"):
            self.told.setdefault("faults", []).append(asked["told"])

    def _has_lake(self) -> bool:
        return lake_of(self._settings.data_root, self._settings.lake).exists()

    @contextmanager
    def _noted(self) -> Iterator[None]:
        """What is wrong with labels is told; it keeps nothing else from being done."""
        try:
            yield
        except Fault as fault:
            self.told.setdefault("faults", []).append(str(fault))


def _brought_up_to_date(
    settings: Settings,
    since: date | None,
    until: date | None,
    roots: list[Source],
    work: _Work,
    run: str,
    listed: Discovered | None = None,
) -> dict[str, Any]:
    """Plan and execute until nothing is left to do; tells of the files and the account.

    `listed`: the sources as they were a moment ago. To list them takes longer than all else where
    nothing has to be done.
    """
    from waste_assets.lake.state import check_schema

    def waiting() -> None:
        nonlocal listed
        # It is going to be a while.
        listed = None
        tell_waiting(settings)

    root = settings.data_root
    # One of a newer version is left as it is, without as much as a lock.
    check_schema(root)
    with one_audit(root, waiting), in_use(root):
        return _settled(settings, since, until, roots, work, run, listed)


def tell_waiting(settings: Settings) -> None:
    """Say that another audit is at work."""
    told = f"Another audit of {settings.data_root} is running: waiting until it has ended."
    print(told, file=sys.stderr, flush=True)


def _settled(
    settings: Settings,
    since: date | None,
    until: date | None,
    roots: list[Source],
    work: _Work,
    run: str,
    listed: Discovered | None,
) -> dict[str, Any]:
    """The same, for the only audit of the data root."""
    # Nothing of this is needed where nothing has changed.
    importing = time.perf_counter()
    from waste_assets.claude_code.retention import retention
    from waste_assets.detectors.flag import Settings as DetectorSettings
    from waste_assets.lake.source_catalog import SourceCatalog
    from waste_assets.lake.state import State
    from waste_assets.plan import plan
    from waste_assets.report.account import account
    from waste_assets.transcripts.days import Calendar

    work.importing = time.perf_counter() - importing
    lake = lake_of(settings.data_root, settings.lake)
    bi = settings.data_root / "bi"
    calendar = Calendar(settings.time_zone)
    detector_settings = DetectorSettings(settings.prefix_budget, settings.result_cap)
    state = State(settings.data_root)
    try:
        labelling = labelled(settings, state)
        # Once: what changes from here on is for the next audit, which will see that it has.
        found = listed or _discovered(settings, roots)
        for _ in range(_ROUNDS):
            before = identity(settings, found)
            made = plan(
                lake,
                state,
                bi,
                found.files,
                calendar,
                detector_settings,
                labelling,
                names=settings.names,
                show_examples=settings.show_examples,
            )
            days = _within(made.days, since, until)
            label_days = [] if days else _within(made.label_days, since, until)
            if not days and not label_days and not made.report:
                break
            _execute(settings, made, days, label_days, work, run, found)
            if work.errors or not (days or label_days):
                break
        if (settings.data_root / _RUNNING).exists():
            # One was killed at its very end: there is nothing left to do but to say so.
            with instance_of(settings) as instance:
                end_killed_audits(instance)
            (settings.data_root / _RUNNING).unlink()
        known = SourceCatalog(state).read()
        told = {
            "files": _files(found, known, calendar.day_at(datetime.now(UTC))),
            "retention": retention(lake, roots, found.files, known).told(),
        }
        # Where a first audit failed before it published an account, there is none.
        if not work.errors or (bi / "waste.duckdb").exists():
            told |= account(bi) | _alerts(bi, state, calendar)
    finally:
        state.close()
    # Whatever another process has changed meanwhile changes the identity.
    settled = made.is_empty and not told["files"]["unreadable"] and not work.errors
    # What could not be sent is tried again.
    settled = settled and not told["alerts_not_sent"]
    if settled and before == identity(settings, found):
        note(settings.data_root, before, _settles(found.files, known), told)
    return told


def _alerts(bi: Path, state: State, calendar: Calendar) -> dict[str, Any]:
    """The alerts that are raised. A run has sent them; without one it is done here."""
    from waste_assets.alerts.raised import raise_alerts

    today = calendar.day_at(datetime.now(UTC))
    found, troubles = raise_alerts(bi, state, today, AlertSettings.from_environment())
    return {
        "alerts": [verdict.told() for verdict in found if verdict.is_raised],
        "alerts_not_sent": troubles,
    }


def _within(days: set[date], since: date | None, until: date | None) -> list[date]:
    return sorted(
        day for day in days if (not since or day >= since) and (not until or day <= until)
    )


def _files(found: Discovered, known: KnownFiles, today: date) -> dict[str, Any]:
    """How many source files there are, and what has become of them."""
    rows = known.rows_of(found.files.keys)
    missing = [(file.path, "cannot be read") for file in found.files.chosen(rows < 0)]
    read = rows[rows >= 0]
    return {
        "found": len(found.files) + len(found.unlisted),
        "read": len(read),
        "being_written": int((known.pending_bytes[read] > 0).sum()),
        # Archived, and not counted before their day has come.
        "misdated": int(known.dated_after(today)[read].sum()),
        "unreadable": [(without_secrets(path), why) for path, why in (*found.unlisted, *missing)],
    }


def _settles(found: Listing, known: KnownFiles) -> float | None:
    """When the first of the last lines that are being written will count as finished."""
    from waste_assets.transcripts.lines import SETTLED_SECONDS

    rows = known.rows_of(found.keys)
    writing = [
        mtime_ns / 1e9
        for mtime_ns, row in zip(found.mtimes, rows.tolist(), strict=True)
        if known.pending_bytes[row]
    ]
    return min(writing) + SETTLED_SECONDS if writing else None


def _times(started: float, work: _Work) -> dict[str, Any]:
    """Seconds of the work, and apart from it those that went into starting."""
    expectations = sys.modules.get("waste_assets.checks.expectations")
    checking = getattr(expectations, "import_seconds", 0.0)
    worked = time.perf_counter() - started - work.importing - work.starting - checking
    return {
        "seconds": round(worked, 3),
        "startup": {
            "dagster_seconds": round(work.starting, 3),
            "great_expectations_seconds": round(checking, 3),
            "import_seconds": round(work.importing, 3),
        },
    }


def prepare_instance(settings: Settings) -> Path:
    """The directory of the data root's Dagster instance, with its `dagster.yaml`."""
    home = settings.data_root / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    # A link to the one at the top of the project: an installed package has it too.
    shipped = Path(str(package_files("waste_assets"))) / "dagster.yaml"
    write_whole(home / "dagster.yaml", shipped.read_bytes())
    os.environ.update(settings.to_environment(), DAGSTER_HOME=str(home))
    return home


def _execute(
    settings: Settings,
    made: Plan,
    days: list[date],
    label_days: list[date],
    work: _Work,
    run: str,
    listed: Discovered,
) -> None:
    """Run the job over the days, or over those of which only the labels are out of date."""
    started = time.perf_counter()
    if days and made.changed_bytes >= WORTH_PROCESSES:
        # They import what they need while this process imports Dagster.
        start_early(_WORK)
    running = settings.data_root / _RUNNING
    instance = instance_of(settings)
    with large_imports():
        from waste_assets.automation import range_tags
        from waste_assets.definitions import definitions
        from waste_assets.resources.transcript_source import listed_already

    # Without a day to build there is nothing but the BI files, which come from all days.
    name = "audit" if days else "labels" if label_days else "publish"
    job = definitions(settings, run).resolve_job_def(name)
    built = days or label_days
    work.starting += time.perf_counter() - started
    with instance, listed_already(settings.sources, listed):
        end_killed_audits(instance)
        running.touch()
        result = job.execute_in_process(
            instance=instance,
            raise_on_error=False,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            tags=STARTED_BY_AUDIT | (range_tags(built[0], built[-1]) if built else {}),
        )
    running.unlink(missing_ok=True)
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
        if event.is_step_success and event.step_key:
            seconds = event.step_success_data.duration_ms / 1_000
            work.stages[event.step_key] = work.stages.get(event.step_key, 0.0) + seconds
        if event.is_step_failure and event.step_failure_data.error and not blocked:
            told = _innermost(event.step_failure_data.error)
            work.errors.append(blamed(told, settings.data_root) or told)
    if not result.success and not work.errors:
        work.errors.append(f"run {result.run_id} failed: open it with `waste-assets ui`")


def instance_of(settings: Settings) -> DagsterInstance:
    """Dagster's records of the data root."""
    home = prepare_instance(settings)
    warnings.filterwarnings("ignore", module="dagster")
    with large_imports():
        import dagster as dg
        from dagster._core.instance.ref import InstanceRef

        warnings.filterwarnings("ignore", category=dg.BetaWarning)
        logging.getLogger("dagster").setLevel(logging.ERROR)
    return dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(home), overrides=_NO_CAPTURE))


def _innermost(error: Any) -> str:
    while error.cause is not None:
        error = error.cause
    lines = [line for line in str(error.message).strip().splitlines() if line.strip()]
    # A worker's error brings its traceback along; its last line is the error itself.
    told = lines[-1].strip(" '\"") if "Traceback" in lines[0] else lines[0]
    # It may quote what it failed on.
    return redact(told)


def _nothing(roots: list[Source], unlisted: list[tuple[str, str]]) -> str:
    where = ", ".join(source.root for source in roots) or "Claude Code's directories"
    if unlisted:
        path, reason = unlisted[0]
        return (
            f"Nothing under {where} could be read ({path}: {reason}): allow this user to read it."
        )
    return f"No transcript (*.jsonl) lies under {where}: give the directory that holds them."
