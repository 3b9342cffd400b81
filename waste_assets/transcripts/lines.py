"""Cutting a transcript into lines, each with its day, without taking the bytes apart."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from itertools import groupby
from sys import intern
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from waste_assets.lake.tables import TIMESTAMP
from waste_assets.transcripts.bucket import is_object, modified, opened_object
from waste_assets.transcripts.days import Calendar, canonical_timestamp
from waste_assets.transcripts.decode import REFUSED_OR_DEEP, Quarantined, decode
from waste_assets.transcripts.listing import SourceFile
from waste_assets.transcripts.records import Record, fast_record

_BLOCK, _PAGE = 8 << 20, 4 << 10
#: A last line without a line end that nobody has added to for so long will not be finished.
SETTLED_SECONDS = 15 * 60


class Unreadable(Exception):
    """A source that cannot be read, with the reason."""


class _Envelope(msgspec.Struct, gc=False):
    type: str | None = None
    timestamp: str | None = None
    sessionId: str | None = None
    cwd: str | None = None


_envelope = msgspec.json.Decoder(_Envelope).decode


@dataclass
class Piece:
    """Neighbouring lines of one transcript and one day; line ends stay in place."""

    day: date
    first_line: int
    #: The bytes of all the lines, one after another; gone once the next piece is asked for.
    data: bytes | memoryview
    #: Where each line begins in `data`, and where the last one ends.
    offsets: npt.NDArray[np.int64]
    types: list[str | None]
    #: The lines' own timestamps, ISO 8601 in UTC; None where a line has none.
    timestamps: list[str | None]
    sessions: list[str]
    #: What the lines say, where that was asked for; None for one that is not quite JSON.
    records: list[Record | None]

    def __len__(self) -> int:
        return len(self.types)

    @cached_property
    def moments(self) -> pa.Array:
        """The timestamps as Arrow has them."""
        texts = pa.array(self.timestamps, pa.string())
        try:
            return texts.cast(TIMESTAMP)
        except pa.ArrowInvalid:
            # One of them only looks like a timestamp (a 99th second): that line has none.
            exact = [canonical_timestamp(value) for value in self.timestamps]
            return pa.array([e + "Z" if e else None for e in exact], pa.string()).cast(TIMESTAMP)

    def without(self, sessions: set[str]) -> Iterator[Piece]:
        """The lines of other sessions, in pieces of neighbours."""
        if not sessions:
            yield self
            return
        wanted = [session not in sessions for session in self.sessions]
        start = 0
        for wants, group in groupby(wanted):
            end = start + len(list(group))
            if wants:
                offsets = self.offsets[start : end + 1]
                rest = Piece(
                    self.day,
                    self.first_line + start,
                    bytes(self.data[offsets[0] : offsets[-1]]),
                    offsets - offsets[0],
                    self.types[start:end],
                    self.timestamps[start:end],
                    self.sessions[start:end],
                    self.records[start:end],
                )
                yield rest
                # They look into a buffer that may have to grow.
                rest.records.clear()
            start = end

    def kept(self) -> Piece:
        """The piece with bytes of its own, which stay, and nothing else that is large."""
        return replace(self, data=bytes(self.data), records=[])


@dataclass
class Reading:
    """What reading a file has shown; complete when its pieces have been used up."""

    lines: int = 0
    pending_bytes: int = 0
    project: str | None = None
    session: str = ""
    days: set[date] = field(default_factory=set)


def read_pieces(
    file: SourceFile,
    calendar: Calendar,
    reading: Reading,
    opened: Callable[[str], None] = lambda path: None,
    *,
    records: bool = False,
) -> Iterator[Piece]:
    """Read a transcript once, from its first byte to its last whole line.

    `records`: the pieces bring the records of their lines along.

    A line without a timestamp takes the day of the line before it; the first lines take the day
    of the first timestamp, and a file with none at all the day of its modification time.

    Raises:
        Unreadable: the file cannot be read to its end; what has been yielded before stands.
    """
    opened(file.path)
    state = _State(file, calendar, reading, records)
    with _open(file.path) as handle:
        # One buffer for the whole file: a line that the block cuts moves to its front.
        buffer = bytearray(min(_BLOCK, max(file.size + 1, _PAGE)))
        filled = 0
        while got := _fill(handle, memoryview(buffer)[filled:]):
            end = buffer.rfind(b"\n", filled, filled + got) + 1
            filled += got
            if end:
                yield from state.pieces(buffer, end)
                buffer[: filled - end] = buffer[end:filled]
                filled -= end
            if filled == len(buffer):
                buffer += bytes(len(buffer))
        if filled:
            rest = bytes(buffer[:filled])
            if _is_whole(rest) or is_settled(modified(handle, file.mtime_ns)):
                yield from state.pieces(bytearray(rest), filled)
            else:
                reading.pending_bytes = filled
        yield from state.flush()


def read_whole(file: SourceFile, opened: Callable[[str], None] = lambda path: None) -> bytes:
    """The bytes of a file that stands beside a transcript.

    Raises:
        Unreadable: the file cannot be read.
    """
    opened(file.path)
    with _open(file.path) as handle, _source_errors():
        data: bytes = handle.read()
        return data


def _open(path: str) -> Any:
    with _source_errors():
        return opened_object(path) if is_object(path) else open(path, "rb", buffering=0)


def _fill(handle: Any, buffer: memoryview) -> int:
    with _source_errors():
        return int(handle.readinto(buffer) or 0)


@contextmanager
def _source_errors() -> Iterator[None]:
    # What else fails while lines are passed on (a full disk) is not the source's fault.
    try:
        yield
    except OSError as error:
        raise Unreadable(error.strerror or "cannot be read") from error


def timestamp_of(line: bytes) -> str | None:
    """A line's own timestamp as it stands there; None where it has none or is no record."""
    try:
        return _envelope(line).timestamp
    except REFUSED_OR_DEEP:
        return None


def _is_whole(line: bytes) -> bool:
    """Whether a line without a line end is complete all the same."""
    try:
        return isinstance(msgspec.json.decode(line), dict)
    except REFUSED_OR_DEEP:
        return False


def is_settled(mtime: float) -> bool:
    """Whether a file of that time (seconds since 1970) is not being written any more.

    Nor is one whose time is far ahead: the clock has been set back since.
    """
    return abs(time.time() - mtime) > SETTLED_SECONDS


class _State:
    """What is carried from line to line of one file."""

    def __init__(
        self, file: SourceFile, calendar: Calendar, reading: Reading, with_records: bool
    ) -> None:
        self._with_records = with_records
        self._decode: Callable[[memoryview], Any] = fast_record if with_records else _envelope
        self._calendar = calendar
        self._reading = reading
        self._day: date | None = None
        self._days: dict[str, date | None] = {}
        self._fallback = calendar.day_of_file(file.mtime_ns)
        self._held: list[bytes] = []
        reading.session = file.session

    def pieces(self, data: bytearray, size: int) -> Iterator[Piece]:
        """The pieces of the whole lines in the first `size` bytes of `data`."""
        if self._held:
            data = bytearray(b"").join([*self._held, data[:size]])
            size = len(data)
            self._held = []
        bounds = [0]
        types: list[str | None] = []
        stamps: list[str | None] = []
        sessions: list[str] = []
        days: list[date | None] = []
        records: list[Record | None] = []
        day, known, session = self._day, self._days, self._reading.session
        start, find, decode = 0, data.find, self._decode
        with memoryview(data) as view:
            while start < size:
                end = find(b"\n", start, size) + 1 or size
                line = view[start:end]
                try:
                    envelope = record = decode(line)
                except REFUSED_OR_DEEP:
                    envelope, record = _forgiving(line), None
                if self._with_records:
                    records.append(record)
                start = end
                bounds.append(end)
                kind = envelope.type
                types.append(None if kind is None else intern(kind))
                if envelope.sessionId and envelope.sessionId != session:
                    session = intern(envelope.sessionId)
                sessions.append(session)
                stamp = envelope.timestamp
                if stamp is not None:
                    if len(stamp) != 24 or stamp[23] != "Z":
                        exact = canonical_timestamp(stamp)
                        stamp = exact + "Z" if exact else None
                    if stamp is not None:
                        minute = stamp[:16]
                        if minute not in known:
                            known[minute] = self._day_of(stamp)
                        if known[minute] is None:
                            stamp = None
                        else:
                            day = known[minute]
                stamps.append(stamp)
                days.append(day)
                if self._reading.project is None and envelope.cwd:
                    self._reading.project = envelope.cwd
        self._day, self._reading.session = day, session
        if day is None:
            # No timestamp so far: these lines take the day of the first one that comes.
            self._held.append(bytes(data[:size]))
            return
        yield from self._cut(data, bounds, types, stamps, sessions, days, records)

    def flush(self) -> Iterator[Piece]:
        """The lines of a file without any timestamp."""
        if self._held:
            self._day = self._fallback
            yield from self.pieces(bytearray(), 0)

    def _cut(
        self,
        data: bytearray,
        bounds: list[int],
        types: list[str | None],
        stamps: list[str | None],
        sessions: list[str],
        days: list[date | None],
        records: list[Record | None],
    ) -> Iterator[Piece]:
        first_day = next(day for day in days if day is not None)
        start, count = 0, len(days)
        while start < count:
            day = days[start] or first_day
            end = start + 1
            while end < count and (days[end] or first_day) == day:
                end += 1
            offsets = np.array(bounds[start : end + 1], dtype=np.int64) - bounds[start]
            # Not copied: whoever takes the lines does that anyway. Let go of afterwards, also by
            # the records, which look into it: the buffer may have to grow.
            with memoryview(data)[bounds[start] : bounds[end]] as view:
                piece = Piece(
                    day,
                    self._reading.lines + start + 1,
                    view,
                    offsets,
                    types[start:end],
                    stamps[start:end],
                    sessions[start:end],
                    records[start:end],
                )
                yield piece
                piece.records.clear()
            self._reading.days.add(day)
            start = end
        self._reading.lines += count

    def _day_of(self, stamp: str) -> date | None:
        exact = canonical_timestamp(stamp)
        return self._calendar.day(exact) if exact else None


def _forgiving(line: memoryview) -> _Envelope:
    """The envelope of a line that the fast decoder refused; empty where there is none."""
    try:
        return _envelope(line)
    except REFUSED_OR_DEEP:
        pass
    try:
        record = decode(line).records[0]
    except Quarantined:
        return _Envelope()

    def text(name: str) -> Any:
        value = record.get(name)
        return value if isinstance(value, str) else None

    stamp = canonical_timestamp(record.get("timestamp"))
    return _Envelope(text("type"), stamp + "Z" if stamp else None, text("sessionId"), text("cwd"))
