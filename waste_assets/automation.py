"""When assets are materialised without being asked: the daily job, and the sensor."""

from datetime import UTC, date, datetime, timedelta

import dagster as dg

from waste_assets.assets.parsed_turns import TABLES
from waste_assets.lake.tables import FLAG_TABLES, LABEL_TABLES
from waste_assets.partitions import daily
from waste_assets.plan import plan
from waste_assets.resources.data_root import DataRoot
from waste_assets.resources.transcript_source import TranscriptSource

_RANGE_START = "dagster/asset_partition_range_start"
_RANGE_END = "dagster/asset_partition_range_end"

audit_job = dg.define_asset_job(
    "audit",
    selection=dg.AssetSelection.all(),
    partitions_def=daily,
    description="Archive the transcripts of some days, account for them, publish the result.",
)


labels_job = dg.define_asset_job(
    "labels",
    selection=dg.AssetSelection.groups("labels", "publish"),
    partitions_def=daily,
    description="Ask what is not answered, take in what was answered, publish the result.",
)

publish_job = dg.define_asset_job(
    "publish",
    # With the checks of all that it is made from: what one of them has stopped stays stopped.
    selection=dg.AssetSelection.groups("publish")
    | dg.AssetSelection.checks_for_assets(
        *(table.name for table in (*TABLES, *FLAG_TABLES, *LABEL_TABLES))
    ),
    description="Check all days, and publish the BI database again from what is built.",
)


def range_tags(first: date, last: date) -> dict[str, str]:
    """Tags that make one run of the job cover a range of days."""
    return {_RANGE_START: first.isoformat(), _RANGE_END: last.isoformat()}


@dg.schedule(
    job=audit_job,
    cron_schedule="15 0 * * *",
    execution_timezone=daily.timezone,
    description="Every night: yesterday, whole.",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def daily_audit(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Yesterday's partition; late lines of it are the sensor's business."""
    yesterday = (context.scheduled_execution_time - timedelta(days=1)).date()
    return dg.RunRequest(run_key=yesterday.isoformat(), partition_key=yesterday.isoformat())


@dg.sensor(
    job=audit_job,
    minimum_interval_seconds=300,
    description="Asks for the days whose transcripts have changed since they were built.",
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def changed_transcripts(
    context: dg.SensorEvaluationContext, data_root: DataRoot, source: TranscriptSource
) -> dg.SensorResult | dg.SkipReason:
    """One run over the range of such days; asked again only when the files change again."""
    files, _ = source.files()
    state = data_root.state()
    try:
        with data_root.labelling() as labelling:
            made = plan(
                data_root.lake,
                state,
                data_root.bi,
                files,
                data_root.calendar,
                data_root.detector_settings,
                labelling,
            )
    finally:
        state.close()
    today = data_root.calendar.day_at(datetime.now(UTC))
    older = sorted(day for day in made.days if day < today)
    if not older:
        return dg.SkipReason("no transcript of an older day has changed")
    key = f"{older[0]}/{older[-1]}/{made.mark}"
    if context.cursor == key:
        return dg.SkipReason(f"{older[0]} to {older[-1]} were asked for already")
    request = dg.RunRequest(run_key=key, tags=range_tags(older[0], older[-1]))
    return dg.SensorResult(run_requests=[request], cursor=key)
