"""A disk that is full, or does not take what is written: told in one sentence."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from waste_assets.faults import Fault

_FULL = re.compile(r"No space left on device|Disk quota exceeded|database or disk is full", re.I)
#: What SQLite, Arrow and DuckDB say of a disk that is full, among other things.
_BROKEN = re.compile(r"disk I/O error|Could not (?:write|truncate|fsync)", re.I)
_READ_ONLY = re.compile(
    r"readonly database|Read-only file system|unable to open database file", re.I
)
_FULL_ERRORS = (errno.ENOSPC, errno.EDQUOT)
#: With less than this nothing can be done.
_ENOUGH_BYTES = 1 << 20


class DiskFault(Fault):
    """The disk of the data root does not take what is written there."""


@contextmanager
def disk_faults(data_root: Path) -> Iterator[None]:
    """Tell what the disk is to blame for as a fault of it.

    Raises:
        DiskFault: in the place of the error that says so; every other error is raised as it is.
    """
    try:
        yield
    except Fault:
        raise
    except Exception as error:
        one: BaseException | None = error
        while one is not None:
            number = one.errno if isinstance(one, OSError) else None
            # Of a file elsewhere it is not the data root's fault.
            name = getattr(one, "filename", None)
            if name is None or str(name).startswith(str(data_root)):
                if number in _FULL_ERRORS:
                    raise DiskFault(_full(data_root)) from error
                if sentence := blamed(str(one), data_root):
                    raise DiskFault(sentence) from error
            one = one.__cause__ or one.__context__
        raise


def blamed(text: str, data_root: Path) -> str | None:
    """What to do, where an error's text says that the disk is to blame; None otherwise."""
    if _FULL.search(text):
        return _full(data_root)
    if _BROKEN.search(text):
        if _free(data_root) < _ENOUGH_BYTES:
            return _full(data_root)
        return (
            f"The disk of {data_root} does not take what is written ({text.splitlines()[0]}): "
            "look after it, and run the audit again."
        )
    if _READ_ONLY.search(text):
        return (
            f"{data_root} cannot be written: allow this user to write there, or choose another "
            "with --data-root."
        )
    return None


def _full(data_root: Path) -> str:
    return (
        f"No space is left for {data_root}: make room, and run the audit again. What is there "
        "stays good; the next run goes on from it."
    )


def _free(data_root: Path) -> int:
    try:
        found = os.statvfs(data_root)
    except OSError:
        return 0
    return found.f_bavail * found.f_frsize
