"""What there is to ask: the questions about all days, and what they are asked with.

The kinds of questions are modules of their own, in `tasks`; where there is none, nothing is asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from waste_assets.detectors.flag import Settings
from waste_assets.labels.question import Judge, Prompt, Question
from waste_assets.lake.lake import Lake

#: Responses a month and stratum that are judged to measure the rules.
_AUDIT_PER_STRATUM = 4


def questions(
    lake: Lake, settings: Settings, judge: Judge, days: Sequence[date]
) -> Iterator[Question]:
    """The questions about these days, answered or not.

    Raises:
        OSError, duckdb.Error, pa.ArrowException: the lake cannot be read.
    """
    judged = _module("judged")
    if judged is None:
        return
    for portion in judged.gathered(lake, days, settings, _AUDIT_PER_STRATUM):
        for subjects in portion:
            yield from subjects.questions


def prompts() -> Mapping[str, Prompt]:
    """What questions are asked with now, by digest."""
    registry = _module("registry")
    if registry is None:
        return {}
    return {task.prompt.digest: task.prompt for task in registry.tasks().values()}


def _module(name: str) -> Any:
    full = f"{__package__}.{name}"
    return import_module(full) if find_spec(full) else None
