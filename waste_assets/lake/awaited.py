"""Days that are still to come, of which there are lines already: a clock was ahead."""

from __future__ import annotations

from datetime import date

from waste_assets.lake.lake import Lake
from waste_assets.lake.tables import PARSED_TURNS, RAW_SESSIONS


def awaited(lake: Lake, today: date) -> set[date]:
    """Archived days after `today` that nothing is built of yet: they count once they have come.

    Where the clock has been put back, days that were built stay what they are.
    """
    ahead = {day for day in lake.days(RAW_SESSIONS) if day > today}
    return ahead.difference(lake.days(PARSED_TURNS)) if ahead else ahead
