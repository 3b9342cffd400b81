"""A question as the API takes it, and the most that it can cost."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import date
from functools import cache
from typing import Any

from waste_assets.accounting.prices import Rates, price_of
from waste_assets.faults import Fault
from waste_assets.labels.question import Judge, Prompt, Question

#: The tiers of a request: half price and within a day, or at once.
BATCH, STANDARD = "batch", "standard"
#: At these the model can be told not to think first; what it thinks is billed as output.
EFFORTS = ("low", "medium", "high")
#: What the API adds to a request: roles, and the instructions for structured output. Tokens.
_ADDED_TOKENS = 1_000
#: Shorter instructions are not cached by any model; bytes, at four to a token.
_CACHED_FROM = 512 * 4
_LONG_PROMPT = 100_000


def params_of(question: Question, judge: Judge) -> dict[str, Any]:
    """The request of a question, without its custom id.

    The same bytes for the same question and judge; the instructions come first and are the same
    for all questions of their kind.
    """
    system: dict[str, Any] = {"type": "text", "text": question.prompt.system}
    if len(question.prompt.system.encode()) >= _CACHED_FROM:
        # For five minutes: a write of an hour costs more than the hits of a batch bring back.
        system["cache_control"] = {"type": "ephemeral"}
    return {
        "model": judge.model,
        "max_tokens": question.prompt.max_tokens,
        "thinking": {"type": "disabled"},
        "system": [system],
        "output_config": {
            "effort": judge.effort,
            "format": {"type": "json_schema", "schema": dict(question.prompt.schema)},
        },
        "messages": [{"role": "user", "content": _sendable(question.text)}],
    }


def _sendable(text: str) -> str:
    """Halves of characters, as cut output has them, cannot be sent."""
    return text.encode("utf-8", "replace").decode()


def digest_of(requests: Sequence[dict[str, Any]]) -> str:
    """Identity of all that a batch sends."""
    told = hashlib.sha256()
    for request in requests:
        told.update(json.dumps(request, sort_keys=True).encode() + b"\n")
    return told.hexdigest()[:32]


def size_of(params: dict[str, Any]) -> int:
    """Bytes of a request on the line."""
    return len(json.dumps(params, ensure_ascii=False).encode()) + 100


def most_tokens(question: Question, fixed_tokens: int | None = None) -> int:
    """Input tokens that a request has at most: a token is a byte at least.

    `fixed_tokens`: what the API counts for a request of the kind without a question.
    """
    return _most_fixed(question.prompt, fixed_tokens) + len(_sendable(question.text).encode())


def most_usd(
    question: Question, judge: Judge, tier: str, on: date, fixed_tokens: int | None = None
) -> float:
    """The most that a question can cost, USD: a token for every byte, and the longest answer.

    The instructions are taken at the dearest of their rates, and inference as kept in the US,
    which costs more. `fixed_tokens` as in `most_tokens`.

    Raises:
        Fault: the model has no price, so that no budget would hold.
    """
    fixed = _most_fixed(question.prompt, fixed_tokens)
    tokens = most_tokens(question, fixed_tokens)
    rates = rates_of(judge.model, tier, on, tokens)
    dearest = max(rates.input, rates.write_5m, rates.read)
    return (
        fixed * dearest + (tokens - fixed) * rates.input + question.prompt.max_tokens * rates.output
    ) / 1e6


def rates_of(model: str, tier: str, on: date, prompt_tokens: int) -> Rates:
    """The rates of a request, USD per million tokens, where inference costs most.

    Raises:
        Fault: the model has no price.
    """
    long = prompt_tokens if prompt_tokens > _LONG_PROMPT else 0
    rates = _rates(model, tier, on, long)
    if rates is None:
        raise Fault(
            f"{model} has no price in waste_assets/accounting/prices.csv, so no budget can hold: "
            "choose another model, or add its price."
        )
    return rates


def _most_fixed(prompt: Prompt, counted: int | None) -> int:
    most = _prompt_bytes(prompt) + _ADDED_TOKENS
    # The API calls its count an estimate.
    return most if counted is None else min(most, int(counted * 1.1) + 50)


@cache
def _prompt_bytes(prompt: Prompt) -> int:
    return len((prompt.system + json.dumps(prompt.schema)).encode())


@cache
def _rates(model: str, tier: str, on: date, prompt_tokens: int) -> Rates | None:
    return price_of(model, on, prompt_tokens=prompt_tokens, inference_geo="us", service_tier=tier)
