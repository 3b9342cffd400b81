"""What there is to ask: the questions about all days, and what they are asked with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from waste_assets.detectors.flag import Settings
from waste_assets.labels.canary import items
from waste_assets.labels.judged import gathered
from waste_assets.labels.question import Judge, Prompt, Question
from waste_assets.labels.registry import tasks
from waste_assets.lake.lake import Lake


def questions(
    lake: Lake, settings: Settings, days: Sequence[date], audit_per_stratum: int
) -> Iterator[Question]:
    """The questions about these days, answered or not.

    Raises:
        OSError, duckdb.Error, pa.ArrowException: the lake cannot be read.
    """
    for portion in gathered(lake, days, settings, audit_per_stratum):
        for subjects in portion:
            yield from subjects.questions


def canary_keys(judge: Judge) -> set[str]:
    """Under which names the answers to the canary's questions are kept."""
    return {item.question.key(judge) for item in items()}


def prompts() -> Mapping[str, Prompt]:
    """What questions are asked with now, by digest."""
    return {task.prompt.digest: task.prompt for task in tasks().values()}
