"""One day of the archive, written anew with what has come."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from datetime import date
from itertools import groupby
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

from waste_assets.lake.catalog import session_of
from waste_assets.lake.lake import Lake, PartitionWriter
from waste_assets.lake.tables import RAW_SESSIONS
from waste_assets.transcripts.archived_rows import NewRows, OldRows, union
from waste_assets.transcripts.background import Background
from waste_assets.transcripts.day_contents import DayContents, Owner, notes_of
from waste_assets.transcripts.days import Calendar
from waste_assets.transcripts.lines import Piece
from waste_assets.transcripts.listing import SourceFile

#: A day's lines are written when so many bytes of them wait.
_DAY_BYTES = 8 << 20


class Follower(Protocol):
    """Whoever takes in the rows of a day while they are at hand."""

    def add(self, rows: pa.Table) -> None:
        """Rows of the day, in their order."""

    def read(self, transcript: str, file: SourceFile, project: str | None, piece: Piece) -> None:
        """Rows that have just been read: lines with their records, or a file of its own."""

    def finish(self, version: str) -> None:
        """Those were all its rows; the archive now holds them as this version."""


#: Makes the follower of a day.
Follow = Callable[[Lake, date, Calendar], Follower]


class DayWriter:
    """One day of the archive, written anew: transcripts arrive in order, old rows fall in."""

    def __init__(
        self,
        lake: Lake,
        day: date,
        known: DayContents,
        identity: str,
        pool: Background,
        follower: Follower | None,
    ) -> None:
        self.contents = DayContents(
            held=dict(known.held), seen=dict(known.seen), owners=dict(known.owners)
        )
        self.waiting = 0
        self._before = known
        self._out: PartitionWriter = lake.open(RAW_SESSIONS, day, replacing=identity)
        self._old = OldRows(str(lake.part(RAW_SESSIONS, day))) if known.version else None
        self._pool, self._follower = pool, follower
        self._columns = NewRows()

    def append(self, transcript: str, file: SourceFile, project: str | None, piece: Piece) -> None:
        """Add lines of a transcript of which this day holds nothing yet.

        The caller says in `contents.held` what all of them amount to.
        """
        self._copy_old(before=transcript)
        self._columns.add(transcript, file, project, piece)
        if self._follower is not None:
            self._follower.read(transcript, file, project, piece)
        self.waiting += len(piece.data)
        if self.waiting >= _DAY_BYTES:
            self.flush()

    def own(self, transcript: str, sessions: Iterable[str], owner: Owner) -> None:
        """Say whose the sessions of a transcript are: who was first stays it.

        Lines of a session that stand in the transcript of another say it only where no
        transcript of its own does.
        """
        if not any(owner):
            return
        for session in sessions:
            if session in self._before.owners:
                continue
            if session == session_of(transcript):
                self.contents.owners[session] = owner
            else:
                self.contents.owners.setdefault(session, owner)

    def merge(
        self,
        transcript: str,
        pieces: list[tuple[SourceFile, str | None, Piece]],
        digests: list[str],
    ) -> None:
        """Add what these lines bring beyond what the day holds of the transcript."""
        self._copy_old(before=transcript)
        self.flush()
        rows = self._old.take(transcript) if self._old else RAW_SESSIONS.schema.empty_table()
        for _, group in groupby(pieces, key=lambda item: item[0].path):
            columns = NewRows()
            for file, project, piece in group:
                columns.add(transcript, file, project, piece)
            rows = union(rows, columns.table())
        digest = hashlib.sha256()
        for value in rows.column("raw"):
            digest.update(value.as_buffer())
        self.contents.held[transcript] = digest.hexdigest()[:32]
        seen = {*self.contents.seen.get(transcript, ()), *digests, *self._held_before(transcript)}
        seen.discard(self.contents.held[transcript])
        if seen:
            self.contents.seen[transcript] = sorted(seen)
        self._write(rows)

    def flush(self) -> None:
        """Hand the waiting lines to the writing thread."""
        if self._columns.rows:
            self._write(self._columns.table(), followed=True)
            self._columns = NewRows()
            self.waiting = 0

    def finish(self) -> None:
        """Pass on everything that is still held back."""
        self._copy_old(before=None)
        self.flush()

    def commit(self) -> bool:
        """Put the day in its place; whether its rows have changed."""
        if self._old is not None:
            self._old.close()
        self._out.notes = notes_of(self.contents)
        self._out.commit(durable=True)
        if self._follower is not None:
            self._follower.finish(self.contents.version)
        return self.contents.version != self._before.version

    def discard(self) -> None:
        """Leave the day as it was."""
        if self._old is not None:
            self._old.close()
        self._out.discard()

    def _held_before(self, transcript: str) -> list[str]:
        return [self._before.held[transcript]] if transcript in self._before.held else []

    def _copy_old(self, before: str | None) -> None:
        if self._old is None:
            return
        for rows in self._old.until(before):
            self.flush()
            self._write(rows)

    def _write(self, rows: pa.Table, *, followed: bool = False) -> None:
        files = pc.sum(pc.equal(rows.column("kind"), "file")).as_py() or 0
        self.contents.files += files
        self.contents.lines += rows.num_rows - files
        self.contents.bytes += sum(chunk.nbytes for chunk in rows.column("raw").chunks)
        self._pool.submit(self._out.append_and_rest, rows)
        if self._follower is not None and not followed:
            self._follower.add(rows)
