"""The calendar day of a timestamp, in the zone that the days are kept in."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime
from datetime import time as time_of_day
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

#: Claude Code did not exist before; a time from before is of a clock that was wrong.
FIRST_DAY = date(2025, 2, 1)
#: Clocks may differ by so much, seconds.
_AHEAD = 86_400


class Calendar:
    """Days of one time zone, from `FIRST_DAY` on: what is told of earlier ones lies on that one.

    Raises:
        ValueError: the zone is unknown.
    """

    def __init__(self, zone: str = "UTC") -> None:
        try:
            self.zone = ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(
                f"unknown time zone {zone!r}: use a name like Europe/Berlin"
            ) from error
        self._day_of_prefix = lru_cache(maxsize=65_536)(self._slow_day)

    def day(self, timestamp: str) -> date:
        """The day of an ISO 8601 timestamp in UTC, as transcripts hold them."""
        # A quarter of an hour never straddles midnight in any zone.
        return self._day_of_prefix(timestamp[:16])

    def day_at(self, moment: datetime) -> date:
        """The day of a moment."""
        return max(moment.astimezone(self.zone).date(), FIRST_DAY)

    def begins_us(self, day: date) -> int:
        """The first moment of a day, microseconds since 1970."""
        midnight = datetime.combine(day, time_of_day(), self.zone).astimezone(UTC)
        return int(midnight.timestamp()) * 1_000_000

    def day_of_file(self, mtime_ns: int) -> date:
        """The day on which a file was last written, by its time in nanoseconds since 1970.

        A time that is still to come is as wrong as one from before the first day: what is in the
        file would wait for it.
        """
        seconds = mtime_ns / 1e9
        if not 0 <= seconds <= time.time() + _AHEAD:
            return FIRST_DAY
        return self.day_at(datetime.fromtimestamp(seconds, UTC))

    def _slow_day(self, minute: str) -> date:
        return self.day_at(datetime.fromisoformat(minute).replace(tzinfo=UTC))


def canonical_timestamp(value: object) -> str | None:
    """`value` as `YYYY-MM-DDTHH:MM:SS.ffffff` in UTC, or None where it is no timestamp.

    Takes ISO 8601 text with any offset and, as some writers give them, milliseconds since 1970.
    """
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            moment = datetime.fromtimestamp(value / 1000, UTC)
        else:
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        moment = moment.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None
    if not 2020 <= moment.year <= 2100:
        return None
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f")
