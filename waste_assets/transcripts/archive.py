"""The archive: every line once, by day, merged with what is there and never taken away."""

from __future__ import annotations

import hashlib
import random
import time
from array import array
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from waste_assets.collector import at_rest
from waste_assets.lake.catalog import CatalogEntry, session_of
from waste_assets.lake.known_files import KnownFiles
from waste_assets.lake.lake import Lake, Overtaken, PartitionWriter
from waste_assets.lake.tables import RAW_SESSIONS
from waste_assets.processes import Processes
from waste_assets.transcripts.bucket import read_ahead
from waste_assets.transcripts.changes import Changes
from waste_assets.transcripts.day_contents import DayContents, Owner, contents, notes_of
from waste_assets.transcripts.days import FIRST_DAY, Calendar
from waste_assets.transcripts.forgotten import Forgotten
from waste_assets.transcripts.lines import (
    Piece,
    Reading,
    Unreadable,
    read_pieces,
    read_whole,
)
from waste_assets.transcripts.listing import Listing, SourceFile
from waste_assets.transcripts.portions import Portion, Span, about, portions

if TYPE_CHECKING:
    from waste_assets.lake.state import State

#: A day's lines are written when so many bytes of them wait, or so many of all days.
_DAY_BYTES = 8 << 20
_ALL_BYTES = 64 << 20
#: How often a day is begun anew that other machines put meanwhile.
_TRIES = 8
#: Row groups that may wait for the writing thread.
_WAITING_GROUPS = 2
_COMMON = ("transcript", "kind", "project", "path")


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


class Follower(Protocol):
    """Whoever takes in the rows of a day while they are at hand."""

    def add(self, rows: pa.Table) -> None:
        """Rows of the day, in their order."""

    def read(self, transcript: str, file: SourceFile, project: str | None, piece: Piece) -> None:
        """Rows that have just been read: lines with their records, or a file of its own."""

    def finish(self, version: str) -> None:
        """Those were all its rows; the archive now holds them as this version."""


#: Makes the follower of a day.
Follow = Callable[[Lake, date], Follower]


def update(
    lake: Lake,
    state: State,
    files: Listing,
    first: date,
    last: date,
    calendar: Calendar,
    *,
    is_slice: bool = False,
    processes: Processes | None = None,
    follow: Follow | None = None,
    progress: Callable[[int], None] = lambda bytes_done: None,
    opened: Callable[[str], None] = lambda path: None,
) -> ArchiveReport:
    """Bring the days from `first` to `last` up to date with the sources.

    Every file that has changed, or that holds lines of these days that the archive lacks, is
    read once, whole; where there is much to read, once for each portion of days that it is about.
    What the sources have lost stays archived.

    What is dated after today is archived with it: by the time its day has come, its file may be
    gone.

    `is_slice`: others see to the days before and after. Of the files that have changed then only
    those are read that are about these days, as far as a look at them tells; where one of them
    has lines that the look does not tell of, their days are brought up to date as well, for
    nobody else knows of them.

    Raises:
        OSError: the lake cannot be written (no free disk, no permission).
    """
    if last >= calendar.day_at(datetime.now(UTC)):
        last = date.max
    with lake.lock(RAW_SESSIONS, first, last):
        forgotten = Forgotten.of(lake)
        files = forgotten.without(files)
        first = max(first, forgotten.before or first)
        if first > last:
            return ArchiveReport(files=len(files))
        spans: dict[str, Span] = {}
        if is_slice:
            files, spans = about(files, state.catalog(), first, last, calendar)
        wanted, known = _wanted(lake, state, files, first, last)
        ahead = ArchiveReport()
        parts = portions(wanted, known, first, last, calendar) if processes else []
        if processes is not None and len(parts) > 1:
            ahead = _update_portions(
                lake, state, known, parts, calendar, processes, follow, progress
            )
            # What nobody could know of before the files were read.
            wanted, known = _wanted(lake, state, files, first, last)
        begins = known.begins(wanted.sessions_beside())
        report = _unless_overtaken(
            lambda: _Update(lake, begins, first, last, calendar, follow, progress, opened).run(
                wanted
            )
        )
        state.remember(report.entries.values())
    report.files = len(files)
    report.entries = ahead.entries | report.entries
    report.changed |= ahead.changed
    if is_slice:
        for day, strays in sorted(_strays(report.entries, spans, calendar).items()):
            report.changed |= _archive_strays(lake, state, files, strays, day, calendar, follow)
    return report


def _wanted(
    lake: Lake, state: State, files: Listing, first: date, last: date
) -> tuple[Listing, KnownFiles]:
    """The files that have changed, or that hold lines of these days that the archive lacks; and
    what is known of all."""
    known = state.catalog()
    changes = Changes(files, known)
    return files.chosen(changes.changed | changes.lacking(lake, first, last)), known


def _strays(
    entries: Mapping[str, CatalogEntry], spans: Mapping[str, Span], calendar: Calendar
) -> dict[date, set[str]]:
    """Days of which files turned out to hold lines although a look did not tell; their paths."""
    today = calendar.day_at(datetime.now(UTC))
    found: dict[date, set[str]] = defaultdict(set)
    for path, entry in entries.items():
        # Of a file that has not changed every day was known.
        begin, end = spans.get(path, (date.min, date.max))
        for day in entry.days:
            if not begin <= day <= end and FIRST_DAY <= day <= today:
                found[day].add(path)
    return found


def _archive_strays(
    lake: Lake,
    state: State,
    files: Listing,
    paths: set[str],
    day: date,
    calendar: Calendar,
    follow: Follow | None,
) -> set[date]:
    """Bring one more day up to date with some files; returns it where it changed."""
    # Copies of a transcript are merged, so they are read together.
    names = {file.transcript for file in files if file.path in paths}
    chosen = files.chosen(file.transcript in names for file in files)
    with lake.lock(RAW_SESSIONS, day, day):
        begins = state.catalog().begins(chosen.sessions_beside())
        report = _unless_overtaken(
            lambda: _Update(lake, begins, day, day, calendar, follow).run(chosen)
        )
    return report.changed


def _update_portions(
    lake: Lake,
    state: State,
    known: KnownFiles,
    parts: list[Portion],
    calendar: Calendar,
    processes: Processes,
    follow: Follow | None,
    progress: Callable[[int], None],
) -> ArchiveReport:
    """Each portion of days by itself, as many at once as there are processes."""
    tasks = [(part, known.begins(part.files.sessions_beside())) for part in parts]
    work = partial(_update_portion, lake, calendar.zone.key, follow)
    whole = ArchiveReport()
    for report in processes.each(work, tasks, [part.bytes for part in parts], progress):
        whole.entries |= report.entries
        whole.changed |= report.changed
    state.remember(whole.entries.values())
    return whole


def _update_portion(
    lake: Lake,
    zone: str,
    follow: Follow | None,
    task: tuple[Portion, dict[str, date]],
) -> ArchiveReport:
    part, begins = task
    return _unless_overtaken(
        lambda: _Update(lake, begins, part.first, part.last, Calendar(zone), follow).run(part.files)
    )


def _unless_overtaken(update: Callable[[], ArchiveReport]) -> ArchiveReport:
    """Update; where another machine has put a day meanwhile, once more on top of that.

    Days that were put before are then found to hold what the files have.
    """
    changed: set[date] = set()
    for tries in range(_TRIES):
        try:
            report = update()
        except Overtaken as error:
            changed |= error.done
            if tries == _TRIES - 1:
                raise
            # Those who met do not meet again.
            time.sleep(random.uniform(0, 0.2 * 2**tries))
            continue
        report.changed |= changed
        return report
    raise AssertionError


class _Update:
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
        self._writers: dict[date, _DayWriter] = {}
        #: When each session began, as far as is known.
        self._session_days = dict(begins)

    def run(self, files: Listing) -> ArchiveReport:
        """Read the files, and write the days."""
        self._report.files = len(files)
        # Rows under way are many and never lead back to themselves.
        ahead = read_ahead((file.path, file.size) for file in files)
        with at_rest(), ahead, _Background() as pool:
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
        self, transcript: str, files: list[SourceFile], pool: _Background
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

    def _writer(self, day: date, pool: _Background) -> _DayWriter:
        if day not in self._writers:
            known = self._known(day)
            follower = self._follow(self._lake, day) if self._follow else None
            identity = self._identities.get(day, "")
            if self._lake.identity(RAW_SESSIONS, day) != identity:
                raise Overtaken(day.isoformat())
            self._writers[day] = _DayWriter(self._lake, day, known, identity, pool, follower)
        waiting = sum(writer.waiting for writer in self._writers.values())
        if waiting > _ALL_BYTES:
            max(self._writers.values(), key=lambda writer: writer.waiting).flush()
        return self._writers[day]


class _Background:
    """One thread that compresses and writes while the next lines are read."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1, "archive-writer")
        self._pending: deque[Future[None]] = deque()

    def __enter__(self) -> _Background:
        return self

    def __exit__(self, *_: object) -> None:
        self._executor.shutdown()

    def submit(self, write: Callable[[pa.Table], None], rows: pa.Table) -> None:
        """Write the rows, after those before them; waits where too many rows wait already."""
        while len(self._pending) >= _WAITING_GROUPS:
            self._pending.popleft().result()
        self._pending.append(self._executor.submit(write, rows))

    def wait(self) -> None:
        """Until everything is written; raises what went wrong."""
        while self._pending:
            self._pending.popleft().result()

    def abandon(self) -> None:
        """Until nothing runs any more, whatever came of it."""
        while self._pending:
            future = self._pending.popleft()
            if not future.cancel():
                future.exception()


class _DayWriter:
    """One day of the archive, written anew: transcripts arrive in order, old rows fall in."""

    def __init__(
        self,
        lake: Lake,
        day: date,
        known: DayContents,
        identity: str,
        pool: _Background,
        follower: Follower | None,
    ) -> None:
        self.contents = DayContents(
            held=dict(known.held), seen=dict(known.seen), owners=dict(known.owners)
        )
        self.waiting = 0
        self._before = known
        self._out: PartitionWriter = lake.open(RAW_SESSIONS, day, replacing=identity)
        self._old = _OldRows(str(lake.part(RAW_SESSIONS, day))) if known.version else None
        self._pool, self._follower = pool, follower
        self._columns = _Columns()

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
            columns = _Columns()
            for file, project, piece in group:
                columns.add(transcript, file, project, piece)
            rows = _union(rows, columns.table())
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
            self._columns = _Columns()
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


class _Columns:
    """Rows of `raw_sessions` under construction: plain buffers, for pieces would litter memory."""

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


class _OldRows:
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


def _union(old: pa.Table, new: pa.Table) -> pa.Table:
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


def _file_type(transcript: str) -> str:
    if transcript.endswith(".meta.json"):
        return "meta"
    if "/tool-results/" in transcript:
        return "tool-result"
    return "workflow"
