"""When work is done without being asked: the daily job, and the sensors."""

import os
from datetime import UTC, date, datetime, timedelta

import dagster as dg

from waste_assets.assets.parsed_turns import TABLES
from waste_assets.labels.address import host_of
from waste_assets.labels.settings import KEY
from waste_assets.labels.trouble import Trouble
from waste_assets.lake.tables import CLUSTER_TABLES, FLAG_TABLES, LABEL_TABLES
from waste_assets.partitions import daily
from waste_assets.plan import plan
from waste_assets.redaction.errors import quotes_no_secret
from waste_assets.report.shown import inert
from waste_assets.resources.data_root import DataRoot
from waste_assets.resources.haiku import Haiku
from waste_assets.resources.transcript_source import TranscriptSource
from waste_assets.unchanged import forget

#: What is on when somebody opens the UI for the first time: `on`, or `off`.
AUTOMATION = "WASTE_ASSETS_AUTOMATION"
_IS_ON = os.environ.get(AUTOMATION, "on").strip().lower() != "off"
_RANGE_START = "dagster/asset_partition_range_start"
_RANGE_END = "dagster/asset_partition_range_end"
#: Batches whose state a sensor looks at each time, the oldest ones.
_LOOKED_AT = 20

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
        *(table.name for table in (*TABLES, *FLAG_TABLES, *LABEL_TABLES, *CLUSTER_TABLES))
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
    default_status=dg.DefaultScheduleStatus.RUNNING if _IS_ON else dg.DefaultScheduleStatus.STOPPED,
)
def daily_audit(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Yesterday's partition; late lines of it are the sensor's business."""
    yesterday = (context.scheduled_execution_time - timedelta(days=1)).date()
    return dg.RunRequest(run_key=yesterday.isoformat(), partition_key=yesterday.isoformat())


@dg.sensor(
    jobs=[audit_job, labels_job],
    minimum_interval_seconds=300,
    description="Asks for the days whose transcripts have changed since they were built, and for "
    "those about which something was answered.",
    default_status=dg.DefaultSensorStatus.RUNNING if _IS_ON else dg.DefaultSensorStatus.STOPPED,
)
@quotes_no_secret
def changed_transcripts(
    context: dg.SensorEvaluationContext,
    data_root: DataRoot,
    source: TranscriptSource,
    haiku: Haiku,
) -> dg.SensorResult | dg.SkipReason:
    """One run over the range of such days; asked again only when something changes again."""
    files = source.found(data_root.lake).files
    state = data_root.state()
    try:
        with data_root.labelling(haiku) as labelling:
            answers = labelling.answers.version()
            made = plan(
                data_root.lake,
                state,
                data_root.bi,
                files,
                data_root.calendar,
                data_root.detector_settings,
                labelling,
                names=data_root.names,
                show_examples=data_root.show_examples,
            )
    finally:
        state.close()
    today = data_root.calendar.day_at(datetime.now(UTC))
    older = sorted(day for day in made.days if day < today or made.dated_later)
    job, mark = audit_job, made.mark
    if not older:
        older = sorted(made.label_days)
        job, mark = labels_job, f"labels/{answers}"
    if not older:
        return dg.SkipReason("no transcript of an older day has changed")
    key = f"{older[0]}/{older[-1]}/{mark}"
    if context.cursor == key:
        return dg.SkipReason(f"{older[0]} to {older[-1]} were asked for already")
    tags = range_tags(older[0], older[-1])
    request = dg.RunRequest(run_key=key, job_name=job.name, tags=tags)
    return dg.SensorResult(run_requests=[request], cursor=key)


@dg.op(description="Pick up the answers of all batches that have ended.")
@quotes_no_secret
def pick_up_labels(context: dg.OpExecutionContext, data_root: DataRoot, haiku: Haiku) -> None:
    """Results into the state database; the days that they are about are then out of date."""
    with data_root.label_store() as store:
        collected = haiku.collect(store)
    forget(data_root.root)
    context.add_output_metadata(
        {
            "batches": collected.batches,
            "waiting": collected.waiting,
            "label_usd": round(collected.usd, 6),
            "label_requests": collected.outcomes.total(),
            **{f"label_{outcome}": n for outcome, n in sorted(collected.outcomes.items())},
        }
    )
    for fault in collected.faults:
        context.log.warning(inert(fault))


@dg.job(description="Pick up the answers of label batches that have ended.")
def collect_labels_job() -> None:
    """One step: whatever has come back."""
    pick_up_labels()


@dg.sensor(
    job=collect_labels_job,
    minimum_interval_seconds=300,
    description="Looks whether a batch of labels has ended, and has its answers picked up.",
    default_status=dg.DefaultSensorStatus.RUNNING if _IS_ON else dg.DefaultSensorStatus.STOPPED,
)
@quotes_no_secret
def collect_labels(
    context: dg.SensorEvaluationContext, data_root: DataRoot, haiku: Haiku
) -> dg.RunRequest | dg.SkipReason:
    """Asks for the state of the oldest batches only: a sensor has a minute."""
    if not os.environ.get(KEY, "").strip():
        return dg.SkipReason(f"without {KEY} nothing is asked, and nothing picked up")
    with data_root.label_store() as store:
        sent = store.sendings("submitted", host_of(haiku.base_url))
        lost = store.sendings("intended", host_of(haiku.base_url))
    if not sent and not lost:
        return dg.SkipReason("nothing is under way")
    if lost:
        # Each look for them is a run of its own.
        return dg.RunRequest(run_key=f"lost/{datetime.now(UTC):%Y-%m-%dT%H:%M}")
    client = haiku.client()
    try:
        named = [one.batch_id for one in sent[:_LOOKED_AT] if one.batch_id is not None]
        ended = [name for name in named if client.state(name).has_ended]
    except Trouble as trouble:
        return dg.SkipReason(str(trouble))
    finally:
        client.close()
    if not ended:
        return dg.SkipReason(f"{len(sent)} batches are at work")
    # Those that ended and could not be picked up are asked for again in the next hour.
    return dg.RunRequest(run_key=f"{'/'.join(ended)}/{datetime.now(UTC):%Y-%m-%dT%H}")
