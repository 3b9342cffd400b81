"""The flags stage: flags, ledger, failed calls and sizes of texts of some days, by whole sessions.

What a flag costs goes on as long as its session does, and a dead end shows only in hindsight: a
day's rows depend on all days of the sessions that are active on it, and on nothing else. They
never depend on which other days are built in the same run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import asdict, astuple, dataclass
from datetime import date
from functools import cache, partial
from importlib.resources import files
from itertools import zip_longest
from typing import Any

import pyarrow as pa

from waste_assets.accounting import footers
from waste_assets.accounting.claims import basis_of, whole_call
from waste_assets.accounting.conversation import Call, Conversation, Response, Session
from waste_assets.accounting.ledger import Cost, Observation, Settlement, settle
from waste_assets.accounting.sessions import sessions
from waste_assets.accounting.text_sizes import text_sizes
from waste_assets.collector import at_rest
from waste_assets.detectors import causes
from waste_assets.detectors.flag import Flag, Settings
from waste_assets.detectors.registry import detect, detectors
from waste_assets.detectors.wording import path_of, subject
from waste_assets.lake.lake import Lake
from waste_assets.lake.several_days import on_several_days
from waste_assets.lake.tables import (
    FAILED_CALLS,
    FLAG_TABLES,
    HEURISTIC_FLAGS,
    PARSED_TURNS,
    TEXT_SIZES,
    TOKEN_LEDGER,
    Table,
)
from waste_assets.processes import Processes

#: Changed when flags have to be made anew although no detector has changed.
RULES = "1"
#: What decides about rows: rules, prices, and what is taken out of texts.
_CODE = ("waste_assets.detectors", "waste_assets.accounting", "waste_assets.redaction")
#: Modules beside them that only look at rows; a test sees to it that the stage does without them.
LOOKERS = frozenset(["evaluate.py", "fired.py", "score.py"])
_INPUTS = "waste.inputs"
#: A batch ends where no session goes on, from so many responses on; at the latest after so many.
#: A session that lies in two batches is read twice.
_LEAST_RESPONSES, _MOST_RESPONSES = 3_000, 12_000
#: Transcript that takes as long to read as a response takes here: says whether there is enough
#: work for several processes.
_BYTES_PER_RESPONSE = 8_000


@dataclass(frozen=True)
class Active:
    """On which days sessions are active, and what each day's turns were made from.

    Most sessions are of one day alone. Nothing is kept of them: the footer of its turns names
    the sessions of a day.
    """

    lake: Lake
    versions: dict[date, str]
    rows: dict[date, int]
    #: The days of each session that has several, in order.
    spans: dict[str, list[date]]

    @classmethod
    def of(cls, lake: Lake) -> Active:
        """Read from the footers of the turns."""
        noted = {day: lake.notes(PARSED_TURNS, day) for day in lake.days(PARSED_TURNS)}
        # A day whose file is damaged, or of the first versions, is as one that has not been built.
        found = {day: notes for day, notes in noted.items() if footers.SESSIONS in notes}
        return cls(
            lake,
            {day: notes[footers.INPUTS] for day, notes in found.items()},
            {day: int(notes[footers.RESPONSES]) for day, notes in found.items()},
            on_several_days(list(found), lambda day: _sessions(found[day])),
        )

    def sessions(self, day: date) -> list[str]:
        """The sessions of a day, in order; none where it has not been built."""
        return _sessions(self.lake.notes(PARSED_TURNS, day)) if day in self.versions else []

    def related(self, days: Iterable[date]) -> dict[date, set[date]]:
        """For each of these days all days of its sessions."""
        found = {day: {day} for day in days}
        for span in self.spans.values():
            for day in span:
                if day in found:
                    found[day].update(span)
        return found

    def days_of(self, sessions: Set[str]) -> set[date]:
        """The days on which one of these sessions is active."""
        return {day for day in self.versions if not sessions.isdisjoint(self.sessions(day))}

    def following(self, days: Set[date]) -> set[date]:
        """The other days whose flags are made from the turns of these, among others."""
        return set().union(*self.related(days & self.versions.keys()).values()) - days

    def inputs(self, day: date, related: Iterable[date], settings: Settings) -> str:
        """Identity of everything that a day's rows are made from."""
        versions = [(other.isoformat(), self.versions[other]) for other in sorted(related)]
        told = json.dumps([versions, rules(), astuple(settings)])
        return hashlib.sha256(told.encode()).hexdigest()[:16]


def _sessions(notes: Mapping[str, str]) -> list[str]:
    return json.loads(notes.get(footers.SESSIONS, "[]"))  # type: ignore[no-any-return]


@cache
def rules() -> str:
    """Identity of all that turns turns into flags: detectors, ledger and redaction."""
    told = hashlib.sha256(RULES.encode())
    for package in _CODE:
        for module in sorted(files(package).iterdir(), key=lambda path: path.name):
            if module.name.endswith(".py") and module.name not in LOOKERS:
                told.update(module.read_bytes())
    return told.hexdigest()[:12]


def stale_days(lake: Lake, active: Active, settings: Settings) -> set[date]:
    """Days whose flags were not made from the turns as they are, by these rules."""
    related = active.related(active.versions)
    return {
        day
        for day in active.versions
        if lake.notes(TOKEN_LEDGER, day).get(_INPUTS) != active.inputs(day, related[day], settings)
    }


def build(
    lake: Lake,
    days: Sequence[date],
    settings: Settings,
    processes: Processes,
    watch: Callable[[str, int], Callable[[int], None]] = lambda label, total: lambda done: None,
) -> None:
    """Build and write the flags of `days`; days without turns have none.

    Raises:
        OSError, duckdb.Error: the lake cannot be read or written.
    """
    active = Active.of(lake)
    wanted = [day for day in sorted(set(days)) if day in active.versions]
    related = active.related(wanted)
    inputs = {day: active.inputs(day, related[day], settings) for day in wanted}
    batches = list(_batches(wanted, active.rows, related))
    counted = [sum(active.rows[day] for day in b) * _BYTES_PER_RESPONSE for b in batches]
    # Each is told of its own days alone.
    tasks = [
        _Batch(
            batch,
            sorted(set().union(*(related[day] for day in batch))),
            sorted(set().union(*(active.sessions(day) for day in batch))),
            {day: inputs[day] for day in batch},
        )
        for batch in batches
    ]
    function = partial(_build_batch, lake, settings)
    processes.each(function, tasks, counted, watch("Finding waste", sum(counted)))


def _batches(
    days: list[date], rows: dict[date, int], related: dict[date, set[date]]
) -> Iterator[list[date]]:
    batch: list[date] = []
    size = 0
    until = date.min
    for day, following in zip_longest(days, days[1:]):
        batch.append(day)
        size += rows[day]
        until = max(until, *related[day])
        goes_on = following is not None and until >= following
        if size >= (_MOST_RESPONSES if goes_on else _LEAST_RESPONSES):
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


@dataclass(frozen=True)
class _Batch:
    """Days that are built together: with all days of their sessions, these, and their inputs."""

    days: list[date]
    near: list[date]
    sessions: list[str]
    inputs: dict[date, str]


def _build_batch(lake: Lake, settings: Settings, batch: _Batch) -> None:
    """Build some days together and write each of them."""
    rows = {table: Rows(table, batch.days) for table in FLAG_TABLES}
    # A session is a hundred thousand objects that hold one another, and is released by hand.
    with at_rest():
        for session in sessions(lake, batch.near, batch.sessions):
            _add(session, settings, rows)
            session.release()
    # The ledger comes last: its notes say that a day is done.
    for table in sorted(FLAG_TABLES, key=lambda table: table is TOKEN_LEDGER):
        for day, part in rows[table].parts():
            lake.write(table, day, part, {_INPUTS: batch.inputs[day]})


def _add(session: Session, settings: Settings, rows: dict[Table, Rows]) -> None:
    flags = detect(session, settings)
    failed = [
        (call, failure)
        for conversation in session.conversations
        for call, failure in _failed(conversation)
    ]
    observations = [Observation(tuple(whole_call(call))) for call, _ in failed]
    settlement = settle(session, flags, observations)
    add_flags(flags, settlement, rows[HEURISTIC_FLAGS])
    _add_failures(failed, settlement, rows[FAILED_CALLS])
    add_shares(session, settlement, rows[TOKEN_LEDGER])
    for day, model, text_kind, size in text_sizes(session):
        row = {"session_id": session.id, "model": model, "text_kind": text_kind, **asdict(size)}
        rows[TEXT_SIZES].add(day, row)


def _failed(conversation: Conversation) -> Iterator[tuple[Call, causes.Failure]]:
    failures = causes.failures(conversation)
    return ((call, failures[call.id]) for call in conversation.calls if call.id in failures)


def add_flags(flags: list[Flag], settlement: Settlement, rows: Rows) -> None:
    """Add the flags of a session with what they cost."""
    dimensions = {detector.category: detector.dimension for detector in detectors()}
    for flag, cost in zip(flags, settlement.costs, strict=True):
        response = flag.response
        if response.day not in rows:
            continue
        first, last = (flag.calls[0], flag.calls[-1]) if flag.calls else (None, None)
        rows.add(
            response.day,
            {
                "flag_id": flag_id(flag),
                "category": flag.category,
                "dimension": dimensions[flag.category],
                "rule": flag.rule,
                "tier": str(flag.tier),
                "basis": _basis(flag),
                "cause": flag.cause,
                "fault": flag.fault,
                "cause_rule": flag.cause_rule,
                "evidence": flag.evidence,
                **_place(response),
                "tool_use_id": first.id if first else None,
                "tool_name": first.tool if first else None,
                "target": subject(first) if first else path_of(flag.about) or None,
                "tool_use_ids": [call.id for call in flag.calls],
                "transcript": first.transcript if first else response.transcript,
                "line_no": first.line_no if first else response.line_no,
                "last_transcript": _last_place(last)[0] if last else None,
                "last_line_no": _last_place(last)[1] if last else None,
                "tokens": cost.tokens,
                "usd_direct": cost.usd_direct,
                "usd_avoidable": cost.usd_avoidable,
                "usd_owned": cost.usd_owned,
            },
        )


def _add_failures(
    failed: list[tuple[Call, causes.Failure]], settlement: Settlement, rows: Rows
) -> None:
    for (call, failure), cost in zip(failed, settlement.observed, strict=True):
        if call.response.day in rows:
            rows.add(call.response.day, _failure_row(call, failure, cost))


def add_shares(session: Session, settlement: Settlement, rows: Rows) -> None:
    """Add who owns the bills of a session."""
    for conversation in session.conversations:
        for response in conversation.responses:
            if response.day in rows:
                for row in _ledger_rows(response, settlement):
                    rows.add(response.day, row)


def _ledger_rows(response: Response, settlement: Settlement) -> Iterator[dict[str, Any]]:
    priced = response.usd is not None
    place = _place(response)
    for category, share in settlement.shares[response.id].items():
        yield {
            **place,
            "category": category,
            "input_tokens": share.input_tokens,
            "write_5m_tokens": share.write_5m_tokens,
            "write_1h_tokens": share.write_1h_tokens,
            "read_tokens": share.read_tokens,
            "output_tokens": share.output_tokens,
            "usd": share.usd if priced else None,
            "usd_candidate": share.usd_candidate if priced else None,
            "usd_avoidable": share.usd_avoidable if priced else None,
        }


def _failure_row(call: Call, failure: causes.Failure, cost: Cost) -> dict[str, Any]:
    return {
        **_place(call.response),
        "ts": call.ts,
        "tool_use_id": call.id,
        "tool_name": call.tool,
        "target": subject(call),
        "cause": failure.cause,
        "fault": failure.fault,
        "cause_rule": failure.rule if failure.is_known else None,
        "tokens": cost.tokens,
        "usd": cost.usd_direct,
        "transcript": call.transcript,
        "line_no": call.line_no,
        "result_transcript": call.result_transcript,
        "result_line_no": call.result_line_no,
    }


def _place(response: Response) -> dict[str, Any]:
    return {
        "response_id": response.id,
        "session_id": response.conversation.session.id,
        "agent": response.conversation.agent,
        "project": response.project,
        "model": response.model,
        "ts": response.ts,
    }


def _last_place(call: Call) -> tuple[str, int]:
    if call.result_transcript is not None and call.result_line_no is not None:
        return call.result_transcript, call.result_line_no
    return call.transcript, call.line_no


def _basis(flag: Flag) -> str:
    if flag.is_judged:
        return "judged"
    return "judged later" if flag.needs_judgement else basis_of(flag.claims)


def flag_id(flag: Flag) -> str:
    """Identity of a flag: what was found where."""
    told = [flag.category, flag.rule, flag.response.id, *(call.id for call in flag.calls)]
    return hashlib.blake2b("\0".join(told).encode(), digest_size=10).hexdigest()


class Rows:
    """Rows of one table, by day; those of other days are not kept."""

    def __init__(self, table: Table, days: Iterable[date]) -> None:
        self._table = table
        self._days: dict[date, list[dict[str, Any]]] = {day: [] for day in days}

    def __contains__(self, day: date) -> bool:
        return day in self._days

    def add(self, day: date, row: dict[str, Any]) -> None:
        """Keep a row of a day."""
        if day in self._days:
            self._days[day].append(row)

    def parts(self) -> Iterator[tuple[date, pa.Table]]:
        """The rows of each day, in the order in which they were found."""
        # All days at once: an array costs as much to begin as a hundred values.
        rows = [row for found in self._days.values() for row in found]
        columns = [
            pa.array([row[column.name] for row in rows], column.type)
            for column in self._table.columns
        ]
        table = pa.Table.from_arrays(columns, schema=self._table.schema)
        start = 0
        for day, found in self._days.items():
            yield day, table.slice(start, len(found))
            start += len(found)
