"""Starts each run as a task of Celery's, and notices when the worker that has it is gone."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster import DagsterRun
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus
from dagster._serdes import ConfigurableClassData
from dagster_celery.launcher import CeleryRunLauncher
from dagster_celery.tags import DAGSTER_CELERY_QUEUE_TAG, DAGSTER_CELERY_TASK_ID_TAG

from waste_assets.team.stages import publishes

#: For so long workers may take to say what they are at, seconds.
_ANSWER_SECONDS = 2.0
#: Looks at several runs within such a time, seconds, are one question to the workers.
_SAME_LOOK_SECONDS = 1.0


class WatchedCeleryRunLauncher(CeleryRunLauncher):
    """Dagster's `CeleryRunLauncher`, with an eye on the workers.

    Dagster's own asks Celery's result store how a run is doing. A worker that was killed, or whose
    machine went away, can say nothing there any more, and its run would count as started for
    ever. This one asks the workers what they are at; a run that none of them names, `looks` times
    in a row, is lost, and is started anew as the `run_retries` of `dagster.yaml` say. No result
    store is needed.

    `publish_queue` is where runs go that write the BI files: those lie in the data root of one
    machine. Without it any worker takes them.
    """

    def __init__(
        self,
        default_queue: str,
        broker: str | None = None,
        backend: str | None = None,
        include: list[str] | None = None,
        config_source: dict[str, Any] | None = None,
        looks: int = 3,
        publish_queue: str | None = None,
        inst_data: ConfigurableClassData | None = None,
    ) -> None:
        super().__init__(default_queue, broker, backend, include, config_source, inst_data)
        self._looks, self._publish_queue = looks, publish_queue
        self._missed: Counter[str] = Counter()
        self._seen: set[str] = set()
        self._looked_at = float("-inf")

    @classmethod
    def config_type(cls) -> Any:
        """As Dagster's own, but no result store, and what is new."""
        own: Mapping[str, Any] = super().config_type()  # type: ignore[assignment]
        return {
            **own,
            "backend": dg.Field(dg.Noneable(dg.StringSource), default_value=None),
            "looks": dg.Field(dg.IntSource, default_value=3),
            "publish_queue": dg.Field(dg.Noneable(dg.StringSource), default_value=None),
        }

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Whether some worker has the run."""
        task, run_id = run.tags.get(DAGSTER_CELERY_TASK_ID_TAG, ""), run.run_id
        if task in self._tasks():
            self._missed.pop(run_id, None)
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        self._missed[run_id] += 1
        if self._missed[run_id] < self._looks:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        self._missed.pop(run_id)
        return CheckRunHealthResult(
            WorkerStatus.FAILED, f"No worker names this run any more, asked {self._looks} times."
        )

    def get_run_worker_debug_info(
        self, run: DagsterRun, include_container_logs: bool | None = True
    ) -> str | None:
        """Which task of Celery's it was."""
        return f"Task of Celery's: {run.tags.get(DAGSTER_CELERY_TASK_ID_TAG)}"

    def _tasks(self) -> set[str]:
        """What all workers together are at."""
        if time.monotonic() - self._looked_at > _SAME_LOOK_SECONDS:
            told = self.celery.control.inspect(timeout=_ANSWER_SECONDS).active() or {}
            self._seen = {task["id"] for tasks in told.values() for task in tasks}
            self._looked_at = time.monotonic()
        return self._seen

    def _launch_celery_task_run(
        self, run: DagsterRun, task_signature: Any, routing_key: str
    ) -> None:
        if self._publish_queue and publishes(run):
            run = run.with_tags({**run.tags, DAGSTER_CELERY_QUEUE_TAG: self._publish_queue})
        super()._launch_celery_task_run(run, task_signature, routing_key)
