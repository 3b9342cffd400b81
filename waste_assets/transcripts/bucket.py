"""Transcripts in a bucket: which there are, and reading them as files are read."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import RawIOBase

from waste_assets.transcripts.sources import Source, SourceError


@dataclass(frozen=True)
class Found:
    """An object below a source."""

    #: Its whole URL.
    path: str
    #: Its path from the source, as that of a file from its root.
    relative: str
    size: int
    mtime_ns: int


def is_object(path: str) -> bool:
    """Whether a path is the URL of an object."""
    return path.startswith("s3://")


def check(source: Source) -> None:
    """Raises SourceError where the bucket cannot be listed."""
    from waste_assets.lake.objects import Place

    try:
        next(Place.of(source.root).objects(limit=1), None)
    except OSError as error:
        raise SourceError(f"{source.root} cannot be listed ({error.strerror}).") from error


def files(source: Source) -> Iterator[Found]:
    """The objects of a source; those of its `projects`, where there are such.

    Raises:
        SourceError: the bucket cannot be listed.
    """
    from waste_assets.lake.objects import Place

    place = Place.of(source.root)
    try:
        listed = list(place.objects())
    except OSError as error:
        raise SourceError(f"{source.root} cannot be listed ({error.strerror}).") from error
    start = "projects/" if any(one.name.startswith("projects/") for one in listed) else ""
    for one in listed:
        if one.name.startswith(start):
            # Contents that were put within one second differ in this.
            below = zlib.crc32(one.etag.encode()) % 1_000_000_000
            mtime_ns = one.modified * 1_000_000_000 + below
            yield Found(place.url + one.name, one.name.removeprefix(start), one.size, mtime_ns)


def opened_object(path: str) -> RawIOBase:
    """An object, to be read from its beginning to its end.

    Raises:
        OSError: it cannot be read.
    """
    from waste_assets.lake.objects import ObjectReader, place_of

    return ObjectReader(*place_of(path))


def ends(path: str, start: int, size: int, length: int) -> tuple[bytes, bytes]:
    """`length` bytes from `start` on, and the last ones of `size` that are not among them.

    Raises:
        OSError: it cannot be read.
    """
    if is_object(path):
        return _ends_of_object(path, start, size, length)
    with open(path, "rb") as handle:
        handle.seek(start)
        head = handle.read(length)
        handle.seek(max(start + len(head), size - length))
        return head, handle.read(length)


def _ends_of_object(path: str, start: int, size: int, length: int) -> tuple[bytes, bytes]:
    from waste_assets.lake.objects import place_of

    place, key = place_of(path)
    if start >= size:
        return b"", b""
    if size - start <= 2 * length:
        whole = place.read(key, start, size)
        return whole[:length], whole[length:]
    return place.read(key, start, start + length), place.read(key, size - length, size)


def modified(handle: RawIOBase, mtime_ns: int) -> float:
    """When what is being read was last changed, seconds since 1970; `mtime_ns`: as was listed."""
    try:
        return os.fstat(handle.fileno()).st_mtime
    except OSError:
        # An object has no descriptor, and what is read of it is as it was listed, or newer.
        return mtime_ns / 1e9
