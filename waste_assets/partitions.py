"""The daily partitions, defined once."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import dagster as dg

from waste_assets.settings import Settings
from waste_assets.transcripts.days import FIRST_DAY

_SETTINGS = Settings.from_environment()

#: A day a partition, today included: transcripts are archived while they are written.
daily = dg.DailyPartitionsDefinition(
    start_date=FIRST_DAY.isoformat(),
    timezone=_SETTINGS.time_zone,
    end_offset=1,
)

#: A range of days is one run, which reads each source file once; where workers share a backfill,
#: it is a run for each slice of so many days.
_DAYS_A_RUN = _SETTINGS.days_a_run
is_sliced = _DAYS_A_RUN > 0
backfills = (
    dg.BackfillPolicy.multi_run(_DAYS_A_RUN) if is_sliced else dg.BackfillPolicy.single_run()
)

#: A day's rows also come from other days of its transcripts and sessions, mostly those beside it.
#: Where slices are built by several workers, all days are waited for: see assets/gates.py.
around = (
    None
    if is_sliced
    else dg.TimeWindowPartitionMapping(
        start_offset=-1, end_offset=1, allow_nonexistent_upstream_partitions=True
    )
)

#: Runs that share one thing are done one after another, see `concurrency` of deploy/dagster.yaml:
#: what labels may cost, where any are asked for, and the BI files.
LABELS_POOL = "labels" if is_sliced and _SETTINGS.labels.max_usd > 0 else None
PUBLISH_POOL = "publish" if is_sliced else None


def days_of(keys: Iterable[str]) -> list[date]:
    """Partition keys as dates, in order."""
    return sorted(date.fromisoformat(key) for key in keys)
