"""A look into a transcript at its beginning and its end, without reading what lies between."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from waste_assets.transcripts.bucket import ends, is_object
from waste_assets.transcripts.days import canonical_timestamp
from waste_assets.transcripts.lines import timestamp_of
from waste_assets.transcripts.listing import SourceFile

_PEEK = 16 << 10
_STAMP = re.compile(rb'"timestamp"\s*:\s*"([0-9T:.Z+-]{16,32})"')


@dataclass(frozen=True)
class Peek:
    """Timestamps that stand at both ends of what was looked at, a minute's only once."""

    stamps: tuple[str, ...]
    #: Whether any is that of a line; else they only look like it.
    of_lines: bool


def peek(file: SourceFile, start: int = 0) -> Peek:
    """Look at what comes soon after `start`, and shortly before the end.

    Raises:
        OSError: the file cannot be read.
    """
    return _peek(file.path, start, file.size, file.mtime_ns)


def is_gone(file: SourceFile) -> bool:
    """Whether a file has vanished since it was listed; of an object only reading it tells."""
    return not is_object(file.path) and not os.path.lexists(file.path)


# Whoever plans looks first, and who archives asks once more.
@lru_cache(maxsize=16_384)
def _peek(path: str, start: int, size: int, _mtime_ns: int) -> Peek:
    head, tail = ends(path, start, size, _PEEK)
    lines = [_of_lines(head.split(b"\n")[:-1]), _of_lines(tail.split(b"\n")[1:])]
    found = [of_lines or _within(data) for of_lines, data in zip(lines, (head, tail), strict=True)]
    return Peek((*found[0], *found[1]), any(lines))


def _of_lines(lines: list[bytes]) -> list[str]:
    """The timestamps of whole lines."""
    stamps: dict[str, str] = {}
    for line in lines:
        if stamp := timestamp_of(line):
            stamps.setdefault(stamp[:16] if stamp.endswith("Z") else stamp, stamp)
    return _canonical(stamps.values())


def _within(data: bytes) -> list[str]:
    """What looks like a timestamp in a part of a line."""
    return _canonical(match.decode() for match in _STAMP.findall(data))


def _canonical(stamps: Iterable[str]) -> list[str]:
    return [exact for stamp in stamps if (exact := canonical_timestamp(stamp))]
