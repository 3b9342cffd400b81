"""raw_sessions: every line of every transcript, untouched, archived once, by day."""

import dagster as dg

from waste_assets.assets.described import OWNERS, table_metadata
from waste_assets.lake.source_catalog import SourceCatalog
from waste_assets.lake.tables import RAW_SESSIONS
from waste_assets.partitions import backfills, daily, days_of, is_sliced
from waste_assets.progress import Task
from waste_assets.redaction.errors import quotes_no_secret
from waste_assets.report.shown import inert
from waste_assets.resources.data_root import DataRoot
from waste_assets.resources.transcript_source import TranscriptSource
from waste_assets.resources.workers import Workers
from waste_assets.transcripts import archive
from waste_assets.transcripts.day_contents import contents
from waste_assets.transcripts.facts import DayFacts


@dg.asset(
    description=f"{RAW_SESSIONS.description} It only grows: a source that is gone removes nothing.",
    partitions_def=daily,
    backfill_policy=backfills,
    group_name="archive",
    kinds={"python", "parquet"},
    owners=OWNERS,
    code_version="1",
    metadata=table_metadata(RAW_SESSIONS),
)
@quotes_no_secret
def raw_sessions(
    context: dg.AssetExecutionContext,
    data_root: DataRoot,
    source: TranscriptSource,
    workers: Workers,
) -> dg.MaterializeResult[None]:
    """Merge what the sources hold now with what is archived."""
    days = days_of(context.partition_keys)
    files, unlisted = source.found(data_root.lake)
    task = Task("Archiving", sum(files.sizes))
    state = data_root.state()
    try:
        report = archive.update(
            data_root.lake,
            SourceCatalog(state),
            files,
            days[0],
            days[-1],
            data_root.calendar,
            is_slice=is_sliced,
            processes=workers.processes,
            # While the lines are at hand: to read them once more would take as long again.
            follow=DayFacts,
            progress=task.advance,
        )
    finally:
        state.close()
    for path, reason in (*unlisted, *report.unreadable):
        context.log.warning("not archived: %s (%s)", inert(path), inert(reason))
    # What is dated after today has no partition yet.
    for day in data_root.lake.days(RAW_SESSIONS):
        if not days[0] <= day <= days[-1]:
            continue
        held = contents(data_root.lake, day)
        context.add_asset_metadata(
            {
                "dagster/partition_row_count": held.lines + held.files,
                "lines": held.lines,
                "transcripts": len(held.held),
                "files_beside": held.files,
                "megabytes": round(held.bytes / 1e6, 3),
                "changed": day in report.changed,
            },
            partition_key=day.isoformat(),
        )
    return dg.MaterializeResult(
        metadata={
            "files_known": report.files,
            "files_read": report.files_read,
            "megabytes_read": round(report.bytes_read / 1e6, 3),
            "files_being_written": report.pending_files,
            "files_not_readable": len(unlisted) + len(report.unreadable),
        }
    )
