"""Who judges, whose judgements count, and how a question is asked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache
from importlib.resources import files
from pathlib import Path

from waste_assets.detectors import flags as flags_stage
from waste_assets.labels.answer import Answer
from waste_assets.labels.gate import Gate
from waste_assets.labels.human import HumanLabels
from waste_assets.labels.question import Judge, Question
from waste_assets.labels.recorded import Answers, RecordedAnswers
from waste_assets.labels.registry import tasks
from waste_assets.lake.state import State

#: Changed when labels have to be made anew although no rule has changed.
RULES = "1"
_CODE = ("waste_assets.labels.tasks", "waste_assets.redaction")
#: And of these modules; the others see to how questions are sent and paid.
_MODULES = (
    "digest", "fenced", "fingerprint", "gate", "human", "judged", "question", "recorded",
    "registry", "sampling", "subjects", "task", "texts",
)  # fmt: skip

#: Sends the questions about some days, and returns when they are on their way; answers may come
#: later.
Ask = Callable[[Sequence[Question], Sequence[date]], None]


@cache
def rules() -> str:
    """Identity of all that turns days into questions, and answers into labels."""
    told = hashlib.sha256(f"{RULES}{flags_stage.rules()}".encode())
    for package in _CODE:
        for module in sorted(files(package).iterdir(), key=lambda path: path.name):
            if module.name.endswith(".py"):
                told.update(module.read_bytes())
    for name in _MODULES:
        told.update(files("waste_assets.labels").joinpath(f"{name}.py").read_bytes())
    return told.hexdigest()[:12]


@dataclass(frozen=True)
class Bench:
    """Whose judgements count at one moment."""

    judge: Judge = field(default_factory=Judge)
    human: HumanLabels = field(default_factory=HumanLabels)
    #: Tasks of which the canary set has passed with this judge: only their answers count.
    passed: frozenset[str] = frozenset()
    #: Answers of this machine count, and only they: never both kinds.
    is_synthetic: bool = False
    #: Responses a month and stratum that are judged to measure the rules.
    audit_per_stratum: int = 4

    @property
    def identity(self) -> str:
        """Equal identities, equal labels from equal answers."""
        prompts = [(name, task.prompt.digest) for name, task in tasks().items()]
        told = [
            self.judge.model, self.judge.effort, self.human.identity, sorted(self.passed),
            self.is_synthetic, self.audit_per_stratum, prompts, rules(),
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]

    def counts(self, task: str, answer: Answer) -> bool:
        """Whether an answer is one that may decide something."""
        return task in self.passed and answer.is_synthetic == self.is_synthetic


@dataclass(frozen=True)
class Labelling:
    """All that the labels stage needs besides the lake."""

    gate: Gate
    answers: Answers
    judge: Judge
    human: HumanLabels
    audit_per_stratum: int
    #: None: there is no key or no budget, and what is not answered yet stays so.
    send: Ask | None = None
    is_synthetic: bool = False

    @classmethod
    def of(
        cls,
        state: State,
        labels_file: Path,
        audit_per_stratum: int,
        *,
        judge: Judge | None = None,
        answers: Answers | None = None,
        send: Ask | None = None,
        is_synthetic: bool = False,
    ) -> Labelling:
        """With what people have judged in `labels_file`, where there is one.

        Raises:
            OSError, ValueError: the file cannot be read, or a line of it is no label.
        """
        return cls(
            Gate(state.engine),
            answers or RecordedAnswers(),
            judge or Judge(),
            HumanLabels.read(labels_file),
            audit_per_stratum,
            send,
            is_synthetic,
        )

    @property
    def bench(self) -> Bench:
        """Whose judgements count by what is answered now."""
        passed = self.gate.examine(self.judge, self.answers, datetime.now(UTC), self.is_synthetic)
        return Bench(self.judge, self.human, passed, self.is_synthetic, self.audit_per_stratum)

    @property
    def needs_questions(self) -> bool:
        """Whether questions can be sent, or may have been answered."""
        return self.send is not None or bool(self.answers.version())

    def ask(self, questions: Sequence[Question], days: Sequence[date]) -> None:
        """Send what may be asked about `days`, where anything is to be sent at all."""
        if self.send is not None and days:
            self.send(self.allowed(questions, days[0]), days)

    def allowed(self, questions: Sequence[Question], day: date) -> list[Question]:
        """What may be asked, after the canary's own questions where they are due.

        The canary is asked on behalf of `day`. A task that has failed it is not asked about.
        """
        blocked = self.gate.blocked(self.judge, self.is_synthetic)
        asked = {question.prompt.task for question in questions} - blocked
        canary = self.gate.questions(self.judge, day, self.is_synthetic)
        return [
            *(question for question in canary if question.prompt.task in asked),
            *(question for question in questions if question.prompt.task in asked),
        ]
