"""Archived lines as they were, byte for byte."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from waste_assets.faults import Fault
from waste_assets.lake.lake import Lake
from waste_assets.lake.tables import RAW_SESSIONS
from waste_assets.transcripts import day_contents


class NotArchived(Fault):
    """The archive does not hold what was asked for; the message says what it does hold."""


def archived_lines(lake: Lake, place: str) -> Iterator[bytes]:
    """The bytes of a transcript in the order of its lines, or of one line of it.

    `place` is a session id (or the beginning of one), or the name of a transcript, and may end
    in `:LINE`.

    Raises:
        NotArchived: there is no such session, transcript or line.
    """
    name, line = _split(place)
    held = {day: day_contents.contents(lake, day).held for day in lake.days(RAW_SESSIONS)}
    names = sorted({transcript for transcripts in held.values() for transcript in transcripts})
    matching = [n for n in names if n == name or n == f"{name}.jsonl"] or [
        n for n in names if n.endswith(".jsonl") and n.rpartition("/")[2].startswith(name)
    ]
    if len(matching) != 1:
        raise NotArchived(_told(name, matching, len(names)))
    rows = []
    for day in sorted(day for day, transcripts in held.items() if matching[0] in transcripts):
        table = pq.read_table(
            lake.part(RAW_SESSIONS, day),
            columns=["transcript", "line_no", "raw"],
            filters=pc.field("transcript") == matching[0],
        )
        rows.append(table)
    lines = pa.concat_tables(rows).sort_by("line_no")
    if line is not None:
        lines = lines.filter(pc.equal(lines.column("line_no"), line))
        if not lines.num_rows:
            raise NotArchived(f"{matching[0]} has no line {line} in the archive.")
    for raw in lines.column("raw"):
        yield raw.as_py()


def _split(place: str) -> tuple[str, int | None]:
    match = re.fullmatch(r"(.+):(\d+)", place)
    return (match[1], int(match[2])) if match else (place, None)


def _told(name: str, matching: list[str], held: int) -> str:
    if not matching:
        return f"No transcript {name!r} in the archive, which holds {held:,}: run an audit first?"
    shown = ", ".join(matching[:5])
    return f"{name!r} means {len(matching)} transcripts ({shown}, …): give more of its name."
