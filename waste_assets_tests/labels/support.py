"""What the tests of labels share: a kind of question, a store, and a ledger without a network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field

from waste_assets.labels.answer import Outcome
from waste_assets.labels.question import Judge, Prompt, Question
from waste_assets.labels.reading import Reading, Usage
from waste_assets.labels.store import Budget, LabelStore, Settlement, Wanted
from waste_assets.lake.state import State

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
DAY = date(2026, 11, 21)
JUDGE = Judge()


class Verdict(BaseModel):
    """An answer with every shape that matters: a closed list, a bounded number, free text."""

    evidence: str
    verdict: Literal["dead_end", "progress"]
    confidence: float = Field(ge=0, le=1)


PROMPT = Prompt("dead_end", "1", "Is this span of work a dead end? " * 80, Verdict, 120)


def questions(count: int, prompt: Prompt = PROMPT, about: str = "span") -> list[Question]:
    """So many different questions."""
    return [Question(prompt, f"{about} {n}: ran the tests again", DAY) for n in range(count)]


def budget(usd: float = 1.0, month: float | None = None, run: str = "run") -> Budget:
    """A budget of a run."""
    return Budget(run, usd, month)


@contextmanager
def opened(data_root: Path, url: str | None = None) -> Iterator[LabelStore]:
    """The store of a data root."""
    state = State(data_root, url)
    try:
        yield LabelStore(state)
    finally:
        state.close()


def spend_something(data_root: Path, asked_at: datetime = NOW) -> None:
    """A ledger as it is after a batch: one request answered, one under way."""
    wanted = [Wanted(q.key(JUDGE), q, 0.001) for q in questions(2)]
    with opened(data_root) as store:
        sending, _ = store.reserve(
            wanted,
            JUDGE,
            budget(),
            tier="batch",
            host="api.anthropic.com",
            synthetic=False,
            digest=lambda taken: "digest",
            now=asked_at,
        )
        assert sending is not None
        store.submitted(sending, "msgbatch_1")
        reading = Reading(
            Outcome.ANSWERED,
            {"evidence": "it says so", "verdict": "dead_end", "confidence": 0.9},
            "{}",
            JUDGE.model,
            "msg_1",
            "end_turn",
            Usage(700, 0, 0, 900, 40, "batch"),
        )
        store.settle(sending, [Settlement(wanted[0].key, reading, 0.00005)], LATER)
