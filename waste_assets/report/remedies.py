"""What to change, dearest first."""

from __future__ import annotations

from typing import Any

import duckdb

from waste_assets.report.account import change_first


def remedies(con: duckdb.DuckDBPyConnection, limit: int) -> list[dict[str, Any]]:
    """Remedies in the BI database, ranked by what they would have saved.

    Each has `what` goes wrong and the `remedy` in words, `usd_direct` and `usd_avoidable`, how
    often (`flags`, `sessions`), and its dearest `example`: `transcript:line`, with `evidence`.
    """
    return change_first(con, limit)
