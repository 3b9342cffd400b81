"""All that the catalog says of the source files, in columns."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from datetime import date
from functools import cached_property
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from waste_assets.lake.catalog import CatalogEntry, row_of, session_of

Numbers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

#: Rows that are objects at the same time while the columns are made.
CHUNK = 1_000
_decode_days = msgspec.json.Decoder(dict[str, str]).decode


class KnownFiles:
    """What is known of all source files, in columns: an entry is made when it is asked for.

    A history has a hundred thousand files, and a plan asks one question of all of them: is it as
    it was? So each file is a row of columns (some 150 bytes; an object takes a kilobyte), found
    by the hash of its path. Hashes are of 64 bits and of this process alone: they do
    not go to another.
    """

    def __init__(self, chunks: Iterable[list[tuple[Any, ...]]] = ()) -> None:
        """Of rows of the database: path, transcript, size, mtime_ns, lines, pending_bytes, days
        (a JSON object of day and digest); in chunks."""
        keys, sizes, mtimes = array("q"), array("q"), array("q")
        lines, pending = array("q"), array("q")
        counts, days, digests = array("q"), array("i"), array("q")
        transcripts: list[pa.Array] = []
        texts: list[pa.Array] = []
        ordinals: dict[str, int] = {}
        for chunk in chunks:
            paths, names, *numbers, told = zip(*chunk, strict=True)
            keys.extend(map(hash, paths))
            for column, values in zip((sizes, mtimes, lines, pending), numbers, strict=True):
                column.extend(values)
            transcripts.append(pa.array(names, pa.string()))
            texts.append(pa.array(told, pa.string()))
            for name, text in zip(names, told, strict=True):
                of_file = _decode_days(text)
                counts.append(len(of_file))
                for day, digest in of_file.items():
                    if day not in ordinals:
                        ordinals[day] = date.fromisoformat(day).toordinal()
                    days.append(ordinals[day])
                    digests.append(digest_key(name, digest))
        #: Of each row: the key of its path; bytes; nanoseconds since 1970; lines; bytes of a line
        #: being written.
        self.keys, self.sizes, self.mtimes = map(_numbers, (keys, sizes, mtimes))
        self.lines, self.pending_bytes = _numbers(lines), _numbers(pending)
        self.transcripts = pa.chunked_array(transcripts, pa.string())
        self._texts = pa.chunked_array(texts, pa.string())
        #: Of each day of each row: the day's ordinal, the key of its digest,
        self.days, self.digest_keys = np.frombuffer(days, np.int32), _numbers(digests)
        #: and how many of them each row has.
        self._counts = _numbers(counts)

    @classmethod
    def of(cls, entries: Iterable[CatalogEntry]) -> KnownFiles:
        """Of a few entries."""
        rows = [row_of(entry) for entry in entries]
        return cls([rows] if rows else [])

    def updated(self, entries: Iterable[CatalogEntry]) -> KnownFiles:
        """With these entries, in place of what is known of the same paths."""
        new = KnownFiles.of(entries)
        stay = ~np.isin(self.keys, new.keys)
        days_stay = stay[self.rows_of_days]
        found = KnownFiles()
        for name in ("keys", "sizes", "mtimes", "lines", "pending_bytes", "_counts"):
            setattr(found, name, np.append(getattr(self, name)[stay], getattr(new, name)))
        for name in ("days", "digest_keys"):
            setattr(found, name, np.append(getattr(self, name)[days_stay], getattr(new, name)))
        for name in ("transcripts", "_texts"):
            stayed = getattr(self, name).filter(pa.array(stay))
            setattr(found, name, pa.chunked_array([*stayed.chunks, *getattr(new, name).chunks]))
        return found

    def __len__(self) -> int:
        return len(self.keys)

    def __contains__(self, path: str) -> bool:
        return self._row(path) >= 0

    def __getitem__(self, path: str) -> CatalogEntry:
        if (entry := self.get(path)) is None:
            raise KeyError(path)
        return entry

    def get(self, path: str) -> CatalogEntry | None:
        """What is known of a file; None where nothing is."""
        row = self._row(path)
        if row < 0:
            return None
        days = _decode_days(self._texts[row].as_py())
        return CatalogEntry(
            path,
            self.transcripts[row].as_py(),
            int(self.sizes[row]),
            int(self.mtimes[row]),
            int(self.lines[row]),
            int(self.pending_bytes[row]),
            {date.fromisoformat(day): digest for day, digest in days.items()},
        )

    def rows_of(self, keys: Iterable[int]) -> Numbers:
        """The row of each path, by its hash; -1 where it is not known."""
        wanted = np.asarray(keys, np.int64)
        if not len(self):
            return np.full(len(wanted), -1)
        found = np.minimum(np.searchsorted(self._in_order, wanted), len(self) - 1)
        return np.where(self._in_order[found] == wanted, self._order[found], -1)

    @cached_property
    def rows_of_days(self) -> Numbers:
        """Of each day of each row: which row that is."""
        return np.repeat(np.arange(len(self)), self._counts)

    def days_of(self, row: int) -> list[date]:
        """The days of which a row's file holds lines."""
        end = int(self._ends[row])
        return _dates(self.days[end - int(self._counts[row]) : end])

    def dated_after(self, day: date) -> Mask:
        """Of each row: does its file hold lines of a later day?"""
        found = np.zeros(len(self), np.bool_)
        found[self.rows_of_days[self.days > day.toordinal()]] = True
        return found

    def sessions_on(self, days: Iterable[date]) -> set[str]:
        """The sessions whose files hold lines of one of these days."""
        ordinals = np.array([day.toordinal() for day in days], np.int32)
        rows = np.unique(self.rows_of_days[np.isin(self.days, ordinals)])
        return {session_of(name) for name in self.transcripts.take(pa.array(rows)).to_pylist()}

    def begins(self, sessions: Iterable[str]) -> dict[str, date]:
        """The first day of each of these sessions, where one is known."""
        wanted = {hash(session): session for session in sessions}
        if not wanted or not len(self.days):
            return {}
        keys = np.array(list(wanted), np.int64)
        of_days = np.isin(self._sessions, keys)[self.rows_of_days]
        found: dict[str, date] = {}
        for row, day in zip(self.rows_of_days[of_days], self.days[of_days], strict=True):
            session, began = wanted[int(self._sessions[row])], date.fromordinal(int(day))
            found[session] = min(began, found.get(session, began))
        return found

    @cached_property
    def _sessions(self) -> Numbers:
        """The hash of each row's session."""
        names = (name for chunk in self.transcripts.chunks for name in chunk.to_pylist())
        return _numbers(array("q", map(hash, map(session_of, names))))

    @cached_property
    def _order(self) -> Numbers:
        """The rows in the order of their keys."""
        return np.argsort(self.keys)

    @cached_property
    def _in_order(self) -> Numbers:
        """The keys in their order: files are asked for one by one, too."""
        return self.keys[self._order]

    @cached_property
    def _ends(self) -> Numbers:
        """Where in `days` those of each row end."""
        return np.cumsum(self._counts)

    def _row(self, path: str) -> int:
        return int(self.rows_of([hash(path)])[0])


def digest_key(transcript: str, digest: str) -> int:
    """By what this process knows a transcript with these lines."""
    return hash((transcript, digest))


def _numbers(values: array[int]) -> Numbers:
    return np.frombuffer(values, np.int64) if len(values) else np.empty(0, np.int64)


def _dates(ordinals: npt.NDArray[np.int32]) -> list[date]:
    return [date.fromordinal(ordinal) for ordinal in ordinals.tolist()]
