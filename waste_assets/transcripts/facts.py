"""What the lines of one archived day say: usage, content, costs, and what could not be read.

Reading looks at one line at a time and at one day at a time, so that the result is a pure function
of the archived day; whatever needs several lines (copies, conversations, results and their calls)
happens later, in SQL. What a record says is taken from it in `record_facts`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise

import pyarrow as pa
import pyarrow.parquet as pq

from waste_assets.collector import at_rest
from waste_assets.lake.lake import Lake
from waste_assets.lake.tables import (
    LINE_COUNTS,
    LINE_TABLES,
    QUARANTINED_LINES,
    RAW_SESSIONS,
    Table,
)
from waste_assets.transcripts.day_contents import contents
from waste_assets.transcripts.days import Calendar
from waste_assets.transcripts.decode import REFUSED, REFUSED_OR_DEEP, Quarantined, decode, with_room
from waste_assets.transcripts.fact_rows import Rows, labels_of, lines_of
from waste_assets.transcripts.lines import Piece
from waste_assets.transcripts.listing import SourceFile
from waste_assets.transcripts.plain_values import safe_name
from waste_assets.transcripts.record_facts import Place, RecordFacts
from waste_assets.transcripts.records import Record, fast_record, tolerant

#: Changed with every change of what is read from a line: older facts are read anew.
RULES = "6"
_FROM, _RULES = "waste.from", "waste.rules"

#: Record types that hold neither usage nor content of a conversation. An unknown type is looked
#: at, in case it has a message.
_SILENT = frozenset(
    [
        "file-history-snapshot",
        "file-history-delta",
        "summary",
        "ai-title",
        "custom-title",
        "agent-name",
        "agent-color",
        "agent-setting",
        "tag",
        "task-summary",
        "last-prompt",
        "queue-operation",
        "permission-mode",
        "mode",
        "worktree-state",
        "pr-link",
        "frame-link",
        "bridge-session",
        "atis-latch",
        "fork-context-ref",
        "content-replacement",
        "attribution-snapshot",
        "started",
        "result",
    ]
)
_SPARED = _SILENT | {"progress"}
#: So many rows are turned into columns together.
_PACKED_ROWS = 4_096
#: The one kind of progress that holds records; a quick look spares taking the others apart.
_AGENT_PROGRESS = b"agent_progress"


def is_current(lake: Lake, day: date) -> bool:
    """Whether the facts of a day were read from what the archive holds now, by these rules."""
    notes = lake.notes(LINE_COUNTS, day)
    version = contents(lake, day).version
    return notes.get(_FROM, "") == version and (not version or notes.get(_RULES) == RULES)


def read_day(lake: Lake, zone: str, day: date) -> None:
    """Read the facts of one day from the archive and write them; nothing where nothing is held.

    The archive brings its facts along; here are those that were read by older rules, or not at
    all. Safe to run in several processes at once: they write the same rows.
    """
    version = contents(lake, day).version
    if not version:
        return
    facts = DayFacts(lake, day, Calendar(zone))
    labels = list(RAW_SESSIONS.packing.repeated)
    with at_rest(), pq.ParquetFile(lake.part(RAW_SESSIONS, day), read_dictionary=labels) as file:
        for group in range(file.num_row_groups):
            facts.add(file.read_row_group(group, use_threads=False))
    facts.finish(version)


class DayFacts:
    """The facts of one day, from the rows that the archive holds or is about to."""

    def __init__(self, lake: Lake, day: date, calendar: Calendar) -> None:
        self._lake, self._day = lake, day
        self._facts = _Facts(calendar.begins_us(day))

    def add(self, rows: pa.Table) -> None:
        """Read rows of `raw_sessions`, after those before them."""
        self._facts.add(rows)

    def read(self, transcript: str, file: SourceFile, project: str | None, piece: Piece) -> None:
        """Take in rows that have just been read, after those before them."""
        self._facts.read(transcript, file, project, piece)

    def finish(self, version: str) -> None:
        """Write the facts of all these rows, which the archive holds as this version."""
        notes = {_FROM: version, _RULES: RULES}
        for table, rows in self._facts.tables().items():
            if rows.num_rows:
                self._lake.write(table, self._day, rows, notes)
            else:
                self._lake.remove(table, self._day)


@dataclass(slots=True)
class _Counts:
    path: str
    lines: int = 0
    decoded: int = 0
    repaired: int = 0
    quarantined: int = 0
    files: int = 0


class _Facts:
    """The rows of the line tables under construction."""

    def __init__(self, begins_us: int) -> None:
        """Of the day that begins at this moment."""
        self._rows: dict[str, Rows] = {table.name: Rows(table) for table in LINE_TABLES}
        self._records = RecordFacts(self._rows)
        self._counts: dict[str, _Counts] = {}
        self._begins_us = self._last_ts = begins_us

    def add(self, rows: pa.Table) -> None:
        """Take in a row group of `raw_sessions`."""
        transcripts, kinds, sessions, types, projects, paths = (
            labels_of(rows.column(name))
            for name in ("transcript", "kind", "session_id", "type", "project", "path")
        )
        numbers = rows.column("line_no").to_pylist()
        stamps = rows.column("ts").cast(pa.int64()).to_pylist()
        told = zip(
            transcripts, kinds, sessions, types, projects, paths, numbers, stamps, strict=True
        )
        for line in lines_of(rows.column("raw")):
            transcript, where, session, kind, project, path, number, ts = next(told)
            counts = self._counts_of(transcript, path)
            if where == "file":
                counts.files += 1
                continue
            counts.lines += 1
            ts = self._since(ts)
            if _says_nothing(kind, line):
                counts.decoded += 1
                continue
            here = Place(transcript, number, 0, ts, safe_name(session), "main", safe_name(project))
            try:
                record = fast_record(line)
            except REFUSED_OR_DEEP:
                record = None
            self._line(record, line, here, counts, path)
        self._pack()

    def read(self, transcript: str, file: SourceFile, project: str | None, piece: Piece) -> None:
        """Take in a piece of a transcript, with its records."""
        counts = self._counts_of(transcript, file.path)
        if not file.is_lines:
            counts.files += len(piece)
            return
        counts.lines += len(piece)
        stamps = piece.moments.cast(pa.int64()).to_pylist()
        told = zip(piece.records, piece.types, piece.sessions, stamps, strict=True)
        bounds = pairwise(piece.offsets.tolist())
        number = piece.first_line - 1
        for record, kind, session, stamp in told:
            number += 1
            start, end = next(bounds)
            ts = self._since(stamp)
            if kind in _SPARED and _says_nothing(kind, piece.data[start:end]):
                counts.decoded += 1
                continue
            here = Place(transcript, number, 0, ts, safe_name(session), "main", safe_name(project))
            self._line(record, piece.data[start:end], here, counts, file.path)
        self._pack()

    def _since(self, ts: int | None) -> int:
        """A line's time, or that of the line before it; where none had any, the day's first."""
        if ts is not None:
            self._last_ts = ts
        return self._last_ts

    def _pack(self) -> None:
        for rows in self._rows.values():
            rows.pack(_PACKED_ROWS)

    def _counts_of(self, transcript: str, path: str) -> _Counts:
        if transcript not in self._counts:
            self._counts[transcript] = _Counts(path)
            self._last_ts = self._begins_us
            self._records.begin()
        return self._counts[transcript]

    def tables(self) -> dict[Table, pa.Table]:
        """The finished tables."""
        counts = self._rows[LINE_COUNTS.name]
        for transcript, c in self._counts.items():
            counts.add((transcript, c.path, c.lines, c.decoded, c.repaired, c.quarantined, c.files))
        return {table: self._rows[table.name].table() for table in LINE_TABLES}

    def _line(
        self,
        record: Record | None,
        line: bytes | memoryview,
        here: Place,
        counts: _Counts,
        path: str,
    ) -> None:
        """Take in a line: as a record where the fast decoder gave one, or set it aside."""
        lengths = [len(rows) for rows in self._rows.values()]

        def take_anew() -> bool:
            self._cut(lengths)
            anew = replace(here, part=0, block_no=0, from_progress=False, goes_on_from=None)
            return self._take(record, line, anew)

        try:
            try:
                is_repaired = self._take(record, line, here)
            except RecursionError:
                is_repaired = with_room(line, take_anew)
            counts.repaired += is_repaired
            counts.decoded += 1
        except Quarantined as error:
            self._cut(lengths)
            counts.quarantined += 1
            self._rows[QUARANTINED_LINES.name].add(
                (here.transcript, here.line_no, path, str(error), len(line))
            )

    def _cut(self, lengths: list[int]) -> None:
        """Of a line that is set aside, or taken in anew, nothing counts."""
        for rows, length in zip(self._rows.values(), lengths, strict=True):
            rows.cut(length)

    def _take(self, record: Record | None, line: bytes | memoryview, here: Place) -> bool:
        """Take in a line; whether it took a repair."""
        if record is None:
            try:
                record = fast_record(line)
            except REFUSED:
                return self._refused(line, here)
        self._records.take(record, here)
        return False

    def _refused(self, line: bytes | memoryview, here: Place) -> bool:
        """Take in a line that the fast decoder cannot read; whether it took a repair."""
        decoded = decode(line)
        for part, value in enumerate(decoded.records):
            forgiven = tolerant(Record, value)
            if forgiven is not None:
                here.part = part
                self._records.take(forgiven, here)
        return decoded.repaired


def _says_nothing(kind: str | None, line: bytes | memoryview) -> bool:
    """Whether a line of this type need not be looked at."""
    return kind in _SILENT or (kind == "progress" and _AGENT_PROGRESS not in bytes(line))
