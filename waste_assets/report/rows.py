"""Rows of the BI database as plain dictionaries."""

from __future__ import annotations

from datetime import date
from typing import Any

import duckdb


def rows(
    con: duckdb.DuckDBPyConnection, query: str, values: dict[str, Any] | None = None
) -> list[dict[str, Any]]:
    """The rows of a query, in order, with days and times in words."""
    cursor = con.execute(query, values)
    names = [column[0] for column in cursor.description or ()]
    return [
        {n: v.isoformat() if isinstance(v, date) else v for n, v in zip(names, row, strict=True)}
        for row in cursor.fetchall()
    ]
