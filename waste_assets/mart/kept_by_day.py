"""Tables that are kept by day: they follow from the lake, each day's rows from that day alone.

Bringing them up to date reads the partitions of the days that have changed, and no others: the
lake has a dozen files a day, and to open them all takes longer than all else. What has changed is
told by the stamps of the partitions. What is kept can be made again from the lake at any time, and
is where it cannot be read.
"""

from __future__ import annotations

import fcntl
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from waste_assets.lake.lake import Lake
from waste_assets.lake.tables import Table
from waste_assets.mart.reading import opened

#: Which partitions each day had, as one text a day.
Stamps = Mapping[date, str]
#: `FICLONE`: a copy that shares its blocks, where the file system can.
_CLONE = 0x40049409


@dataclass(frozen=True)
class Kept:
    """What is kept, and how it is made."""

    #: Tables of the lake that it follows from, each by a name that stands in the stamps.
    sources: Mapping[str, Table]
    #: Tables that are kept; each has a column `day`.
    names: tuple[str, ...]
    #: Lets `new_<name>` be the rows of some days, for each of these tables.
    make: Callable[[duckdb.DuckDBPyConnection, Lake, list[date]], None]
    #: Identity of the rules that it is made by: with other rules nothing is kept.
    rules: str


def stamps(lake: Lake, sources: Mapping[str, Table]) -> dict[date, str]:
    """Which partitions each day has of some tables."""
    by_day: dict[date, list[str]] = defaultdict(list)
    for name, table in sources.items():
        for day, stamp in lake.stamps(table).items():
            by_day[day].append(f"{name}:{stamp}")
    return {day: " ".join(told) for day, told in sorted(by_day.items())}


def differing(before: Stamps, now: Stamps) -> list[date]:
    """The days that were made from other partitions than there are."""
    days = before.keys() | now.keys()
    return sorted(day for day in days if before.get(day) != now.get(day))


def bring_up_to_date(kept: Kept, lake: Lake, place: Path, now: Stamps, temporary: Path) -> None:
    """Let what is kept at `place` be that of `now`.

    It is changed in a copy (`temporary`) that takes its place when it is done: whatever happens
    meanwhile, there is the old one or the new one. The caller sees to it that nobody else does
    this at the same time.

    Raises:
        OSError, duckdb.Error: the lake cannot be read, or nothing can be written there.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        before = _copied(place, temporary, kept.rules)
        changed = differing(before or {}, now)
        if changed or before is None:
            with opened(temporary) as con:
                _change(con, kept, lake, changed, now, is_new=before is None)
            temporary.replace(place)
    finally:
        drop_database(temporary)


def _copied(place: Path, temporary: Path, rules: str) -> Stamps | None:
    """Copy what is kept; returns the stamps that it has, None where nothing can be built upon."""
    try:
        copied(place, temporary)
        with duckdb.connect(str(temporary), read_only=True) as con:
            row = con.execute("SELECT rules FROM made_by").fetchone()
            if row == (rules,):
                return dict(con.execute("SELECT day, stamp FROM stamps").fetchall())
    except (OSError, duckdb.Error):
        # There is none, or something has happened to it.
        pass
    drop_database(temporary)
    return None


def _change(
    con: duckdb.DuckDBPyConnection,
    kept: Kept,
    lake: Lake,
    days: list[date],
    now: Stamps,
    *,
    is_new: bool,
) -> None:
    kept.make(con, lake, days)
    con.execute("CREATE TEMP TABLE changed AS SELECT unnest($1::DATE[]) AS day", [days])
    con.begin()
    for name in kept.names:
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
    con.execute("CREATE OR REPLACE TABLE made_by AS SELECT $1::VARCHAR AS rules", [kept.rules])
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
