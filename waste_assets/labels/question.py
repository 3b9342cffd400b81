"""What is asked of the judge, and under which name its answer is kept for ever."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from pydantic import BaseModel


@dataclass(frozen=True)
class Judge:
    """Which model answers, and how it is asked: another judge gives other answers."""

    model: str = "claude-haiku-5-5"
    #: low, medium or high: at these the model answers without thinking first.
    effort: str = "low"


@dataclass(frozen=True)
class Prompt:
    """One kind of question: the instructions, and the shape of the answer."""

    #: dead_end, failure_cause, cluster_title or audit.
    task: str
    #: Raised with every change of the instructions or of the answer's shape.
    version: str
    #: The instructions: byte-identical for every question of the kind, so that they are cached.
    system: str
    #: What an answer must be; its fields in the order in which they are to be written.
    answer: type[BaseModel]
    #: Output tokens that an answer may have.
    max_tokens: int

    @cached_property
    def schema(self) -> Mapping[str, Any]:
        """The answer's shape as the API takes it."""
        from anthropic import transform_schema

        return transform_schema(self.answer)

    @cached_property
    def digest(self) -> str:
        """Identity of everything that decides about answers but the question and the judge."""
        # Pydantic's own schema: the API's form of it takes seconds to import, and keys are asked
        # for where nothing is sent.
        shape = self.answer.model_json_schema()
        told = [self.task, self.version, self.system, shape, self.max_tokens]
        return _digest(told)


@dataclass(frozen=True)
class Question:
    """One thing to be judged: text that holds no secret and no name, fenced as data."""

    prompt: Prompt
    text: str
    #: The day on whose behalf it is asked: its spend is told there.
    day: date

    def key(self, judge: Judge) -> str:
        """Under which name the answer is kept: equal keys are asked once, ever.

        32 hexadecimal digits: what the API takes as a request's own id.
        """
        return _digest([self.prompt.digest, judge.model, judge.effort, self.text])


def _digest(told: Any) -> str:
    text = json.dumps(told, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
