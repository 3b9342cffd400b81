"""Sums of the lake by day that a publication is held against, kept from one check to the next.

A day's sums are made anew when a partition of that day is another one than they were made from,
and only its partitions are read then. Where somebody publishes the same again, for something is
wrong, they are made from nothing: see `mart.publish`.
"""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Iterable
from datetime import date
from functools import cache
from importlib.resources import files
from pathlib import Path

import duckdb

from waste_assets.checks.lake_views import archived
from waste_assets.lake.lake import Lake
from waste_assets.lake.quoting import quoted
from waste_assets.lake.tables import (
    FAILED_CALLS,
    HAIKU_LABELS,
    HEURISTIC_FLAGS,
    JUDGED_FLAGS,
    JUDGED_LEDGER,
    LINE_COSTS,
    LINE_COUNTS,
    PARSED_TURNS,
    RAW_SESSIONS,
    TEXT_SIZES,
    TOKEN_LEDGER,
)
from waste_assets.lake.views import view
from waste_assets.mart.kept_by_day import Kept, bring_up_to_date, drop_database, stamps
from waste_assets.mart.publish import SUMS, kept_beside
from waste_assets.resources.data_root import DataRoot

#: Tables that sums are made of.
SOURCES = (
    PARSED_TURNS,
    LINE_COUNTS,
    TOKEN_LEDGER,
    HEURISTIC_FLAGS,
    FAILED_CALLS,
    HAIKU_LABELS,
    JUDGED_FLAGS,
    JUDGED_LEDGER,
    TEXT_SIZES,
    LINE_COSTS,
)
#: What is compared of each flag and label.
FLAG_FIELDS = ("category", "tier", "usd_direct", "usd_avoidable", "usd_owned")
LABEL_FIELDS = ("status", "in_force", "label", "synthetic")
_NAMES = (
    "lake_usage",
    "lake_cache",
    "lake_kinds",
    "lake_ledger",
    "lake_ruled",
    "lake_rebuilds",
    "lake_flags",
    "lake_labels",
    "lake_failures",
    "lake_texts",
    "lake_costs",
    "held",
)
_SCRIPT = "lake_sums.sql"


def attach_sums(con: duckdb.DuckDBPyConnection, data_root: DataRoot, days: list[date]) -> None:
    """Bring the sums of these days up to date, and let `con` read each under its own name.

    Raises:
        OSError, duckdb.Error: a partition cannot be read, or the sums cannot be kept.
    """
    lake, folder = data_root.lake, kept_beside(data_root.bi)
    found = stamps(lake, {table.name: table for table in (RAW_SESSIONS, *SOURCES)})
    wanted = set(days)
    now = {day: stamp for day, stamp in found.items() if day in wanted}
    kept = Kept({table.name: table for table in SOURCES}, _NAMES, _make, _rules())
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f".{SUMS}.lock").open("w") as handle:
        fcntl.lockf(handle, fcntl.LOCK_EX)
        being_written = folder / f".{SUMS}"
        drop_database(being_written)
        bring_up_to_date(kept, lake, folder / SUMS, now, being_written)
        con.execute(f"ATTACH '{quoted(folder / SUMS)}' AS sums (READ_ONLY)")
    for name in _NAMES:
        con.execute(f"CREATE TEMP VIEW {name} AS FROM sums.{name}")


def flags_digest(flags: str) -> str:
    """A query for the number of flags of each day, and the sum of their hashes."""
    return _digest(flags, ("flag_id", *FLAG_FIELDS))


def labels_digest(labels: str) -> str:
    """The same for labels."""
    return _digest(labels, (*HAIKU_LABELS.key, *LABEL_FIELDS))


def show_flags(con: duckdb.DuckDBPyConnection, lake: Lake, days: Iterable[date]) -> None:
    """Let `flags_in_force` and `haiku_labels` be those of some days, row by row."""
    for table in (HEURISTIC_FLAGS, JUDGED_FLAGS, JUDGED_LEDGER, HAIKU_LABELS):
        view(con, table.name, table, lake.parts(table, list(days)))
    con.execute(_IN_FORCE)


def _digest(rows: str, fields: tuple[str, ...]) -> str:
    hashed = f"hash({', '.join(fields)})"
    return f"SELECT day, count(*) AS times, sum({hashed}) AS hashes FROM {rows} GROUP BY day"


# Of sessions that a judgement has decided about, what follows from it.
_IN_FORCE = """
CREATE TEMP VIEW flags_in_force AS
SELECT * FROM heuristic_flags
WHERE (day, session_id) NOT IN (SELECT (day, session_id) FROM judged_ledger)
UNION ALL BY NAME
SELECT * FROM judged_flags
"""


def _make(con: duckdb.DuckDBPyConnection, lake: Lake, days: list[date]) -> None:
    for table in SOURCES:
        view(con, table.name, table, lake.parts(table, days))
    con.register("archived", archived(lake, days))
    con.execute(_IN_FORCE)
    con.execute(files("waste_assets.checks").joinpath(_SCRIPT).read_text("utf-8"))
    con.execute(f"CREATE TEMP VIEW new_lake_flags AS {flags_digest('flags_in_force')}")
    con.execute(f"CREATE TEMP VIEW new_lake_labels AS {labels_digest('haiku_labels')}")


@cache
def _rules() -> str:
    """Identity of what makes the sums."""
    told = hashlib.sha256(duckdb.__version__.encode())
    told.update(files("waste_assets.checks").joinpath(_SCRIPT).read_bytes())
    told.update(Path(__file__).read_bytes())
    return told.hexdigest()[:16]
