"""Whatever is written is for its owner alone, unless they share it with their group."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

SHARED = "WASTE_ASSETS_SHARED"
#: What this project puts into a data root; what others put there is left as it is.
_OWN = (
    "lake", "lake-copies", "bi", "mart", "report", "dagster", "sample",
    "state.db", "state.db-wal", "state.db-shm", "schema_version", "unchanged.json",
    "hook.log", "hook.log.old",
)  # fmt: skip


def keep_private(environ: Mapping[str, str] = os.environ) -> None:
    """Take from others what this process and those that it starts will create.

    Raises:
        ValueError: `WASTE_ASSETS_SHARED` is none of its values.
    """
    os.umask(os.umask(0o077) | _taken(environ))


def tighten(data_root: Path, environ: Mapping[str, str] = os.environ) -> None:
    """Close what earlier versions, or another umask, have left open at the top of a data root.

    A directory that nobody may enter hides all that lies below it. What is not this user's is
    left as it is.
    """
    taken = _taken(environ)
    for name in _OWN:
        place = data_root / name
        with suppress(OSError):
            found = place.lstat()
            mode = stat.S_IMODE(found.st_mode)
            is_link = stat.S_ISLNK(found.st_mode)
            if mode & taken and not is_link and found.st_uid == os.getuid():
                place.chmod(mode & ~taken)


def _taken(environ: Mapping[str, str]) -> int:
    """The permissions that others do not get."""
    given = environ.get(SHARED, "").strip().lower()
    if given in ("", "no"):
        return 0o077
    if given == "group":
        return 0o027
    raise ValueError(f"{SHARED} is {given!r}: give `group` or `no`, or leave it out.")
