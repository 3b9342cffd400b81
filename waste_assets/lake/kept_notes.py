"""What footers say, kept beside the lake: the footer of a partition that stands as it stood is not
opened again.

Every plan asks for the notes of all days of nearly all tables, and a day hardly ever changes. So
they are kept in one file. Its first line says where those of each partition lie, and of which
version of it they are; so a process holds a few bytes a partition, however much a day holds. Losing
the file costs one look at each footer.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import BinaryIO

import msgspec

from waste_assets.lake.whole import temporary

_FILE = ".notes"
#: Notes that may wait for being written, in a process that never writes them.
_WAITING = 8_192
#: Lakes of which a process has the file open.
_OPEN = 4

Notes = dict[str, str]
#: Table and day.
_Key = tuple[str, str]
#: Table, day, version and bytes of each partition's notes, in the order of the file.
_decode_places = msgspec.json.Decoder(list[tuple[str, str, str, int]]).decode
_decode_notes = msgspec.json.Decoder(Notes).decode


class KeptNotes:
    """The notes of a lake's partitions."""

    def __init__(self, root: Path) -> None:
        self._file = root / _FILE
        #: What has been read since, with the version that it is of.
        self._read: dict[_Key, tuple[str, Notes]] = {}
        self._handle: BinaryIO | None = None
        #: Version, offset and length.
        self._places: dict[_Key, tuple[str, int, int]] = {}
        self._open()

    def of(self, table: str, day: date, version: str) -> Notes | None:
        """The notes of this version of a partition; None where they are not known."""
        key = (table, day.isoformat())
        if key in self._read and self._read[key][0] == version:
            return dict(self._read[key][1])
        if key in self._places and self._places[key][0] == version:
            return self._kept(key)
        return None

    def add(self, table: str, day: date, version: str, notes: Notes) -> None:
        """Know what a footer says from here on."""
        if len(self._read) >= _WAITING:
            self._read.clear()
        self._read[table, day.isoformat()] = version, notes

    def write(self, version_of: Callable[[str, date], str]) -> None:
        """Keep what is known of the versions that stand; nothing stays of those that did."""
        if not self._read:
            return
        # Another process may have written meanwhile.
        self._open()
        wanted = {}
        for key in sorted({*self._places, *self._read}):
            version = version_of(key[0], date.fromisoformat(key[1]))
            known = self._read.get(key, ("",))[0], self._places.get(key, ("",))[0]
            if version and version in known:
                wanted[key] = version
        written = temporary(self._file)
        # Kept for speed alone: who may not write, or has no room left, goes without.
        with suppress(OSError):
            try:
                with written.open("wb") as out:
                    self._write_to(out, wanted)
                written.replace(self._file)
            finally:
                written.unlink(missing_ok=True)
            self._read.clear()
            self._open()

    def drop(self) -> None:
        """Let nothing stay on the disk of what was known."""
        self._file.unlink(missing_ok=True)
        self._open()

    def _write_to(self, out: BinaryIO, wanted: dict[_Key, str]) -> None:
        places = [(*key, version, len(self._text(key, version))) for key, version in wanted.items()]
        out.write(msgspec.json.encode(places) + b"\n")
        for key, version in wanted.items():
            out.write(self._text(key, version))

    def _text(self, key: _Key, version: str) -> bytes:
        """The notes of one of the versions that are known, as they are written."""
        if key in self._read and self._read[key][0] == version:
            return msgspec.json.encode(self._read[key][1], order="sorted")
        _, offset, length = self._places[key]
        assert self._handle is not None
        return os.pread(self._handle.fileno(), length, offset)

    def _open(self) -> None:
        if self._handle is not None:
            self._handle.close()
        self._handle, self._places = None, {}
        with suppress(OSError, ValueError):
            handle = self._file.open("rb")
            self._handle = handle
            listed = _decode_places(handle.readline())
            offset = handle.tell()
            for table, day, version, length in listed:
                self._places[table, day] = version, offset, length
                offset += length

    def _kept(self, key: _Key) -> Notes | None:
        _, offset, length = self._places[key]
        assert self._handle is not None
        with suppress(OSError, ValueError):
            return _decode_notes(os.pread(self._handle.fileno(), length, offset))
        return None


_known: dict[Path, KeptNotes] = {}


def kept_notes(root: Path) -> KeptNotes:
    """Those of the lake below `root`, as this process knows them."""
    if root not in _known:
        if len(_known) >= _OPEN:
            del _known[next(iter(_known))]
        _known[root] = KeptNotes(root)
    return _known[root]
