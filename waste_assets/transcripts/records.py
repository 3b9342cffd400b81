"""The records of a transcript as typed structs, and the tolerant way into them.

Only what the project uses is named here; unknown record types and fields pass unread. A field
of an unexpected type counts as absent and never costs the rest of its record.
"""

from __future__ import annotations

from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

#: What a field of raw JSON holds where the record has no such field.
ABSENT = msgspec.Raw(b"")
#: No count of tokens can mean so many; millions of such lines still add up to a number.
_TOKENS_LIMIT = 2**40


def known(tokens: int | None) -> int | None:
    """A count of tokens, unless none can mean it."""
    return tokens if tokens is not None and 0 <= tokens < _TOKENS_LIMIT else None


def count(tokens: int | None) -> int:
    """A count of tokens; 0 where it is absent, or none can mean it."""
    return known(tokens) or 0


def given(raw: msgspec.Raw) -> bytes:
    """The JSON of a raw field; empty where it is absent or null."""
    if raw is ABSENT:
        return b""
    data = bytes(raw)
    return b"" if data == b"null" else data


class CacheCreation(msgspec.Struct, gc=False):
    """`usage.cache_creation`: cache writes by time to live."""

    ephemeral_5m_input_tokens: int | None = None
    ephemeral_1h_input_tokens: int | None = None


class ServerToolUse(msgspec.Struct, gc=False):
    """`usage.server_tool_use`."""

    web_search_requests: int | None = None


class OutputDetails(msgspec.Struct, gc=False):
    """`usage.output_tokens_details`."""

    thinking_tokens: int | None = None


class Iteration(msgspec.Struct, gc=False):
    """One entry of `usage.iterations`: an attempt that is billed by itself."""

    type: str | None = None
    model: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation: CacheCreation | None = None


class Usage(msgspec.Struct, gc=False):
    """`message.usage`: what the provider billed for a response."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation: CacheCreation | None = None
    server_tool_use: ServerToolUse | None = None
    output_tokens_details: OutputDetails | None = None
    iterations: list[Iteration] | None = None
    service_tier: str | None = None
    inference_geo: str | None = None
    speed: str | None = None


class Block(msgspec.Struct, gc=False):
    """One content block of a message."""

    type: str | None = None
    text: str | None = None
    thinking: str | None = None
    id: str | None = None
    name: str | None = None
    input: msgspec.Raw = ABSENT
    tool_use_id: str | None = None
    content: Any = None
    is_error: bool | None = None


class CacheMiss(msgspec.Struct, gc=False):
    """`message.diagnostics.cache_miss_reason`."""

    type: str | None = None


class Diagnostics(msgspec.Struct, gc=False):
    """`message.diagnostics`."""

    cache_miss_reason: CacheMiss | None = None


class Message(msgspec.Struct, gc=False):
    """The Messages-API message of a record."""

    id: str | None = None
    model: str | None = None
    role: str | None = None
    stop_reason: str | None = None
    content: str | list[Block] | None = None
    usage: Usage | None = None
    diagnostics: Diagnostics | None = None


class CompactMetadata(msgspec.Struct, gc=False):
    """`compactMetadata` of a compaction."""

    trigger: str | None = None


class ModelCost(msgspec.Struct, gc=False):
    """`modelUsage` of a `cost-state` line, for one model, cumulative."""

    inputTokens: int | None = None
    outputTokens: int | None = None
    cacheReadInputTokens: int | None = None
    cacheCreationInputTokens: int | None = None
    costUSD: float | None = None


class EmbeddedRecord(msgspec.Struct, gc=False):
    """A subagent's record inside a `progress` line."""

    type: str | None = None
    uuid: str | None = None
    requestId: str | None = None
    isApiErrorMessage: bool | None = None
    message: Message | None = None


class ProgressData(msgspec.Struct, gc=False):
    """`data` of a `progress` line; `message` is a record for `agent_progress` alone."""

    type: str | None = None
    agentId: str | None = None
    message: msgspec.Raw = ABSENT


class Record(msgspec.Struct, gc=False):
    """One line of a transcript."""

    type: str | None = None
    subtype: str | None = None
    uuid: str | None = None
    parentUuid: str | None = None
    timestamp: str | None = None
    sessionId: str | None = None
    cwd: str | None = None
    agentId: str | None = None
    requestId: str | None = None
    version: str | None = None
    effort: str | None = None
    isSidechain: bool | None = None
    isMeta: bool | None = None
    isApiErrorMessage: bool | None = None
    isCompactSummary: bool | None = None
    sessionKind: str | None = None
    toolDenialKind: str | None = None
    startTime: int | None = None
    forkedFrom: msgspec.Raw = ABSENT
    message: Message | None = None
    data: ProgressData | None = None
    attachment: msgspec.Raw = ABSENT
    toolUseResult: msgspec.Raw = ABSENT
    compactMetadata: CompactMetadata | None = None
    modelUsage: dict[str, ModelCost] | None = None


class Replacement(msgspec.Struct, gc=False):
    """One entry of an edit's `edits`."""

    old_string: str | None = None
    new_string: str | None = None


class ToolInput(msgspec.Struct, gc=False):
    """The inputs of a tool call that say what the call is about, and how much it changes."""

    file_path: str | None = None
    notebook_path: str | None = None
    command: str | None = None
    url: str | None = None
    pattern: str | None = None
    query: str | None = None
    path: str | None = None
    skill: str | None = None
    subagent_type: str | None = None
    description: str | None = None
    content: str | None = None
    old_string: str | None = None
    new_string: str | None = None
    edits: list[Replacement] | None = None


class ShownFile(msgspec.Struct, gc=False):
    """`toolUseResult.file` of a read."""

    startLine: int | None = None
    numLines: int | None = None
    totalLines: int | None = None


class Hunk(msgspec.Struct, gc=False):
    """One hunk of `toolUseResult.structuredPatch`; its lines begin with `+`, `-` or a blank."""

    lines: list[str] | None = None


class ToolUseResult(msgspec.Struct, gc=False):
    """The parts of `toolUseResult` that accounting and detectors need."""

    type: str | None = None
    status: str | None = None
    file: ShownFile | None = None
    structuredPatch: list[Hunk] | None = None
    newTodos: msgspec.Raw = ABSENT
    oldTodos: msgspec.Raw = ABSENT
    searchCount: int | None = None
    agentId: str | None = None
    totalTokens: int | None = None


T = TypeVar("T", bound=msgspec.Struct)

#: Decode one line into a `Record`; raises what msgspec raises.
fast_record = msgspec.json.Decoder(Record).decode


def tolerant(kind: type[T], value: Any) -> T | None:
    """`value`, a decoded JSON object, as a struct; fields of the wrong type are left out.

    Numbers written as strings or floats become integers, `"true"` becomes true.
    """
    if not isinstance(value, dict):
        return None
    return kind(**{n: _fitted(hint, value[n]) for n, hint in _hints(kind).items() if n in value})


#: Found out once: it takes longer than all the rest.
_hints = cache(get_type_hints)


def _fitted(hint: Any, value: Any) -> Any:
    if hint is msgspec.Raw:
        return msgspec.Raw(msgspec.json.encode(value))
    if hint is Any or value is None:
        return value
    if get_origin(hint) in (Union, UnionType):
        for option in get_args(hint):
            if option is not NoneType and (fitted := _fitted(option, value)) is not None:
                return fitted
        return None
    if get_origin(hint) is list:
        if not isinstance(value, list):
            return None
        (item,) = get_args(hint)
        fitted_items = [_fitted_item(item, v) for v in value]
        return [v for v in fitted_items if v is not None]
    if get_origin(hint) is dict:
        if not isinstance(value, dict):
            return None
        fitted_map = {str(k): _fitted(get_args(hint)[1], v) for k, v in value.items()}
        return {k: v for k, v in fitted_map.items() if v is not None}
    if hint is bool:
        return value if isinstance(value, bool) else {"true": True, "false": False}.get(str(value))
    if hint in (int, float):
        return _number(hint, value)
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return tolerant(hint, value)
    return value if isinstance(value, hint) else None


def _fitted_item(item: Any, value: Any) -> Any:
    # A list of bare strings where blocks are expected is a list of texts.
    return (
        Block(type="text", text=value)
        if item is Block and isinstance(value, str)
        else _fitted(item, value)
    )


def _number(kind: type, value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
        return kind(number) if abs(number) < 2**53 else None
    except (ValueError, OverflowError):
        return None
