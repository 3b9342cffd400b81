"""Transcripts in a bucket: which there are, and reading them as files are read."""

from __future__ import annotations

import os
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BytesIO, IOBase

from waste_assets.transcripts.sources import Source, SourceError

#: Objects that are fetched ahead: not larger than this, and so many at once (128 MB at most).
_SMALL_BYTES, _AHEAD = 8 << 20, 16


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


@contextmanager
def read_ahead(paths: Iterable[tuple[str, int]]) -> Iterator[None]:
    """While these are opened in this order (path, bytes), have the next small objects at hand.

    An object takes longer to begin with than to be read, where it is small.
    """
    small = deque(path for path, size in paths if is_object(path) and size <= _SMALL_BYTES)
    if not small:
        yield
        return
    with ThreadPoolExecutor(_AHEAD, "read-ahead") as pool:
        _ahead.append(_Ahead(small, pool))
        try:
            yield
        finally:
            _ahead.pop()
            pool.shutdown(cancel_futures=True)


class _Ahead:
    """Small objects that are under way, in the order in which they will be opened."""

    def __init__(self, waiting: deque[str], pool: ThreadPoolExecutor) -> None:
        self._waiting, self._pool = waiting, pool
        self._under_way: dict[str, Future[bytes]] = {}

    def take(self, path: str) -> bytes | None:
        """The bytes of an object; None where it was not fetched, or could not be."""
        while self._waiting and len(self._under_way) < _AHEAD:
            following = self._waiting.popleft()
            self._under_way[following] = self._pool.submit(_whole, following)
        future = self._under_way.pop(path, None)
        with suppress(OSError):
            return future.result() if future else None
        return None


#: Of the update that runs in this process, where one does.
_ahead: list[_Ahead] = []


def _whole(path: str) -> bytes:
    from waste_assets.lake.objects import place_of

    place, key = place_of(path)
    return place.read(key)


def opened_object(path: str) -> IOBase:
    """An object, to be read from its beginning to its end.

    Raises:
        OSError: it cannot be read.
    """
    if _ahead and (data := _ahead[-1].take(path)) is not None:
        return BytesIO(data)
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


def modified(handle: IOBase, mtime_ns: int) -> float:
    """When what is being read was last changed, seconds since 1970; `mtime_ns`: as was listed."""
    try:
        return os.fstat(handle.fileno()).st_mtime
    except OSError:
        # An object has no descriptor, and what is read of it is as it was listed, or newer.
        return mtime_ns / 1e9
