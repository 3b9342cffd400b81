"""What is out of date: which days have to be built, found without reading the sources."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from waste_assets.accounting import turns
from waste_assets.clusters import stage as clusters
from waste_assets.detectors import flags
from waste_assets.detectors.flag import Settings as DetectorSettings
from waste_assets.labels import judged
from waste_assets.labels.labelling import Labelling
from waste_assets.lake.catalog import CatalogEntry
from waste_assets.lake.known_files import KnownFiles
from waste_assets.lake.lake import Lake
from waste_assets.lake.objects import at_once
from waste_assets.lake.source_catalog import SourceCatalog
from waste_assets.lake.state import State
from waste_assets.mart.beside import beside
from waste_assets.mart.publish import inputs, published_inputs
from waste_assets.report.inputs import report_inputs, reported_inputs
from waste_assets.transcripts.bucket import is_object
from waste_assets.transcripts.changes import Changes
from waste_assets.transcripts.days import FIRST_DAY, Calendar
from waste_assets.transcripts.forgotten import Forgotten
from waste_assets.transcripts.listing import Listing, SourceFile
from waste_assets.transcripts.peek import is_gone, peek


@dataclass
class Plan:
    """Days to build, and whether anything has to be done at all."""

    #: Days whose sources, archive or turns have changed.
    days: set[date] = field(default_factory=set)
    #: There are lines dated after today that the archive lacks; today is then one of the days.
    dated_later: bool = False
    #: Days of which only the labels have to be built: something was answered since.
    label_days: set[date] = field(default_factory=set)
    #: The BI files are not made from what the lake holds.
    publish: bool = False
    #: The report is not made from what the BI files hold, or will be.
    report: bool = False
    #: What has to be read of the sources: the sizes of the files that have changed.
    changed_bytes: int = 0
    #: Identity of the state of the sources that led to this plan.
    mark: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether everything is as it should be."""
        return not (self.days or self.label_days or self.publish or self.report)


def plan(
    lake: Lake,
    state: State,
    bi: Path,
    files: Listing,
    calendar: Calendar,
    detector_settings: DetectorSettings,
    labelling: Labelling,
    *,
    names: bool = False,
    show_examples: bool = False,
) -> Plan:
    """Compare the sources with what was built from them.

    A file that has changed is only looked into at its beginning and its end (or where it has
    grown): if that misses a day in its middle, the next plan names it, for by then the file is
    known line by line.
    """
    known = SourceCatalog(state).read()
    changes = Changes(files, known)
    made = Plan(mark=files.identity)
    # What has vanished since it was listed brings nothing.
    changed = Listing.of(file for file in files.chosen(changes.changed) if not is_gone(file))
    made.changed_bytes = sum(changed.sizes)
    sessions = known.begins(changed.sessions_beside())
    _look_ahead(changed, known)
    for file in changed:
        made.days |= _peek(file, known.get(file.path), calendar, sessions)
    made.days |= changes.stale_days(lake)
    today = calendar.day_at(datetime.now(UTC))
    made.dated_later = any(day > today for day in made.days)
    if made.dated_later:
        # The archive takes it in together with today's lines.
        made.days.add(today)
    holdings = turns.Holdings.of(lake)
    copies = turns.copies_elsewhere(None, lake, holdings)
    made.days |= turns.stale_days(lake, holdings, copies)
    first = max(FIRST_DAY, Forgotten.of(lake).before or FIRST_DAY)
    made.days = {day for day in made.days if first <= day <= today}
    active = flags.Active.of(lake)
    # What one day of a session brings changes what the flags of its other days cost.
    touched = {file.session for file in changed} | known.sessions_on(made.days)
    made.days |= active.days_of(touched)
    made.days |= flags.stale_days(lake, active, detector_settings)
    made.days |= clusters.stale_days(lake)
    # A session is known by its lines, whatever its files are called.
    made.days |= active.following(made.days)
    made.label_days = judged.stale_days(lake, active, labelling) - made.days
    other = beside(lake, state, labelling, names=names, show_examples=show_examples)
    made.publish = published_inputs(bi) != inputs(lake, other)
    current = report_inputs(bi, calendar.zone.key)
    made.report = made.publish or reported_inputs(bi.with_name("report")) != current
    lake.keep_notes()
    return made


def _peek(
    file: SourceFile,
    entry: CatalogEntry | None,
    calendar: Calendar,
    sessions: dict[str, date],
) -> set[date]:
    """The first and the last day of what is new in a file, and the days between them."""
    by_mtime = calendar.day_of_file(file.mtime_ns)
    if not file.is_lines:
        return {sessions.get(file.session, by_mtime)}
    grown = entry is not None and file.size > entry.size
    try:
        stamps = peek(file, _start(file, entry)).stamps
    except OSError:
        return set()
    days = sorted({calendar.day(stamp) for stamp in stamps})
    if entry is not None and not grown:
        days += list(entry.days)
    if not days:
        days = [by_mtime]
    sessions.setdefault(file.session, min(days))
    return set(_between(min(days), max(days)))


def _start(file: SourceFile, entry: CatalogEntry | None) -> int:
    """Where what is new in a file begins."""
    grown = entry is not None and file.size > entry.size
    return entry.size - entry.pending_bytes if entry and grown else 0


def _look_ahead(files: Listing, known: KnownFiles) -> None:
    """Look into objects of a bucket many at a time: each look waits for the network."""

    def look(file: SourceFile) -> None:
        with suppress(OSError):
            peek(file, _start(file, known.get(file.path)))

    at_once(look, [file for file in files if file.is_lines and is_object(file.path)])


def _between(first: date, last: date) -> Iterable[date]:
    return (first + timedelta(days=n) for n in range((last - first).days + 1))
