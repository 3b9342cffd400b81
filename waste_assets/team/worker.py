"""What Celery's workers run: `celery -A waste_assets.team.worker worker`.

The broker and all else stand in `dagster.yaml` of `DAGSTER_HOME`, where the runs are started from.
"""

from __future__ import annotations

import os
from multiprocessing import process
from typing import Any

from celery.signals import worker_process_init
from dagster._core.instance.ref import InstanceRef
from dagster_celery.tasks import create_execute_job_task, create_resume_job_task

from waste_assets.privacy import keep_private
from waste_assets.team.launcher import WatchedCeleryRunLauncher


def _app() -> Any:
    ref = InstanceRef.from_dir(os.environ["DAGSTER_HOME"])
    launcher = ref.run_launcher
    if not isinstance(launcher, WatchedCeleryRunLauncher):
        raise SystemExit(
            "dagster.yaml of DAGSTER_HOME starts runs by something else than "
            "WatchedCeleryRunLauncher: see deploy/dagster.yaml."
        )
    # What a worker has not begun with is another's once it is gone: so it says late that it has it.
    options: dict[str, Any] = {"acks_late": True}
    create_execute_job_task(launcher.celery, **options)
    create_resume_job_task(launcher.celery, **options)
    return launcher.celery


def may_have_children(**_: object) -> None:
    """Let a run have processes of its own.

    Celery makes its processes by a copy of Python's module for that, and has put its own account of
    this one into Python's: a daemon, which has no children, with a key that cannot be handed on.
    """
    key = process.AuthenticationString(os.urandom(32))  # type: ignore[attr-defined]
    process.current_process()._config = {"authkey": key, "semprefix": "/mp"}  # type: ignore[attr-defined]


worker_process_init.connect(may_have_children)
keep_private()
app = _app()
