"""The turns stage: responses, tool calls and context blocks of some days, from their lines.

A day's rows depend on that day's lines, on earlier lines of the same transcripts (what a
conversation already held), on the next lines after midnight (the rest of a response, the result
of a call) and on copies of its responses wherever they stand. They never depend on which other
days are built in the same run.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache, partial
from importlib.resources import files
from itertools import accumulate
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from waste_assets.accounting import rewinds
from waste_assets.accounting.crossings import shared_days
from waste_assets.accounting.footers import INPUTS, RESPONSES, SESSIONS
from waste_assets.accounting.prices import price_charges
from waste_assets.accounting.published import published
from waste_assets.lake.lake import Lake
from waste_assets.lake.several_days import on_several_days
from waste_assets.lake.tables import (
    LINE_BLOCKS,
    LINE_USAGE,
    PARSED_TURNS,
    RAW_SESSIONS,
    TURN_TABLES,
)
from waste_assets.processes import Processes
from waste_assets.transcripts import facts
from waste_assets.transcripts.day_contents import contents
from waste_assets.transcripts.days import Calendar
from waste_assets.transcripts.records import count

#: Changed with every change of the rules in this folder: older days are built anew.
RULES = "3"
#: Lines built at once, or those of one day: bounds what is held in memory, whatever the range.
_BATCH_LINES = 100_000


@dataclass(frozen=True)
class DayHeld:
    """How much the archive holds of a day."""

    version: str
    lines: int
    bytes: int
    #: Digests of what is held of those transcripts that go on, or went on, on other days.
    shared: dict[str, str]


@dataclass(frozen=True)
class Holdings:
    """What the archive holds of each day, and what ties days together.

    Most transcripts are of one day alone. Nothing is kept of them: a day's version says what it
    holds, and its footer says it in full.
    """

    lake: Lake
    days: dict[date, DayHeld]
    #: The days of each transcript that has several, in order.
    transcript_days: dict[str, list[date]]

    @classmethod
    def of(cls, lake: Lake) -> Holdings:
        """Read from the footers of the archive."""
        held = lake.days(RAW_SESSIONS)
        spans = on_several_days(held, lambda day: contents(lake, day).held)
        days = {}
        for day in held:
            told = contents(lake, day)
            shared = {name: digest for name, digest in told.held.items() if name in spans}
            days[day] = DayHeld(told.version, told.lines, told.bytes, shared)
        return cls(lake, days, spans)

    def next_day(self, transcript: str, day: date) -> date | None:
        """The next day after `day` on which a transcript goes on."""
        return next((d for d in self.transcript_days.get(transcript, ()) if d > day), None)

    def related(self, day: date) -> dict[date, list[str]]:
        """The other days that a day's rows depend on, with the transcripts they share."""
        shared: dict[date, list[str]] = defaultdict(list)
        for transcript in self.days[day].shared:
            for other in self.transcript_days[transcript]:
                if other < day:
                    shared[other].append(transcript)
                elif other > day:
                    shared[other].append(transcript)
                    break
        return shared

    def inputs(self, day: date, copies: Iterable[date]) -> str:
        """Identity of everything that a day's rows are made from."""
        related = [
            (other.isoformat(), transcript, self.days[other].shared[transcript])
            for other, transcripts in sorted(self.related(day).items())
            for transcript in sorted(transcripts)
        ]
        elsewhere = [(other.isoformat(), self.days[other].version) for other in sorted(copies)]
        told = json.dumps([self.days[day].version, related, elsewhere, _rules()])
        return hashlib.sha256(told.encode()).hexdigest()[:16]


def stale_days(lake: Lake, holdings: Holdings, copies: dict[date, set[date]]) -> set[date]:
    """Days of the archive whose turns were not made from what is known now."""
    return {
        day
        for day in holdings.days
        if lake.notes(PARSED_TURNS, day).get(INPUTS) != holdings.inputs(day, copies.get(day, set()))
    }


def copies_elsewhere(
    con: duckdb.DuckDBPyConnection | None, lake: Lake, holdings: Holdings
) -> dict[date, set[date]]:
    """For each day the other days on which lines of its responses stand; see `shared_days`.

    Days that another process has added since the holdings were read are left to it.
    """
    return {
        day: others & holdings.days.keys()
        for day, others in shared_days(con, lake).items()
        if day in holdings.days and others & holdings.days.keys()
    }


def build(
    lake: Lake,
    days: Sequence[date],
    calendar: Calendar,
    processes: Processes,
    watch: Callable[[str, int], Callable[[int], None]] = lambda label, total: lambda done: None,
) -> None:
    """Build and write the turns of `days`; days without lines have none.

    `watch` is told of each piece of work, with its size in bytes, and gives what to call with
    the bytes done.

    Raises:
        OSError, duckdb.Error: the lake cannot be read or written.
    """
    holdings = Holdings.of(lake)
    # Each process that builds a part of it asks for some.
    lake.keep_notes()
    sizes = {day: held.bytes for day, held in holdings.days.items()}
    held = [day for day in sorted(set(days)) if day in sizes]
    needed = set(held).union(*(holdings.related(day) for day in held))
    # As a rule there are none: the archive brought its facts along.
    unread = sorted(day for day in needed if not facts.is_current(lake, day))
    read = [sizes[day] for day in unread]
    read_day = partial(facts.read_day, lake, calendar.zone.key)
    processes.each(read_day, unread, read, watch("Reading lines", sum(read)))
    copies = copies_elsewhere(None, lake, holdings)
    batches = _batches(held, holdings)
    counted = [sum(sizes[day] for day in batch) for batch in batches]
    build_batch = partial(_build_batch, lake, holdings, copies, calendar.zone.key)
    processes.each(build_batch, batches, counted, watch("Accounting", sum(counted)), _close_engine)


def _batches(days: list[date], holdings: Holdings) -> list[list[date]]:
    """As few batches as memory allows, for each has its price, and as equal as days allow."""
    ends = list(accumulate(holdings.days[day].lines for day in days))
    if not ends:
        return []
    count = -(-ends[-1] // _BATCH_LINES) or 1
    batches: dict[int, list[date]] = defaultdict(list)
    for day, start, end in zip(days, [0, *ends], ends, strict=False):
        batches[(start + end) * count // (2 * ends[-1] + 1)].append(day)
    return list(batches.values())


def _build_batch(
    lake: Lake,
    holdings: Holdings,
    copies: dict[date, set[date]],
    zone: str,
    days: list[date],
) -> None:
    """Build some days together and write each of them."""
    with _engine().cursor() as con:
        rows = _rows(con, lake, days, holdings, copies, Calendar(zone))
    notes = {
        day: {
            INPUTS: holdings.inputs(day, copies.get(day, set())),
            SESSIONS: json.dumps(sorted(set(turns.column("session_id").to_pylist()))),
            RESPONSES: str(turns.num_rows),
        }
        for day, turns in _by_day(rows[PARSED_TURNS.name], days)
    }
    for table in TURN_TABLES:
        for day, of_day in _by_day(rows[table.name], days):
            lake.write(table, day, of_day, notes[day])
    # The process works on: what it holds for nothing is wanted by others.
    del rows
    pa.default_memory_pool().release_unused()


def _close_engine() -> None:
    """A database keeps memory for what comes next, and nothing does."""
    if _engine.cache_info().currsize:
        _engine().close()
        _engine.cache_clear()


@cache
def _engine() -> duckdb.DuckDBPyConnection:
    """The database of this process; each of its cursors has tables of its own."""
    # One thread: a batch is smaller than what DuckDB would divide among several.
    return duckdb.connect(":memory:", config={"threads": 1, "memory_limit": "256MB"})


def _rows(
    con: duckdb.DuckDBPyConnection,
    lake: Lake,
    days: list[date],
    holdings: Holdings,
    copies: dict[date, set[date]],
    calendar: Calendar,
) -> dict[str, pa.Table]:
    """The published rows of `days`, day after day, each with its day."""
    near = set(days).union(*(holdings.related(day) for day in days))
    everywhere = near.union(*(copies.get(day, set()) for day in near))
    usage = lake.read(LINE_USAGE, everywhere)
    blocks = lake.read(LINE_BLOCKS, near)
    # Not copied into DuckDB: of most columns it reads none.
    con.register("all_usage", usage)
    con.register("all_blocks", blocks)
    _register(con, "wanted_days", pa.table({"day": pa.array(days, pa.date32())}))
    _register(con, "named_transcript_days", _transcript_days(sorted(everywhere), holdings))
    con.execute(_script("lines"))
    _register(con, "response_days", _quarters(con, calendar, set(days)))
    _iterations(con)
    for script in ("turns", "branches"):
        con.execute(_script(script))
    _thread(con)
    for script in ("sizes", "blocks", "calls", "charges"):
        con.execute(_script(script))
    price_charges(con, "charges", "priced")
    con.execute(_script("published"))
    return published(con, usage, blocks)


def _thread(con: duckdb.DuckDBPyConnection) -> None:
    """Find what each response goes on from: the one before it, or an earlier one."""
    has_rewinds = rewinds.find(con)
    con.execute(_script("epochs"))
    if has_rewinds:
        con.execute(_script("moved"))
        _size(con, "link IN (SELECT kept_with FROM threaded)")
        con.execute(_script("sizes"))
        con.execute(_script("kept"))
    _size(con, "TRUE")


def _size(con: duckdb.DuckDBPyConnection, which: str) -> None:
    con.execute(f"CREATE OR REPLACE TEMP VIEW sizing AS SELECT * FROM placed WHERE {which}")


def _by_day(rows: pa.Table, days: list[date]) -> Iterator[tuple[date, pa.Table]]:
    """The rows of each of `days`, which are in order, as the rows are."""
    column = rows.column("day").cast(pa.int32()).to_numpy()
    first = np.datetime64(0, "D")
    bounds = np.array(days, "datetime64[D]") - first
    starts = np.searchsorted(column, bounds.astype(np.int32), "left")
    ends = np.searchsorted(column, bounds.astype(np.int32), "right")
    for day, start, end in zip(days, starts.tolist(), ends.tolist(), strict=True):
        yield day, rows.slice(start, end - start)


def _quarters(con: duckdb.DuckDBPyConnection, calendar: Calendar, wanted: set[date]) -> pa.Table:
    """The day of each quarter of an hour; no zone changes its offset within one."""
    quarters = con.execute(
        "SELECT DISTINCT epoch_us(first_ts) // 900000000 AS quarter FROM extents ORDER BY quarter"
    ).fetchall()
    days = [calendar.day_at(datetime.fromtimestamp(q * 900, UTC)) for (q,) in quarters]
    return pa.table(
        {
            "quarter": pa.array([q for (q,) in quarters], pa.int64()),
            "day": pa.array(days, pa.date32()),
            "wanted": pa.array([day in wanted for day in days], pa.bool_()),
        }
    )


def _transcript_days(days: Iterable[date], holdings: Holdings) -> pa.Table:
    """For each transcript of these days the next day on which it goes on."""
    rows = [
        (transcript, day, holdings.next_day(transcript, day))
        for day in days
        for transcript in contents(holdings.lake, day).held
    ]
    return pa.table(
        {
            "transcript": pa.array([r[0] for r in rows], pa.string()),
            "day": pa.array([r[1] for r in rows], pa.date32()),
            "next_day": pa.array([r[2] for r in rows], pa.date32()),
        }
    )


def _iterations(con: duckdb.DuckDBPyConnection) -> None:
    """What is billed by itself inside a response, and the prompt of the last run.

    Source: the API's pages on compaction, advisor and fallback. A declined attempt that made no
    output is not billed; a fallback is never written to the cache for an hour.
    """
    rows = con.execute(
        "SELECT e.response, w.iterations FROM extents AS e JOIN all_usage AS w "
        "ON w.row_no = e.winner WHERE w.iterations IS NOT NULL ORDER BY e.response"
    ).fetchall()
    billed: dict[str, list[Any]] = {name: [] for name in _ITERATION_SCHEMA.names}
    last: dict[str, list[Any]] = {"response": [], "prompt_tokens": []}
    for response, text in rows:
        iterations = json.loads(text)
        has_fallback = any(i.get("type") == "fallback_message" for i in iterations)
        prompt = None
        for number, iteration in enumerate(iterations):
            tokens = _iteration_tokens(iteration)
            kind = iteration.get("type")
            if kind in ("message", "fallback_message"):
                prompt = sum(tokens[:4])
            if kind == "message" and has_fallback and not tokens[4]:
                continue
            values = (response, number, iteration.get("model"), *tokens)
            for name, value in zip(_ITERATION_SCHEMA.names, values, strict=True):
                billed[name].append(value)
        if prompt is not None:
            last["response"].append(response)
            last["prompt_tokens"].append(prompt)
    _register(con, "billed_iterations", pa.table(billed, schema=_ITERATION_SCHEMA))
    _register(
        con,
        "last_iterations",
        pa.table(
            last,
            schema=pa.schema([("response", pa.int32()), ("prompt_tokens", pa.int64())]),
        ),
    )


_ITERATION_SCHEMA = pa.schema(
    [
        ("response", pa.int32()),
        ("iteration", pa.int32()),
        ("model", pa.string()),
        ("input_tokens", pa.int64()),
        ("write_5m_tokens", pa.int64()),
        ("write_1h_tokens", pa.int64()),
        ("read_tokens", pa.int64()),
        ("output_tokens", pa.int64()),
    ]
)


def _iteration_tokens(iteration: dict[str, Any]) -> tuple[int, int, int, int, int]:
    creation = iteration.get("cache_creation") or {}
    written_5m = count(creation.get("ephemeral_5m_input_tokens"))
    written_1h = count(creation.get("ephemeral_1h_input_tokens"))
    total = max(count(iteration.get("cache_creation_input_tokens")), written_5m + written_1h)
    return (
        count(iteration.get("input_tokens")),
        total - written_1h,
        written_1h,
        count(iteration.get("cache_read_input_tokens")),
        count(iteration.get("output_tokens")),
    )


def _register(con: duckdb.DuckDBPyConnection, name: str, rows: pa.Table) -> None:
    con.register(f"arrow_{name}", rows)
    con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM arrow_{name}")
    con.unregister(f"arrow_{name}")


@cache
def _script(name: str) -> str:
    return files("waste_assets.accounting").joinpath(f"{name}.sql").read_text("utf-8")


@cache
def _rules() -> str:
    """Identity of all that turns lines into rows: the rules and the price table."""
    prices = files("waste_assets.accounting").joinpath("prices.csv").read_bytes()
    return f"{facts.RULES}/{RULES}/{hashlib.sha256(prices).hexdigest()[:12]}"
