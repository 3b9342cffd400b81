"""What would be sent, to the byte, and what it would cost: nothing is sent to find out."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from waste_assets.labels.question import Judge, Question
from waste_assets.labels.request import BATCH, most_usd, params_of, rates_of, size_of
from waste_assets.labels.store import LabelStore
from waste_assets.redaction import redact

#: Of a request's bytes to a token, by experience with the newer tokenizer.
_BYTES_A_TOKEN = 2.5


@dataclass
class Preview:
    """Requests that would be sent, and those that would not."""

    requests: list[dict[str, Any]] = field(default_factory=list)
    by_task: Counter[str] = field(default_factory=Counter)
    cached: int = 0
    in_flight: int = 0
    #: Not sent, because something in them looks like a secret.
    withheld: int = 0
    #: A guess from the size of the texts, and what it can cost at most.
    about_usd: float = 0.0
    most_usd: float = 0.0


def preview(
    store: LabelStore, judge: Judge, questions: Iterable[Question], on: date, *, synthetic: bool
) -> Preview:
    """What asking these questions would send, as a batch.

    Raises:
        Fault: the model has no price.
    """
    by_key = {question.key(judge): question for question in questions}
    known = store.answers(by_key.keys(), synthetic=synthetic)
    under_way = store.in_flight(by_key.keys(), synthetic=synthetic)
    seen = Preview()
    for key, question in by_key.items():
        if key in known and known[key].outcome.is_final:
            seen.cached += 1
        elif key in under_way:
            seen.in_flight += 1
        elif redact(question.text) != question.text:
            seen.withheld += 1
        else:
            params = params_of(question, judge)
            seen.requests.append({"custom_id": key, "params": params})
            seen.by_task[question.prompt.task] += 1
            seen.most_usd += most_usd(question, judge, BATCH, on)
            rates = rates_of(judge.model, BATCH, on, 0)
            prompt_tokens = size_of(params) / _BYTES_A_TOKEN
            # Answers are rarely as long as they may be.
            answer_tokens = question.prompt.max_tokens / 2
            seen.about_usd += (prompt_tokens * rates.input + answer_tokens * rates.output) / 1e6
    return seen


def lines(seen: Preview, judge: Judge, base_url: str) -> Iterator[str]:
    """The preview as text: every request as it would be sent, then the sums."""
    for request in seen.requests:
        yield json.dumps(request, indent=2, ensure_ascii=False)
    tasks = ", ".join(f"{n:,} {task}" for task, n in sorted(seen.by_task.items())) or "none"
    yield (
        f"{len(seen.requests):,} requests would go to {judge.model} at {base_url} ({tasks}); "
        f"{seen.cached:,} are answered, {seen.in_flight:,} under way."
    )
    if seen.withheld:
        yield (
            f"{seen.withheld:,} are never sent: something in them looks like a secret. Please "
            "report this, without the text."
        )
    yield (
        f"As a batch: about ${seen.about_usd:.4f}, ${seen.most_usd:.4f} at the most. Nothing was "
        "sent."
    )
