"""The lake in a bucket: the same partitions, each an object that is put whole.

What is read is copied once onto this machine, under a name that holds its ETag, and read there as
the lake of a disk is: mapped into memory, as often as anybody likes, and never replaced under a
reader's hands. A listing says which version of each partition stands; a table costs one request a
listing (a thousand partitions), a partition one to read its footer and one to copy it.

No lock reaches from one machine to another. So the archive is put only where the version stands
that it was made from (`If-Match`); whoever comes second begins anew with what the first has put.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache, partial
from pathlib import Path
from typing import TypeVar

import pyarrow.parquet as pq

from waste_assets.lake.lake import Lake, Overtaken, PartitionWriter, footer_notes
from waste_assets.lake.objects import ABSENT, Object, Place, at_once
from waste_assets.lake.tables import Table

CACHE_GB = "WASTE_ASSETS_CACHE_GB"
#: What copies may take on this machine, GB.
_CACHE_GB = 20
#: For so long a listing is believed, as far as other machines are concerned.
_LISTED_SECONDS = 5
#: A copy that somebody has asked for may still be opened for so long.
_IN_USE_SECONDS = 3_600
#: Of the end of a partition, in one request: most footers fit.
_TAIL_BYTES = 64 << 10
#: How often what is replaced again and again is looked for.
_LOOKS = 4
#: How often the copies are counted at most.
_COUNTED_SECONDS = 60
_WRITTEN = ".written"


#: What stands in the bucket of a table.
_Parts = dict[date, Object]
_T = TypeVar("_T")


@dataclass
class _Listing:
    """The partitions of a table, when they were listed."""

    parts: _Parts
    #: Which write of this machine it follows, and when it was made.
    mark: tuple[int, int]
    at: float

    def holds(self, mark: tuple[int, int]) -> bool:
        return self.mark == mark and time.monotonic() - self.at < _LISTED_SECONDS


@dataclass(frozen=True)
class BucketLake(Lake):
    """The lake below `url`; copies of what was read or written lie below `root`.

    One object of it is used by one thread at a time.
    """

    url: str = ""
    _listings: dict[str, _Listing] = field(
        default_factory=dict, init=False, compare=False, repr=False
    )

    @property
    def place(self) -> Place:
        """Where it lies."""
        return Place.of(self.url)

    def part(self, table: Table, day: date) -> Path:
        """A copy of the partition as it stands now; a path without a file where there is none."""

        def copied(listed: _Parts) -> Path:
            if day not in listed:
                return self.copy(table, day, "absent")
            return self._fetched(table, day, listed[day])

        return self._as_it_stands(table, copied)

    def days(self, table: Table) -> list[date]:
        return sorted(self._listed(table))

    def parts(self, table: Table, days: Sequence[date] | None = None) -> list[str]:
        def copied(listed: _Parts) -> list[Path]:
            wanted = [day for day in sorted(listed if days is None else days) if day in listed]
            return at_once(lambda day: self._fetched(table, day, listed[day]), wanted)

        return [str(copy) for copy in self._as_it_stands(table, copied)]

    def notes(self, table: Table, day: date) -> dict[str, str]:
        def noted(listed: _Parts) -> dict[str, str]:
            if day not in listed:
                return {}
            if not self._noted(table, day, listed[day]).exists():
                # Who asks for one day asks for the others too, one after another.
                missing = [d for d, p in listed.items() if not self._noted(table, d, p).exists()]
                at_once(lambda d: self._note(table, d, listed[d]), missing)
            return dict(_read_notes(str(self._noted(table, day, listed[day]))))

        return self._as_it_stands(table, noted)

    def keep_notes(self) -> None:
        # They stand beside the copies.
        pass

    def stamps(self, table: Table) -> dict[date, str]:
        return {
            day: f"{found.etag}.{found.size}.{found.modified}"
            for day, found in sorted(self._listed(table).items())
        }

    def identity(self, table: Table, day: date) -> str:
        found = self._listed(table).get(day)
        return found.etag if found else ABSENT

    def exists(self) -> bool:
        return next(self.place.objects(limit=1), None) is not None

    def open(self, table: Table, day: date, replacing: str | None = None) -> PartitionWriter:
        return _BucketWriter(self, table, day, replacing)

    def remove(self, table: Table, day: date) -> None:
        self.place.remove([_key(table, day)])
        self.written(table)
        self.drop_copies(table, day)

    def drop_copies(self, table: Table, day: date) -> None:
        found = self._listed(table).get(day)
        for copy in self.copy(table, day, "").parent.glob("[!.]*"):
            if found is None or not copy.name.startswith(f"{found.etag}."):
                copy.unlink(missing_ok=True)

    def kept(self, name: str) -> bytes | None:
        with contextlib.suppress(FileNotFoundError):
            return self.place.read(name)
        return None

    def keep(self, name: str, data: bytes) -> None:
        self.place.put(name, data)

    def copy(self, table: Table, day: date, etag: str) -> Path:
        """Where the copy of a version of a partition lies, or would."""
        return self.root / table.name / f"day={day.isoformat()}" / f"{etag}.parquet"

    def written(self, table: Table) -> None:
        """Let all processes of this machine list the table anew."""
        folder = self.root / table.name
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / f"{_WRITTEN}.{os.getpid()}.{os.urandom(4).hex()}"
        temporary.touch()
        temporary.replace(folder / _WRITTEN)
        self._listings.pop(table.name, None)

    def _as_it_stands(self, table: Table, look: Callable[[_Parts], _T]) -> _T:
        """Look at the partitions as listed; again where one has been replaced since."""
        for _ in range(_LOOKS):
            with contextlib.suppress(Overtaken):
                return look(self._listed(table))
            self._listings.pop(table.name, None)
        return look(self._listed(table))

    def _listed(self, table: Table) -> _Parts:
        mark = (0, 0)
        with contextlib.suppress(FileNotFoundError):
            stat = (self.root / table.name / _WRITTEN).stat()
            mark = (stat.st_ino, stat.st_mtime_ns)
        known = self._listings.get(table.name)
        if known is None or not known.holds(mark):
            at, parts = time.monotonic(), {}
            for found in self.place.objects(f"{table.name}/day="):
                day, _, name = found.name.removeprefix(f"{table.name}/day=").partition("/")
                if name == "part.parquet":
                    parts[date.fromisoformat(day)] = found
            if known is None:
                self._tidy(table, parts)
            known = self._listings[table.name] = _Listing(parts, mark, at)
        return known.parts

    def _fetched(self, table: Table, day: date, found: Object) -> Path:
        """The copy of a version, made where there is none.

        Raises:
            Overtaken: another version stands there by now.
        """
        copy = self.copy(table, day, found.etag)
        try:
            os.utime(copy)
        except FileNotFoundError:
            self._make_room()
            try:
                self.place.fetch(_key(table, day), found.etag, copy)
            except FileNotFoundError as error:
                raise Overtaken(self.place.url + _key(table, day)) from error
        return copy

    def _noted(self, table: Table, day: date, found: Object) -> Path:
        return self.copy(table, day, found.etag).with_suffix(".json")

    def _note(self, table: Table, day: date, found: Object) -> None:
        """Read the footer of a partition, from its copy or from the end of the object."""
        copy = self.copy(table, day, found.etag)
        if copy.exists():
            notes = footer_notes(pq.read_metadata(copy))
        else:
            read = partial(self.place.read, _key(table, day), etag=found.etag)
            try:
                tail = read(-min(found.size, _TAIL_BYTES))
                whole = int.from_bytes(tail[-8:-4], "little") + 8
                if whole > len(tail):
                    tail = read(-whole)
            except FileNotFoundError as error:
                raise Overtaken(self.place.url + _key(table, day)) from error
            notes = footer_notes(pq.read_metadata(io.BytesIO(tail)))
        self._write_notes(table, day, found.etag, notes)

    def _write_notes(self, table: Table, day: date, etag: str, notes: dict[str, str]) -> None:
        place = self.copy(table, day, etag).with_suffix(".json")
        place.parent.mkdir(parents=True, exist_ok=True)
        temporary = place.with_name(f".{place.name}.{os.getpid()}.{os.urandom(4).hex()}")
        temporary.write_text(json.dumps(notes))
        temporary.replace(place)

    def _tidy(self, table: Table, listed: dict[date, Object]) -> None:
        """Take copies away of what stands there no more, once nobody can be reading them."""
        for copy in (self.root / table.name).glob("day=*/*"):
            day = date.fromisoformat(copy.parent.name.removeprefix("day="))
            if day in listed and copy.name.startswith(f"{listed[day].etag}."):
                continue
            _take_away(copy)

    def _make_room(self) -> None:
        """Take away the copies that were asked for longest ago, where there are too many."""
        if time.monotonic() - _counted.get(self.root, float("-inf")) < _COUNTED_SECONDS:
            return
        _counted[self.root] = time.monotonic()
        limit = float(os.environ.get(CACHE_GB) or _CACHE_GB) * 1e9
        held = []
        for copy in self.root.glob("*/day=*/*.parquet"):
            with contextlib.suppress(FileNotFoundError):
                stat = copy.stat()
                held.append((stat.st_mtime, stat.st_size, copy))
        excess = sum(bytes_ for _, bytes_, _ in held) - limit
        for _, bytes_, copy in sorted(held):
            if excess <= 0:
                return
            if _take_away(copy):
                excess -= bytes_


class _BucketWriter(PartitionWriter):
    """A partition under construction, among the copies of this machine until it is put."""

    def __init__(self, lake: BucketLake, table: Table, day: date, replacing: str | None) -> None:
        super().__init__(lake.copy(table, day, "new"), table)
        self._lake, self._day, self._replacing = lake, day, replacing

    def _put(self) -> None:
        lake, table, day = self._lake, self.table, self._day
        try:
            etag = lake.place.put(_key(table, day), self._temporary, self._replacing)
            self._temporary.replace(lake.copy(table, day, etag))
        finally:
            self._temporary.unlink(missing_ok=True)
            # Also where another came first: what stands there now is to be looked at.
            lake.written(table)
        lake._write_notes(table, day, etag, dict(self.notes))


def _key(table: Table, day: date) -> str:
    return f"{table.name}/day={day.isoformat()}/part.parquet"


@lru_cache(maxsize=8_192)
def _read_notes(path: str) -> dict[str, str]:
    """Notes of a version of a partition: they never change."""
    notes: dict[str, str] = json.loads(Path(path).read_bytes())
    return notes


#: When the copies below a directory were last counted.
_counted: dict[Path, float] = {}


def _take_away(copy: Path) -> bool:
    """Whether the copy is gone: one that nobody has asked for lately."""
    with contextlib.suppress(FileNotFoundError):
        if time.time() - copy.stat().st_mtime > _IN_USE_SECONDS:
            copy.unlink()
            return True
    return False
