"""Which days share responses: copies in other transcripts, and responses around midnight.

Every plan asks, over the whole history, and a day of lines hardly ever changes. So a digest of
each response of each day is kept beside the lake, in one small file, and only days whose lines
are not those that were digested are read. Losing the file costs one reading of all of them.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from waste_assets.lake.lake import Lake
from waste_assets.lake.tables import LINE_USAGE
from waste_assets.lake.whole import temporary

_Digests = np.ndarray[tuple[int], np.dtype[np.uint64]]
_FILE = ".response_digests"
_SCHEMA = pa.schema(
    [("day", pa.date32()), ("lines", pa.string()), ("digests", pa.list_(pa.uint64()))],
    # Digests of one version of DuckDB say nothing about those of another.
    metadata={"waste.hash": f"1/{duckdb.__version__}"},
)


def shared_days(con: duckdb.DuckDBPyConnection | None, lake: Lake) -> dict[date, set[date]]:
    """For each day the other days on which lines of its responses stand, where there are any.

    A connection is only needed where lines have changed; None: one is opened then.

    Should two responses have one digest, two days too many are named, and no harm is done.

    Raises:
        duckdb.Error: a partition cannot be read.
    """
    # Before they are read: lines that are replaced meanwhile are read again the next time.
    lines = {day: lake.identity(LINE_USAGE, day) for day in lake.days(LINE_USAGE)}
    kept = _read(lake.root / _FILE)
    known = {day: kept[day][1] for day in lines if day in kept and kept[day][0] == lines[day]}
    unknown = sorted(lines.keys() - known.keys())
    if unknown:
        known |= _digests(con or duckdb.connect(":memory:"), lake, unknown)
    if unknown or known.keys() != kept.keys():
        _write(lake.root / _FILE, {day: (lines[day], known[day]) for day in sorted(known)})
    return _shared(known)


def _digests(con: duckdb.DuckDBPyConnection, lake: Lake, days: list[date]) -> dict[date, _Digests]:
    found = con.execute(
        """
        SELECT DISTINCT day, hash(response_id) AS digest
        FROM read_parquet($parts, hive_partitioning = true, hive_types = {'day': DATE})
        ORDER BY day
        """,
        {"parts": lake.parts(LINE_USAGE, days)},
    ).fetchnumpy()
    column = found["day"].astype("datetime64[D]")
    bounds = np.searchsorted(column, np.array([*days, days[-1]], "datetime64[D]"), "left")
    bounds[-1] = len(column)
    return {
        day: found["digest"][start:end]
        for day, start, end in zip(days, bounds[:-1], bounds[1:], strict=True)
    }


def _shared(digests: dict[date, _Digests]) -> dict[date, set[date]]:
    days = list(digests)
    if not days:
        return {}
    every = np.concatenate(list(digests.values()))
    owner = np.repeat(np.arange(len(days)), [len(of_day) for of_day in digests.values()])
    order = np.argsort(every)
    equal = every[order][1:] == every[order][:-1]
    crossing = order[np.append(equal, False) | np.insert(equal, 0, False)]
    standing: dict[int, list[int]] = defaultdict(list)
    for digest, number in zip(every[crossing].tolist(), owner[crossing].tolist(), strict=True):
        standing[digest].append(number)
    shared: dict[date, set[date]] = defaultdict(set)
    for numbers in {tuple(sorted(numbers)) for numbers in standing.values()}:
        for number in numbers:
            shared[days[number]] |= {days[other] for other in numbers if other != number}
    return dict(shared)


def _read(file: Path) -> dict[date, tuple[str, _Digests]]:
    try:
        with pa.ipc.open_file(pa.py_buffer(file.read_bytes())) as reader:
            kept = reader.read_all()
    except (OSError, pa.ArrowException):
        return {}
    if not kept.schema.equals(_SCHEMA, check_metadata=True):
        return {}
    rows = zip(kept["day"].to_pylist(), kept["lines"].to_pylist(), kept["digests"], strict=True)
    return {day: (lines, digests.values.to_numpy()) for day, lines, digests in rows}


def _write(file: Path, kept: dict[date, tuple[str, _Digests]]) -> None:
    offsets = np.cumsum([0, *(len(digests) for _, digests in kept.values())], dtype=np.int32)
    every = [np.empty(0, np.uint64), *(digests for _, digests in kept.values())]
    rows = pa.Table.from_arrays(
        [
            pa.array(list(kept), pa.date32()),
            pa.array([lines for lines, _ in kept.values()], pa.string()),
            pa.ListArray.from_arrays(pa.array(offsets), pa.array(np.concatenate(every))),
        ],
        schema=_SCHEMA,
    )
    written = temporary(file)
    # Kept for speed alone: who may not write, or has no room left, goes without.
    with contextlib.suppress(OSError):
        try:
            with pa.OSFile(str(written), "wb") as out, pa.ipc.new_file(out, _SCHEMA) as writer:
                writer.write_table(rows)
            written.replace(file)
        finally:
            written.unlink(missing_ok=True)
