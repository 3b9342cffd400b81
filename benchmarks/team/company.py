"""The machines of a company, as processes: a daemon and workers, each with a data root of its own.

They are told of each other by variables alone, as `deploy/` does it.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import yaml

from benchmarks.team import servers

if TYPE_CHECKING:
    from dagster import DagsterInstance, DagsterRun, RunRecord

REPOSITORY = Path(__file__).resolve().parents[2]
TRANSCRIPTS, LAKE = (f"s3://{servers.BUCKET}/{name}" for name in ("transcripts", "lake"))
_DATABASES = ("dagster", "state")
_STEP_SECONDS = 0.2
#: What all machines import, and what takes them long.
_LIBRARIES = (
    "boto3",
    "celery.bin.celery",
    "dagster._cli.api",
    "dagster._daemon.cli",
    "dagster_celery.tasks",
    "dagster_duckdb",
    "dagster_postgres",
    "great_expectations",
    "waste_assets.mart.publish",
    "waste_assets.report.site",
)


def import_libraries() -> None:
    """Import what all machines need, and nothing that reads the variables of one."""
    for name in _LIBRARIES:
        import_module(name)


def _daemon() -> None:
    from dagster._daemon import controller
    from dagster._daemon.cli import cli

    # Where it asks for the runs of a backfill it looks every 30 seconds, and no setting changes
    # that. Over hours nobody notices; here each of the stages would wait for it.
    controller.DEFAULT_DAEMON_INTERVAL_SECONDS = 1
    os.chdir(REPOSITORY)
    cli(["run", "-w", "workspace.yaml"])


def _worker(name: str, queues: str) -> None:
    from celery.bin.celery import celery

    command = ["-A", "waste_assets.team.worker", "worker", "--concurrency", "1", "-Q", queues]
    sys.argv = ["celery", *command]
    celery([*command, "-n", f"{name}@%h", "--loglevel", "INFO"])


@dataclass
class Company:
    """Servers that run, and the machines that were started."""

    home: Path
    #: Variables that are the same everywhere.
    environment: dict[str, str]
    #: Of the database of Dagster's records, and of the state database.
    databases: dict[str, str]
    machines: dict[str, servers.Machine] = field(default_factory=dict)

    def machine(self, name: str) -> Mapping[str, str]:
        """The variables of one machine, whose `dagster.yaml` is written."""
        dagster = self.home / name / "dagster"
        dagster.mkdir(parents=True, exist_ok=True)
        (dagster / "dagster.yaml").write_text(yaml.safe_dump(self._instance()))
        own = {"DAGSTER_HOME": str(dagster), "WASTE_ASSETS_DATA": str(self.data(name))}
        return {**os.environ, **self.environment, **own}

    def data(self, name: str) -> Path:
        """The data root of a machine."""
        return self.home / name / "data"

    @contextmanager
    def daemon(self) -> Iterator[None]:
        """Dagster's daemon."""
        with self._running("daemon", _daemon):
            yield

    @contextmanager
    def worker(self, name: str, queues: str = "dagster") -> Iterator[None]:
        """A worker of Celery's that does one run at a time."""
        with self._running(name, partial(_worker, name, queues)):
            yield

    @contextmanager
    def _running(self, name: str, program: Callable[[], object]) -> Iterator[None]:
        machine = servers.Machine(program, self.machine(name), self.home / f"{name}.log")
        self.machines[name] = machine
        try:
            yield
        finally:
            # All is written when the block ends; to ask a worker to end takes seconds.
            machine.kill()

    def run_records(self) -> list[RunRecord]:
        """What Dagster knows of all runs."""
        from dagster import DagsterInstance

        with DagsterInstance.get() as instance:
            return list(instance.get_run_records())

    def is_at_work(self, name: str) -> bool:
        """Whether a worker is in the middle of a step of a run."""
        return "STEP_START" in self.log(name).rpartition(" received")[2].rpartition(" succeeded")[2]

    def has_a_run(self, name: str) -> bool:
        """Whether a worker has been given a run."""
        return " received" in self.log(name)

    def log(self, name: str) -> str:
        """What a machine has printed so far."""
        path = self.home / f"{name}.log"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    def _instance(self) -> Any:
        """The `dagster.yaml` of a team, in more haste: here nobody has hours."""
        given = yaml.safe_load((REPOSITORY / "deploy" / "dagster.yaml").read_text())
        launcher = given["run_launcher"]["config"]
        launcher["looks"] = 2
        launcher["config_source"]["broker_transport_options"]["visibility_timeout"] = 20
        given["run_monitoring"]["poll_interval_seconds"] = 2
        given["run_queue"] = {"dequeue_interval_seconds": 1}
        return given


@contextmanager
def company(home: Path, days_a_run: int) -> Iterator[Company]:
    """Start the servers; they end with the block."""
    with ExitStack() as stack:
        bucket = stack.enter_context(servers.bucket(home))
        postgres = stack.enter_context(servers.postgres())
        redis = stack.enter_context(servers.redis())
        databases = {name: f"{postgres}/{name}" for name in _DATABASES}
        with psycopg.connect(f"{postgres}/postgres", autocommit=True) as connection:
            for name in _DATABASES:
                connection.execute(f"CREATE DATABASE {name}".encode())
        environment = {
            **bucket,
            "WASTE_ASSETS_SOURCES": TRANSCRIPTS,
            "WASTE_ASSETS_LAKE": LAKE,
            "WASTE_ASSETS_STATE": databases["state"],
            "WASTE_ASSETS_DAGSTER_DB": databases["dagster"].replace("://", "+psycopg2://", 1),
            "WASTE_ASSETS_BROKER": redis,
            "WASTE_ASSETS_DAYS_A_RUN": str(days_a_run),
            "WASTE_ASSETS_PROCESSES": "1",
            "WASTE_ASSETS_AUTOMATION": "off",
            "PYTHONPATH": str(REPOSITORY),
        }
        yield Company(home, environment, databases)


def audit(team: Company, data: Path, until: date) -> None:
    """The same by one process, with the lake and the state database on the disk of one machine."""
    environment = {**os.environ, **team.environment, "WASTE_ASSETS_DATA": str(data)}
    for name in ("WASTE_ASSETS_LAKE", "WASTE_ASSETS_STATE", "WASTE_ASSETS_DAYS_A_RUN"):
        environment.pop(name)
    log = team.home / "audit.log"
    machine = servers.Machine(partial(_audit, data, until), environment, log)
    try:
        status = machine.wait()
    finally:
        machine.kill()
    if status:
        raise SystemExit(f"The audit by one process failed: {log.read_text()[-2000:]}")


def _audit(data: Path, until: date) -> None:
    from waste_assets.cli import commands

    # A transcript without a time is of the day on which it was written: of today.
    commands(["audit", TRANSCRIPTS, "--data-root", str(data), "--until", until.isoformat()])


class Backfill:
    """A backfill of all assets over some days, as the UI asks for one."""

    def __init__(self, instance: DagsterInstance, first: date, last: date) -> None:
        """What is imported here reads the variables of a machine."""
        from dagster._core.execution.backfill import PartitionBackfill
        from dagster._core.utils import make_new_backfill_id

        from waste_assets.definitions import defs
        from waste_assets.partitions import daily

        graph = defs.get_repository_def().asset_graph
        keys = daily.get_partition_keys()
        chosen = keys[keys.index(first.isoformat()) : keys.index(last.isoformat()) + 1]
        self._instance, self.id = instance, make_new_backfill_id()
        asked = PartitionBackfill.from_asset_partitions(
            backfill_id=self.id,
            asset_graph=graph,
            partition_names=chosen,
            asset_selection=sorted(graph.materializable_asset_keys),
            backfill_timestamp=time.time(),
            tags={},
            dynamic_partitions_store=instance,
            all_partitions=False,
            title=None,
            description=None,
            run_config=None,
        )
        instance.add_backfill(asked)

    @property
    def status(self) -> str:
        """REQUESTED while it goes on, COMPLETED_SUCCESS when all is built."""
        found = self._instance.get_backfill(self.id)
        return found.status.value if found else "is gone"

    def runs(self) -> list[DagsterRun]:
        """Its runs so far."""
        from dagster import RunsFilter

        return list(self._instance.get_runs(RunsFilter.for_backfill(self.id)))


def build(
    stack: ExitStack,
    team: Company,
    days: tuple[date, date],
    workers: int,
    patience: float,
    look: Callable[[], None] = lambda: None,
) -> tuple[float, list[DagsterRun]]:
    """Have all days built by so many workers; returns the seconds that it took, and the runs.

    The first worker publishes. `look` is called several times a second meanwhile. The machines
    end with the stack.
    """
    from dagster import DagsterInstance

    os.environ.update(team.machine("daemon"))
    stack.enter_context(team.daemon())
    for number in range(1, workers + 1):
        queues = "dagster,publish" if number == 1 else "dagster"
        stack.enter_context(team.worker(f"worker-{number}", queues))
    instance = stack.enter_context(DagsterInstance.get())
    _await(team, workers, patience)
    started = time.monotonic()
    backfill = Backfill(instance, *days)
    while (status := backfill.status) in ("REQUESTED", "COMPLETING"):
        look()
        if time.monotonic() > started + patience:
            break
        time.sleep(_STEP_SECONDS)
    if status != "COMPLETED_SUCCESS":
        raise SystemExit(f"The backfill ended as {status}: see {team.home}/*.log (with --keep).")
    return time.monotonic() - started, backfill.runs()


def _await(team: Company, workers: int, patience: float) -> None:
    """Until all workers are there."""
    until = time.monotonic() + patience
    while any(" ready." not in team.log(f"worker-{n}") for n in range(1, workers + 1)):
        if time.monotonic() > until:
            raise SystemExit(f"The workers do not start: see {team.home}/*.log (with --keep).")
        time.sleep(_STEP_SECONDS)
