"""Reading files and passing their lines on to their days, in one process."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby

import numpy as np

from waste_assets.collector import at_rest
from waste_assets.lake.catalog import CatalogEntry, session_of
from waste_assets.lake.lake import Lake, Overtaken
from waste_assets.lake.tables import RAW_SESSIONS
from waste_assets.transcripts.background import Background
from waste_assets.transcripts.bucket import read_ahead
from waste_assets.transcripts.day_contents import DayContents, contents
from waste_assets.transcripts.day_writer import DayWriter, Follow
from waste_assets.transcripts.days import Calendar
from waste_assets.transcripts.forgotten import Forgotten
from waste_assets.transcripts.lines import Piece, Reading, Unreadable, read_pieces, read_whole
from waste_assets.transcripts.listing import Listing, SourceFile

#: So many bytes of lines may wait, of all days.
_ALL_BYTES = 64 << 20


@dataclass
class ArchiveReport:
    """What an update of the archive did."""

    files: int = 0
    #: Files that could not be read: (path, reason).
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    #: Days that changed.
    changed: set[date] = field(default_factory=set)
    #: What the files that were read hold, by path.
    entries: dict[str, CatalogEntry] = field(default_factory=dict)

    @property
    def files_read(self) -> int:
        """How many files were read."""
        return len(self.entries)

    @property
    def bytes_read(self) -> int:
        """The sizes of the files that were read."""
        return sum(entry.size for entry in self.entries.values())

    @property
    def pending_files(self) -> int:
        """Files with a last line that was still being written."""
        return sum(entry.pending_bytes > 0 for entry in self.entries.values())


class ArchiveDays:
    """Archiving some days, in one process, under the lock of whoever asks for it."""

    def __init__(
        self,
        lake: Lake,
        begins: Mapping[str, date],
        first: date,
        last: date,
        calendar: Calendar,
        follow: Follow | None,
        progress: Callable[[int], None] = lambda bytes_done: None,
        opened: Callable[[str], None] = lambda path: None,
    ) -> None:
        self._lake, self._calendar = lake, calendar
        self._first, self._last = first, last
        self._follow, self._progress, self._opened = follow, progress, opened
        self._report = ArchiveReport()
        self._forgotten = Forgotten.of(lake)
        held = [day for day in lake.days(RAW_SESSIONS) if first <= day <= last]
        #: Which versions of the days all this is made from.
        self._identities = {day: lake.identity(RAW_SESSIONS, day) for day in held}
        self._contents: dict[date, DayContents] = {}
        self._writers: dict[date, DayWriter] = {}
        #: When each session began, as far as is known.
        self._session_days = dict(begins)

    def run(self, files: Listing) -> ArchiveReport:
        """Read the files, and write the days."""
        self._report.files = len(files)
        # Rows under way are many and never lead back to themselves.
        ahead = read_ahead((file.path, file.size) for file in files)
        with at_rest(), ahead, Background() as pool:
            try:
                for transcript, group in groupby(files, key=lambda file: file.transcript):
                    for entry in self._transcript(transcript, list(group), pool):
                        self._report.entries[entry.path] = entry
                for writer in self._writers.values():
                    writer.finish()
                pool.wait()
                for day, writer in sorted(self._writers.items()):
                    if writer.commit():
                        self._report.changed.add(day)
            except BaseException as error:
                if isinstance(error, Overtaken):
                    error.done = self._report.changed
                pool.abandon()
                for writer in self._writers.values():
                    writer.discard()
                raise
        return self._report

    def _known(self, day: date) -> DayContents:
        """What a day held before."""
        if day not in self._contents:
            self._contents[day] = contents(self._lake, day)
        return self._contents[day]

    def _transcript(
        self, transcript: str, files: list[SourceFile], pool: Background
    ) -> Iterator[CatalogEntry]:
        """Read the files of one transcript and pass their lines on to their days."""
        held: dict[date, list[tuple[SourceFile, str | None, Piece]]] = defaultdict(list)
        digests: dict[date, list[str]] = defaultdict(list)
        for file in files:
            reading = Reading()
            hashes: dict[date, hashlib._Hash] = {}
            try:
                for piece in self._pieces(file, reading):
                    hashes.setdefault(piece.day, hashlib.sha256()).update(piece.data)
                    if not self._first <= piece.day <= self._last:
                        continue
                    project = reading.project
                    merged = len(files) > 1 or transcript in self._known(piece.day).held
                    # Lines of forgotten sessions count as read, and go nowhere.
                    for rest in piece.without(self._forgotten.of_lines(piece.sessions)):
                        if merged:
                            held[piece.day].append((file, project, rest.kept()))
                        else:
                            writer = self._writer(piece.day, pool)
                            writer.append(transcript, file, project, rest)
                            writer.own(transcript, set(rest.sessions), (file.owner, file.host))
            except Unreadable as error:
                self._report.unreadable.append((file.path, str(error)))
                continue
            finally:
                self._progress(file.size)
                # Also of a file that could not be read to its end: the next run merges the rest
                # with what was passed on.
                found = {day: value.hexdigest()[:32] for day, value in hashes.items()}
                for day in found.keys() & self._writers.keys() - held.keys():
                    self._writers[day].contents.held[transcript] = found[day]
            if found:
                self._note_session(transcript, min(found))
            for day, digest in found.items():
                digests[day].append(digest)
            yield CatalogEntry(
                file.path,
                transcript,
                file.size,
                file.mtime_ns,
                reading.lines,
                reading.pending_bytes,
                found,
            )
        for day, pieces in held.items():
            known = self._known(day)
            if not all(known.covers(transcript, digest) for digest in digests[day]):
                writer = self._writer(day, pool)
                writer.merge(transcript, pieces, digests[day])
                # Of several copies the longest.
                longest = max((file for file, _, _ in pieces), key=lambda file: file.size)
                sessions = {session for _, _, piece in pieces for session in piece.sessions}
                writer.own(transcript, sessions, (longest.owner, longest.host))

    def _pieces(self, file: SourceFile, reading: Reading) -> Iterator[Piece]:
        if file.is_lines:
            records = self._follow is not None
            yield from read_pieces(file, self._calendar, reading, self._opened, records=records)
            return
        # A file beside a transcript belongs to the day on which its session began.
        data = read_whole(file, self._opened)
        day = self._session_days.get(file.session)
        if day is None:
            day = self._calendar.day_of_file(file.mtime_ns)
        reading.session = file.session
        offsets = np.array([0, len(data)], dtype=np.int64)
        kind = _file_type(file.transcript)
        yield Piece(day, 0, data, offsets, [kind], [None], [file.session], [None])

    def _note_session(self, transcript: str, day: date) -> None:
        session = session_of(transcript)
        self._session_days[session] = min(day, self._session_days.get(session, day))

    def _writer(self, day: date, pool: Background) -> DayWriter:
        if day not in self._writers:
            known = self._known(day)
            follower = self._follow(self._lake, day, self._calendar) if self._follow else None
            identity = self._identities.get(day, "")
            if self._lake.identity(RAW_SESSIONS, day) != identity:
                raise Overtaken(day.isoformat())
            self._writers[day] = DayWriter(self._lake, day, known, identity, pool, follower)
        waiting = sum(writer.waiting for writer in self._writers.values())
        if waiting > _ALL_BYTES:
            max(self._writers.values(), key=lambda writer: writer.waiting).flush()
        return self._writers[day]


def _file_type(transcript: str) -> str:
    if transcript.endswith(".meta.json"):
        return "meta"
    if "/tool-results/" in transcript:
        return "tool-result"
    return "workflow"
