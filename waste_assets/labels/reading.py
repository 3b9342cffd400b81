"""What the API returned, read: the outcome, the validated answer, and the usage.

The answer's shape is promised by the API and checked here all the same: numbers out of bounds,
enums in another case, a refusal instead of an answer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import BaseModel, ValidationError

from waste_assets.labels.answer import Outcome
from waste_assets.labels.question import Prompt


@dataclass(frozen=True)
class Usage:
    """Tokens of one message, and how it was served."""

    input_tokens: int = 0
    write_5m_tokens: int = 0
    write_1h_tokens: int = 0
    read_tokens: int = 0
    output_tokens: int = 0
    service_tier: str | None = None
    inference_geo: str | None = None


@dataclass(frozen=True)
class Reading:
    """What became of one request."""

    outcome: Outcome
    value: Mapping[str, Any] | None = None
    #: The answer as the model wrote it, or the API's word on why there is none.
    text: str = ""
    model_returned: str | None = None
    #: The id of the message: what the provider's support asks for.
    request_id: str | None = None
    stop_reason: str | None = None
    usage: Usage = Usage()


def read_result(result: Mapping[str, Any], prompt: Prompt | None) -> Reading:
    """Read the result of one line of a batch; see `read_message` for `prompt`."""
    kind = result.get("type")
    if kind == "succeeded":
        try:
            return read_message(result["message"], prompt)
        except (LookupError, TypeError, AttributeError) as fault:
            # Billed, no doubt, but for how much does not stand there.
            return Reading(Outcome.LOST, text=f"the result cannot be read: {fault!r}")
    if kind == "errored":
        error = (result.get("error") or {}).get("error") or {}
        told = f"{error.get('type')}: {error.get('message')}"
        wrong = error.get("type") == "invalid_request_error"
        return Reading(Outcome.REJECTED if wrong else Outcome.UNSERVED, text=told)
    return Reading(Outcome.UNSERVED, text=str(kind))


def read_message(message: Mapping[str, Any], prompt: Prompt | None) -> Reading:
    """Read a message.

    `prompt` is what was asked with. None where this version of the project does not know it any
    more: the answer is then kept as the API gave it, in case the old version comes back.
    """
    # Thinking comes first where there is some; only text is the answer.
    blocks = message.get("content") or []
    text = "".join(block["text"] for block in blocks if block.get("type") == "text")
    outcome, value = _answer(message.get("stop_reason"), text, prompt)
    return Reading(
        outcome,
        value,
        text,
        str(message["model"]),
        str(message["id"]),
        message.get("stop_reason"),
        _usage(message.get("usage") or {}),
    )


def _answer(
    stop_reason: str | None, text: str, prompt: Prompt | None
) -> tuple[Outcome, Mapping[str, Any] | None]:
    if stop_reason == "refusal":
        return Outcome.REFUSED, None
    if stop_reason == "max_tokens":
        return Outcome.TRUNCATED, None
    try:
        told = json.loads(text)
        if prompt is not None:
            schema = _schema(prompt.answer)
            spelled = _spelled(told, schema, schema.get("$defs", {}))
            told = prompt.answer.model_validate(spelled).model_dump(mode="json")
    except (ValueError, ValidationError, RecursionError):
        return Outcome.INVALID, None
    return (Outcome.ANSWERED, told) if isinstance(told, dict) else (Outcome.INVALID, None)


@cache
def _schema(answer: type[BaseModel]) -> Mapping[str, Any]:
    return answer.model_json_schema()


def _spelled(value: Any, schema: Mapping[str, Any], shapes: Mapping[str, Any]) -> Any:
    """The value with each word of a closed list spelled as the list has it."""
    if "$ref" in schema:
        schema = shapes.get(schema["$ref"].rpartition("/")[2], {})
    allowed = schema.get("enum") or ([schema["const"]] if "const" in schema else [])
    if allowed and isinstance(value, str) and value not in allowed:
        meant = {_plain(word): word for word in allowed if isinstance(word, str)}
        return meant.get(_plain(value), value)
    for way in (*schema.get("anyOf", ()), *schema.get("allOf", ()), *schema.get("oneOf", ())):
        value = _spelled(value, way, shapes)
    if isinstance(value, dict):
        fields = schema.get("properties", {})
        return {name: _spelled(one, fields.get(name, {}), shapes) for name, one in value.items()}
    if isinstance(value, list):
        return [_spelled(one, schema.get("items", {}), shapes) for one in value]
    return value


def _plain(word: str) -> str:
    return word.strip().casefold().replace("-", "_").replace(" ", "_")


def _usage(told: Mapping[str, Any]) -> Usage:
    written = told.get("cache_creation_input_tokens") or 0
    by_time = told.get("cache_creation") or {}
    for_an_hour = min(by_time.get("ephemeral_1h_input_tokens") or 0, written)
    return Usage(
        told.get("input_tokens") or 0,
        written - for_an_hour,
        for_an_hour,
        told.get("cache_read_input_tokens") or 0,
        told.get("output_tokens") or 0,
        told.get("service_tier"),
        told.get("inference_geo"),
    )
