"""Dividing much that is to be archived into ranges of days, each the work of one process.

Which days a file is about is guessed from its beginning and its end. Where the guess misses a
day, that day lacks the file's lines afterwards; whoever archives looks for such days anyway.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate, compress

from waste_assets.lake.known_files import KnownFiles
from waste_assets.transcripts.changes import Changes
from waste_assets.transcripts.days import Calendar
from waste_assets.transcripts.listing import Listing, SourceFile
from waste_assets.transcripts.peek import peek

#: What one portion reads, or one day of it: bounds what is held in memory, whatever the range.
_PORTION_BYTES = 128 << 20

Span = tuple[date, date]


@dataclass(frozen=True)
class Portion:
    """A range of days, and the files that hold lines of them."""

    first: date
    last: date
    files: Listing

    @property
    def bytes(self) -> int:
        """What has to be read for it."""
        return sum(self.files.sizes)


def portions(
    files: Listing, known: KnownFiles, first: date, last: date, calendar: Calendar
) -> list[Portion]:
    """The days from `first` to `last` in portions of about the same size, in order.

    A file whose days lie in several portions is in each of them.
    """
    total = sum(files.sizes)
    if total <= _PORTION_BYTES:
        return [Portion(first, last, files)]
    spans = spans_of(files, known, Changes(files, known), calendar)
    begins = _begins(files, spans, -(-total // _PORTION_BYTES), first, last)
    ends = [begin - timedelta(days=1) for begin in begins[1:]]
    return [
        Portion(begin, end, files.chosen(_meets(span, begin, end) for span in spans))
        for begin, end in zip(begins, [*ends, last], strict=True)
    ]


def about(
    files: Listing, known: KnownFiles, first: date, last: date, calendar: Calendar
) -> tuple[Listing, dict[str, Span]]:
    """The files that a look says hold lines of these days, or that need no look; and the spans of
    those that have changed."""
    changes = Changes(files, known)
    spans = spans_of(files, known, changes, calendar)
    near = [
        not has_changed or _meets(span, first, last)
        for has_changed, span in zip(changes.changed, spans, strict=True)
    ]
    told = zip(files.paths(), spans, strict=True)
    return files.chosen(near), dict(compress(told, changes.changed))


def spans_of(files: Listing, known: KnownFiles, changes: Changes, calendar: Calendar) -> list[Span]:
    """The first and the last day of each file, as far as a look at it tells."""
    of_transcript: dict[str, Span] = {}
    beside = files.sessions_beside()
    begin_of_session = known.begins(beside)
    for number, file in enumerate(files):
        if file.is_lines:
            row = None if changes.changed[number] else changes.known_row(number)
            days = (known.days_of(row) if row is not None else []) or _peeked(file, calendar)
            days += of_transcript.get(file.transcript, ())
            of_transcript[file.transcript] = (min(days), max(days))
            if file.session in beside:
                begin = begin_of_session.get(file.session, date.max)
                begin_of_session[file.session] = min(begin, *days)
    spans = []
    for file in files:
        if file.is_lines:
            # Copies of a transcript are merged, so they are read together.
            spans.append(of_transcript[file.transcript])
        else:
            day = begin_of_session.get(file.session) or _written(file, calendar)
            spans.append((day, day))
    return spans


def _peeked(file: SourceFile, calendar: Calendar) -> list[date]:
    try:
        seen = peek(file)
    except OSError:
        return [_written(file, calendar)]
    days = [calendar.day(stamp) for stamp in seen.stamps]
    # A file whose lines have no timestamp lies on the day it was written.
    return days if seen.of_lines else [*days, _written(file, calendar)]


def _written(file: SourceFile, calendar: Calendar) -> date:
    return calendar.day_of_file(file.mtime_ns)


def _begins(files: Listing, spans: list[Span], count: int, first: date, last: date) -> list[date]:
    """The first day of each portion, of `count` at most."""
    sizes: dict[date, int] = defaultdict(int)
    for size, (begin, _) in zip(files.sizes, spans, strict=True):
        # Most of a session that goes on for long lies near its beginning.
        sizes[min(max(begin, first), last)] += size
    days = sorted(sizes)
    sums = list(accumulate(sizes[day] for day in days))
    begins = [first]
    for number in range(1, count):
        # The day after the one within which so much is reached.
        reached = next(i for i, size in enumerate(sums) if size * count >= number * sums[-1])
        if reached + 1 < len(days) and days[reached + 1] > begins[-1]:
            begins.append(days[reached + 1])
    return begins


def _meets(span: Span, first: date, last: date) -> bool:
    return span[0] <= last and span[1] >= first
