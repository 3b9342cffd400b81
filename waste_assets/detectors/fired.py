"""How often each rule fired, as the flags in the lake say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

from waste_assets.accounting.ledger import PRECEDENCE
from waste_assets.detectors.registry import detectors
from waste_assets.lake.place import lake_of
from waste_assets.lake.tables import HEURISTIC_FLAGS

_COUNTED = """
SELECT
    category, rule, tier, count(*) AS flags, count(DISTINCT session_id) AS sessions,
    sum(usd_direct) AS usd_direct, sum(usd_avoidable) AS usd_avoidable, sum(usd_owned) AS usd_owned
FROM read_parquet($parts)
GROUP BY category, rule, tier
"""


def fired(data_root: Path) -> list[dict[str, Any]]:
    """A row for each rule and tier that fired, and one for each detector that did not.

    Raises:
        FileNotFoundError: nothing has been audited into the data root.
    """
    parts = lake_of(data_root).parts(HEURISTIC_FLAGS)
    if not parts:
        raise FileNotFoundError(2, "No flags yet, run `waste-assets audit` first", str(data_root))
    with duckdb.connect(":memory:") as con:
        cursor = con.execute(_COUNTED, {"parts": parts})
        names = [column[0] for column in cursor.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    silent = {detector.category for detector in detectors()} - {row["category"] for row in rows}
    rows += [
        {"category": category, "rule": "", "tier": "", **dict.fromkeys(names[3:], 0)}
        for category in silent
    ]
    return sorted(
        rows, key=lambda row: (PRECEDENCE.index(row["category"]), row["rule"], row["tier"])
    )


def render(rows: list[dict[str, Any]]) -> str:
    """The rows as text for a terminal."""
    lines = [
        f"{'category':18}{'rule':28}{'tier':11}{'flags':>7}{'sessions':>10}{'direct':>12}"
        f"{'avoidable':>12}{'owned':>12}"
    ]
    for row in rows:
        amounts = (row["usd_direct"], row["usd_avoidable"], row["usd_owned"])
        lines.append(
            f"{row['category']:18}{row['rule']:28}{row['tier']:11}{row['flags']:>7,}"
            f"{row['sessions']:>10,}" + "".join(f"{f'${usd:,.2f}':>12}" for usd in amounts)
        )
    return "\n".join(lines)
