"""What the catalog says of a source file; apart from the database that holds it, which takes long
to import and which the processes that read files have no use for."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import date
from typing import Any


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """What one source file held when it had this size and modification time."""

    path: str
    transcript: str
    size: int
    mtime_ns: int
    lines: int
    #: Bytes of a last line that was still being written, left for the next reading.
    pending_bytes: int = 0
    #: Digest of the file's lines of each day.
    days: dict[date, str] = field(default_factory=dict)

    @property
    def session(self) -> str:
        """The session's part of the transcript's name."""
        return session_of(self.transcript)


def row_of(entry: CatalogEntry) -> tuple[Any, ...]:
    """The entry as a row of the database."""
    days = {day.isoformat(): digest for day, digest in sorted(entry.days.items())}
    return (
        entry.path,
        entry.transcript,
        entry.size,
        entry.mtime_ns,
        entry.lines,
        entry.pending_bytes,
        json.dumps(days),
    )


def session_of(transcript: str) -> str:
    """The session's part of a transcript's name."""
    return transcript.split("/", 1)[0].removesuffix(".jsonl")
