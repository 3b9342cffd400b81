"""The account: what an audit has to say, as one plain object."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

from waste_assets.detectors.registry import detectors
from waste_assets.report.judged import judged
from waste_assets.report.rows import rows as _rows

TOKENS = ("input", "write_5m", "write_1h", "read", "output")
#: So many things to change first.
_FIRST = 3
_SUMS = ", ".join(
    [
        "sum(responses)::BIGINT AS responses",
        "sum(lower_bound_responses)::BIGINT AS lower_bound_responses",
        "sum(unpriced_responses)::BIGINT AS unpriced_responses",
        *(f"coalesce(sum({kind}_tokens), 0)::BIGINT AS {kind}_tokens" for kind in TOKENS),
        "sum(usd) AS usd",
    ]
)


def account(bi: Path) -> dict[str, Any]:
    """Read the published database.

    Returns:
        `totals`, `coverage`, `by_day`, `by_project`, `by_model` (lists of rows, the last two by
        falling price) and `reconciliation`; `waste` (see `_waste`), `labels` (see `judged`),
        `rule_quality`, `change_first` (see `change_first`), `failures` and `cache`. Tokens are
        integers, money is in USD, NULL where no response has a price; shares are of 1.

    Raises:
        duckdb.Error: nothing has been published there.
    """
    with duckdb.connect(str(bi / "waste.duckdb"), read_only=True) as con:
        return {
            "totals": _rows(con, f"SELECT {_SUMS} FROM daily_usage")[0],
            "waste": _waste(con),
            "change_first": change_first(con, _FIRST),
            "labels": judged(con),
            "rule_quality": _rows(con, "FROM rule_quality"),
            "failures": {
                "calls": _rows(con, "SELECT sum(calls)::BIGINT AS calls FROM failures")[0]["calls"]
                or 0,
                "shares": _rows(con, "FROM fault_shares"),
            },
            "cache": _rows(con, _CACHE)[0],
            "coverage": _rows(con, _COVERAGE)[0],
            "by_day": _rows(con, f"SELECT day, {_SUMS} FROM daily_usage GROUP BY day ORDER BY day"),
            "by_project": _rows(con, _grouped("project")),
            "by_model": _rows(con, _grouped("model")),
            "reconciliation": _rows(con, _RECONCILIATION)[0],
        }


def _waste(con: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """What of the bill was wasted, low and high, in dollars and as a share of the bill.

    `by_category` has the eight by falling amount, with `flags` (certain and likely) and, apart
    from them, `candidates` and `usd_candidate`; `by_dimension` sums them up.
    """
    dimensions = {detector.category: detector.dimension for detector in detectors()}
    owned = {row["category"]: row for row in _rows(con, _OWNED)}
    flagged = {row["category"]: row for row in _rows(con, _FLAGGED)}
    spent = sum(row["usd"] for row in owned.values())
    categories = [
        {
            "category": category,
            "dimension": dimension,
            **_amounts([owned[category]] if category in owned else [], spent),
            "flags": flagged[category]["flags"] if category in flagged else 0,
            "candidates": flagged[category]["candidates"] if category in flagged else 0,
        }
        for category, dimension in dimensions.items()
    ]
    categories.sort(key=lambda row: (-row["usd_avoidable"], -row["usd_candidate"], row["category"]))
    return {
        "usd_spent": spent,
        **_amounts(categories, spent),
        "candidates": sum(row["candidates"] for row in categories),
        "by_dimension": [
            {
                "dimension": dimension,
                **_amounts([row for row in categories if row["dimension"] == dimension], spent),
            }
            for dimension in ("outright", "inefficient")
        ],
        "by_category": categories,
    }


def _amounts(rows: list[dict[str, Any]], spent: float) -> dict[str, Any]:
    sums = {name: sum((row[name] for row in rows), 0.0) for name in _AMOUNTS}
    shares = {
        f"share_{name.removeprefix('usd_')}": usd / spent if spent else None
        for name, usd in sums.items()
    }
    return sums | shares


_AMOUNTS = ("usd_direct", "usd_avoidable", "usd_candidate")
_OWNED = f"""
SELECT
    category, coalesce(sum(usd), 0) AS usd,
    {", ".join(f"coalesce(sum({name}), 0) AS {name}" for name in _AMOUNTS)}
FROM daily_waste
GROUP BY category
ORDER BY category
"""
_FLAGGED = """
SELECT
    category, count(*) FILTER (tier <> 'candidate') AS flags,
    count(*) FILTER (tier = 'candidate') AS candidates
FROM flags
GROUP BY category
"""


def change_first(con: duckdb.DuckDBPyConnection, limit: int) -> list[dict[str, Any]]:
    """The remedies that would save the most, of those that are open or have changed nothing.

    Each with `what`, `advice`, the `change` to copy and its `place`, what it addresses in all and
    in a month (no dollar counts for two remedies), and as an `example` the dearest of its
    findings: `transcript:line`, with its `evidence`.
    """
    return _rows(con, _DEAREST, {"most": limit})


# What was just applied is no news; what was and changed nothing is.
_DEAREST = """
SELECT
    remedy_id, what, advice, kind, place, change, category, cluster_id, cause, flags, sessions,
    usd_low AS usd_direct, usd_high AS usd_avoidable, usd_month_low, usd_month_high, example,
    evidence
FROM remedies
WHERE usd_high > 0 AND status IN ('open', 'withdrawn', 'no change seen', 'higher')
ORDER BY rank
LIMIT $most
"""


def _grouped(column: str) -> str:
    return (
        f"SELECT {column}, {_SUMS} FROM daily_usage GROUP BY {column} "
        f"ORDER BY usd DESC NULLS LAST, responses DESC, {column}"
    )


# Shares of dollars three ways: reads, writes, both; of the sums, as shares do not add up.
_CACHE = """
SELECT
    sum(usd) AS usd,
    sum(usd_read) AS usd_read,
    sum(usd_write) AS usd_write,
    sum(usd_uncached) AS usd_uncached,
    sum(usd_read) / nullif(sum(usd), 0) AS read_share_of_usd,
    sum(usd_write) / nullif(sum(usd), 0) AS write_share_of_usd,
    (sum(usd_read) + sum(usd_write)) / nullif(sum(usd), 0) AS cache_share_of_usd,
    sum(read_tokens) / nullif(
        sum(input_tokens + write_5m_tokens + write_1h_tokens + read_tokens), 0
    ) AS read_share_of_prompt,
    coalesce(sum(rebuilds), 0)::BIGINT AS rebuilds,
    coalesce(sum(usd_rebuilt), 0) AS usd_rebuilt
FROM cache_economics
"""
_COVERAGE = """
SELECT
    count(*) FILTER (lines > 0) AS days,
    coalesce(sum(lines), 0)::BIGINT AS lines,
    coalesce(sum(decoded_lines), 0)::BIGINT AS decoded_lines,
    coalesce(sum(repaired_lines), 0)::BIGINT AS repaired_lines,
    coalesce(sum(quarantined_lines), 0)::BIGINT AS quarantined_lines,
    coalesce(sum(files), 0)::BIGINT AS files_beside
FROM coverage
"""
_RECONCILIATION = """
SELECT
    count(*) AS sessions,
    sum(recorded_usd) AS recorded_usd,
    sum(accounted_usd) AS accounted_usd,
    sum(unattributed_usd) AS unattributed_usd
FROM cost_reconciliation
"""
