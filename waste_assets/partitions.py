"""The daily partitions, defined once."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import dagster as dg

from waste_assets.settings import Settings
from waste_assets.transcripts.days import FIRST_DAY

#: A day a partition, today included: transcripts are archived while they are written.
daily = dg.DailyPartitionsDefinition(
    start_date=FIRST_DAY.isoformat(),
    timezone=Settings.from_environment().time_zone,
    end_offset=1,
)

#: A range of days is one run, which reads each source file once.
one_run = dg.BackfillPolicy.single_run()

#: A day's turns also look at the lines of the days beside it.
neighbours = dg.TimeWindowPartitionMapping(
    start_offset=-1, end_offset=1, allow_nonexistent_upstream_partitions=True
)


def days_of(keys: Iterable[str]) -> list[date]:
    """Partition keys as dates, in order."""
    return sorted(date.fromisoformat(key) for key in keys)
