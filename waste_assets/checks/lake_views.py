"""What the checks' queries read: views over partitions, and what the footers say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta

import duckdb
import pyarrow as pa

from waste_assets.checks.check import Suite
from waste_assets.lake.awaited import awaited
from waste_assets.lake.lake import Lake
from waste_assets.lake.tables import RAW_SESSIONS
from waste_assets.lake.views import view
from waste_assets.resources.data_root import DataRoot
from waste_assets.transcripts import day_contents
from waste_assets.transcripts.days import FIRST_DAY, Calendar

#: Lines of the days that are looked at together: bounds memory, whatever the range.
_BATCH_LINES = 1_000_000
#: Before every time that a line can have.
_EARLIEST_US = -(1 << 62)


def held_days(
    lake: Lake,
    suite: Suite,
    today: date,
    first: date | None = None,
    last: date | None = None,
) -> list[date]:
    """The days from `first` to `last` (or all) that the archive or a table of the suite holds.

    Nothing is built yet of what a clock that was ahead has dated after `today`.
    """
    tables = (*suite.tables, *suite.sums_of)
    days = set(lake.days(RAW_SESSIONS)).union(*(lake.days(table) for table in tables))
    days -= awaited(lake, today)
    return sorted(
        day for day in days if (first is None or day >= first) and (last is None or day <= last)
    )


def open_run(
    con: duckdb.DuckDBPyConnection, data_root: DataRoot, suite: Suite, days: list[date]
) -> None:
    """Make what the queries read besides the days at hand.

    `held(day, lines, files)` is what the footers of the archive say, `day_bounds(day, starts_us,
    ends_us)` when each day of the archive begins and ends in the zone of the data root. Who
    compares wholes has neither.
    """
    lake = data_root.lake
    # Most queries open the same files, of which there are many.
    con.execute("SET parquet_metadata_cache = true")
    if not suite.whole:
        _register(con, "held", archived(lake, days))
        _register(con, "day_bounds", _bounds({*days, *lake.days(RAW_SESSIONS)}, data_root.calendar))
    for table in suite.every:
        view(con, f"every_{table.name}", table, lake.parts(table))
    if suite.prepare:
        show_days(con, lake, suite, days)
        suite.prepare(con, data_root, days)


def show_days(con: duckdb.DuckDBPyConnection, lake: Lake, suite: Suite, days: list[date]) -> None:
    """Let the suite's tables be the rows of these days."""
    for table in suite.tables:
        view(con, table.name, table, lake.parts(table, days))
    _register(con, "days_at_hand", pa.table({"day": pa.array(days, pa.date32())}))


def batches(con: duckdb.DuckDBPyConnection, suite: Suite, days: list[date]) -> Iterator[list[date]]:
    """The days in portions that fit into memory."""
    if suite.whole:
        yield days
        return
    lines = dict(con.execute("SELECT day, lines FROM held").fetchall())
    batch: list[date] = []
    size = 0
    for day in days:
        batch.append(day)
        size += lines.get(day, 0)
        if size >= _BATCH_LINES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def archived(lake: Lake, days: list[date]) -> pa.Table:
    """What the footers of the archive say of some days: `day`, `lines`, `files`."""
    contents = [day_contents.contents(lake, day) for day in days]
    return pa.table(
        {
            "day": pa.array(days, pa.date32()),
            "lines": pa.array([c.lines for c in contents], pa.int64()),
            "files": pa.array([c.files for c in contents], pa.int64()),
        }
    )


def _bounds(days: Iterable[date], calendar: Calendar) -> pa.Table:
    ordered = sorted(days)
    ends = [day + timedelta(days=1) for day in ordered]
    return pa.table(
        {
            "day": pa.array(ordered, pa.date32()),
            "starts_us": pa.array([_begins(day, calendar) for day in ordered], pa.int64()),
            "ends_us": pa.array([_begins(day, calendar) for day in ends], pa.int64()),
        }
    )


def _begins(day: date, calendar: Calendar) -> int:
    if day <= FIRST_DAY:
        # What is told of earlier days lies on this one.
        return _EARLIEST_US
    return calendar.begins_us(day)


def _register(con: duckdb.DuckDBPyConnection, name: str, rows: pa.Table) -> None:
    con.register(f"arrow_{name}", rows)
    con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM arrow_{name}")
    con.unregister(f"arrow_{name}")
