"""Shipping transcripts into a bucket: what has changed, whole; nothing is deleted there.

Objects have the names that the files have below their root, so that the bucket is a source like
any other. An object that is as large as the file and not older has it; whatever is cut short is
put by the next run.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from waste_assets.lake.objects import Object, Place, at_once
from waste_assets.transcripts.discover import check_roots, discover
from waste_assets.transcripts.listing import SourceFile
from waste_assets.transcripts.sources import Source


@dataclass
class Shipped:
    """What was put into the bucket."""

    files: int = 0
    bytes: int = 0
    #: Files that were there already as they are.
    same: int = 0
    #: (path, reason) of what could not be read or put.
    failed: list[tuple[str, str]] = field(default_factory=list)


def ship(
    roots: Iterable[Path | str],
    url: str,
    files: Sequence[SourceFile] | None = None,
    progress: Callable[[int], None] = lambda bytes_done: None,
) -> Shipped:
    """Put what has changed below the roots (or of these files of one root) into a bucket.

    Raises:
        SourceError: a root cannot be read.
        BucketError: the bucket cannot be listed.
    """
    place, done = Place.of(url), Shipped()
    for source in check_roots(roots):
        found, unlisted = (files, []) if files is not None else discover([source])
        done.failed += unlisted
        wanted = {_name(file, source): file for file in found}
        there = {one.name: one for one in _listed(place, wanted, files is not None)}
        changed = [(n, f) for n, f in sorted(wanted.items()) if not _has(there.get(n), f)]
        done.same += len(wanted) - len(changed)

        def put(task: tuple[str, SourceFile]) -> str | None:
            try:
                place.put(task[0], Path(task[1].path))
            except OSError as error:
                return error.strerror or "cannot be read"
            finally:
                progress(task[1].size)
            return None

        for (_, file), reason in zip(changed, at_once(put, changed), strict=True):
            if reason is None:
                done.files += 1
                done.bytes += file.size
            else:
                done.failed.append((file.path, reason))
    return done


def _name(file: SourceFile, source: Source) -> str:
    """The path below the root, which begins with `projects/` where the root has one."""
    return os.path.relpath(file.path, source.root).replace(os.sep, "/")


def _listed(place: Place, wanted: Iterable[str], few: bool) -> Iterable[Object]:
    """What the bucket holds: all of it, or what stands where these few would."""
    if not few:
        yield from place.objects()
        return
    for folder in sorted({name.rpartition("/")[0] for name in wanted}):
        yield from place.objects(folder)


def _has(there: Object | None, file: SourceFile) -> bool:
    return (
        there is not None and there.size == file.size and there.modified >= file.mtime_ns // 10**9
    )
