"""Where transcripts come from: directories and buckets, each with its host and its owner.

A source is written as its root, and where host and owner are to be said, with them behind it:
`s3://bucket/transcripts/ann#owner=ann&host=laptop-7`. `{owner}` and `{host}` in a root stand for
directories of any name, each a source of its own. Many of them stand in a TOML file:

    [[source]]
    root = "s3://bucket/transcripts/{owner}/{host}"

    [[source]]
    root = "/ci/runner"
    owner = "platform"
"""

from __future__ import annotations

import os
import re
import socket
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from getpass import getuser
from pathlib import Path
from urllib.parse import parse_qsl, quote

from waste_assets.faults import Fault

_SAID = re.compile(r"(.*)#((?:owner|host)=[^&#]*(?:&(?:owner|host)=[^&#]*)?)", re.S)
_PLACE = re.compile(r"\{(owner|host)\}")


class SourceError(Fault):
    """The sources cannot be read."""


@dataclass(frozen=True)
class Source:
    """A root, and whose transcripts lie there."""

    #: A directory, or the URL of a prefix of a bucket.
    root: str
    owner: str = ""
    host: str = ""

    @classmethod
    def of(cls, given: Path | str) -> Source:
        """As it is written."""
        said = _SAID.fullmatch(str(given))
        if said is None:
            return cls(_absolute(str(given)))
        return cls(_absolute(said[1]), **dict(parse_qsl(said[2], keep_blank_values=True)))

    @property
    def is_bucket(self) -> bool:
        """Whether it lies in a bucket."""
        return self.root.startswith("s3://")

    def __str__(self) -> str:
        said = [f"{n}={quote(v)}" for n, v in (("owner", self.owner), ("host", self.host)) if v]
        return f"{self.root}#{'&'.join(said)}" if said else self.root

    def expanded(self) -> Iterator[Source]:
        """The sources that it stands for, in order: itself, or those of all owners and hosts."""
        place = _PLACE.search(self.root)
        if place is None:
            yield self.named()
            return
        before, after = self.root[: place.start()], self.root[place.end() :]
        if not before.endswith("/") or (after and not after.startswith("/")):
            raise SourceError(f"{self.root}: {place[0]} stands for a whole name of a directory.")
        for name in _folders(before):
            found = replace(self, root=f"{before}{name}{after}")
            found = replace(found, owner=name) if place[1] == "owner" else replace(found, host=name)
            yield from found.expanded()

    def may_exist(self) -> bool:
        """Whether it is worth looking there: a directory may be gone."""
        # What stands for several is looked for where it is read.
        return self.is_bucket or "{" in self.root or os.path.exists(self.root)

    def named(self) -> Source:
        """The source with what is not said: a directory is of this host and this user."""
        if self.is_bucket or (self.owner and self.host):
            return self
        return replace(self, owner=self.owner or _user(), host=self.host or _host())


def given_roots(listed: str) -> list[Path | str]:
    """The sources of a variable, which are divided as a `PATH` is."""
    return roots_of(part for part in re.split(rf"{re.escape(os.pathsep)}(?!//)", listed) if part)


def roots_of(given: Iterable[str]) -> list[Path | str]:
    """Directories, buckets and what TOML files list, each as it is written.

    Raises:
        SourceError: a URL that is not of a bucket, or a file that is not such a list.
    """
    roots: list[Path | str] = []
    for one in given:
        if one.endswith(".toml") and Path(one).is_file():
            roots += [str(source) for source in _listed(Path(one))]
        elif "://" in one or _SAID.fullmatch(one):
            roots.append(str(Source.of(one)))
        else:
            roots.append(Path(one).absolute())
    return roots


def _listed(file: Path) -> Iterator[Source]:
    told = f"{file} is not a list of sources: give [[source]] tables with a `root` each"
    try:
        tables = tomllib.loads(file.read_text("utf-8"))["source"]
        if not isinstance(tables, list):
            raise SourceError(f"{told}.")
        for table in tables:
            if not table.keys() <= {"root", "owner", "host"} or not table["root"]:
                raise SourceError(f"{told}, and `owner` and `host` where they are known.")
            if not all(isinstance(value, str) for value in table.values()):
                raise SourceError(f"{told}, and all of them text.")
            yield Source(_absolute(table["root"]), table.get("owner", ""), table.get("host", ""))
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise SourceError(f"{told} ({error}).") from error


def _absolute(root: str) -> str:
    if "://" not in root:
        return str(Path(root).expanduser().absolute())
    if not root.startswith("s3://"):
        raise SourceError(f"{root} cannot be read: give a directory, or s3://bucket/prefix.")
    return root.rstrip("/")


def _folders(before: str) -> list[str]:
    if before.startswith("s3://"):
        from waste_assets.lake.objects import Place

        return Place.of(before).folders()
    try:
        with os.scandir(before) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir())
    except OSError as error:
        raise SourceError(f"{before} cannot be listed ({error.strerror}).") from error


@cache
def _user() -> str:
    try:
        return getuser()
    except (OSError, KeyError):
        return ""


@cache
def _host() -> str:
    return socket.gethostname()
