"""What a day of the archive holds, as the footer of its partition says."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import msgspec

from waste_assets.lake.lake import Lake
from waste_assets.lake.tables import RAW_SESSIONS

_VERSION, _HELD, _SEEN, _COUNTS = "waste.version", "waste.held", "waste.seen", "waste.counts"
_OWNERS = "waste.owners"


#: Whose, and of which host; empty where one is not known.
Owner = tuple[str, str]


@dataclass
class DayContents:
    """What a day of the archive holds, as its footer says."""

    #: Identity of the rows: equal rows, equal version. Empty where there is no partition.
    version: str = ""
    #: Digest of what is held of each transcript.
    held: dict[str, str] = field(default_factory=dict)
    #: Digests of files whose lines are all held, where they differ from what is held.
    seen: dict[str, list[str]] = field(default_factory=dict)
    lines: int = 0
    files: int = 0
    bytes: int = 0
    #: Owner and host of the sessions that lines were archived of, where they are known.
    owners: dict[str, Owner] = field(default_factory=dict)

    def covers(self, transcript: str, digest: str) -> bool:
        """Whether a file with these lines has nothing that is not held."""
        return self.held.get(transcript) == digest or digest in self.seen.get(transcript, ())


def contents(lake: Lake, day: date) -> DayContents:
    """What a day of the archive holds."""
    notes = lake.notes(RAW_SESSIONS, day)
    if _VERSION not in notes:
        return DayContents()
    counts = json.loads(notes[_COUNTS])
    return DayContents(
        notes[_VERSION],
        msgspec.json.decode(notes[_HELD]),
        msgspec.json.decode(notes[_SEEN]),
        **counts,
        owners=_owners(notes),
    )


def notes_of(told: DayContents) -> dict[str, str]:
    """What the footer says of these contents; their version is set."""
    held = json.dumps(told.held, sort_keys=True)
    told.version = hashlib.sha256(held.encode()).hexdigest()[:16]
    counts = {name: getattr(told, name) for name in ("lines", "files", "bytes")}
    return {
        _VERSION: told.version,
        _HELD: held,
        _SEEN: json.dumps(told.seen, sort_keys=True),
        _COUNTS: json.dumps(counts),
        _OWNERS: _listed_owners(told.owners),
    }


def owners(lake: Lake) -> dict[str, Owner]:
    """Whose each session is, and of which host: as the first day says on which it is known."""
    found: dict[str, Owner] = {}
    for day in lake.days(RAW_SESSIONS):
        for session, owner in _owners(lake.notes(RAW_SESSIONS, day)).items():
            found.setdefault(session, owner)
    return found


def owners_identity(lake: Lake) -> str:
    """Equal days, equal identity, as far as they say whose sessions are."""
    told = hashlib.sha256()
    for day in lake.days(RAW_SESSIONS):
        told.update(f"{day}{lake.notes(RAW_SESSIONS, day).get(_OWNERS)}".encode())
    return told.hexdigest()


def _owners(notes: Mapping[str, str]) -> dict[str, Owner]:
    told = msgspec.json.decode(notes.get(_OWNERS, "[]"))
    found: dict[str, Owner] = {}
    for *owner, sessions in told:
        found |= dict.fromkeys(sessions, tuple(owner))
    return found


def _listed_owners(owners: dict[str, Owner]) -> str:
    """Each owner and host once, with its sessions."""
    listed: dict[Owner, list[str]] = defaultdict(list)
    for session in sorted(owners):
        listed[owners[session]].append(session)
    return json.dumps([[*owner, sessions] for owner, sessions in sorted(listed.items())])
