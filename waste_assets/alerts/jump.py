"""Waste has jumped: the share of the bill that was wasted on the last whole day, beside the four
weeks before it."""

from __future__ import annotations

from datetime import date, timedelta
from statistics import median

import duckdb

from waste_assets.alerts.alert import Verdict, rows

KIND = "waste_jumped"
#: A day counts, as the day in question and as one of those before it, from so much on.
LEAST_USD, LEAST_SESSIONS = 1.0, 3
#: So many days before it, of which so many must count.
WINDOW_DAYS, LEAST_DAYS = 28, 7
#: A jump is above the median by so many median deviations, by this factor, and by so much money.
DEVIATIONS, FACTOR, LEAST_EXTRA_USD = 3, 1.5, 1.0
#: An older day is history, not news.
_NEWS_DAYS = 7

# Low: what certain and likely flags own. A session counts for each day of its span, in UTC: it
# only has to tell a busy day from an idle one.
_DAYS = """
WITH spent AS (
    SELECT
        day,
        coalesce(sum(usd), 0) AS usd,
        coalesce(sum(usd_direct) FILTER (category <> 'productive'), 0) AS wasted_usd
    FROM daily_waste
    WHERE day BETWEEN $first AND $last
    GROUP BY day
)
SELECT spent.*, count(session_id) AS sessions
FROM spent
LEFT JOIN session_usage ON day BETWEEN first_ts::DATE AND last_ts::DATE
GROUP BY ALL
ORDER BY day
"""
_BY = """
SELECT coalesce({column}, 'unknown') AS name, sum(usd_direct) AS usd
FROM daily_waste
WHERE day = $day AND category <> 'productive'
GROUP BY name
HAVING sum(usd_direct) > 0
ORDER BY usd DESC, name
LIMIT 3
"""


def waste_jump(con: duckdb.DuckDBPyConnection, today: date) -> Verdict:
    """Compare the last day before `today` that cost anything with the days before it.

    One expensive session, or a first week, is no jump: both sides need enough of sessions, days
    and dollars, and medians do not follow single days.
    """
    first = today - timedelta(days=WINDOW_DAYS + _NEWS_DAYS)
    days = rows(con, _DAYS, first=first, last=today - timedelta(days=1))
    days = [row for row in days if row["usd"] > 0]
    if not days or days[-1]["day"] < today - timedelta(days=_NEWS_DAYS):
        return Verdict(KIND, today.isoformat(), False, f"No day of the last {_NEWS_DAYS} to judge.")
    latest = days.pop()
    day = latest["day"]
    since = day - timedelta(days=WINDOW_DAYS)
    before = [_share(row) for row in days if row["day"] >= since and _counts(row)]
    share = _share(latest)
    figures = {
        "wasted_share": round(share, 4),
        "wasted_usd": round(latest["wasted_usd"], 2),
        "spent_usd": round(latest["usd"], 2),
        "sessions": latest["sessions"],
        "days_before": len(before),
    }
    if not _counts(latest) or len(before) < LEAST_DAYS:
        told = (
            f"{day}: {share:.1%} wasted. Too little to judge: a day needs ${LEAST_USD:,.0f} and "
            f"{LEAST_SESSIONS} sessions, and {LEAST_DAYS} such days before it."
        )
        return Verdict(KIND, day.isoformat(), False, told, figures)
    usual = median(before)
    deviation = median(abs(value - usual) for value in before)
    threshold = max(usual + DEVIATIONS * deviation, FACTOR * usual)
    extra = latest["wasted_usd"] - usual * latest["usd"]
    is_raised = share > threshold and extra >= LEAST_EXTRA_USD
    told = (
        f"{'Waste jumped' if is_raised else 'No jump'} on {day}: {share:.1%} of "
        f"${latest['usd']:,.2f} was wasted, usually {usual:.1%} (median of {len(before)} days, "
        f"alert above {threshold:.1%})."
    )
    categories = rows(con, _BY.format(column="category"), day=day)
    if is_raised and categories:
        told += f" Most of it: {categories[0]['name']}, ${categories[0]['usd']:,.2f}."
    figures |= {
        "usual_share": round(usual, 4),
        "threshold_share": round(threshold, 4),
        "extra_usd": round(extra, 2),
    }
    projects = rows(con, _BY.format(column="project"), day=day)
    by_project = {row["name"]: round(row["usd"], 2) for row in projects}
    return Verdict(KIND, day.isoformat(), is_raised, told, figures, by_project)


def _share(row: dict[str, float]) -> float:
    return row["wasted_usd"] / row["usd"]


def _counts(row: dict[str, float]) -> bool:
    return row["usd"] >= LEAST_USD and row["sessions"] >= LEAST_SESSIONS
