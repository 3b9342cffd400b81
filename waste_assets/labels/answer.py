"""What came back for a question: an outcome, always, and a value where there is one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """How a request ended. All but `answered` leave the question unjudged, and say why."""

    ANSWERED = "answered"
    #: The model declined (`stop_reason: refusal`); billed.
    REFUSED = "refused"
    #: The answer was cut by `max_tokens`; billed.
    TRUNCATED = "truncated"
    #: The answer is not what the schema wants; billed.
    INVALID = "invalid"
    #: The API called the request wrong; not billed, and the same request would fail again.
    REJECTED = "rejected"
    #: The API failed, or the batch ended before its turn; not billed, and asked again next time.
    UNSERVED = "unserved"
    #: No answer came, and whether it was billed is not known: counted at its upper bound.
    LOST = "lost"

    @property
    def is_final(self) -> bool:
        """Whether the question is never asked again under the same key."""
        return self not in (Outcome.UNSERVED, Outcome.LOST)

    @property
    def is_billed(self) -> bool:
        """Whether a message came back, with its usage."""
        return self in BILLED


BILLED = (Outcome.ANSWERED, Outcome.REFUSED, Outcome.TRUNCATED, Outcome.INVALID)


@dataclass(frozen=True)
class Answer:
    """One answer, with where it came from and what it cost."""

    key: str
    outcome: Outcome
    #: The validated answer by field; None but for `answered`.
    value: Mapping[str, Any] | None
    prompt_version: str
    model_asked: str
    model_returned: str | None
    request_id: str | None
    #: None for a direct call.
    batch_id: str | None
    answered_at: datetime
    input_tokens: int
    write_tokens: int
    read_tokens: int
    output_tokens: int
    usd: float
    #: It came from this machine, not from the provider: no judgement of any worth.
    is_synthetic: bool
