"""What a person wants to hear of in time: none of it stops anything.

The clean-up of Claude Code, the budget of the month, and a jump of waste.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg

from waste_assets.alerts.alert import Verdict
from waste_assets.alerts.raised import raise_alerts
from waste_assets.alerts.settings import AlertSettings
from waste_assets.claude_code.retention import retention
from waste_assets.lake.source_catalog import SourceCatalog
from waste_assets.redaction.errors import quotes_no_secret
from waste_assets.report.shown import inert
from waste_assets.resources.data_root import DataRoot
from waste_assets.resources.transcript_source import TranscriptSource

CLEANUP, BUDGET, JUMP = "archived_before_cleanup", "within_budget", "waste_as_usual"
_MART = "waste_mart"


@dg.asset_check(
    asset="raw_sessions",
    name=CLEANUP,
    description="No transcript is about to be deleted by Claude Code (cleanupPeriodDays) before "
    "it is archived.",
)
@quotes_no_secret
def archived_before_cleanup(data_root: DataRoot, source: TranscriptSource) -> dg.AssetCheckResult:
    """What of the sources is not archived, and how long it will be there."""
    files = source.found(data_root.lake).files
    state = data_root.state()
    try:
        known = SourceCatalog(state).read()
        found = retention(data_root.lake, source.existing(), files, known)
    finally:
        state.close()
    return dg.AssetCheckResult(
        passed=not found.sentence,
        severity=dg.AssetCheckSeverity.WARN,
        description=found.sentence
        or f"Nothing is at risk. Claude Code keeps transcripts for {found.cleanup_days:g} days.",
        metadata={
            "cleanup_days": float(found.cleanup_days),
            "transcripts_at_risk": found.at_risk,
            **({"transcripts": "\n".join(found.paths)} if found.paths else {}),
        },
    )


@dg.multi_asset_check(
    name="alerts",
    specs=[
        dg.AssetCheckSpec(
            BUDGET,
            asset=_MART,
            description="The month has cost less than 80 % of WASTE_ASSETS_MONTHLY_USD.",
        ),
        dg.AssetCheckSpec(
            JUMP,
            asset=_MART,
            description="The share that was wasted on the last whole day is as in the four weeks "
            "before it.",
        ),
    ],
)
@quotes_no_secret
def alerts(
    context: dg.AssetCheckExecutionContext, data_root: DataRoot
) -> Iterator[dg.AssetCheckResult]:
    """The alerts; what is new of them goes to the webhook, if there is one."""
    today = data_root.calendar.day_at(datetime.now(UTC))
    state = data_root.state()
    try:
        found, troubles = raise_alerts(data_root.bi, state, today, AlertSettings.from_environment())
    finally:
        state.close()
    for trouble in troubles:
        context.log.warning(inert(trouble))
    for name, verdict in zip((BUDGET, JUMP), found, strict=True):
        yield _result(name, verdict)


def _result(name: str, verdict: Verdict) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=not verdict.is_raised,
        asset_key=_MART,
        check_name=name,
        severity=dg.AssetCheckSeverity.WARN,
        description=verdict.message,
        metadata={
            "period": verdict.period,
            **{key: value for key, value in verdict.figures.items() if value is not None},
        },
    )
