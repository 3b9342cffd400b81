"""What the BI tables are made of: small facts of each day, kept from one publication to the next.

A publication reads the partitions of the days that have changed, and no others; see `kept_by_day`.
The facts lie beside the lake, not among the BI files: they hold paths and examples as they are.
"""

from __future__ import annotations

from datetime import date
from importlib.resources import files

import duckdb

from waste_assets.lake.awaited import awaited
from waste_assets.lake.lake import Lake
from waste_assets.lake.tables import (
    FAILED_CALLS,
    FAILURE_CLUSTERS,
    HAIKU_LABELS,
    HEURISTIC_FLAGS,
    JUDGED_FLAGS,
    JUDGED_LEDGER,
    LINE_COSTS,
    LINE_COUNTS,
    PARSED_TURNS,
    TEXT_SIZES,
    TOKEN_LEDGER,
    TOOL_CALLS,
)
from waste_assets.mart.advised import advise
from waste_assets.mart.kept_by_day import Kept
from waste_assets.mart.kept_by_day import stamps as stamps_of
from waste_assets.mart.reading import view
from waste_assets.mart.shown_project import SHOWN_PROJECT

#: Tables of the lake, by the names that the scripts know them by.
SOURCES = {
    "turns": PARSED_TURNS,
    "line_counts": LINE_COUNTS,
    "line_costs": LINE_COSTS,
    "rules_ledger": TOKEN_LEDGER,
    "rules_flags": HEURISTIC_FLAGS,
    "haiku_labels": HAIKU_LABELS,
    "judged_flags": JUDGED_FLAGS,
    "judged_ledger": JUDGED_LEDGER,
    "failed_calls": FAILED_CALLS,
    "tool_calls": TOOL_CALLS,
    "text_sizes": TEXT_SIZES,
    "failure_clusters": FAILURE_CLUSTERS,
}
FACTS = (
    "usage",
    "owned",
    "kinds",
    "ruled",
    "failed",
    "clustered",
    "advised",
    "texts",
    "called",
    "costs",
    "counted",
)


def facts_by(rules: str) -> Kept:
    """The facts of days, made by these rules."""
    return Kept(SOURCES, FACTS, _make, rules)


def stamps(lake: Lake, today: date) -> dict[date, str]:
    """Which partitions each day has, of all tables that facts are made of."""
    ahead = awaited(lake, today)
    return {day: told for day, told in stamps_of(lake, SOURCES).items() if day not in ahead}


def _make(con: duckdb.DuckDBPyConnection, lake: Lake, days: list[date]) -> None:
    for name, table in SOURCES.items():
        view(con, name, lake, table, days)
    con.execute(SHOWN_PROJECT)
    con.execute(files("waste_assets.mart").joinpath("day_facts.sql").read_text("utf-8"))
    advise(con)
