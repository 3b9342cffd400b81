"""What the report says of everything: the account, and what else its first page shows."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb

from waste_assets.report.account import account, change_first
from waste_assets.report.categories import categories
from waste_assets.report.causes import causes, problems
from waste_assets.report.rows import rows

#: Longer than so many columns, a trend is told by the next larger period.
_COLUMNS = 120
_REMEDIES, _CAUSES, _PROBLEMS, _GROUPS, _SWITCHES = 8, 12, 10, 10, 12
#: The parts of a bill, which add up to it.
PARTS = ("outright", "inefficient", "emptied", "candidate", "rest")


def overview(bi: Path, sessions: int) -> dict[str, Any]:
    """Read the published database.

    Returns:
        The account (see `account`), and: `facts` of the database; `span`, its `first` and `last`
        day; `owners`, the nine of every dollar; `trend` with its `period` and `columns`;
        `remedies`; `causes` of failed calls; `problems`, the clusters that cost most, and how many
        there are (`problems_in_all`); `sessions`, the most wasteful of them, at most as many as
        asked for, and how many there are (`sessions_in_all`); `projects` and `models` with their
        waste; `rebuilds` by cause; `texts` and `switches` of tokenizers; `tiers`; `unpriced`
        models.
        Amounts are in USD. The parts of a bill are those of `PARTS`: outright and inefficient
        waste, the rest of responses that held only wasted calls (`emptied`), what only candidates
        claim, and all else.

    Raises:
        duckdb.Error: nothing has been published there.
    """
    told = account(bi)
    with duckdb.connect(str(bi / "waste.duckdb"), read_only=True) as con:
        con.execute(_PARTS)
        by_day = {row["day"]: row for row in rows(con, _TREND)}
        return {
            **told,
            "facts": {row["key"]: row["value"] for row in rows(con, "FROM meta")},
            "span": rows(con, "SELECT min(day) AS first, max(day) AS last FROM daily_usage")[0],
            "parts": rows(con, _BILL)[0],
            "owners": _owners(con, told["waste"]["by_category"]),
            "trend": trend(by_day),
            "remedies": change_first(con, _REMEDIES),
            "causes": causes(con, _CAUSES),
            "problems": problems(con, _PROBLEMS),
            "problems_in_all": rows(con, "SELECT count(*) AS n FROM clusters")[0]["n"],
            "sessions": rows(con, _SESSIONS, {"most": sessions}),
            "sessions_in_all": rows(con, "SELECT count(*) AS n FROM session_usage")[0]["n"],
            "projects": rows(con, _GROUPED.format(column="project"), {"most": _GROUPS}),
            "models": rows(con, _GROUPED.format(column="model"), {"most": _GROUPS}),
            "rebuilds": rows(con, _REBUILDS),
            "texts": rows(con, _TEXTS),
            "switches": rows(con, _SWITCHED, {"most": _SWITCHES}),
            "tiers": rows(con, _TIERS),
            "unpriced": rows(con, _UNPRICED),
        }


# One row for each part of the bill, in the dimension of its category.
_PARTS = (
    "CREATE TEMP VIEW parts AS SELECT * FROM daily_waste JOIN (VALUES "
    + ", ".join(f"('{one.name}', '{one.dimension}')" for one in categories())
    + ") AS dimensions (category, dimension) USING (category)"
)
_SPLIT = """
    coalesce(sum(usd), 0) AS bill,
    coalesce(sum(usd_direct) FILTER (dimension = 'outright'), 0) AS outright,
    coalesce(sum(usd_direct) FILTER (dimension = 'inefficient'), 0) AS inefficient,
    coalesce(sum(usd_avoidable - usd_direct) FILTER (dimension <> 'productive'), 0) AS emptied,
    coalesce(sum(usd_candidate) FILTER (dimension <> 'productive'), 0) AS candidate,
    bill - outright - inefficient - emptied - candidate AS rest
"""
_BILL = f"SELECT {_SPLIT} FROM parts"
_TREND = f"SELECT day, {_SPLIT} FROM parts GROUP BY day ORDER BY day"
_OWNERS = """
SELECT category, coalesce(sum(usd), 0) AS usd FROM daily_waste GROUP BY category
"""
# A session's waste by category is enough to rank it; its dearest category stands for the rest.
_SESSIONS = """
WITH wasted AS (
    SELECT
        session_id,
        sum(usd_direct) AS usd_direct,
        sum(usd_avoidable) AS usd_avoidable,
        sum(usd_candidate) AS usd_candidate,
        arg_max(category, (usd_avoidable, category)) AS category
    FROM session_waste
    WHERE category <> 'productive'
    GROUP BY session_id
    HAVING sum(usd_avoidable) > 0
)
SELECT
    w.*,
    u.project,
    epoch_us(u.first_ts) AS first_us,
    epoch_us(u.last_ts) AS last_us,
    u.responses,
    u.subagents,
    u.usd
FROM wasted AS w
JOIN session_usage AS u USING (session_id)
ORDER BY w.usd_avoidable DESC, w.usd_direct DESC, session_id
LIMIT $most
"""
_GROUPED = """
SELECT
    {column} AS name,
    coalesce(sum(usd), 0) AS usd,
    coalesce(sum(usd_direct) FILTER (category <> 'productive'), 0) AS usd_direct,
    coalesce(sum(usd_avoidable), 0) AS usd_avoidable
FROM daily_waste
GROUP BY name
ORDER BY usd DESC, name
LIMIT $most
"""
_REBUILDS = """
SELECT
    cause,
    tier,
    sum(rebuilds)::BIGINT AS rebuilds,
    sum(tokens)::BIGINT AS tokens,
    sum(usd) AS usd
FROM cache_rebuilds
GROUP BY cause, tier
ORDER BY usd DESC, cause, tier
"""
_TEXTS = """
SELECT
    model,
    text_kind,
    sum(blocks)::BIGINT AS blocks,
    1000 * sum(tokens) / sum(chars) AS tokens_per_1000
FROM tokenizer_drift
GROUP BY model, text_kind
ORDER BY model, text_kind
"""
# The surest few of the models that cost most.
_SWITCHED = """
SELECT *
FROM tokenizer_switch
WHERE usd > 0 AND compared_share >= 0.5
QUALIFY row_number() OVER (
    PARTITION BY model ORDER BY (factor_high - factor_low) / factor, other_model
) <= 4
ORDER BY usd DESC, model, factor, other_model
LIMIT $most
"""
_TIERS = """
SELECT
    tier,
    count(*) AS flags,
    count(DISTINCT session_id) AS sessions,
    sum(usd_owned) AS usd_owned
FROM flags
GROUP BY tier
ORDER BY array_position(['certain', 'likely', 'candidate'], tier)
"""
_UNPRICED = """
SELECT model, sum(unpriced_responses)::BIGINT AS responses
FROM daily_usage
WHERE unpriced_responses > 0
GROUP BY model
ORDER BY responses DESC, model
"""


def _owners(con: duckdb.DuckDBPyConnection, wasted: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The nine categories with their part of the bill, candidates included: it adds up to it.

    By what could have been saved, and the productive last.
    """
    owned = {row["category"]: row["usd"] for row in rows(con, _OWNERS)}
    bill = sum(owned.values())
    told = {row["category"]: row for row in wasted}
    known = {one.name: one for one in categories()}
    by_amount = [known[row["category"]] for row in wasted]
    return [
        {
            "category": one.name,
            "dimension": one.dimension,
            "title": one.title,
            "meaning": one.meaning,
            "usd": owned.get(one.name, 0.0),
            "share": owned.get(one.name, 0.0) / bill if bill else None,
            # Productive is no waste.
            **{
                name: told[one.name][name] if one.name in told else None
                for name in ("usd_direct", "usd_avoidable", "usd_candidate", "flags", "candidates")
            },
        }
        for one in (*by_amount, *(one for one in known.values() if one.name not in told))
    ]


def trend(by_day: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Bills in columns of a day, a week (from Monday) or a month, periods without one included."""
    if not by_day:
        return {"period": "day", "columns": []}
    first, last = date.fromisoformat(min(by_day)), date.fromisoformat(max(by_day))
    days = (last - first).days + 1
    period = "day" if days <= _COLUMNS else "week" if days <= 7 * _COLUMNS else "month"
    columns: dict[date, dict[str, Any]] = {}
    for n in range(days):
        day = first + timedelta(days=n)
        start = _start(day, period)
        column = columns.setdefault(
            start, {"start": start, "bill": 0.0, **dict.fromkeys(PARTS, 0.0)}
        )
        for name, value in by_day.get(day.isoformat(), {}).items():
            if name != "day":
                column[name] += value
    return {"period": period, "columns": list(columns.values())}


def _start(day: date, period: str) -> date:
    if period == "month":
        return day.replace(day=1)
    return day - timedelta(days=day.weekday()) if period == "week" else day
