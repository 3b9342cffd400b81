"""The stages of an audit, called as the assets call them, without Dagster around them.

Of an audit of a few sessions nine tenths of the time are Dagster's: events, resources, checks. To
kill it in its own work hundreds of times, that work alone is run; the planning before it, and
what is told after it, are the command's own.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from waste_assets.accounting import turns
from waste_assets.clusters import stage as clusters
from waste_assets.clusters.migration import migrate
from waste_assets.clusters.registry import Registry
from waste_assets.detectors import flags
from waste_assets.labels import judged
from waste_assets.lake.source_catalog import SourceCatalog
from waste_assets.mart.beside import beside
from waste_assets.mart.publish import publish
from waste_assets.plan import Plan
from waste_assets.processes import Processes
from waste_assets.report.site import write_report
from waste_assets.resources.data_root import DataRoot
from waste_assets.resources.haiku import Haiku
from waste_assets.settings import Settings
from waste_assets.transcripts import archive
from waste_assets.transcripts.facts import DayFacts
from waste_assets.transcripts.listing import Listing


def run_stages(
    settings: Settings,
    made: Plan,
    days: list[date],
    label_days: list[date],
    work: Any,
    run: str,
    listed: tuple[Listing, Any],
    *,
    entered: Callable[[str], None] = lambda stage: None,
) -> None:
    """In the place of `audit._execute`; `entered` is told of each stage."""
    root = DataRoot(path=str(settings.data_root), time_zone=settings.time_zone)
    labels = settings.labels
    haiku = Haiku(
        model=labels.model, base_url=labels.base_url, max_usd=labels.max_usd, run=run
    )  # fmt: skip
    lake, state = root.lake, root.state()
    try:
        with Processes() as processes:
            if days:
                days = _range(days)
                entered("raw_sessions")
                archive.update(
                    lake, SourceCatalog(state), listed[0], days[0], days[-1], root.calendar,
                    processes=processes, follow=DayFacts,
                )  # fmt: skip
                entered("parsed_turns")
                turns.build(lake, days, root.calendar, processes)
                entered("heuristic_flags")
                flags.build(lake, days, root.detector_settings, processes)
                entered("cluster_summaries")
                migrate(lake, Registry(state))
                clusters.build(lake, days, processes)
            if chosen := days or _range(label_days):
                entered("haiku_labels")
                with root.labelling(haiku, run) as given:
                    judged.build(lake, chosen, root.detector_settings, given, processes)
        entered("waste_mart")
        with root.labelling(haiku) as labelling:
            known = beside(lake, state, labelling)
        publish(lake, root.bi, datetime.now(UTC).date(), known)
        entered("audit_report")
        write_report(lake, root.bi, root.report, root.calendar)
        entered("telling")
    finally:
        state.close()


def _range(days: list[date]) -> list[date]:
    if not days:
        return []
    return [days[0] + timedelta(days=n) for n in range((days[-1] - days[0]).days + 1)]
