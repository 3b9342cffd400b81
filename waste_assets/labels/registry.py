"""All kinds of questions: the modules of `tasks` that have a `TASK`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

import waste_assets.labels.tasks as folder
from waste_assets.labels.task import Task


@cache
def tasks() -> Mapping[str, Task]:
    """The tasks by name, in the order of their names."""
    modules = [import_module(f"{folder.__name__}.{m.name}") for m in iter_modules(folder.__path__)]
    found = [module.TASK for module in modules if hasattr(module, "TASK")]
    return {task.name: task for task in sorted(found, key=lambda task: task.name)}
