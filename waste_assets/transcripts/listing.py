"""The files of the sources as they were listed once, in columns.

A history has a hundred thousand files, and hardly any of them changes from one audit to the next.
An object for each takes half a kilobyte; in columns it is its path and some forty bytes more, and
what is asked of all files (has it changed?) is asked of whole columns.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import overload

#: A path is kept as it is, whatever its bytes.
_EXACTLY = ("utf-8", "surrogatepass")


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of a source directory, as its directory entry describes it."""

    path: str
    #: The same for every copy of a file that Claude Code named, under whatever directory: the end
    #: of its path.
    transcript: str
    is_lines: bool
    size: int
    #: Of an object of a bucket: the second in which it was put, and below it a number that
    #: another content does not have.
    mtime_ns: int
    #: Whose it is, and of which machine; empty where nobody knows.
    owner: str = ""
    host: str = ""

    @property
    def session(self) -> str:
        """The session's part of the transcript's name."""
        return self.transcript.split("/", 1)[0].removesuffix(".jsonl")


class Listing(Sequence[SourceFile]):
    """Files, each made when it is asked for; in the order in which they were given."""

    def __init__(self, files: Iterable[SourceFile] = ()) -> None:
        self._paths = bytearray()
        self._ends = array("q")
        #: How many characters at the end of the path are the transcript's name.
        self._names = array("i")
        self._are_lines = bytearray()
        #: Which of `_whose` the file's owner and host are.
        self._of = array("i")
        self._whose: list[tuple[str, str]] = []
        #: Bytes, and nanoseconds since 1970.
        self.sizes = array("q")
        self.mtimes = array("q")
        numbers: dict[tuple[str, str], int] = {}
        for file in files:
            self._paths += file.path.encode(*_EXACTLY)
            self._ends.append(len(self._paths))
            self._names.append(len(file.transcript))
            self._are_lines.append(file.is_lines)
            self._of.append(numbers.setdefault((file.owner, file.host), len(numbers)))
            self.sizes.append(file.size)
            self.mtimes.append(file.mtime_ns)
        self._whose = list(numbers)

    def __len__(self) -> int:
        return len(self.sizes)

    @overload
    def __getitem__(self, index: int) -> SourceFile: ...

    @overload
    def __getitem__(self, index: slice) -> list[SourceFile]: ...

    def __getitem__(self, index: int | slice) -> SourceFile | list[SourceFile]:
        if isinstance(index, slice):
            return [self._file(row) for row in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        return self._file(index % len(self))

    def __iter__(self) -> Iterator[SourceFile]:
        return map(self._file, range(len(self)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def paths(self) -> Iterator[str]:
        """The path of each file."""
        return map(self._path, range(len(self)))

    def keys(self) -> array[int]:
        """What the catalog of this process knows each path by."""
        return array("q", map(hash, self.paths()))

    def chosen(self, wanted: Iterable[bool]) -> Listing:
        """The files of which this is true; `wanted` says it of each, in order."""
        return Listing(map(self._file, compress(range(len(self)), wanted)))

    @property
    def identity(self) -> str:
        """Equal files, equal identity: their paths, transcripts, sizes and times."""
        told = hashlib.sha256(self._paths)
        for column in (self._ends, self._names, self.sizes, self.mtimes):
            told.update(column)
        return told.hexdigest()[:16]

    def _path(self, row: int) -> str:
        start = self._ends[row - 1] if row else 0
        return self._paths[start : self._ends[row]].decode(*_EXACTLY)

    def _file(self, row: int) -> SourceFile:
        path = self._path(row)
        return SourceFile(
            path,
            path[len(path) - self._names[row] :],
            bool(self._are_lines[row]),
            self.sizes[row],
            self.mtimes[row],
            *self._whose[self._of[row]],
        )
