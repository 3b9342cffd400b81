"""What a call says in its input, and what its outcome says beside the text of the result."""

from __future__ import annotations

import json
from collections.abc import Sequence
from os.path import commonprefix
from typing import Any

import msgspec

from waste_assets.transcripts.decode import REFUSED
from waste_assets.transcripts.plain_values import value_of
from waste_assets.transcripts.records import (
    Replacement,
    ToolInput,
    ToolUseResult,
    given,
    tolerant,
)

#: What is kept of a call's target.
TARGET_CHARS = 400
#: How much of a call's input is kept for the detectors to look at.
_CALL_CHARS = 1_000

_NO_OUTCOME = ToolUseResult()

_fast_input = msgspec.json.Decoder(ToolInput).decode
_fast_result = msgspec.json.Decoder(ToolUseResult).decode


def input_of(raw: bytes) -> ToolInput:
    """The input of a call, as far as its fields are known."""
    try:
        return _fast_input(raw)
    except REFUSED:
        return tolerant(ToolInput, value_of(raw)) or ToolInput()


def outcome_of(raw: bytes) -> ToolUseResult:
    """The outcome of a call, as far as its fields are known; old versions wrote a text."""
    if not raw.startswith(b"{"):
        return _NO_OUTCOME
    try:
        return _fast_result(raw)
    except REFUSED:
        return tolerant(ToolUseResult, value_of(raw)) or _NO_OUTCOME


def beginning(raw: bytes) -> str:
    """The first characters of a call's input, as it was recorded."""
    return raw[: _CALL_CHARS * 4].decode("utf-8", "ignore")[:_CALL_CHARS]


def target_of(given: ToolInput) -> str | None:
    """What a call is about, in one line."""
    target = (
        given.file_path
        or given.notebook_path
        or given.command
        or given.url
        or given.pattern
        or given.query
        or given.path
        or given.skill
        or given.subagent_type
        or given.description
    )
    return target[:TARGET_CHARS] if target else None


def changed_chars(given: ToolInput) -> int | None:
    """Characters of an edit's input that the file did not hold at this place; None if no edit."""
    edits: Sequence[Replacement | ToolInput] = given.edits or [given]
    pairs = [(e.old_string, e.new_string) for e in edits if e.new_string is not None]
    if not pairs:
        return None
    return sum(_between(old or "", new or "") for old, new in pairs)


def _between(old: str, new: str) -> int:
    """Length of what differs between two texts, after their common beginning and end."""
    shorter = min(len(old), len(new))
    start = len(commonprefix((old, new)))
    end = len(commonprefix((old[start:][::-1], new[start:][::-1])))
    return max(len(new), len(old)) - start - min(end, shorter - start)


def patched(outcome: ToolUseResult) -> tuple[int | None, int | None]:
    """Lines that a write or an edit added and removed; None where no patch is on record."""
    if outcome.structuredPatch is None:
        return None, None
    lines = [line for hunk in outcome.structuredPatch for line in hunk.lines or ()]
    return (
        sum(line.startswith("+") for line in lines),
        sum(line.startswith("-") for line in lines),
    )


def todos_of(outcome: ToolUseResult) -> tuple[int, int] | None:
    """Items of a todo list that was sent, and how many of them were not as before."""
    if not outcome.newTodos:
        return None
    new = value_of(given(outcome.newTodos))
    old = value_of(given(outcome.oldTodos))
    if not isinstance(new, list):
        return None
    known = set(map(_spelled, old)) if isinstance(old, list) else set()
    return len(new), sum(_spelled(item) not in known for item in new)


def _spelled(item: Any) -> str:
    """Equal items, equal texts."""
    return json.dumps(item, sort_keys=True)
