"""Why calls failed, most frequent first."""

from __future__ import annotations

from typing import Any

import duckdb

from waste_assets.report.rows import rows


def causes(con: duckdb.DuckDBPyConnection, limit: int) -> list[dict[str, Any]]:
    """Causes of failed calls in the BI database: `cause`, `fault`, `tools`, `calls` and `usd`."""
    return rows(con, _CAUSES, {"most": limit})


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
