"""What a rule of alerts has to say."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import duckdb

from waste_assets.inert import without_controls

#: Shapes that differ from this one in more than a new key have another number.
SHAPE = 1


@dataclass(frozen=True)
class Verdict:
    """Whether there is an alert; told in a sentence and in figures either way."""

    #: Kind of the alert: `budget_80`, `budget_100`, `waste_jumped`.
    kind: str
    #: What it is about, a day or a month: nobody is told twice of the same kind and period.
    period: str
    is_raised: bool
    message: str
    #: Plain numbers: USD, shares of 1, counts.
    figures: dict[str, float | int | None] = field(default_factory=dict)
    #: The projects with the most of it: USD by name. Only sent where that is allowed.
    projects: dict[str, float] = field(default_factory=dict)

    def told(self, *, with_projects: bool = True) -> dict[str, Any]:
        """As a plain object: what `--json` shows, and what is sent."""
        told: dict[str, Any] = {
            "kind": self.kind,
            "period": self.period,
            # Under the name that chat services look for.
            "text": self.message,
            "figures": self.figures,
        }
        if with_projects:
            # Whoever receives it may show the names as they are.
            told["projects"] = {without_controls(n): usd for n, usd in self.projects.items()}
        return told


def rows(con: duckdb.DuckDBPyConnection, query: str, **given: Any) -> list[dict[str, Any]]:
    """The rows of a query as dictionaries."""
    cursor = con.execute(query, given) if given else con.execute(query)
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
