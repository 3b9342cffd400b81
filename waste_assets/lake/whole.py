"""Small files that are there whole, or not at all."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path


def temporary(place: Path) -> Path:
    """A name beside a place, under which nobody looks for anything; see `in_use`."""
    return place.with_name(f".{place.name}.{os.getpid()}.{secrets.token_hex(4)}")


def write_whole(place: Path, data: bytes) -> None:
    """Write a file, or replace it; who is killed meanwhile leaves what was there.

    Raises:
        OSError: it cannot be written; what was there stays.
    """
    written = temporary(place)
    try:
        written.write_bytes(data)
        written.replace(place)
    finally:
        with suppress(OSError):
            written.unlink(missing_ok=True)
