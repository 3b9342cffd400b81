"""The shape of what a tool call does: file ranges read, paths written, and how far it reaches."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from posixpath import normpath

#: A line beyond the end of every file.
END = 1_000_000_000


class Reach(IntEnum):
    """What a call may change beyond the paths that it is seen to write; more includes less."""

    #: Nothing at all.
    NOTHING = 0
    #: Something that is no file of the work: git's index and history, processes, services.
    STATE = 1
    #: Tests, builds and checks: their output and caches, the sources as a rule not.
    BUILD = 2
    #: It may change any file: scripts, unknown programs, what could not be read.
    UNKNOWN = 3
    #: Formatters and fixers that name no files: as a rule they change what was written before.
    FORMAT = 4
    #: It does change files without naming them: checkouts, merges, code generators.
    ANYTHING = 5


@dataclass(frozen=True, slots=True)
class FileRange:
    """Lines of a file, from 1, both ends included; negative ones count from its end (-1)."""

    path: str
    first: int = 1
    last: int = END

    @property
    def from_end(self) -> bool:
        """Whether the lines count from the end of the file."""
        return self.first < 0


@dataclass(frozen=True, slots=True)
class Effect:
    """What a call does. Paths are absolute where the working directory is known."""

    #: Parts of files that came into the context.
    reads: tuple[FileRange, ...] = ()
    #: Files or folders that it changes, by name.
    writes: tuple[str, ...] = ()
    reach: Reach = Reach.NOTHING
    #: It is there to look at something.
    looks: bool = False
    #: What it looks at changes by itself: processes, services, logs, the clock.
    volatile: bool = False
    #: It showed something else besides the parts of files that it reads.
    shows_more: bool = False

    @property
    def changes(self) -> bool:
        """Whether it may leave anything behind."""
        return bool(self.writes) or self.reach > Reach.NOTHING

    @property
    def is_pure_look(self) -> bool:
        """Whether it only looks, at something that stays as it is."""
        return self.looks and not self.volatile and not self.changes


_DRIVE = re.compile(r"(?:/mnt)?/([A-Za-z])(?=/|\Z)")
_HOME = re.compile(r"(/home/[^/]+|/Users/[^/]+|/root|[A-Za-z]:/Users/[^/]+)(?=/|\Z)")


@lru_cache(maxsize=4096)
def normalised(path: str, cwd: str | None) -> str:
    """One name for a file: absolute where possible, `/` between its parts, `c:/` for drives.

    Case is kept. `~` is the home that the working directory lies in.
    """
    path = _slashes(path)
    base = _slashes(cwd) if cwd else ""
    if path == "~" or path.startswith("~/"):
        home = _HOME.match(base)
        path = home.group() + path[1:] if home else path
    elif base and not path.startswith("/") and path[1:2] != ":":
        path = f"{base}/{path}"
    if base[1:2] == ":" or path.startswith("/mnt/"):
        path = _DRIVE.sub(lambda drive: drive.group(1) + ":", path, count=1)
    path = normpath(path)
    return path[0].lower() + path[1:] if path[1:2] == ":" else path


def _slashes(path: str) -> str:
    if "\\" in path and (path[1:3] == ":\\" or path.startswith("\\\\") or "/" not in path):
        path = path.replace("\\", "/")
    return path


def lies_in(path: str, folder: str) -> bool:
    """Whether a path is a folder or lies in it."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")
