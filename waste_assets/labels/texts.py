"""What people and the model said, read from the archive: only the lines that are asked for.

The tables hold sizes and hashes of what was said, no text. A day's part of the archive is opened
once; of its row groups only those are read that hold a wanted line.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from waste_assets.lake.lake import Lake
from waste_assets.lake.tables import RAW_SESSIONS
from waste_assets.transcripts import day_contents
from waste_assets.transcripts.decode import Quarantined, decode


class Place(NamedTuple):
    """A line of a transcript."""

    transcript: str
    line_no: int


def texts(lake: Lake, wanted: Mapping[date, Iterable[Place]]) -> dict[Place, str]:
    """What was said on the wanted lines; lines that say nothing are left out.

    `wanted` has the places by the day on which the line was read by a response: a line is
    archived on that day or, where the answer came after midnight, the day before it.

    Raises:
        OSError, pa.ArrowException: the archive cannot be read.
    """
    by_day: dict[date, set[Place]] = defaultdict(set)
    for day, places in wanted.items():
        for place in places:
            by_day[day].add(place)
            by_day[day - timedelta(days=1)].add(place)
    said: dict[Place, str] = {}
    for day in sorted(by_day):
        held = day_contents.contents(lake, day).held
        places = {place for place in by_day[day] if place.transcript in held and place not in said}
        if places:
            said |= _read(str(lake.part(RAW_SESSIONS, day)), places)
    return said


def _read(path: str, places: set[Place]) -> dict[Place, str]:
    transcripts = pa.array(sorted({place.transcript for place in places}))
    said: dict[Place, str] = {}
    with pq.ParquetFile(path, memory_map=True) as part:
        for group in range(part.num_row_groups):
            keys = part.read_row_group(group, ["transcript", "line_no"], use_threads=False)
            is_near = pc.is_in(keys.column("transcript"), value_set=transcripts)
            near = np.flatnonzero(is_near.to_numpy())
            names = keys.column("transcript").take(near).to_pylist()
            numbers = keys.column("line_no").take(near).to_pylist()
            rows = [
                (int(row), place)
                for row, place in zip(near, map(Place, names, numbers), strict=True)
                if place in places and place not in said
            ]
            if not rows:
                continue
            raw = part.read_row_group(group, ["raw"], use_threads=False).column("raw")
            lines = raw.take([row for row, _ in rows]).to_pylist()
            for (_, place), line in zip(rows, lines, strict=True):
                text = said_on(line)
                if text:
                    said.setdefault(place, text)
    return said


def said_on(line: bytes) -> str:
    """The prose on a line of a transcript: without results, thinking, and what was injected."""
    try:
        records = decode(line).records
    except Quarantined:
        return ""
    return "\n".join(text for text in map(_prose, records) if text)


_INJECTED = re.compile(
    r"<(system-reminder|local-command-caveat|local-command-stdout)>.*?(?:</\1>|\Z)", re.DOTALL
)
_COMMAND = re.compile(r"<command-(message|name|args)>(.*?)</command-\1>", re.DOTALL)


def _prose(record: dict[str, Any]) -> str:
    attachment = record.get("attachment")
    message = record.get("message")
    content: Any = None
    if isinstance(attachment, dict):
        content = attachment.get("prompt")
    elif isinstance(message, dict):
        content = message.get("content")
    if isinstance(content, list):
        blocks = [one for one in content if isinstance(one, dict) and one.get("type") == "text"]
        content = "\n".join(str(one.get("text", "")) for one in blocks)
    if not isinstance(content, str):
        return ""
    text = _INJECTED.sub("", content)
    command = dict(_COMMAND.findall(text))
    if command:
        text = f"{command.get('name', '')} {command.get('args', '')}"
    return text.strip()
