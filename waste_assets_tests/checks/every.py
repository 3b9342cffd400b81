"""All checks over all days of a data root, without Dagster around them."""

from __future__ import annotations

from datetime import UTC, datetime

import duckdb

from waste_assets.checks import (
    audit_report,
    cluster_summaries,
    haiku_labels,
    heuristic_flags,
    parsed_turns,
    raw_sessions,
    waste_mart,
)
from waste_assets.checks.lake_views import held_days
from waste_assets.checks.suite import run
from waste_assets.resources.data_root import DataRoot

SUITES = tuple(
    stage.SUITE
    for stage in (
        raw_sessions,
        parsed_turns,
        heuristic_flags,
        haiku_labels,
        cluster_summaries,
        waste_mart,
        audit_report,
    )
)


def broken(root: DataRoot, *, blocking: bool = False) -> list[str]:
    """What is told of each check that fails, or of each that would stop what comes after it."""
    today = root.calendar.day_at(datetime.now(UTC))
    told = []
    for suite in SUITES:
        with duckdb.connect(":memory:") as con:
            for found in run(suite, con, root, held_days(root.lake, suite, today)):
                if found.failing and (found.check.blocking or not blocking):
                    told.append(f"{found.check.asset}.{found.check.name}: {found.told}")
    return told
