"""Publications: each lies in a directory of its own, and one rename lets the next one count.

    bi/versions/<name>/waste.duckdb, <table>.parquet     a publication, never changed once it counts
    bi/current            -> versions/<name>             the one that counts
    bi/waste.duckdb       -> current/waste.duckdb        the names that people use,
    bi/<table>.parquet    -> current/<table>.parquet     which never change

So all names mean the new publication at once. Whoever opens several files one after another and
wants them to belong together asks for `current(bi)` once. A publication that counts no more stays
for a while, for such readers; what has an open file keeps it in any case.

One process publishes at a time, under a lock that the system takes away from a process that dies.
So whatever is found half-built belongs to nobody.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

DATABASE = "waste.duckdb"
LOCK = ".lock"
#: How long a publication stays that counts no more, in seconds; and how many at most.
_GRACE_SECONDS = 600.0
_MOST_SUPERSEDED = 20
_CURRENT, _VERSIONS = "current", "versions"


def current(bi: Path) -> Path:
    """The directory of the publication that counts: its files belong together.

    It is `bi` itself where links of files are not to be had.
    """
    link = bi / _CURRENT
    return bi / link.readlink() if link.is_symlink() else bi


class Publications:
    """The publications below a directory, in the hands of the one process that publishes."""

    def __init__(self, bi: Path) -> None:
        self.bi = bi
        self.current = current(bi)

    @classmethod
    @contextmanager
    def locked(cls, bi: Path) -> Iterator[Publications]:
        """Wait until no other process publishes there, and clear away what a killed one left.

        Raises:
            OSError: nothing can be written there.
        """
        bi.mkdir(parents=True, exist_ok=True)
        with (bi / LOCK).open("w") as handle:
            fcntl.lockf(handle, fcntl.LOCK_EX)
            publications = cls(bi)
            publications.tidy()
            yield publications

    @contextmanager
    def building(self) -> Iterator[Path]:
        """A directory to build a publication in; it is gone afterwards, unless it counts."""
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
        place = self.bi / _VERSIONS / f".{stamp}-{secrets.token_hex(4)}"
        place.mkdir(parents=True)
        try:
            yield place
        finally:
            if place.exists():
                shutil.rmtree(place)

    def put_in_place(self, building: Path) -> None:
        """Let a publication count, all of its files at once.

        Raises:
            OSError: it cannot be done; the old one counts.
        """
        _settle(building)
        if not _can_link(self.bi):
            self._replace_one_by_one(building)
            return
        self._adopt()
        version = building.with_name(building.name.removeprefix("."))
        names = [path.name for path in building.iterdir() if _is_public(path)]
        building.rename(version)
        for name in names:
            self._link(name, f"{_CURRENT}/{name}")
        # From now on it counts no more, whatever happens to this process.
        if self.current != self.bi:
            os.utime(self.current)
        self._link(_CURRENT, f"{_VERSIONS}/{version.name}")
        self.current = version
        self.tidy()

    def _adopt(self) -> None:
        """Bring files that are no links under the roof: of an older layout, or of a copied root.

        They become the publication that counts, and then the names become links to it: what a
        reader finds under a name stays the same all the while.
        """
        if (self.bi / _CURRENT).is_symlink():
            for path in self.bi.iterdir():
                if _is_public(path) and path.is_symlink() is False:
                    # Somebody put it there in place of a link.
                    self._link(path.name, f"{_CURRENT}/{path.name}")
            return
        if (self.bi / _CURRENT).is_dir():
            # A copy that has followed the links.
            (self.bi / _CURRENT).rename(self.bi / _VERSIONS / f"copied-{secrets.token_hex(4)}")
        found = [path for path in self.bi.iterdir() if _is_public(path) and path.is_file()]
        if not found:
            return
        adopted = self.bi / _VERSIONS / f"adopted-{secrets.token_hex(4)}"
        adopted.mkdir(parents=True)
        for path in found:
            _same_file(path, adopted / path.name)
        self._link(_CURRENT, f"{_VERSIONS}/{adopted.name}")
        for path in found:
            self._link(path.name, f"{_CURRENT}/{path.name}")
        self.current = adopted

    def _link(self, name: str, target: str) -> None:
        """Let a name be a link, at once."""
        place = self.bi / name
        if place.is_symlink() and str(place.readlink()) == target:
            return
        temporary = self.bi / f".{name}.{secrets.token_hex(4)}"
        temporary.symlink_to(target)
        temporary.replace(place)

    def _replace_one_by_one(self, building: Path) -> None:
        """Where there are no links: a reader may meet two publications, and tell by their ids."""
        files = sorted(building.iterdir(), key=lambda path: (path.name == DATABASE, path.name))
        for path in files:
            path.replace(self.bi / path.name)

    def tidy(self) -> None:
        """Remove what nobody needs: half-built publications, and those that count no more."""
        for path in self.bi.glob(".*"):
            # Names of what was about to be put in place: `.waste.duckdb.<mark>`, `.current.<mark>`.
            if path.name.startswith((f".{DATABASE}.", f".{_CURRENT}.")) or ".parquet." in path.name:
                path.unlink(missing_ok=True)
        versions = self.bi / _VERSIONS
        if not versions.is_dir():
            return
        for path in versions.glob(".*"):
            _remove(path)
        old = [path for path in versions.iterdir() if path.name != self.current.name]
        ended = {path: path.stat().st_mtime for path in old}
        old.sort(key=lambda path: ended[path], reverse=True)
        oldest = time.time() - _GRACE_SECONDS
        for number, path in enumerate(old):
            if number >= _MOST_SUPERSEDED or ended[path] < oldest:
                _remove(path)


def _is_public(path: Path) -> bool:
    return path.name == DATABASE or (path.suffix == ".parquet" and path.name[0] != ".")


def _can_link(bi: Path) -> bool:
    probe = bi / f".{_CURRENT}.{secrets.token_hex(4)}"
    try:
        probe.symlink_to(_VERSIONS)
    except (OSError, NotImplementedError):
        return False
    probe.unlink()
    return True


def _same_file(path: Path, place: Path) -> None:
    try:
        place.hardlink_to(path)
    except OSError:
        shutil.copy2(path, place)


def _settle(directory: Path) -> None:
    """Have its files on the disk before a name says that they count."""
    for path in [*directory.iterdir(), directory]:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _remove(path: Path) -> None:
    # Whatever cannot be removed now is tried again by the next publication.
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
