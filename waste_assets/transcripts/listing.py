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
from functools import cached_property
from itertools import accumulate, compress
from typing import Any, overload

from waste_assets.lake.catalog import session_of

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
        return session_of(self.transcript)


class Listing(Sequence[SourceFile]):
    """Files, each made when it is asked for; in the order in which they were given."""

    def __init__(
        self,
        paths: Sequence[str] = (),
        transcripts: Sequence[str] = (),
        are_lines: Sequence[bool] = (),
        sizes: Sequence[int] = (),
        mtimes: Sequence[int] = (),
        whose: Sequence[tuple[str, str]] = (),
    ) -> None:
        """Of the fields of all files; `whose` are owner and host."""
        encoded = [path.encode(*_EXACTLY) for path in paths]
        self._paths = b"".join(encoded)
        self._ends = array("q", accumulate(map(len, encoded)))
        #: How many characters at the end of the path are the transcript's name.
        self._names = array("i", map(len, transcripts))
        self._are_lines = bytes(are_lines)
        #: Bytes, and nanoseconds since 1970.
        self.sizes, self.mtimes = array("q", sizes), array("q", mtimes)
        numbers: dict[tuple[str, str], int] = {}
        #: Which of `_whose` the file's owner and host are.
        self._of = array("i", [numbers.setdefault(one, len(numbers)) for one in whose])
        self._whose = list(numbers)

    @classmethod
    def of(cls, files: Iterable[SourceFile]) -> Listing:
        """Of files, one by one."""
        told = list(files)
        return cls(
            [file.path for file in told],
            [file.transcript for file in told],
            [file.is_lines for file in told],
            [file.size for file in told],
            [file.mtime_ns for file in told],
            [(file.owner, file.host) for file in told],
        )

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

    @cached_property
    def keys(self) -> array[int]:
        """What the catalog of this process knows each path by."""
        return array("q", map(hash, self.paths()))

    def __getstate__(self) -> dict[str, Any]:
        # Another process knows them by other keys.
        return {name: value for name, value in vars(self).items() if name != "keys"}

    def chosen(self, wanted: Iterable[bool]) -> Listing:
        """The files of which this is true; `wanted` says it of each, in order."""
        return Listing.of(map(self._file, compress(range(len(self)), wanted)))

    def sessions_beside(self) -> set[str]:
        """The sessions of what stands beside a transcript: it is of the day on which they began."""
        return {file.session for file in self if not file.is_lines}

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
