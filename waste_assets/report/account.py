"""The account: what an audit has to say, as one plain object."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

TOKENS = ("input", "write_5m", "write_1h", "read", "output")
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
        falling price) and `reconciliation`; tokens as integers, money in USD, NULL where no
        response has a price.

    Raises:
        duckdb.Error: nothing has been published there.
    """
    with duckdb.connect(str(bi / "waste.duckdb"), read_only=True) as con:
        return {
            "totals": _rows(con, f"SELECT {_SUMS} FROM daily_usage")[0],
            "coverage": _rows(con, _COVERAGE)[0],
            "by_day": _rows(con, f"SELECT day, {_SUMS} FROM daily_usage GROUP BY day ORDER BY day"),
            "by_project": _rows(con, _grouped("project")),
            "by_model": _rows(con, _grouped("model")),
            "reconciliation": _rows(con, _RECONCILIATION)[0],
        }


def _grouped(column: str) -> str:
    return (
        f"SELECT {column}, {_SUMS} FROM daily_usage GROUP BY {column} "
        f"ORDER BY usd DESC NULLS LAST, responses DESC, {column}"
    )


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


def _rows(con: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    cursor = con.execute(query)
    names = [column[0] for column in cursor.description or ()]
    return [
        {
            n: v.isoformat() if hasattr(v, "isoformat") else v
            for n, v in zip(names, row, strict=True)
        }
        for row in cursor.fetchall()
    ]
