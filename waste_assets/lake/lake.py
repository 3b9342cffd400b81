"""Parquet partitions that are replaced whole: a reader sees the old one or the new one."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from waste_assets.faults import Fault
from waste_assets.lake.kept_notes import kept_notes
from waste_assets.lake.tables import RAW_SESSIONS, Table
from waste_assets.lake.whole import write_whole

#: On transcripts 6.8 : 1; higher levels cost four times as much for a tenth less.
_ZSTD_LEVEL = 3
#: Of pages before compression: four times Arrow's own size makes the archive an eighth smaller.
_PAGE_BYTES = 4 << 20


class Overtaken(Exception):
    """Another machine has put a partition since it was looked at."""

    #: Days that were put before that was noticed.
    done: Set[date] = frozenset()


@dataclass(frozen=True)
class Lake:
    """The lake below `root`: `<table>/day=YYYY-MM-DD/part.parquet`."""

    root: Path

    def part(self, table: Table, day: date) -> Path:
        """The file that holds (or would hold) one day of a table."""
        return Path(self._place(table.name, day))

    def _place(self, table: str, day: date) -> str:
        # Not a `Path`: a plan looks at thousands, and making one takes as long as the look.
        return f"{self.root}/{table}/day={day.isoformat()}/part.parquet"

    def days(self, table: Table) -> list[date]:
        """The days that the table holds, in order."""
        with contextlib.suppress(FileNotFoundError):
            entries = os.scandir(self.root / table.name)
            with entries:
                found = [
                    date.fromisoformat(entry.name[4:])
                    for entry in entries
                    if entry.name.startswith("day=")
                ]
            return sorted(day for day in found if os.path.exists(self._place(table.name, day)))
        return []

    def parts(self, table: Table, days: Sequence[date] | None = None) -> list[str]:
        """Paths of the partitions that exist, of the given days or of all."""
        wanted = self.days(table) if days is None else sorted(days)
        paths = [self._place(table.name, day) for day in wanted]
        return [path for path in paths if os.path.exists(path)]

    def read(
        self, table: Table, days: Iterable[date], columns: Sequence[str] | None = None
    ) -> pa.Table:
        """The rows of some days, in order, with their `day` and their number among them, `row_no`.

        `columns` leaves all others out.

        Each partition is opened once, so that one that is replaced meanwhile is read as it was
        or as it is. (DuckDB opens a file more than once, and may meet both.)

        Raises:
            Unusable: a partition is damaged, or is not of this table.
            OSError: a partition cannot be read.
        """
        names = table.column_names if columns is None else list(columns)
        schema = pa.schema([table.schema.field(name) for name in names])
        schema = schema.append(pa.field("day", pa.date32()))
        parts = [schema.empty_table()]
        for day in sorted(days):
            for path in self.parts(table, [day]):
                rows = _rows(Path(path), names)
                of_day = pa.repeat(pa.scalar(day, pa.date32()), rows.num_rows)
                rows = rows.append_column(schema.field("day"), of_day)
                if not rows.schema.equals(schema):
                    # Written with narrower numbers, or not by this project.
                    try:
                        rows = rows.cast(schema)
                    except (ValueError, pa.ArrowException) as error:
                        raise _unusable(Path(path), f"it is no part of {table.name}") from error
                parts.append(rows)
        whole = pa.concat_tables(parts).combine_chunks()
        return whole.append_column("row_no", pa.array(np.arange(whole.num_rows, dtype=np.int32)))

    def notes(self, table: Table, day: date) -> dict[str, str]:
        """What the writer noted in the partition's footer; empty where there is no partition."""
        path, kept = self._place(table.name, day), kept_notes(self.root)
        # Before it is read: of one that takes its place meanwhile nothing is known then.
        version = _version(path)
        if not version:
            return {}
        if (known := kept.of(table.name, day, version)) is not None:
            return known
        try:
            notes = footer_notes(pq.read_metadata(path))
        except FileNotFoundError:
            return {}
        except pa.ArrowException as error:
            if table is RAW_SESSIONS:
                raise _unusable(Path(path), "it is damaged") from error
            # As if it were not there: it is made again.
            return {}
        kept.add(table.name, day, version, notes)
        return dict(notes)

    def keep_notes(self) -> None:
        """Let no process open the footers again that this one has looked at."""
        kept_notes(self.root).write(lambda name, day: _version(self._place(name, day)))

    def stamps(self, table: Table) -> dict[date, str]:
        """Of each day that the table holds, which file that is: another partition, another stamp.

        Told without opening one. A partition that was written again has another stamp, though
        it may hold the same rows.
        """
        found = {}
        for day in self.days(table):
            with contextlib.suppress(FileNotFoundError):
                stat = os.stat(self._place(table.name, day))
                found[day] = f"{stat.st_ino}.{stat.st_size}.{stat.st_mtime_ns}"
        return found

    def identity(self, table: Table, day: date) -> str:
        """What tells a partition from any other that has stood or will stand in its place.

        Empty where there is none.
        """
        return _version(self._place(table.name, day))

    def exists(self) -> bool:
        """Whether anything has ever been written here."""
        return self.root.exists()

    def open(self, table: Table, day: date, replacing: str | None = None) -> PartitionWriter:
        """A partition under construction; the caller commits or discards it.

        `replacing` is the identity of the one that it is made from. Here the lock sees to it that
        no other takes its place meanwhile; a lake without such locks refuses the commit.
        """
        return PartitionWriter(self.part(table, day), table)

    def kept(self, name: str) -> bytes | None:
        """A small file that stands beside the tables; None where there is none."""
        try:
            return (self.root / name).read_bytes()
        except FileNotFoundError:
            return None

    def keep(self, name: str, data: bytes) -> None:
        """Replace a small file beside the tables, whole."""
        self.root.mkdir(parents=True, exist_ok=True)
        write_whole(self.root / name, data)

    @contextlib.contextmanager
    def writer(self, table: Table, day: date) -> Iterator[PartitionWriter]:
        """Write one partition; it replaces the old one when the block ends without an error."""
        writer = self.open(table, day)
        try:
            yield writer
            # What waits until then may find no room either.
            writer.commit()
        except BaseException:
            writer.discard()
            raise

    def write(self, table: Table, day: date, rows: pa.Table, notes: Mapping[str, str]) -> None:
        """Replace one partition by `rows`, which are cast to the table's schema."""
        with self.writer(table, day) as writer:
            rows = rows.select(table.column_names)
            # Looking first is sooner done than a cast of fifty columns to what they are.
            writer.append(rows if rows.schema.equals(table.schema) else rows.cast(table.schema))
            writer.notes.update(notes)

    def remove(self, table: Table, day: date) -> None:
        """Take a partition away, where there is one."""
        self.part(table, day).unlink(missing_ok=True)

    def drop_copies(self, table: Table, day: date) -> None:
        """Let nothing stay on this machine of what stood in the partition's place before."""
        kept_notes(self.root).drop()

    @contextlib.contextmanager
    def lock(self, table: Table, first: date, last: date) -> Iterator[None]:
        """Hold the days of a table for reading, changing and writing them, across processes.

        Only the archive needs it: everything else is a pure function of its inputs, and two
        writers of the same rows may replace each other. One range, taken at once, cannot
        deadlock with another.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        start, length = first.toordinal(), (last - first).days + 1
        with (self.root / f".{table.name}.lock").open("w") as handle:
            fcntl.lockf(handle, fcntl.LOCK_EX, length, start)
            yield


def _version(path: str) -> str:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return ""
    return f"{found.st_ino}/{found.st_mtime_ns}/{found.st_size}"


class Unusable(Fault):
    """A partition that cannot be used; the message says which, and what to do."""


def _rows(path: Path, names: list[str]) -> pa.Table:
    """The rows of a partition."""
    try:
        # Mapped: reading it otherwise takes twice as long.
        with pq.ParquetFile(path, memory_map=True) as part:
            return part.read(names, use_threads=False)
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise _unusable(path, "it is damaged") from error


def _unusable(path: Path, why: str) -> Unusable:
    if path.parent.parent.name == RAW_SESSIONS.name:
        remedy = (
            "restore it from a backup, or move it away: what the sources still hold of that day "
            "is then archived again"
        )
    else:
        remedy = "delete it, and run the audit again, which makes it anew"
    return Unusable(f"{path} cannot be used, {why}: {remedy}.")


def footer_notes(footer: pq.FileMetaData) -> dict[str, str]:
    """What the writer noted in a footer."""
    metadata = footer.metadata or {}
    return {k.decode(): v.decode() for k, v in metadata.items() if k.startswith(b"waste.")}


class PartitionWriter:
    """A partition under construction, in a temporary file beside its place."""

    def __init__(self, place: Path, table: Table) -> None:
        self.place = place
        self.table = table
        self.notes: dict[str, str] = {}
        self.rows = 0
        self._temporary = place.with_name(f".{place.name}.{os.getpid()}.{secrets.token_hex(4)}")
        self._writer: pq.ParquetWriter | None = None

    def append(self, rows: pa.Table) -> None:
        """Add rows as one row group."""
        self._open().write_table(rows, row_group_size=max(1, rows.num_rows))
        self.rows += rows.num_rows

    def append_and_rest(self, rows: pa.Table) -> None:
        """Add rows, and hold no memory until the next ones come.

        Arrow keeps the buffers of a row group until the next one begins: megabytes for each
        open file. Beginning an empty one lets them go.
        """
        self.append(rows)
        self._open().write_table(rows.slice(0, 0))

    def commit(self, *, durable: bool = False) -> None:
        """Put the partition in its place; `durable`: only once it is on the disk.

        Raises:
            Overtaken: in a bucket, another stands there than the one that it was to replace.
        """
        writer = self._open()
        writer.add_key_value_metadata(self.notes)
        writer.close()
        if durable:
            with self._temporary.open("rb") as handle:
                os.fsync(handle.fileno())
        self._put()

    def _put(self) -> None:
        self._temporary.replace(self.place)

    def discard(self) -> None:
        """Forget what was written."""
        if self._writer is not None:
            with contextlib.suppress(OSError, pa.ArrowException):
                self._writer.close()
        self._temporary.unlink(missing_ok=True)

    def _open(self) -> pq.ParquetWriter:
        if self._writer is None:
            self.place.parent.mkdir(parents=True, exist_ok=True)
            packing = self.table.packing
            self._writer = pq.ParquetWriter(
                self._temporary,
                self.table.schema,
                use_dictionary=list(packing.repeated) or False,
                write_statistics=list(packing.repeated) or False,
                data_page_size=_PAGE_BYTES,
                compression=packing.compression,
                compression_level=_ZSTD_LEVEL if packing.compression == "zstd" else None,
            )
        return self._writer
