"""The archive: every line once, by day, merged with what is there and never taken away."""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from functools import partial
from typing import TYPE_CHECKING

from waste_assets.lake.catalog import CatalogEntry
from waste_assets.lake.known_files import KnownFiles
from waste_assets.lake.lake import Lake, Overtaken
from waste_assets.lake.tables import RAW_SESSIONS
from waste_assets.processes import Processes
from waste_assets.transcripts.archive_days import ArchiveDays, ArchiveReport
from waste_assets.transcripts.changes import Changes
from waste_assets.transcripts.day_writer import Follow
from waste_assets.transcripts.days import FIRST_DAY, Calendar
from waste_assets.transcripts.forgotten import Forgotten
from waste_assets.transcripts.listing import Listing
from waste_assets.transcripts.portions import Portion, Span, about, portions

if TYPE_CHECKING:
    from waste_assets.lake.source_catalog import SourceCatalog

#: How often a day is begun anew that other machines put meanwhile.
_TRIES = 8


def update(
    lake: Lake,
    catalog: SourceCatalog,
    files: Listing,
    first: date,
    last: date,
    calendar: Calendar,
    *,
    is_slice: bool = False,
    processes: Processes | None = None,
    follow: Follow | None = None,
    progress: Callable[[int], None] = lambda bytes_done: None,
    opened: Callable[[str], None] = lambda path: None,
) -> ArchiveReport:
    """Bring the days from `first` to `last` up to date with the sources.

    Every file that has changed, or that holds lines of these days that the archive lacks, is
    read once, whole; where there is much to read, once for each portion of days that it is about.
    What the sources have lost stays archived.

    What is dated after today is archived with it: by the time its day has come, its file may be
    gone.

    `is_slice`: others see to the days before and after. Of the files that have changed then only
    those are read that are about these days, as far as a look at them tells; where one of them
    has lines that the look does not tell of, their days are brought up to date as well, for
    nobody else knows of them.

    Raises:
        OSError: the lake cannot be written (no free disk, no permission).
    """
    if last >= calendar.day_at(datetime.now(UTC)):
        last = date.max
    with lake.lock(RAW_SESSIONS, first, last):
        forgotten = Forgotten.of(lake)
        files = forgotten.without(files)
        first = max(first, forgotten.before or first)
        if first > last:
            return ArchiveReport(files=len(files))
        spans: dict[str, Span] = {}
        if is_slice:
            files, spans = about(files, catalog.read(), first, last, calendar)
        wanted, known = _wanted(lake, catalog, files, first, last)
        ahead = ArchiveReport()
        parts = portions(wanted, known, first, last, calendar) if processes else []
        if processes is not None and len(parts) > 1:
            ahead = _update_portions(
                lake, catalog, known, parts, calendar, processes, follow, progress
            )
            # What nobody could know of before the files were read.
            wanted, known = _wanted(lake, catalog, files, first, last)
        begins = known.begins(wanted.sessions_beside())
        report = _unless_overtaken(
            lambda: ArchiveDays(lake, begins, first, last, calendar, follow, progress, opened).run(
                wanted
            )
        )
        catalog.record(report.entries.values())
    report.files = len(files)
    report.entries = ahead.entries | report.entries
    report.changed |= ahead.changed
    if is_slice:
        for day, strays in sorted(_strays(report.entries, spans, calendar).items()):
            report.changed |= _archive_strays(lake, catalog, files, strays, day, calendar, follow)
    return report


def _wanted(
    lake: Lake, catalog: SourceCatalog, files: Listing, first: date, last: date
) -> tuple[Listing, KnownFiles]:
    """The files that have changed, or that hold lines of these days that the archive lacks; and
    what is known of all."""
    known = catalog.read()
    changes = Changes(files, known)
    return files.chosen(changes.changed | changes.lacking(lake, first, last)), known


def _strays(
    entries: Mapping[str, CatalogEntry], spans: Mapping[str, Span], calendar: Calendar
) -> dict[date, set[str]]:
    """Days of which files turned out to hold lines although a look did not tell; their paths."""
    today = calendar.day_at(datetime.now(UTC))
    found: dict[date, set[str]] = defaultdict(set)
    for path, entry in entries.items():
        # Of a file that has not changed every day was known.
        begin, end = spans.get(path, (date.min, date.max))
        for day in entry.days:
            if not begin <= day <= end and FIRST_DAY <= day <= today:
                found[day].add(path)
    return found


def _archive_strays(
    lake: Lake,
    catalog: SourceCatalog,
    files: Listing,
    paths: set[str],
    day: date,
    calendar: Calendar,
    follow: Follow | None,
) -> set[date]:
    """Bring one more day up to date with some files; returns it where it changed."""
    # Copies of a transcript are merged, so they are read together.
    names = {file.transcript for file in files if file.path in paths}
    chosen = files.chosen(file.transcript in names for file in files)
    with lake.lock(RAW_SESSIONS, day, day):
        begins = catalog.read().begins(chosen.sessions_beside())
        report = _unless_overtaken(
            lambda: ArchiveDays(lake, begins, day, day, calendar, follow).run(chosen)
        )
    return report.changed


def _update_portions(
    lake: Lake,
    catalog: SourceCatalog,
    known: KnownFiles,
    parts: list[Portion],
    calendar: Calendar,
    processes: Processes,
    follow: Follow | None,
    progress: Callable[[int], None],
) -> ArchiveReport:
    """Each portion of days by itself, as many at once as there are processes."""
    tasks = [(part, known.begins(part.files.sessions_beside())) for part in parts]
    work = partial(_update_portion, lake, calendar.zone.key, follow)
    whole = ArchiveReport()
    for report in processes.each(work, tasks, [part.bytes for part in parts], progress):
        whole.entries |= report.entries
        whole.changed |= report.changed
    catalog.record(whole.entries.values())
    return whole


def _update_portion(
    lake: Lake,
    zone: str,
    follow: Follow | None,
    task: tuple[Portion, dict[str, date]],
) -> ArchiveReport:
    part, begins = task
    calendar = Calendar(zone)
    return _unless_overtaken(
        lambda: ArchiveDays(lake, begins, part.first, part.last, calendar, follow).run(part.files)
    )


def _unless_overtaken(update: Callable[[], ArchiveReport]) -> ArchiveReport:
    """Update; where another machine has put a day meanwhile, once more on top of that.

    Days that were put before are then found to hold what the files have.
    """
    changed: set[date] = set()
    for tries in range(_TRIES):
        try:
            report = update()
        except Overtaken as error:
            changed |= error.done
            if tries == _TRIES - 1:
                raise
            # Those who met do not meet again.
            time.sleep(random.uniform(0, 0.2 * 2**tries))
            continue
        report.changed |= changed
        return report
    raise AssertionError
