"""Taking sessions out of the archive: the one thing that makes it smaller, and only on request."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from waste_assets.lake.catalog import session_of
from waste_assets.lake.lake import Lake, Overtaken
from waste_assets.lake.tables import RAW_SESSIONS
from waste_assets.transcripts import day_contents

_TRIES = 8


def days_of(lake: Lake, sessions: set[str]) -> list[date]:
    """The days that hold a line of these sessions, or a file beside their transcripts."""
    return [day for day in lake.days(RAW_SESSIONS) if _holds(lake, day, sessions)]


def sessions_of_project(lake: Lake, project: str) -> set[str]:
    """The sessions whose transcripts began in this directory."""
    found: set[str] = set()
    for day in lake.days(RAW_SESSIONS):
        columns = ["session_id", "project"]
        rows = pq.read_table(lake.part(RAW_SESSIONS, day), columns=columns, partitioning=None)
        mine = rows.filter(pc.equal(rows["project"], project))
        found |= set(pc.unique(mine["session_id"]).to_pylist()) - {None}
    return found


def projects(lake: Lake) -> set[str]:
    """The directories in which the transcripts of the archive began."""
    found: set[str | None] = set()
    for day in lake.days(RAW_SESSIONS):
        part = lake.part(RAW_SESSIONS, day)
        rows = pq.read_table(part, columns=["project"], partitioning=None)
        found |= set(pc.unique(rows["project"]).to_pylist())
    return {project for project in found if project is not None}


def erase(lake: Lake, day: date, sessions: set[str]) -> int:
    """Write a day anew without these sessions; returns how many rows are gone.

    Raises:
        OSError: the lake cannot be read or written; the day stays as it was.
    """
    for tries in range(_TRIES):
        try:
            with lake.lock(RAW_SESSIONS, day, day):
                return _erase(lake, day, sessions)
        except Overtaken:
            if tries == _TRIES - 1:
                raise
    raise AssertionError


def _holds(lake: Lake, day: date, sessions: set[str]) -> bool:
    columns = ["transcript", "session_id"]
    rows = pq.read_table(lake.part(RAW_SESSIONS, day), columns=columns, partitioning=None)
    return bool(pc.any(_of(rows, sessions)).as_py())


def _of(rows: pa.Table, sessions: set[str]) -> pa.ChunkedArray:
    """Which rows are of these sessions: by their own word, or by the name of the transcript."""
    names = {
        one for one in pc.unique(rows["transcript"]).to_pylist() if session_of(one) in sessions
    }
    by_name = pc.is_in(rows["transcript"], pa.array(sorted(names), pa.string()))
    by_line = pc.is_in(rows["session_id"], pa.array(sorted(sessions), pa.string()))
    return pc.or_(by_name, by_line)


def _erase(lake: Lake, day: date, sessions: set[str]) -> int:
    identity = lake.identity(RAW_SESSIONS, day)
    known = day_contents.contents(lake, day)
    gone, kept_rows = 0, 0
    left: dict[str, hashlib._Hash] = {}
    cut: set[str] = set()
    files = size = 0
    with pq.ParquetFile(lake.part(RAW_SESSIONS, day)) as old:
        writer = lake.open(RAW_SESSIONS, day, replacing=identity)
        try:
            for group in range(old.num_row_groups):
                rows = old.read_row_group(group).cast(RAW_SESSIONS.schema)
                mine = _of(rows, sessions)
                cut.update(pc.unique(rows.filter(mine)["transcript"]).to_pylist())
                rest = rows.filter(pc.invert(mine))
                gone += rows.num_rows - rest.num_rows
                kept_rows += rest.num_rows
                for name, raw in zip(rest["transcript"].to_pylist(), rest["raw"], strict=True):
                    left.setdefault(name, hashlib.sha256()).update(raw.as_buffer())
                files += pc.sum(pc.equal(rest["kind"], "file")).as_py() or 0
                if rest.num_rows:
                    # As Arrow counts them: with an offset of eight bytes each.
                    lengths = pc.sum(pc.binary_length(rest["raw"])).as_py()
                    size += lengths + 8 * rest.num_rows
                    writer.append_and_rest(rest)
            if gone and kept_rows:
                after = day_contents.DayContents(
                    held={name: known.held[name] for name in left},
                    seen={name: seen for name, seen in known.seen.items() if name in left},
                    lines=kept_rows - files,
                    files=files,
                    bytes=size,
                    owners={s: who for s, who in known.owners.items() if s not in sessions},
                )
                for name in cut & left.keys():
                    # The file has lines that are not held, and are not to be.
                    after.seen[name] = sorted({*after.seen.get(name, ()), after.held[name]})
                    after.held[name] = left[name].hexdigest()[:32]
                writer.notes = day_contents.notes_of(after)
                writer.commit(durable=True)
            else:
                writer.discard()
        except BaseException:
            writer.discard()
            raise
    if gone and not kept_rows:
        lake.remove(RAW_SESSIONS, day)
    if gone:
        lake.drop_copies(RAW_SESSIONS, day)
    return gone


def remove(lake: Lake, days: Iterable[date]) -> None:
    """Take whole days out of the archive."""
    for day in days:
        with lake.lock(RAW_SESSIONS, day, day):
            lake.remove(RAW_SESSIONS, day)
            lake.drop_copies(RAW_SESSIONS, day)
