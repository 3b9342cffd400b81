"""Rows of `raw_sessions`: made of pieces of transcripts, read again in order, merged."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from waste_assets.lake.tables import RAW_SESSIONS
from waste_assets.transcripts.lines import Piece
from waste_assets.transcripts.listing import SourceFile

_COMMON = ("transcript", "kind", "project", "path")


class NewRows:
    """Rows under construction: plain buffers, for pieces would litter memory."""

    def __init__(self) -> None:
        self.rows = 0
        self._raw = bytearray()
        self._offsets = array("q", [0])
        self._numbers = array("i")
        #: For each piece how many rows it has, and what they have in common.
        self._counts: list[int] = []
        self._common: dict[str, list[str | None]] = {name: [] for name in _COMMON}
        self._sessions: list[str] = []
        self._types: list[str | None] = []
        self._moments: list[pa.Array] = []

    def add(self, transcript: str, file: SourceFile, project: str | None, piece: Piece) -> None:
        """Append the lines of a piece."""
        count = len(piece)
        self._offsets.frombytes((piece.offsets[1:] + len(self._raw)).tobytes())
        self._raw += piece.data
        self._numbers.extend(range(piece.first_line, piece.first_line + count))
        self._counts.append(count)
        kind = "line" if file.is_lines else "file"
        for name, value in zip(_COMMON, (transcript, kind, project, file.path), strict=True):
            self._common[name].append(value)
        self._sessions += piece.sessions
        self._types += piece.types
        self._moments.append(piece.moments)
        self.rows += count

    def table(self) -> pa.Table:
        """The rows as an Arrow table over these very buffers."""
        repeat = pa.array(np.repeat(np.arange(len(self._counts)), self._counts))
        columns = {
            name: pa.array(values, pa.string()).take(repeat)
            for name, values in self._common.items()
        }
        columns["session_id"] = pa.array(self._sessions, pa.string())
        columns["type"] = pa.array(self._types, pa.string())
        columns["line_no"] = pa.array(np.frombuffer(self._numbers, np.int32))
        columns["ts"] = pa.concat_arrays(self._moments)
        columns["raw"] = pa.LargeBinaryArray.from_buffers(
            pa.large_binary(),
            self.rows,
            [None, pa.py_buffer(self._offsets), pa.py_buffer(self._raw)],
        )
        names = RAW_SESSIONS.column_names
        return pa.Table.from_arrays([columns[name] for name in names], schema=RAW_SESSIONS.schema)


class OldRows:
    """The rows of a partition in order, transcript by transcript, a row group at a time."""

    def __init__(self, path: str) -> None:
        self._file = pq.ParquetFile(path)
        self._groups = iter(range(self._file.num_row_groups))
        self._rest: pa.Table = RAW_SESSIONS.schema.empty_table()

    def until(self, transcript: str | None) -> Iterator[pa.Table]:
        """Rows of the transcripts before this one (None: all that remain)."""
        while self._load():
            names = self._rest.column("transcript").to_pylist()
            if transcript is None or names[-1] < transcript:
                yield self._cut(len(names))
                continue
            end = next(i for i, name in enumerate(names) if name >= transcript)
            if end:
                yield self._cut(end)
            return

    def take(self, transcript: str) -> pa.Table:
        """The rows of the transcript that comes next, empty where it is another."""
        taken = [RAW_SESSIONS.schema.empty_table()]
        while self._load():
            names = self._rest.column("transcript").to_pylist()
            end = next((i for i, name in enumerate(names) if name != transcript), len(names))
            if end:
                taken.append(self._cut(end))
            if end < len(names):
                break
        return pa.concat_tables(taken)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _cut(self, end: int) -> pa.Table:
        rows = self._rest.slice(0, end)
        self._rest = self._rest.slice(end)
        return rows

    def _load(self) -> bool:
        while not self._rest.num_rows:
            group = next(self._groups, None)
            if group is None:
                return False
            self._rest = self._file.read_row_group(group).cast(RAW_SESSIONS.schema)
        return True


def union(old: pa.Table, new: pa.Table) -> pa.Table:
    """Old rows and those new ones that are not among them, by content, in line order.

    A line is the same line whatever its number, as often as it occurs. A line without its end
    gives way to the whole line that holds it, whichever of them came first.
    """
    old_raw = old.column("raw").to_pylist()
    unmatched = Counter(old_raw)
    places = list(zip(old.column("line_no").to_pylist(), old_raw, strict=True))
    places = places if "line" in old.column("kind").to_pylist() else []
    whole = {number: raw for number, raw in places if raw.endswith(b"\n")}
    torn = {number: raw for number, raw in places if not raw.endswith(b"\n")}
    keep_new, superseded = [], set()
    numbers = new.column("line_no").to_pylist()
    new_raw = new.column("raw").to_pylist()
    # First those that stand where they stood, so that what is new gets a place of its own.
    at_place = Counter(zip(numbers, new_raw, strict=True)) & Counter(
        zip(old.column("line_no").to_pylist(), old_raw, strict=True)
    )
    for (_, raw), times in at_place.items():
        unmatched[raw] -= times
    for index, raw in enumerate(new_raw):
        if at_place[numbers[index], raw] > 0:
            at_place[numbers[index], raw] -= 1
            continue
        if unmatched[raw] > 0:
            unmatched[raw] -= 1
            continue
        if not raw.endswith(b"\n") and whole.get(numbers[index], b"").startswith(raw):
            continue
        before = torn.get(numbers[index])
        if before is not None and raw.startswith(before):
            superseded.add(before)
        keep_new.append(index)
    keep_old = [index for index, raw in enumerate(old_raw) if raw not in superseded]
    # Typed, because Arrow takes nothing by an empty list of no type.
    kept = (old.take(pa.array(keep_old, pa.int64())), new.take(pa.array(keep_new, pa.int64())))
    rows = pa.concat_tables(kept)
    return rows.take(np.argsort(rows.column("line_no").to_numpy(), kind="stable"))
