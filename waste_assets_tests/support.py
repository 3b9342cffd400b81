"""What the tests share: an audit without Dagster, and the truth as rows of its tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from waste_assets.accounting import turns
from waste_assets.accounting.prices import Rates, price_of
from waste_assets.clusters import stage as clusters
from waste_assets.detectors import flags
from waste_assets.detectors.flag import Settings as DetectorSettings
from waste_assets.labels import judged
from waste_assets.labels.labelling import Ask, Labelling
from waste_assets.labels.recorded import RecordedAnswers
from waste_assets.lake.lake import Lake
from waste_assets.lake.source_catalog import SourceCatalog
from waste_assets.lake.state import State
from waste_assets.lake.tables import (
    CONTEXT_BLOCKS,
    HAIKU_LABELS,
    LINE_COUNTS,
    LINE_TABLES,
    PARSED_TURNS,
    RAW_SESSIONS,
    TOKEN_LEDGER,
    TURN_TABLES,
    Table,
)
from waste_assets.mart.beside import Beside, beside
from waste_assets.mart.publish import publish
from waste_assets.plan import Plan, plan
from waste_assets.processes import Processes
from waste_assets.report.site import Written, write_report
from waste_assets.sample import Conversation, Response, Truth
from waste_assets.sample.billing import Bill, total
from waste_assets.settings import LABELS_FILE
from waste_assets.transcripts import archive
from waste_assets.transcripts.archive_days import ArchiveReport
from waste_assets.transcripts.days import Calendar
from waste_assets.transcripts.discover import discover
from waste_assets.transcripts.facts import DayFacts
from waste_assets.transcripts.listing import Listing

Row = dict[str, Any]
#: Wide enough for every day of every test.
FIRST, LAST = date(2020, 1, 1), date(2100, 12, 31)
KINDS = ("input", "write_5m", "write_1h", "read", "output")
#: Tables of days that a run writes.
DAY_TABLES = (RAW_SESSIONS, *LINE_TABLES, *TURN_TABLES)


class Audit:
    """Sources, a data root, and the stages between them, called as the assets call them.

    `folder/source` holds the transcripts (or `roots` do), `folder/data` is the data root.
    """

    def __init__(self, folder: Path, *roots: Path, zone: str = "UTC") -> None:
        self.folder = folder
        self.source = folder / "source"
        self.roots = roots or (self.source,)
        self.data = folder / "data"
        self.lake = Lake(self.data / "lake")
        self.bi = self.data / "bi"
        self.calendar = Calendar(zone)
        #: What was answered so far, and whether from this machine.
        self.answers = RecordedAnswers()
        self.is_synthetic = False
        self.send: Ask | None = None
        self.audit_sample = 4

    def write(self, *conversations: Conversation) -> Truth:
        """Write the conversations into the source; returns what a run must find in them."""
        return Truth.of(one.write(self.source).truth for one in conversations)

    def files(self) -> Listing:
        """The source files, as an audit finds them."""
        return discover([root for root in self.roots if root.exists()])[0]

    def archive(
        self,
        first: date = FIRST,
        last: date = LAST,
        opened: Callable[[str], None] = lambda path: None,
    ) -> ArchiveReport:
        """Bring some days of the archive up to date."""
        state = State(self.data)
        try:
            with Processes() as processes:
                return archive.update(
                    self.lake, SourceCatalog(state), self.files(), first, last, self.calendar,
                    processes=processes, follow=DayFacts, opened=opened,
                )  # fmt: skip
        finally:
            state.close()

    def turns(self, days: Iterable[date] | None = None) -> None:
        """Build the turns of some days, or of all."""
        chosen = self.lake.days(RAW_SESSIONS) if days is None else list(days)
        with Processes() as processes:
            turns.build(self.lake, chosen, self.calendar, processes)

    def flags(self, days: Iterable[date] | None = None) -> None:
        """Build the flags, the ledger and the clusters of some days, or of all."""
        chosen = self.lake.days(PARSED_TURNS) if days is None else list(days)
        with Processes() as processes:
            flags.build(self.lake, chosen, DetectorSettings(), processes)
        self.clusters(chosen)

    def clusters(self, days: Iterable[date] | None = None) -> None:
        """Build the clusters of some days, or of all."""
        chosen = self.lake.days(TOKEN_LEDGER) if days is None else list(days)
        with Processes() as processes:
            clusters.build(self.lake, chosen, processes)

    @contextmanager
    def labelling(self) -> Iterator[Labelling]:
        """Who judges, by the answers so far and `data/labels.jsonl`."""
        state = State(self.data)
        try:
            yield Labelling.of(
                state, self.data / LABELS_FILE, self.audit_sample, answers=self.answers,
                send=self.send, is_synthetic=self.is_synthetic,
            )  # fmt: skip
        finally:
            state.close()

    def labels(self, days: Iterable[date] | None = None) -> list[Row]:
        """Build the labels of some days, or of all; returns the rows of all days."""
        chosen = self.lake.days(TOKEN_LEDGER) if days is None else list(days)
        with self.labelling() as labelling:
            judged.build(self.lake, chosen, DetectorSettings(), labelling)
        return self.rows(HAIKU_LABELS)

    def account(self) -> ArchiveReport:
        """Archive and account for everything, and judge nothing."""
        report = self.archive()
        self.turns()
        return report

    def run(self) -> ArchiveReport:
        """Archive and account for everything, find what was waste, and label it."""
        report = self.account()
        self.flags()
        self.labels()
        return report

    def plan(self) -> Plan:
        """What would have to be done."""
        state = State(self.data)
        try:
            with self.labelling() as labelling:
                return plan(
                    self.lake, state, self.bi, self.files(), self.calendar, DetectorSettings(),
                    labelling,
                )  # fmt: skip
        finally:
            state.close()

    def publish(self, *, show_examples: bool = False) -> None:
        """Build the BI files."""
        publish(self.lake, self.bi, date(2026, 11, 22), self.beside(show_examples=show_examples))

    def beside(self, *, names: bool = False, show_examples: bool = False) -> Beside:
        """What is published and not from the lake."""
        state = State(self.data)
        try:
            with self.labelling() as labelling:
                return beside(self.lake, state, labelling, names=names, show_examples=show_examples)
        finally:
            state.close()

    def report(self) -> Written:
        """Write the report."""
        return write_report(self.lake, self.bi, self.data / "report", self.calendar)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask the BI database."""
        with duckdb.connect(str(self.bi / "waste.duckdb"), read_only=True) as con:
            return con.execute(sql).fetchall()

    def published(self, table: Table) -> list[Row]:
        """The rows of a table of the BI database, in order."""
        with duckdb.connect(str(self.bi / "waste.duckdb"), read_only=True) as con:
            cursor = con.execute(f"FROM {table.name}")
            names = [column[0] for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def table(self, table: Table) -> pa.Table:
        """All days of a table, in order, with the day of each row."""
        parts = [(day, self.lake.part(table, day)) for day in self.lake.days(table)]
        if not parts:
            return table.schema.append(pa.field("day", pa.date32())).empty_table()
        days = [pq.ParquetFile(path).read() for _, path in parts]
        named = [
            one.append_column("day", pa.array([day] * one.num_rows, pa.date32()))
            for (day, _), one in zip(parts, days, strict=True)
        ]
        return pa.concat_tables(named)

    def rows(self, table: Table) -> list[Row]:
        """All rows of a table."""
        return self.table(table).to_pylist()

    def parts(self, *tables: Table) -> dict[str, bytes]:
        """The bytes of every partition of the tables (of all, if none is named)."""
        return {
            f"{table.name}/{day}": self.lake.part(table, day).read_bytes()
            for table in tables or DAY_TABLES
            for day in self.lake.days(table)
        }

    def lines(self) -> list[bytes]:
        """Every archived line, in order."""
        rows = self.table(RAW_SESSIONS)
        return rows.filter(pc.equal(rows["kind"], "line"))["raw"].to_pylist()

    def counts(self) -> dict[str, int]:
        """What became of the lines: lines, decoded, repaired, quarantined, files."""
        rows = self.table(LINE_COUNTS)
        names = ("lines", "decoded", "repaired", "quarantined", "files")
        return {name: pc.sum(rows[name], min_count=0).as_py() or 0 for name in names}

    def tokens(self) -> dict[str, int]:
        """Tokens by kind over everything, and the number of responses."""
        rows = self.table(PARSED_TURNS)
        sums = {kind: pc.sum(rows[f"{kind}_tokens"]).as_py() or 0 for kind in KINDS}
        return {"responses": rows.num_rows, **sums}


# --- the truth as rows ---------------------------------------------------------------------


def top_level(response: Response) -> Bill:
    """What the top level of a response's usage says: an advisor's and a declined run are extra."""
    last = response.bills[-1]
    return total([bill for bill in response.bills if bill.kind == last.kind], response.model)


def tokens_of_bills(bills: Iterable[Bill]) -> int:
    """All tokens of some bills."""
    return sum(bill.prompt + bill.output for bill in bills)


def expected_turn(response: Response) -> Row:
    """The columns of `parsed_turns` that the builder knows, for one response."""
    top = top_level(response)
    return {
        "message_id": response.message_id,
        "day": date.fromisoformat(response.day),
        "ts": response.timestamp,
        "session_id": response.session,
        "agent": response.agent or "main",
        "model": response.model,
        "input_tokens": top.input,
        "write_5m_tokens": top.write_5m,
        "write_1h_tokens": top.write_1h,
        "read_tokens": top.read,
        "output_tokens": top.output,
        "billed_extra_tokens": tokens_of_bills(response.bills) - tokens_of_bills([top]),
        "prompt_tokens": response.prompt,
        "usage_final": response.usage_final,
    }


def told_turn(row: Row) -> Row:
    """The same columns of a row of `parsed_turns`."""
    told = {name: row[name] for name in _TOLD}
    told["ts"] = row["ts"].isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return told


_TOLD = (
    "message_id", "day", "ts", "session_id", "agent", "model", "input_tokens", "write_5m_tokens",
    "write_1h_tokens", "read_tokens", "output_tokens", "billed_extra_tokens", "prompt_tokens",
    "usage_final",
)  # fmt: skip


def assert_turns_are(audit: Audit, truth: Truth) -> dict[str, Row]:
    """`parsed_turns` is the truth, row by row and to the price.

    Returns the rows by message id.
    """
    rows = audit.rows(PARSED_TURNS)
    told = sorted((told_turn(row) for row in rows), key=_by_id)
    expected = sorted(map(expected_turn, truth.responses), key=_by_id)
    assert [one["message_id"] for one in told] == [one["message_id"] for one in expected]
    for one, other in zip(told, expected, strict=True):
        assert one == other
    by_id = {row["message_id"]: row for row in rows}
    for response in truth.responses:
        row = by_id[response.message_id]
        assert row["web_search_requests"] >= response.web_searches
        assert_price_is(row, response)
    return by_id


def assert_price_is(row: Row, response: Response) -> None:
    """The price of a row is that of its bills, or NULL where one of them has none."""
    rates = [
        _rates(
            bill.model, date.fromisoformat(response.timestamp[:10]), bill.prompt, response.speed,
            response.inference_geo, response.service_tier,
        )
        for bill in response.bills
    ]  # fmt: skip
    usd = row["usd"]
    if None in rates:
        assert usd is None
        return
    expected = 0.01 * row["web_search_requests"] + sum(
        getattr(bill, kind) * getattr(rate, kind) / 1_000_000
        for bill, rate in zip(response.bills, rates, strict=True)
        for kind in KINDS
    )
    assert abs(usd - expected) < 1e-9
    parts = [row[f"usd_{kind}"] for kind in (*KINDS, "web_search")]
    assert abs(sum(parts) - usd) < 1e-9


@cache
def _rates(model: str, on: date, prompt: int, speed: str, geo: str, tier: str) -> Rates | None:
    # Only old models have a tier, at 200,000 tokens: prompts below it share one look-up.
    above = prompt if prompt > 100_000 else 0
    return _looked_up(model, on, above, speed, geo, tier)


@cache
def _looked_up(model: str, on: date, prompt: int, speed: str, geo: str, tier: str) -> Rates | None:
    return price_of(
        model, on, prompt_tokens=prompt, speed=speed, inference_geo=geo, service_tier=tier
    )


def _by_id(row: Row) -> str:
    return str(row["message_id"])


# --- the sizes of blocks -------------------------------------------------------------------


def assert_blocks_add_up(audit: Audit) -> list[Row]:
    """Every prompt is the sum of the blocks that entered it, without gap or overlap.

    Returns the blocks.
    """
    rows = audit.rows(CONTEXT_BLOCKS)
    by_response: dict[str, list[Row]] = {}
    for row in rows:
        by_response.setdefault(row["response_id"], []).append(row)
    turns_ = {row["response_id"]: row for row in audit.rows(PARSED_TURNS)}
    assert by_response.keys() <= turns_.keys()
    for name, turn in turns_.items():
        blocks = sorted(by_response.get(name, []), key=lambda block: block["block_no"])
        assert [block["block_no"] for block in blocks] == list(range(len(blocks)))
        position = turn["previous_prompt_tokens"]
        for block in blocks:
            assert block["tokens"] >= 0, block
            assert block["start_token"] == position, block
            assert block["end_token"] == position + block["tokens"], block
            assert (block["epoch"], block["epoch_position"]) == (
                turn["epoch"],
                turn["epoch_position"],
            )
            position = block["end_token"]
        assert position == turn["prompt_tokens"], name
    return rows


# --- lines by hand -------------------------------------------------------------------------

USAGE: Row = {"input_tokens": 3, "cache_read_input_tokens": 1_000, "output_tokens": 50}
SESSION = "11111111-2222-4333-8444-555555555555"


def record(number: int, kind: str = "assistant", **fields: Any) -> Row:
    """One made-up record of a session; responses bill `USAGE`, each under an id of its own."""
    message: Row = {"role": kind, "content": [{"type": "text", "text": f"line {number}"}]}
    if kind == "assistant":
        message |= {
            "id": f"msg_{number:04}",
            "model": "claude-opus-4-6",
            "stop_reason": "end_turn",
            "usage": USAGE,
        }
    return {
        "type": kind,
        "uuid": f"00000000-0000-4000-8000-{number:012}",
        "timestamp": f"2026-03-02T09:{number // 60 % 60:02}:{number % 60:02}.000Z",
        "sessionId": SESSION,
        "cwd": "/home/dev/shop",
        "message": message,
        **fields,
    }


def as_line(value: Any) -> bytes:
    """A value as one line of a transcript, without its line end."""
    return orjson.dumps(value)


def write_lines(audit: Audit, lines: Iterable[bytes], session: str = SESSION) -> Path:
    """A transcript of exactly these lines, each with a line end; returns its path."""
    path = audit.source / "projects" / "-home-dev-shop" / f"{session}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path
