"""Why calls failed, the dearest first: by cause, and by problem."""

from __future__ import annotations

from typing import Any

import duckdb

from waste_assets.report.rows import rows


def causes(con: duckdb.DuckDBPyConnection, limit: int) -> list[dict[str, Any]]:
    """Causes of failed calls in the BI database: `cause`, `fault`, `tools`, `calls` and `usd`."""
    return rows(con, _CAUSES, {"most": limit})


def problems(con: duckdb.DuckDBPyConnection, limit: int) -> list[dict[str, Any]]:
    """Clusters of the BI database with their first and last day, and where the trend `leads`."""
    found = rows(con, _PROBLEMS, {"most": limit})
    return [row | {"leads": _leads(row)} for row in found]


def _leads(row: dict[str, Any]) -> str | None:
    """Where the trend leads, where its interval tells; None: there is nothing to compare."""
    if row["trend"] is None:
        return None
    if row["trend_low"] > 1:
        return "rising"
    if row["trend_high"] < 1:
        return "falling"
    return "no change seen"


_CAUSES = """
SELECT
    cause,
    fault,
    sum(calls)::BIGINT AS calls,
    sum(usd) AS usd,
    list(DISTINCT tool_name ORDER BY tool_name)[:3] AS tools
FROM failures
GROUP BY cause, fault
ORDER BY usd DESC, calls DESC, cause, fault
LIMIT $most
"""
# Days as the audit counts them.
_PROBLEMS = """
WITH seen AS (
    SELECT cluster_id, min(day) AS first_day, max(day) AS last_day
    FROM cluster_days
    GROUP BY cluster_id
)
SELECT
    cluster_id,
    title,
    nullif(title_by, 'automatic') AS title_by,
    summary,
    cause,
    fault,
    occurrences,
    sessions,
    first_day,
    last_day,
    trend,
    trend_low,
    trend_high,
    usd,
    example_places[1] AS example
FROM clusters
JOIN seen USING (cluster_id)
ORDER BY usd DESC, occurrences DESC, cluster_id
LIMIT $most
"""
