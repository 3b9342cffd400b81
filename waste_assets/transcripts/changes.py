"""What has changed since the sources were read: the files of a listing beside what is known.

Asked of whole columns at a time, for nearly all files are as they were.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from itertools import chain

import numpy as np

from waste_assets.lake.known_files import KnownFiles, Mask, Numbers, digest_key
from waste_assets.lake.lake import Lake
from waste_assets.lake.tables import RAW_SESSIONS
from waste_assets.transcripts.day_contents import contents
from waste_assets.transcripts.lines import is_settled
from waste_assets.transcripts.listing import Listing


class Changes:
    """Which files of a listing are not as they are known."""

    def __init__(self, files: Listing, known: KnownFiles) -> None:
        self._known = known
        sizes, mtimes = (np.array(column, np.int64) for column in (files.sizes, files.mtimes))
        #: The row of each file among those that are known; -1 where it is not.
        self._rows = known.rows_of(files.keys)
        self._is_known = self._rows >= 0
        rows = self._rows[self._is_known]
        #: Of each file: is it another than is known, by its size or time?
        self.differs: Mask = ~self._is_known
        self.differs[self._is_known] = (
            (known.sizes[rows] != sizes[self._is_known])
            | (known.mtimes[rows] != mtimes[self._is_known])
        )  # fmt: skip
        #: Or has its last line, which was still being written, been left as it was since?
        self.changed = self.differs.copy()
        written = np.flatnonzero(~self.differs)
        written = written[known.pending_bytes[self._rows[written]] > 0]
        self.changed[written] = [is_settled(mtimes[file] / 1e9) for file in written.tolist()]

    def known_row(self, file: int) -> int | None:
        """The row of a file among those that are known."""
        return int(self._rows[file]) if self._is_known[file] else None

    def lacking(self, lake: Lake, first: date = date.min, last: date = date.max) -> Mask:
        """Of each file that does not differ: does the archive lack lines of it?

        Of days before `first` or after `last` nobody asks.
        """
        lacks = np.zeros(len(self._known), np.bool_)
        lacks[self._known.rows_of_days[self._uncovered(lake, first, last)]] = True
        found = ~self.differs
        found[found] = lacks[self._rows[found]]
        return found

    def stale_days(self, lake: Lake) -> set[date]:
        """Days of which some file that has not changed holds lines that the archive does not."""
        unchanged = np.zeros(len(self._known), np.bool_)
        unchanged[self._rows[~self.changed]] = True
        uncovered = self._uncovered(lake, date.min, date.max)
        uncovered &= unchanged[self._known.rows_of_days]
        return set(map(date.fromordinal, np.unique(self._known.days[uncovered]).tolist()))

    def _uncovered(self, lake: Lake, first: date, last: date) -> Mask:
        """Of each day of each known file: does the archive lack lines of it?"""
        found = np.zeros(len(self._known.days), np.bool_)
        order = np.argsort(self._known.days, kind="stable")
        days, starts = np.unique(self._known.days[order], return_index=True)
        ends = np.append(starts[1:], len(order))
        for ordinal, start, end in zip(days.tolist(), starts, ends, strict=False):
            day, here = date.fromordinal(ordinal), order[start:end]
            if first <= day <= last:
                held = _held(lake, day, lake.identity(RAW_SESSIONS, day))
                found[here] = ~np.isin(self._known.digest_keys[here], held)
        return found


# An audit asks this of all days four times, and hardly one has another partition meanwhile.
@lru_cache(maxsize=4_096)
def _held(lake: Lake, day: date, _partition: str) -> Numbers:
    """Keys of what a day holds: a file with one of these digests has nothing that is not held."""
    told = contents(lake, day)
    seen = ((name, digest) for name, digests in told.seen.items() for digest in digests)
    keys = (digest_key(name, digest) for name, digest in chain(told.held.items(), seen))
    return np.fromiter(keys, np.int64)
