"""The month's budget: an alert at 80 % of it, and one at 100 %."""

from __future__ import annotations

from datetime import date

import duckdb

from waste_assets.alerts.alert import Verdict, rows

_LEVELS = (100, 80)
_SPENT = """
SELECT coalesce(project, 'unknown') AS project, coalesce(sum(usd), 0) AS usd
FROM daily_usage
WHERE date_trunc('month', day) = date_trunc('month', $today::DATE)
GROUP BY project
ORDER BY usd DESC, project
"""


def budget(con: duckdb.DuckDBPyConnection, today: date, monthly_usd: float | None) -> Verdict:
    """Compare what this month has cost so far with the budget, at list prices."""
    month = f"{today:%Y-%m}"
    if monthly_usd is None:
        told = "No budget is set: WASTE_ASSETS_MONTHLY_USD."
        return Verdict("budget", month, False, told)
    projects = rows(con, _SPENT, today=today)
    spent = sum(row["usd"] for row in projects)
    level = next((level for level in _LEVELS if spent >= monthly_usd * level / 100), 0)
    told = (
        f"{month} has cost ${spent:,.2f} so far, {spent / monthly_usd:.0%} of the budget of "
        f"${monthly_usd:,.2f} (list prices)."
    )
    return Verdict(
        f"budget_{level}" if level else "budget",
        month,
        level > 0,
        told,
        {
            "spent_usd": round(spent, 2),
            "budget_usd": monthly_usd,
            "share_of_budget": round(spent / monthly_usd, 4),
        },
        {row["project"]: round(row["usd"], 2) for row in projects[:3]},
    )
