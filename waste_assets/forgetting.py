"""Deletion on request: sessions leave everything that was made of them, and do not come back.

The one exception to "the archive only grows". In this order, so that one that was interrupted is
begun again by the same command: tombstones, then all that can be made anew (tables, publications
and the facts that they are made from, report, Dagster's records), then the archive; last, the
account is made anew without them.

No audit is at work meanwhile. The hook may be: it archives nothing of a session once there is a
tombstone, and tombstones are put while nobody archives.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from waste_assets.clusters.applied import AppliedRemedies
from waste_assets.faults import Fault
from waste_assets.lake import tables
from waste_assets.lake.catalog import session_of
from waste_assets.lake.in_use import in_use, one_audit
from waste_assets.lake.lake import Lake
from waste_assets.lake.place import lake_of
from waste_assets.lake.source_catalog import SourceCatalog
from waste_assets.lake.state import State
from waste_assets.lake.whole import write_whole
from waste_assets.mart.publications import LOCK, Publications
from waste_assets.mart.shown_project import shown_project
from waste_assets.settings import LABELS_FILE, Settings
from waste_assets.transcripts import day_contents, erase
from waste_assets.transcripts.discover import check_roots, discover
from waste_assets.transcripts.forgotten import Forgotten
from waste_assets.transcripts.listing import Listing
from waste_assets.transcripts.sources import Source

#: Every table of the lake but the archive: made from it, and from each other.
_DERIVED = tuple(
    table
    for table in vars(tables).values()
    if isinstance(table, tables.Table) and table != tables.RAW_SESSIONS
)
_LOGS = ("hook.log", "hook.log.old", "nightly.log", "unchanged.json")


@dataclass
class Request:
    """Whose sessions are to go: all that any of these says."""

    owner: str | None = None
    session: str | None = None
    project: str | None = None
    #: All lines of days before this one.
    before: date | None = None


@dataclass
class Found:
    """What a request is about."""

    sessions: set[str] = field(default_factory=set)
    #: Days of the archive that hold something of it.
    days: list[date] = field(default_factory=list)
    #: Of these, the days that go whole.
    past: list[date] = field(default_factory=list)

    def told(self) -> dict[str, Any]:
        """As a plain object."""
        return {
            "sessions": sorted(self.sessions),
            "days": [day.isoformat() for day in self.days],
            "days_removed": [day.isoformat() for day in self.past],
        }


def find(settings: Settings, request: Request) -> Found:
    """What would be deleted.

    Sources are looked at too: what they hold of an owner and is not archived yet is not to be.

    Raises:
        Fault: nothing is archived, or nothing of what was asked for is.
    """
    lake = lake_of(settings.data_root, settings.lake)
    if not lake.exists():
        raise Fault(f"Nothing has been audited into {settings.data_root}: run an audit first.")
    found = Found()
    if request.session:
        found.sessions.add(request.session)
    if request.owner:
        known = day_contents.owners(lake)
        found.sessions |= {session for session, who in known.items() if who[0] == request.owner}
        found.sessions |= {f.session for f in _sources(settings) if f.owner == request.owner}
    if request.project:
        found.sessions |= erase.sessions_of_project(lake, request.project)
    held = lake.days(tables.RAW_SESSIONS)
    if request.before:
        found.past = [day for day in held if day < request.before]
    mine = erase.days_of(lake, found.sessions) if found.sessions else []
    found.days = sorted({*mine, *found.past})
    return found


def forget(settings: Settings, request: Request) -> dict[str, Any]:
    """Delete it, and make the account anew; tells what was done.

    Raises:
        Fault, OSError: something could not be deleted; the same command goes on from there.
    """
    from waste_assets.audit import tell_waiting

    lake, root = lake_of(settings.data_root, settings.lake), settings.data_root
    alone = partial(one_audit, root, partial(tell_waiting, settings))
    with alone(), in_use(root):
        found, rows = _deleted(settings, lake, request)
    told = {**found.told(), "rows_removed": rows, "errors": _made_anew(settings)}
    with alone(), in_use(root), closing(State(root)) as state:
        told["answers_removed"] = _without_answers(settings, lake, state, found)
        state.compact()
    return told


def _deleted(settings: Settings, lake: Lake, request: Request) -> tuple[Found, int]:
    """Delete what was asked for; tells what that was, and how many rows of the archive."""
    root = settings.data_root
    with closing(State(root)) as state:
        _check_nothing_under_way(state)
    sessions = find(settings, request).sessions
    with lake.lock(tables.RAW_SESSIONS, date.min, date.max):
        Forgotten.of(lake).also(sessions, request.before).write(lake)
    # What has been archived until now is all that there will be.
    found = find(settings, request)
    found.sessions |= sessions
    subjects = _subjects(lake, found)
    _without_publications(root)
    for folder in (root / "report", *_dagster(root)):
        _remove(folder)
    for name in _LOGS:
        (root / name).unlink(missing_ok=True)
    _without_labels(settings.labels_file or root / LABELS_FILE, subjects)
    with closing(State(root)) as state:
        SourceCatalog(state).forget(_is_gone(found, request))
    # Days around a session are made anew by themselves, where what they rest on has changed.
    for table in _DERIVED:
        for day in lake.days(table):
            if day in found.days or (request.before and day < request.before):
                lake.remove(table, day)
                lake.drop_copies(table, day)
    erase.remove(lake, found.past)
    rows = sum(
        erase.erase(lake, day, found.sessions) for day in found.days if day not in found.past
    )
    with closing(State(root)) as state:
        _without_remedies(lake, AppliedRemedies(state))
    return found, rows


def _without_remedies(lake: Lake, applied: AppliedRemedies) -> None:
    """Forget where remedies were applied, if nothing is left of the project."""
    if noted := applied.projects():
        applied.forget(noted - {shown_project(path) for path in erase.projects(lake)})


def _without_publications(root: Path) -> None:
    """Delete all publications, and what the next would build upon."""
    bi = root / "bi"
    with Publications.locked(bi):
        _remove(root / "mart")
        for path in bi.iterdir():
            # Whoever waits for the lock has its file open.
            if path.name != LOCK:
                _remove(path)


def _remove(place: Path) -> None:
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)


def _check_nothing_under_way(state: State) -> None:
    from waste_assets.labels.store import LabelStore

    if LabelStore(state).in_flight():
        raise Fault(
            "Answers are under way that may be about these sessions: pick them up first, with "
            "`waste-assets labels collect`."
        )


def _sources(settings: Settings) -> Listing:
    there = [root for root in settings.sources if Source.of(root).may_exist()]
    return discover(check_roots(there))[0]


def _dagster(root: Path) -> list[Path]:
    """Dagster's records of earlier runs: what they say of days and projects."""
    home = root / "dagster"
    return [one for one in home.iterdir() if one.is_dir()] if home.exists() else []


def _is_gone(found: Found, request: Request) -> Any:
    def gone(transcript: str, days: Iterable[date]) -> bool:
        if session_of(transcript) in found.sessions:
            return True
        before = request.before
        return before is not None and all(day < before for day in days)

    return gone


def _subjects(lake: Lake, found: Found) -> set[str]:
    """What people and models have judged of these sessions."""
    subjects: set[str] = set()
    for day in found.days:
        for part in lake.parts(tables.HAIKU_LABELS, [day]):
            rows = pq.read_table(part, columns=["subject_id", "session_id"], partitioning=None)
            for row in rows.to_pylist():
                if row["session_id"] in found.sessions or day in found.past:
                    subjects.add(row["subject_id"])
    return subjects


def _without_labels(file: Path, subjects: set[str]) -> None:
    if not file.exists() or not subjects:
        return
    lines = file.read_bytes().splitlines(keepends=True)
    kept = [line for line in lines if not _is_about(line, subjects)]
    if kept != lines:
        write_whole(file, b"".join(kept))


def _is_about(line: bytes, subjects: set[str]) -> bool:
    try:
        return json.loads(line).get("subject") in subjects
    except (ValueError, AttributeError):
        return False


def _made_anew(settings: Settings) -> list[str]:
    """Build the days again from the archive alone; returns what went wrong."""
    from dataclasses import replace

    from waste_assets.audit import run_audit

    labels = replace(settings.labels, max_usd=0.0)
    alone = replace(settings, sources=(), labels=labels)
    errors: list[str] = run_audit(alone).told["errors"]
    return errors


def _without_answers(settings: Settings, lake: Lake, state: State, found: Found) -> int:
    """Forget the answers that nothing asks for any more: they may quote what is gone.

    The questions that are still asked are made from what is still there. What answers have cost
    stays in the ledger, which holds no text.
    """
    from waste_assets.clusters.shown import shown
    from waste_assets.clusters.titles import questions
    from waste_assets.labels.store import LabelStore
    from waste_assets.labels.wanted import canary_keys

    used = canary_keys(settings.labels.judge)
    for part in lake.parts(tables.HAIKU_LABELS):
        keys = pq.read_table(part, columns=["question_key"], partitioning=None)
        used |= set(keys["question_key"].to_pylist())
    about = questions(lake, shown(lake, state), show_examples=settings.show_examples)
    used |= {one.key(settings.labels.judge) for asked in about.values() for one in asked}
    return LabelStore(state).forget_answers(found.days, {key for key in used if key})
