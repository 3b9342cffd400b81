"""Changing a JSON text in one place: every other byte stays as its owner wrote it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_SPACE = re.compile(r"[ \t\r\n]*")
_decode = json.JSONDecoder().raw_decode
#: The way from the top to a value: keys of objects, places in lists.
Way = Sequence[str | int]


@dataclass(frozen=True)
class _Item:
    #: Key of a member, place of an element.
    name: str | int
    #: Where the item begins (a member with its key), where its value does, and where it ends.
    start: int
    value: int
    end: int


def insert(text: str, way: Way, value: Any, *, key: str | None = None) -> str:
    """The text with a value more at the end of the container at `way`: an object (with `key`) or
    a list."""
    start, end = _span(text, way)
    items = _items(text, start)
    newline = "\r\n" if "\r\n" in text else "\n"
    unit = _indent(text)
    flat = "\n" not in text.strip() and bool(items)
    depth = len(way)
    written = json.dumps(
        value,
        ensure_ascii=False,
        **({} if flat else {"indent": unit}),  # type: ignore[arg-type]
    )
    if key is not None:
        written = f"{json.dumps(key, ensure_ascii=False)}: {written}"
    if flat:
        return f"{text[: items[-1].end]}, {written}{text[items[-1].end :]}"
    inner = newline + unit * (depth + 1)
    written = written.replace("\n", inner)
    if items:
        return f"{text[: items[-1].end]},{inner}{written}{text[items[-1].end :]}"
    return f"{text[: start + 1]}{inner}{written}{newline}{unit * depth}{text[end - 1 :]}"


def remove(text: str, way: Way) -> str:
    """The text without the value at `way`; an emptied container stays, empty."""
    start, end = _span(text, way[:-1])
    items = _items(text, start)
    at = max(n for n, item in enumerate(items) if item.name == way[-1])
    if len(items) == 1:
        return text[: start + 1] + text[end - 1 :]
    if at:
        return text[: items[at - 1].end] + text[items[at].end :]
    return text[: items[0].start] + text[items[1].start :]


def _span(text: str, way: Way) -> tuple[int, int]:
    """Where the value at `way` begins and ends."""
    start = _skip(text, 0)
    for name in way:
        # Of a key that is given twice the last one counts, as for every reader of JSON.
        start = [item.value for item in _items(text, start) if item.name == name][-1]
    return start, _decode(text, start)[1]


def _items(text: str, start: int) -> list[_Item]:
    """What an object or a list that begins at `start` holds."""
    is_object = text[start] == "{"
    items: list[_Item] = []
    at = _skip(text, start + 1)
    while text[at] not in "}]":
        begins: int = at
        name: str | int = len(items)
        if is_object:
            name, at = _decode(text, at)
            at = _skip(text, _skip(text, at) + 1)
        end = _decode(text, at)[1]
        items.append(_Item(name, begins, at, end))
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return items


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _indent(text: str) -> str:
    """What the text indents by: of the first line that is indented, or two spaces."""
    match = re.search(r"^([ \t]+)\S", text, re.MULTILINE)
    return match[1] if match else "  "
