"""A kind of question: how it is asked, and what its answers mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict

from waste_assets.labels.question import Prompt


def _lowered(value: Any) -> Any:
    return value.strip().lower() if isinstance(value, str) else value


#: Put before each choice: the API keeps to a list of words, and not to their case.
lowered = BeforeValidator(_lowered)

Confidence = Annotated[Literal["high", "medium", "low"], lowered]


class AnswerModel(BaseModel):
    """An answer: first the evidence, so that the label follows from it."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class Task:
    """A kind of question."""

    prompt: Prompt
    #: The field of the answer that is the label.
    labelled_by: str
    #: The labels that an answer, or a person, may give.
    choices: tuple[str, ...]
    #: Of these, those that say that it cannot be told.
    undecided: frozenset[str] = field(default=frozenset())

    @property
    def name(self) -> str:
        """The task's name."""
        return self.prompt.task

    def label(self, value: Mapping[str, Any]) -> str:
        """The label of an answer."""
        return str(value[self.labelled_by])
