"""A look into a transcript at its beginning and its end, without reading what lies between."""

from __future__ import annotations

import re

from waste_assets.transcripts.days import canonical_timestamp
from waste_assets.transcripts.lines import timestamp_of

_PEEK = 16 << 10
_STAMP = re.compile(rb'"timestamp"\s*:\s*"([0-9T:.Z+-]{16,32})"')


def peeked_stamps(path: str, start: int, size: int) -> list[str]:
    """Timestamps that stand soon after `start` and shortly before the end at `size`.

    Raises:
        OSError: the file cannot be read.
    """
    with open(path, "rb") as handle:
        handle.seek(start)
        head = handle.read(_PEEK)
        end = max(start + len(head), size - _PEEK)
        handle.seek(end)
        tail = handle.read(_PEEK)
    return [*_stamps(head, whole_start=True), *_stamps(tail, whole_start=False)]


def _stamps(data: bytes, *, whole_start: bool) -> list[str]:
    """Timestamps of the whole lines in a stretch of a file; of a part of a line, any in it."""
    lines = data.split(b"\n")
    whole = lines[:-1] if whole_start else lines[1:]
    found = [canonical_timestamp(stamp) for line in whole if (stamp := timestamp_of(line))]
    stamps = [stamp for stamp in found if stamp]
    if stamps:
        return stamps
    inside = [canonical_timestamp(match.decode()) for match in _STAMP.findall(data)]
    return [stamp for stamp in inside if stamp]
