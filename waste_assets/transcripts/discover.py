"""Where transcripts lie, and which transcript a file belongs to."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from waste_assets.transcripts import bucket
from waste_assets.transcripts.sources import Source, SourceError

_SESSION = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
#: Names that Claude Code gives its files, from the session id on: the same wherever the
#: project's directory lies and whatever it is called.
_STANDARD = re.compile(rf"(?:^|/)({_SESSION}(?:\.jsonl|/.+)|agent-[^/]+\.(?:jsonl|meta\.json))$")
#: What Claude Code writes beside a transcript and sweeps with it.
_BESIDE = re.compile(r"(?:^|/)(?:tool-results|workflows)/|\.meta\.json$")
#: In the year 2262.
_LAST_NS = (1 << 63) - 1


@dataclass(frozen=True)
class SourceFile:
    """A file of a source directory, as its directory entry describes it."""

    path: str
    #: The same for every copy of a file that Claude Code named, under whatever directory.
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


def discover(
    roots: Iterable[Path | str | Source],
) -> tuple[list[SourceFile], list[tuple[str, str]]]:
    """Every file worth archiving below the roots, by transcript, and what could not be listed.

    A root is a Claude config directory, its `projects` directory, or any directory with
    transcripts in it. The second list holds (path, reason) of directories and files that could
    not be looked at: they are reported, never fatal.
    """
    found: dict[str, SourceFile] = {}
    unreadable: list[tuple[str, str]] = []
    for source in _sources(roots):
        if source.is_bucket:
            for file in bucket.files(source):
                if taken := _named(file.path, file.relative, file.size, file.mtime_ns, source):
                    found[file.path] = taken
            continue
        root = Path(source.root)
        start = root / "projects" if (root / "projects").is_dir() else root
        # Links to directories are not followed: below the start only files may be links.
        real_start = os.path.realpath(start)
        for entry, relative in _walk(str(start), "", unreadable):
            _take(entry, relative, real_start, found, unreadable, source)
    return sorted(found.values(), key=lambda f: (f.transcript, f.path)), unreadable


def of_session(transcript: Path) -> list[SourceFile]:
    """A transcript, and what Claude Code keeps beside it: as `discover` finds them.

    Raises:
        SourceError: there is no such file.
    """
    # projects/<directory of the project>/<session>.jsonl
    start = transcript.parent.parent
    found: dict[str, SourceFile] = {}
    unreadable: list[tuple[str, str]] = []
    real_start = os.path.realpath(start)
    source = Source(str(start)).named()
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
            for inner, place in _walk(entry.path, f"{relative}/", unreadable):
                _take(inner, place, real_start, found, unreadable, source)
        else:
            _take(entry, relative, real_start, found, unreadable, source)
    return sorted(found.values(), key=lambda f: (f.transcript, f.path))


def _take(
    entry: os.DirEntry[str],
    relative: str,
    real_start: str,
    found: dict[str, SourceFile],
    unreadable: list[tuple[str, str]],
    source: Source,
) -> None:
    """Add a file to what was found, by its real path, where it is worth archiving."""
    if not relative.endswith(".jsonl") and not _BESIDE.search(relative):
        return
    try:
        stat = entry.stat()
    except OSError as error:
        unreadable.append((entry.path, error.strerror or "cannot be read"))
        return
    real = os.path.realpath(entry.path) if entry.is_symlink() else f"{real_start}/{relative}"
    file = _named(entry.path, relative, stat.st_size, stat.st_mtime_ns, source)
    if file is not None:
        found[real] = file


def _named(path: str, relative: str, size: int, mtime_ns: int, source: Source) -> SourceFile | None:
    """The file, with the transcript that its name says; None where it is not worth archiving."""
    is_lines = relative.endswith(".jsonl")
    if not is_lines and not _BESIDE.search(relative):
        return None
    standard = _STANDARD.search(relative)
    transcript = standard[1] if standard else relative
    # Some file systems keep times that no database takes.
    mtime_ns = max(-_LAST_NS, min(mtime_ns, _LAST_NS))
    return SourceFile(path, transcript, is_lines, size, mtime_ns, source.owner, source.host)


def _sources(roots: Iterable[Path | str | Source]) -> Iterator[Source]:
    for root in roots:
        yield from [root] if isinstance(root, Source) else Source.of(root).expanded()


def _walk(
    directory: str, relative: str, unreadable: list[tuple[str, str]]
) -> Iterator[tuple[os.DirEntry[str], str]]:
    """The files below a directory, each with its path from the start, parts divided by `/`."""
    try:
        with os.scandir(directory) as entries:
            listed = list(entries)
    except OSError as error:
        unreadable.append((directory, error.strerror or "cannot be listed"))
        return
    for entry in listed:
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(entry.path, f"{relative}{entry.name}/", unreadable)
        elif entry.is_file() or (entry.is_symlink() and not os.path.exists(entry.path)):
            # A link that leads nowhere is yielded too: what cannot be looked at is reported.
            yield entry, relative + entry.name
