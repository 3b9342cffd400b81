"""What the tests of labels share: sessions with something to judge, and answers without a model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from waste_assets.labels.answer import Answer, Outcome
from waste_assets.labels.canary import items
from waste_assets.labels.labelling import Labelling
from waste_assets.labels.question import Judge, Question
from waste_assets.labels.recorded import RecordedAnswers
from waste_assets.labels.registry import tasks
from waste_assets.resources.data_root import DataRoot
from waste_assets.resources.haiku import Haiku
from waste_assets.sample import Conversation, conversation

#: What a test's judge says to a question; None: nothing came back.
Says = Callable[[Question], str | None]
NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
_REST: dict[str, dict[str, Any]] = {
    "dead_end": {},
    "failure_cause": {"fault": "infrastructure"},
    "audit": {},
}


def value_of(task: str, label: str, confidence: str = "high") -> dict[str, Any]:
    """A valid answer with this label."""
    field = tasks()[task].labelled_by
    return {"evidence": "as told", field: label, **_REST[task], "confidence": confidence}


def answer_to(question: Question, label: str | None, judge: Judge, **fields: Any) -> Answer:
    """The answer to a question; without a label the model refused."""
    task = question.prompt.task
    return replace(
        Answer(
            key=question.key(judge),
            outcome=Outcome.ANSWERED if label else Outcome.REFUSED,
            value=value_of(task, label) if label else None,
            prompt_version=question.prompt.version,
            model_asked=judge.model,
            model_returned=judge.model,
            request_id=f"req_{question.key(judge)[:8]}",
            batch_id=None,
            answered_at=NOW,
            input_tokens=900,
            write_tokens=0,
            read_tokens=0,
            output_tokens=40,
            usd=0.00011,
            is_synthetic=False,
        ),
        **fields,
    )


def answers_to(
    questions: Iterable[Question], says: Says, judge: Judge | None = None, **fields: Any
) -> list[Answer]:
    """The answers of a judge to those questions to which something came back."""
    told = [(question, says(question)) for question in questions]
    return [
        answer_to(question, label, judge or Judge(), **fields) for question, label in told if label
    ]


def canary_answers(judge: Judge | None = None, **fields: Any) -> list[Answer]:
    """The canary's questions, all answered right."""
    return [answer_to(item.question, item.label, judge or Judge(), **fields) for item in items()]


def giving_up(session: str = "given up", day: str = "2026-09-14", **options: Any) -> Conversation:
    """A session that gives up on a page and goes on with something else: a candidate."""
    c = conversation(session, start=f"{day}T09:00:00Z", **options)
    c.user("Look up the rate limits of the parcel service, then tidy the imports of app.py")
    for code in (403, 403):
        c.web_fetch("https://parcel.example.org/limits", code=code)
    c.say("The site does not let me in. I will go on without the limits.")
    return c.read("app.py").edit("app.py").bash("ruff check", "ok").user("Thanks").say()


class AnsweredRoot(DataRoot):
    """A data root whose answers lie in a file beside the lake."""

    @contextmanager
    def labelling(
        self, haiku: Haiku | None = None, run_id: str | None = None
    ) -> Iterator[Labelling]:
        """With the answers of `answers.jsonl`."""
        with DataRoot.labelling(self, haiku) as given:
            path = self.root / "answers.jsonl"
            kept = RecordedAnswers.read(path) if path.exists() else RecordedAnswers()
            yield replace(given, answers=kept)


def by_key(answers: Iterable[Answer]) -> Mapping[str, Answer]:
    """Answers by the key of their question."""
    return {answer.key: answer for answer in answers}
