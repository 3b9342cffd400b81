"""From the bytes of a line to records, through ever more forgiving decoders.

The first decoder is fast and strict. What it refuses goes down a ladder; what the whole ladder
refuses is quarantined with a reason. A line is never lost and never costs its neighbours.

How deep a line may nest is said here, and is not left to how much of Python's stack is in use
where it happens to be read: read again, it says the same.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import RLock
from typing import Any, TypeVar

import msgspec

_BAD_ESCAPE = re.compile(r"\\u(?![0-9a-fA-F]{4})")
_LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")
_PLAIN = msgspec.json.Decoder()
#: A string, also one that is not closed.
_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_BRACKET = re.compile(r"[\[\]{}]")
#: What msgspec raises where it refuses a line.
REFUSED = (msgspec.DecodeError, UnicodeDecodeError)
#: The same, and where it nests too deep for the stack that is left.
REFUSED_OR_DEEP = (*REFUSED, RecursionError)
#: Deeper input than this is not a transcript.
_MAX_DEPTH = 1_000
_TOO_DEEP = f"nested deeper than {_MAX_DEPTH:,} levels"
#: Calls within one another; decoders and walks take a few for each level.
_ROOM = 10 * _MAX_DEPTH
_one_at_a_time = RLock()
T = TypeVar("T")


class Quarantined(Exception):
    """The line holds no record; the message is the reason."""


@dataclass(frozen=True)
class Decoded:
    """The records of a line (one, as a rule), and whether it took a repair to read them."""

    records: list[dict[str, Any]]
    repaired: bool


def decode(line: bytes | memoryview) -> Decoded:
    """Read a line that the fast decoder refused, or of which nothing is known yet.

    Raises:
        Quarantined: no decoder can read it as an object.
    """
    raw = bytes(line)
    return with_room(raw, lambda: _decode(raw))


def with_room(line: bytes | memoryview, read: Callable[[], T]) -> T:
    """What `read` makes of a line; it is called again with more stack where that was too small.

    Raises:
        Quarantined: the line nests deeper than any transcript.
    """
    with suppress(RecursionError):
        return read()
    if _depth_exceeds(bytes(line).decode("utf-8", errors="replace"), _MAX_DEPTH):
        raise Quarantined(_TOO_DEEP)
    try:
        with _room():
            return read()
    except RecursionError as error:
        raise Quarantined(_TOO_DEEP) from error


@contextmanager
def _room() -> Iterator[None]:
    with _one_at_a_time:
        before = sys.getrecursionlimit()
        sys.setrecursionlimit(before + _ROOM)
        try:
            yield
        finally:
            sys.setrecursionlimit(before)


def _decode(raw: bytes) -> Decoded:
    if not raw.strip():
        raise Quarantined("blank line")
    try:
        value = _PLAIN.decode(raw)
    except REFUSED:
        return Decoded(_repair(raw), repaired=True)
    return Decoded([_record(value)], repaired=False)


def _record(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Quarantined(f"not an object but {_JSON_NAMES.get(type(value), 'something else')}")
    return value


_JSON_NAMES = {
    list: "an array",
    str: "a string",
    int: "a number",
    float: "a number",
    bool: "a boolean",
    type(None): "null",
}


def _repair(raw: bytes) -> list[dict[str, Any]]:
    """Records from bytes that are not quite JSON."""
    if b"\x00" in raw:
        if not raw.strip(b"\x00 \t\r\n"):
            raise Quarantined("NUL bytes only: the file was cut by a crash")
        raw = raw.strip(b"\x00")
    text = raw.decode("utf-8", errors="replace").lstrip("\ufeff").strip()
    if not text.startswith(("{", "[")):
        raise Quarantined("not JSON")
    # Said before anything else, for how far a decoder comes depends on the stack that is left.
    if _depth_exceeds(text, _MAX_DEPTH):
        raise Quarantined(_TOO_DEEP)
    text = _BAD_ESCAPE.sub(r"\\ufffd", text)
    records: list[dict[str, Any]] = []
    # Python refuses to read more digits than these; no number in a transcript has them.
    decoder = json.JSONDecoder(
        strict=False, parse_int=lambda digits: int(digits) if len(digits) < 400 else float(digits)
    )
    position = 0
    while position < len(text):
        try:
            value, position = decoder.raw_decode(text, position)
        except json.JSONDecodeError as error:
            if records:
                raise Quarantined("an object followed by text that is not JSON") from error
            raise Quarantined(_reason(text)) from error
        records.append(_record(_without_surrogates(value)))
        while position < len(text) and text[position] in " \t\r\n,\x00":
            position += 1
    return records


def _reason(text: str) -> str:
    if not text.endswith("}"):
        return "cut short: the object is not closed"
    return "not JSON"


def _depth_exceeds(text: str, limit: int) -> bool:
    """Whether brackets nest deeper than `limit`; an over-estimate, strings count too."""
    if text.count("{") + text.count("[") <= limit:
        return False
    depth = 0
    for bracket in _BRACKET.findall(_STRING.sub("", text)):
        if bracket in "{[":
            depth += 1
            if depth > limit:
                return True
        else:
            depth -= 1
    return False


def _without_surrogates(value: Any) -> Any:
    """The value with text that can be written as UTF-8: lone surrogates become U+FFFD."""
    whole = [value]
    # No recursion: what nests just within the limit is walked by callers that nest themselves.
    waiting: list[Any] = [whole]
    while waiting:
        holder = waiting.pop()
        if isinstance(holder, dict):
            named = {_LONE_SURROGATE.sub("\ufffd", name): inner for name, inner in holder.items()}
            holder.clear()
            holder.update(named)
        for key, inner in holder.items() if isinstance(holder, dict) else enumerate(holder):
            if isinstance(inner, str):
                holder[key] = _LONE_SURROGATE.sub("\ufffd", inner)
            elif isinstance(inner, list | dict):
                waiting.append(inner)
    return whole[0]
