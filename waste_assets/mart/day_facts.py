"""What the BI tables are made of: small facts of each day, kept from one publication to the next.

A publication reads the partitions of the days that have changed, and no others: the lake has a
dozen files a day, and to open them all takes longer than all else. What has changed is told by the
stamps of the partitions. The facts lie beside the lake, not among the BI files: they hold paths and
examples as they are. They can be made again from the lake at any time, and are where they cannot
be read.
"""

from __future__ import annotations

import fcntl
import shutil
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import date
from importlib.resources import files
from pathlib import Path

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
from waste_assets.mart.reading import opened, view

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
    "texts",
    "called",
    "costs",
    "counted",
)
#: Which partitions each day had, as one text a day.
Stamps = Mapping[date, str]
#: `FICLONE`: a copy that shares its blocks, where the file system can.
_CLONE = 0x40049409


def stamps(lake: Lake, today: date) -> dict[date, str]:
    """Which partitions each day has, of all tables that facts are made of."""
    ahead = awaited(lake, today)
    by_day: dict[date, list[str]] = defaultdict(list)
    for name, table in SOURCES.items():
        for day, stamp in lake.stamps(table).items():
            by_day[day].append(f"{name}:{stamp}")
    return {day: " ".join(told) for day, told in sorted(by_day.items()) if day not in ahead}


def differing(before: Stamps, now: Stamps) -> list[date]:
    """The days that were made from other partitions than there are."""
    days = before.keys() | now.keys()
    return sorted(day for day in days if before.get(day) != now.get(day))


def bring_up_to_date(lake: Lake, place: Path, now: Stamps, rules: str, temporary: Path) -> None:
    """Let the facts at `place` be those of `now`, by these rules.

    They are changed in a copy (`temporary`) that takes their place when it is done: whatever
    happens meanwhile, there are the old facts or the new ones. The caller sees to it that nobody
    else does this at the same time.

    Raises:
        OSError, duckdb.Error: the lake cannot be read, or the facts cannot be written.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        before = _copied(place, temporary, rules)
        changed = differing(before or {}, now)
        if changed or before is None:
            with opened(temporary) as con:
                _change(con, lake, changed, now, rules, is_new=before is None)
            temporary.replace(place)
    finally:
        drop_database(temporary)


def _copied(place: Path, temporary: Path, rules: str) -> Stamps | None:
    """Copy the facts; returns the stamps that they have, None where nothing can be built upon."""
    try:
        copied(place, temporary)
        with duckdb.connect(str(temporary), read_only=True) as con:
            row = con.execute("SELECT rules FROM made_by").fetchone()
            if row == (rules,):
                return dict(con.execute("SELECT day, stamp FROM stamps").fetchall())
    except (OSError, duckdb.Error):
        # There are none, or something has happened to them.
        pass
    drop_database(temporary)
    return None


def _change(
    con: duckdb.DuckDBPyConnection,
    lake: Lake,
    days: list[date],
    now: Stamps,
    rules: str,
    *,
    is_new: bool,
) -> None:
    for name, table in SOURCES.items():
        view(con, name, lake, table, days)
    con.execute(files("waste_assets.mart").joinpath("day_facts.sql").read_text("utf-8"))
    con.execute("CREATE TEMP TABLE changed AS SELECT unnest($1::DATE[]) AS day", [days])
    con.begin()
    for name in FACTS:
        if is_new:
            con.execute(f"CREATE TABLE {name} AS FROM new_{name}")
        else:
            con.execute(f"DELETE FROM {name} WHERE day IN (FROM changed)")
            con.execute(f"INSERT INTO {name} BY NAME FROM new_{name}")
    con.execute("CREATE OR REPLACE TABLE stamps (day DATE, stamp VARCHAR)")
    con.execute(
        "INSERT INTO stamps SELECT unnest($1::DATE[]), unnest($2::VARCHAR[])",
        [list(now), list(now.values())],
    )
    con.execute("CREATE OR REPLACE TABLE made_by AS SELECT $1::VARCHAR AS rules", [rules])
    con.commit()


def copied(source: Path, target: Path) -> None:
    """Copy a file, sharing its blocks where the file system can; times come along.

    Raises:
        OSError: it cannot be read or written.
    """
    with source.open("rb") as old, target.open("wb") as new:
        try:
            fcntl.ioctl(new, _CLONE, old.fileno())
        except OSError:
            shutil.copyfileobj(old, new, 1 << 20)
    shutil.copystat(source, target)


def drop_database(database: Path) -> None:
    """Remove a database file with what DuckDB may have left beside it."""
    for path in (database, database.with_name(database.name + ".wal")):
        path.unlink(missing_ok=True)
    with suppress(OSError):
        shutil.rmtree(database.with_name(database.name + ".tmp"))


def first_of(days: Iterable[date]) -> date:
    """The first of some days; one after all others where there is none."""
    return min(days, default=date.max)
