"""Where transcripts lie, and which transcript a file belongs to."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from waste_assets.transcripts import bucket
from waste_assets.transcripts.listing import Listing
from waste_assets.transcripts.sources import Source, SourceError

_SESSION = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
#: Names that Claude Code gives its files, from the session id on: the same wherever the
#: project's directory lies and whatever it is called.
_STANDARD = re.compile(rf"(?:^|/)({_SESSION}(?:\.jsonl|/.+)|agent-[^/]+\.(?:jsonl|meta\.json))$")
#: What Claude Code writes beside a transcript and sweeps with it.
_BESIDE = re.compile(r"(?:^|/)(?:tool-results|workflows)/|\.meta\.json$")
#: A path is a text in every table.
_NO_TEXT = "its name is not UTF-8: rename it"
#: In the year 2262.
_LAST_NS = (1 << 63) - 1


def default_roots(environ: Mapping[str, str], home: Path) -> list[Path]:
    """Claude Code's own directories: those that exist of the ones it would use."""
    configured = [part for part in environ.get("CLAUDE_CONFIG_DIR", "").split(",") if part.strip()]
    if configured:
        roots = [Path(part.strip()).expanduser() for part in configured]
    else:
        config = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
        roots = [home / ".claude", config / "claude"]
    return [root for root in roots if (root / "projects").is_dir()]


def check_roots(roots: Iterable[Path | str]) -> list[Source]:
    """The sources that these roots stand for.

    Raises:
        SourceError: a root does not exist, is not a directory, or cannot be listed.
    """
    checked = []
    for source in (one for root in roots for one in Source.of(root).expanded()):
        if source.is_bucket:
            bucket.check(source)
            checked.append(source)
            continue
        root = Path(source.root)
        if not is_text(source.root):
            raise SourceError(f"{spelled(source.root)} cannot be read: {_NO_TEXT}.")
        if not root.exists():
            raise SourceError(f"{root} does not exist: give a directory that holds transcripts.")
        if not root.is_dir():
            raise SourceError(f"{root} is a file: give the directory that it lies in.")
        try:
            os.scandir(root).close()
        except OSError as error:
            raise SourceError(
                f"{root} cannot be read ({error.strerror}): allow this user to list it."
            ) from error
        checked.append(source)
    return checked


class Discovered(NamedTuple):
    """What lies below some roots."""

    #: Every file worth archiving, by transcript.
    files: Listing
    #: Path and reason of each directory and file that could not be looked at: they are reported,
    #: never fatal.
    unlisted: list[tuple[str, str]]


def discover(roots: Iterable[Path | str | Source]) -> Discovered:
    """List the roots.

    A root is a Claude config directory, its `projects` directory, or any directory with
    transcripts in it.
    """
    found = _Found()
    for source in _sources(roots):
        if source.is_bucket:
            found.begin(source, "")
            for file in bucket.files(source):
                if _may_be_told(file.relative):
                    found.add(file.path, file.relative, file.size, file.mtime_ns)
            continue
        root = Path(source.root)
        start = root / "projects" if (root / "projects").is_dir() else root
        found.begin(source, str(start))
        # Links to directories are not followed: below the start only files may be links.
        for entry, relative in _walk(str(start), "", found.unreadable):
            found.take(entry, relative)
    return Discovered(found.listing(), found.unreadable)


def of_session(transcript: Path) -> Listing:
    """A transcript, and what Claude Code keeps beside it: as `discover` finds them.

    Raises:
        SourceError: there is no such file.
    """
    if not is_text(str(transcript)):
        raise SourceError(f"{spelled(str(transcript))} cannot be read: {_NO_TEXT}.")
    # projects/<directory of the project>/<session>.jsonl
    start, found = str(transcript.parent.parent), _Found()
    found.begin(Source(start).named(), start)
    try:
        with os.scandir(transcript.parent) as entries:
            mine = [e for e in entries if e.name in (transcript.name, transcript.stem)]
    except OSError as error:
        raise SourceError(f"{transcript} cannot be read ({error.strerror}).") from error
    if transcript.name not in {entry.name for entry in mine}:
        raise SourceError(f"{transcript} does not exist.")
    for entry in mine:
        relative = f"{transcript.parent.name}/{entry.name}"
        if entry.is_dir(follow_symlinks=False):
            for inner, place in _walk(entry.path, f"{relative}/", found.unreadable):
                found.take(inner, place)
        else:
            found.take(entry, relative)
    return found.listing()


#: Transcript, path, whether it is one of lines, size, mtime_ns, and the number of its root.
_Row = tuple[str, str, bool, int, int, int]


class _Found:
    """What was found so far."""

    def __init__(self) -> None:
        self.unreadable: list[tuple[str, str]] = []
        self._rows: list[_Row] = []
        #: Each source, where its files lie, and where that really is.
        self._roots: list[tuple[Source, str, str]] = []
        #: Where the files that are links really are, by path.
        self._links: dict[str, str] = {}

    def begin(self, source: Source, start: str) -> None:
        """What is added from here on is of this source; empty: it lies in a bucket."""
        self._roots.append((source, start, os.path.realpath(start) if start else ""))

    def take(self, entry: os.DirEntry[str], relative: str) -> None:
        """Add a file of a directory, where it is worth archiving."""
        if not _may_be_told(relative):
            return
        try:
            stat = entry.stat()
        except OSError as error:
            self.unreadable.append((entry.path, error.strerror or "cannot be read"))
            return
        if entry.is_symlink():
            self._links[entry.path] = os.path.realpath(entry.path)
        self.add(entry.path, relative, stat.st_size, stat.st_mtime_ns)

    def add(self, path: str, relative: str, size: int, mtime_ns: int) -> None:
        """Add a file that is worth archiving, with the transcript that its name says."""
        is_lines = relative.endswith(".jsonl")
        standard = _STANDARD.search(relative)
        transcript = standard[1] if standard else relative
        # Some file systems keep times that no database takes.
        if not -_LAST_NS <= mtime_ns <= _LAST_NS:
            mtime_ns = max(-_LAST_NS, min(mtime_ns, _LAST_NS))
        self._rows.append((transcript, path, is_lines, size, mtime_ns, len(self._roots) - 1))

    def listing(self) -> Listing:
        """The files, by transcript; one that was found twice only as it was found last."""
        rows = self._rows
        # A directory lists a file once. Another root, or a link, may lead to it too.
        if self._links or len(self._roots) > 1:
            rows = list({self._real(row): row for row in rows}.values())
        if not rows:
            return Listing()
        rows.sort()
        transcripts, paths, are_lines, sizes, mtimes, roots = zip(*rows, strict=True)
        whose = [(source.owner, source.host) for source, _, _ in self._roots]
        owners = [whose[root] for root in roots]
        return Listing(paths, transcripts, are_lines, sizes, mtimes, owners)

    def _real(self, row: _Row) -> str:
        path, (_, start, real_start) = row[1], self._roots[row[-1]]
        return self._links.get(path) or real_start + path[len(start) :]


def _may_be_told(relative: str) -> bool:
    """Whether a file is worth archiving, by its path from the start."""
    return relative.endswith(".jsonl") or _BESIDE.search(relative) is not None


def is_text(name: str) -> bool:
    """Whether a name that the system gives is UTF-8: it may be any bytes."""
    return name.isascii() or not any("\ud800" <= char <= "\udfff" for char in name)


def spelled(name: str) -> str:
    """The same name as a text, with `\\xff` for a byte that is none."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _sources(roots: Iterable[Path | str | Source]) -> Iterator[Source]:
    for root in roots:
        yield from [root] if isinstance(root, Source) else Source.of(root).expanded()


def _walk(
    directory: str, relative: str, unreadable: list[tuple[str, str]]
) -> Iterator[tuple[os.DirEntry[str], str]]:
    """The files below a directory, each with its path from the start, parts divided by `/`."""
    # However deep they nest: until a path is too long for the system.
    waiting = [(directory, relative)]
    while waiting:
        directory, relative = waiting.pop()
        try:
            with os.scandir(directory) as entries:
                listed = list(entries)
        except OSError as error:
            unreadable.append((directory, error.strerror or "cannot be listed"))
            continue
        for entry in listed:
            if not is_text(entry.name):
                if entry.is_dir(follow_symlinks=False) or _may_be_told(relative + entry.name):
                    unreadable.append((spelled(entry.path), _NO_TEXT))
            elif entry.is_dir(follow_symlinks=False):
                waiting.append((entry.path, f"{relative}{entry.name}/"))
            elif entry.is_file() or (entry.is_symlink() and not os.path.exists(entry.path)):
                # A link that leads nowhere is yielded too: what cannot be looked at is reported.
                yield entry, relative + entry.name
