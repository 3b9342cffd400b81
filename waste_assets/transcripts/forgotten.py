"""What is not to be archived again: sessions that were forgotten on request, and days past.

Kept beside the lake, so that every machine that archives into it knows. Of a session there is a
hash and nothing else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date

from waste_assets.lake.catalog import session_of
from waste_assets.lake.lake import Lake
from waste_assets.lake.place import FORGOTTEN
from waste_assets.transcripts.listing import Listing


@dataclass(frozen=True)
class Forgotten:
    """Tombstones."""

    #: Hashes of sessions.
    sessions: frozenset[str] = frozenset()
    #: Lines of days before this one are not archived.
    before: date | None = None

    @classmethod
    def of(cls, lake: Lake) -> Forgotten:
        """Those of a lake."""
        told = lake.kept(FORGOTTEN)
        if told is None:
            return cls()
        kept = json.loads(told)
        before = date.fromisoformat(kept["before"]) if kept["before"] else None
        return cls(frozenset(kept["sessions"]), before)

    def write(self, lake: Lake) -> None:
        """Let everybody know who archives into the lake."""
        before = self.before.isoformat() if self.before else None
        told = {"before": before, "sessions": sorted(self.sessions)}
        lake.keep(FORGOTTEN, json.dumps(told).encode())

    def also(self, sessions: Iterable[str], before: date | None) -> Forgotten:
        """With more of them."""
        last = max(filter(None, (self.before, before)), default=None)
        return replace(self, sessions=self.sessions | set(map(_hash, sessions)), before=last)

    def holds(self, session: str) -> bool:
        """Whether a session was forgotten."""
        return bool(self.sessions) and _hash(session) in self.sessions

    def of_lines(self, sessions: Iterable[str]) -> set[str]:
        """Which of these sessions were forgotten."""
        return {one for one in set(sessions) if self.holds(one)} if self.sessions else set()

    def without(self, files: Listing) -> Listing:
        """The files of all other sessions."""
        if not self.sessions:
            return files
        return files.chosen(not self.holds(session_of(file.transcript)) for file in files)


def _hash(session: str) -> str:
    return hashlib.sha256(f"waste_assets/forgotten/{session}".encode()).hexdigest()
