"""Lines that are not as they should be: each is read, repaired or set aside, and costs no other."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from waste_assets.lake.tables import (
    LINE_BLOCKS,
    LINE_COUNTS,
    LINE_TABLES,
    PARSED_TURNS,
    QUARANTINED_LINES,
    TOOL_CALLS,
)
from waste_assets.transcripts import facts
from waste_assets.transcripts.show import archived_lines
from waste_assets_tests.support import (
    SESSION,
    USAGE,
    Audit,
    Row,
    as_line,
    assert_blocks_add_up,
    record,
    write_lines,
)

DECODED, REPAIRED = "decoded", "repaired"


@dataclass(frozen=True)
class Case:
    """A line, what must become of it, and the output tokens that it bills (None: no response)."""

    line: bytes
    fate: str
    output: tuple[int, ...] = ()


def answer(**message: Any) -> Row:
    """An assistant's line with other fields in its message."""
    changed = record(2)
    changed["message"] |= message
    return changed


def billed(**usage: Any) -> bytes:
    """An assistant's line with other fields in its usage."""
    return as_line(answer(usage={**USAGE, **usage}))


def question(**fields: Any) -> Row:
    return record(2, "user", **fields)


def result(**block: Any) -> Row:
    """A user's line with one tool result."""
    content = [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "x", **block}]
    return question(message={"role": "user", "content": content})


def call(arguments: bytes) -> bytes:
    """An assistant's line with a tool call whose input is these very bytes."""
    block = {"type": "tool_use", "id": "toolu_9", "name": "Bash", "input": "HERE"}
    return as_line(answer(content=[block])).replace(b'"HERE"', arguments)


def attachment(content: bytes) -> bytes:
    whole = {"type": "attachment", "uuid": "u", "attachment": {"type": "x", "content": "HERE"}}
    return as_line({**question(), **whole}).replace(b'"HERE"', content)


def progress(message: Any) -> Row:
    data = {"type": "agent_progress", "agentId": "a1", "message": message}
    return {**question(), "type": "progress", "data": data}


GOOD = as_line(record(2))
DEEP = b"[" * 100_000 + b"]" * 100_000
MANY_DIGITS = b"1" * 5_000
TOO_DEEP = "nested deeper than 1,000 levels"

CASES: dict[str, Case] = {
    # Bytes.
    "windows line end": Case(GOOD + b"\r", DECODED, (50,)),
    "byte order mark": Case(b"\xef\xbb\xbf" + GOOD, REPAIRED, (50,)),
    "invalid utf-8": Case(GOOD.replace(b"line 2", b"\xff\xfe\xc3"), REPAIRED, (50,)),
    "invalid utf-8 in a name": Case(GOOD.replace(b'"cwd"', b'"cw\xff"'), DECODED, (50,)),
    "latin-1": Case(GOOD.replace(b"line 2", "Größe".encode("latin-1")), REPAIRED, (50,)),
    "utf-16": Case(GOOD.decode().encode("utf-16-be"), "not JSON"),
    "lone surrogate": Case(GOOD.replace(b"line 2", rb"\ud800"), REPAIRED, (50,)),
    "lone surrogate in a call": Case(call(rb'{"command":"\udc9d x"}'), REPAIRED, (50,)),
    "lone surrogate in an attachment": Case(attachment(rb'"\ud800 x"'), REPAIRED),
    "lone surrogate in a result": Case(
        as_line(result(content="HERE", is_error=True)).replace(b"HERE", rb"\udfff"), REPAIRED
    ),
    "invalid utf-8 in a call": Case(call(b'{"command":"\xff"}'), DECODED, (50,)),
    "invalid utf-8 in an attachment": Case(attachment(b'"\xff"'), DECODED),
    "bad escape": Case(GOOD.replace(b"line 2", rb"C:\dev"), "not JSON"),
    "windows path": Case(GOOD.replace(b"line 2", rb"C:\users \u12"), REPAIRED, (50,)),
    "bad unicode escape": Case(GOOD.replace(b"line 2", rb"\u12zz"), REPAIRED, (50,)),
    "bad unicode escape in a call": Case(call(rb'{"command":"\uzzzz"}'), REPAIRED, (50,)),
    "nothing but NUL": Case(b"\x00" * 4_096, "NUL bytes only: the file was cut by a crash"),
    "NUL before": Case(b"\x00" * 512 + GOOD, REPAIRED, (50,)),
    "NUL after": Case(GOOD + b"\x00" * 512, REPAIRED, (50,)),
    "NUL inside": Case(GOOD.replace(b"line 2", b"li\x00ne"), REPAIRED, (50,)),
    "control characters": Case(GOOD.replace(b"line 2", b"a\x0b\x0c\x1c\t\rb"), REPAIRED, (50,)),
    "line separators": Case(GOOD.replace(b"line 2", "\u2028\u0085".encode()), DECODED, (50,)),
    "blank": Case(b"", "blank line"),
    "white space": Case(b" \t \r", "blank line"),
    # Not an object, or more than one.
    "array": Case(b"[1, 2]", "not an object but an array"),
    "array of records": Case(b"[" + GOOD + b"]", "not an object but an array"),
    "string": Case(b'"a bare string"', "not an object but a string"),
    "number": Case(b"42", "not an object but a number"),
    "null": Case(b"null", "not an object but null"),
    "true": Case(b"true", "not an object but a boolean"),
    "prose": Case(b"Traceback (most recent call last):", "not JSON"),
    "merge conflict": Case(b"<<<<<<< HEAD", "not JSON"),
    "two objects": Case(GOOD + as_line(record(9)), REPAIRED, (50, 50)),
    "two objects with a gap": Case(GOOD + b" ,\t" + as_line(record(9)), REPAIRED, (50, 50)),
    "object and prose": Case(GOOD + b" oops", "an object followed by text that is not JSON"),
    "cut short": Case(GOOD[:-40], "cut short: the object is not closed"),
    "cut in front": Case(GOOD[40:], "not JSON"),
    "empty object": Case(b"{}", DECODED),
    "spaces everywhere": Case(json.dumps(record(2), indent=2).replace("\n", " ").encode(),
                              DECODED, (50,)),
    "a name twice": Case(GOOD[:-1] + b',"type":"assistant"}', DECODED, (50,)),
    # Depth and numbers.
    "100,000 deep": Case(GOOD[:-1] + b',"x":' + DEEP + b"}", TOO_DEEP),
    "100,000 deep in a call": Case(call(b'{"x":' + DEEP + b"}"), TOO_DEEP),
    "100,000 deep in an attachment": Case(attachment(DEEP), TOO_DEEP),
    "100,000 objects deep": Case(b'{"x":' * 100_000 + b"1" + b"}" * 100_000, TOO_DEEP),
    "400 deep": Case(call(b'{"x":' + b"[" * 400 + b"]" * 400 + b"}"), DECODED, (50,)),
    # Within the limit, and yet deeper than a walk that calls itself comes.
    "490 deep with a lone surrogate": Case(
        call(b'{"x":' + b"[" * 490 + rb'"\ud800"' + b"]" * 490 + b"}"), REPAIRED, (50,)
    ),
    "700 deep in a result": Case(
        as_line(result(content="HERE")).replace(b'"HERE"', DEEP[:700] + b'"x"' + DEEP[-700:]),
        DECODED,
    ),
    "700 deep in a message": Case(
        as_line(answer(content=[{"type": "x", "content": "HERE"}]))
        .replace(b'"HERE"', b"[" * 700 + b"]" * 700), DECODED, (50,),
    ),
    "950 deep in a call": Case(
        call(b'{"x":' + b"[" * 950 + b"]" * 950 + b"}"), DECODED, (50,)
    ),
    "950 deep in a progress line": Case(
        as_line(progress({**record(2), "x": 1}))
        .replace(b'"x":1', b'"x":' + DEEP[:950] + DEEP[-950:]),
        DECODED, (50,),
    ),
    "950 deep with a lone surrogate": Case(
        call(b'{"x":' + b"[" * 950 + rb'"\ud800"' + b"]" * 950 + b"}"), REPAIRED, (50,)
    ),
    "1,010 deep and then no JSON": Case(
        call(b'{"x":' + b"[" * 1_010 + b"]" * 1_010 + b"}")[:-3] + b"?}}", TOO_DEEP
    ),
    "1,010 deep": Case(call(b'{"x":' + b"[" * 1_010 + b"]" * 1_010 + b"}"), TOO_DEEP),
    "more objects than two bytes count": Case(b"{}" * 33_000, REPAIRED),
    "more blocks than two bytes count": Case(as_line(answer(content=["a"] * 33_000)),
                                             DECODED, (50,)),
    "400 deep in an attachment": Case(attachment(b"[" * 400 + b"]" * 400), DECODED),
    "NaN": Case(GOOD.replace(b":50", b":NaN"), REPAIRED, (0,)),
    "infinity": Case(GOOD.replace(b":50", b":-Infinity"), REPAIRED, (0,)),
    "NaN elsewhere": Case(GOOD[:-1] + b',"x":NaN}', REPAIRED, (50,)),
    "more digits than Python reads": Case(
        GOOD[:-1] + b',"x":' + MANY_DIGITS + b"}", DECODED, (50,)
    ),
    "too many digits in a repair": Case(
        GOOD[:-1] + b',"x":NaN,"y":' + MANY_DIGITS + b"}", REPAIRED, (50,)
    ),
    "count as text": Case(billed(output_tokens="77"), DECODED, (77,)),
    "count as float": Case(billed(output_tokens=77.0), DECODED, (77,)),
    "count negative": Case(billed(output_tokens=-5), DECODED, (0,)),
    "count as boolean": Case(billed(output_tokens=True), DECODED, (0,)),
    "count as null": Case(billed(output_tokens=None), DECODED, (0,)),
    "count as object": Case(billed(output_tokens={}), DECODED, (0,)),
    "count beyond reason": Case(GOOD.replace(b":50", b":1" + b"0" * 40), DECODED, (0,)),
    "count at the edge": Case(GOOD.replace(b":50", b":9223372036854775807"), DECODED, (0,)),
    "count beyond what adds up": Case(billed(output_tokens=2**41), DECODED, (0,)),
    "thinking negative": Case(billed(output_tokens_details={"thinking_tokens": -7}),
                              DECODED, (50,)),
    "searches beyond reason": Case(billed(server_tool_use={"web_search_requests": 2**40}),
                                   DECODED, (50,)),
    "runs of counts beyond reason": Case(
        billed(iterations=[{"type": "message", "output_tokens": -5},
                           {"type": "advisor_message", "input_tokens": 2**62},
                           {"type": "advisor_message", "output_tokens": 2**63}]),
        DECODED, (50,),
    ),
    "other numbers beyond reason": Case(
        as_line({
            **answer(usage={**USAGE, "output_tokens_details": {"thinking_tokens": 7}}),
            "toolUseResult": {"searchCount": 7, "totalTokens": 7}, "startTime": 7,
        }).replace(b":7", b":1" + b"0" * 30), DECODED, (50,),
    ),
    "a result's numbers beyond reason": Case(
        as_line({**result(), "toolUseResult": {"searchCount": 7, "totalTokens": 7}})
        .replace(b":7", b":1" + b"0" * 30), DECODED,
    ),
    "costs beyond reason": Case(
        as_line({"type": "cost-state", "startTime": 7, "modelUsage": {"m": {"outputTokens": 7}}})
        .replace(b":7", b":1" + b"0" * 30), DECODED,
    ),
    "invalid utf-8 in a result's details": Case(
        as_line({**result(), "toolUseResult": {"agentId": "HERE"}}).replace(b"HERE", b"\xff"),
        DECODED,
    ),
    "invalid utf-8 in a progress line": Case(
        as_line(progress(record(2))).replace(b"line 2", b"\xff"), REPAIRED, (50,)
    ),
    "400 deep in a progress line": Case(
        as_line(progress({**record(2), "x": 1}))
        .replace(b'"x":1', b'"x":' + DEEP[:400] + DEEP[-400:]),
        DECODED, (50,),
    ),
    # Fields of another type.
    "unknown type": Case(as_line({"type": "from-the-future", "x": [1]}), DECODED),
    "unknown type with a message": Case(as_line({**question(), "type": "new"}), DECODED),
    "no type": Case(as_line({"hello": "world"}), DECODED),
    "type a number": Case(as_line({**question(), "type": 7}), DECODED),
    "usage null": Case(as_line(answer(usage=None)), DECODED),
    "usage text": Case(as_line(answer(usage="much")), DECODED),
    "usage float": Case(as_line(answer(usage=1.5)), DECODED),
    "usage list": Case(as_line(answer(usage=[1])), DECODED),
    "usage empty": Case(as_line(answer(usage={})), DECODED, (0,)),
    "iterations text": Case(billed(iterations="2"), DECODED, (50,)),
    "iterations of texts": Case(billed(iterations=["a", 1, None]),
                                DECODED, (50,)),
    "breakdown text": Case(billed(cache_creation="no"), DECODED, (50,)),
    "content null": Case(as_line(answer(content=None)), DECODED, (50,)),
    "content text": Case(as_line(answer(content="Hello")), DECODED, (50,)),
    "content object": Case(as_line(answer(content={"type": "text"})), DECODED, (50,)),
    "content number": Case(as_line(answer(content=3)), DECODED, (50,)),
    "content of texts": Case(as_line(answer(content=["a", "b"])), DECODED, (50,)),
    "content of anything": Case(as_line(answer(content=[None, 1, [], {}, "b"])), DECODED, (50,)),
    "text a number": Case(as_line(answer(content=[{"type": "text", "text": 5}])), DECODED, (50,)),
    "message text": Case(as_line({**record(2), "message": "Hello"}), DECODED),
    "message list": Case(as_line({**record(2), "message": [record(2)["message"]]}), DECODED),
    "message null": Case(as_line({**record(2), "message": None}), DECODED),
    "message id a number": Case(as_line(answer(id=12)), DECODED, (50,)),
    "message id missing": Case(as_line(answer(id=None)), DECODED, (50,)),
    "model a number": Case(as_line(answer(model=4.6)), DECODED, (50,)),
    "model missing": Case(as_line(answer(model=None)), DECODED, (50,)),
    "session a number": Case(as_line({**record(2), "sessionId": 5}), DECODED, (50,)),
    "session missing": Case(as_line({**record(2), "sessionId": None}), DECODED, (50,)),
    "uuid a list": Case(as_line({**record(2), "uuid": []}), DECODED, (50,)),
    "agent a number": Case(as_line({**record(2), "agentId": 5}), DECODED, (50,)),
    "sidechain text": Case(as_line({**record(2), "isSidechain": "true"}), DECODED, (50,)),
    "directory a list": Case(as_line({**record(2), "cwd": ["/"]}), DECODED, (50,)),
    "is_error text": Case(as_line(result(is_error="true")), DECODED),
    "is_error number": Case(as_line(result(is_error=1)), DECODED),
    "result null": Case(as_line(result(content=None)), DECODED),
    "result of numbers": Case(as_line(result(content=[1, None, {"text": 2}])), DECODED),
    "result object": Case(as_line(result(content={"a": 1})), DECODED),
    "result without a call": Case(as_line(result(tool_use_id=None)), DECODED),
    "call without id": Case(as_line(answer(content=[{"type": "tool_use"}])), DECODED, (50,)),
    "call with a list": Case(call(b"[1,2]"), DECODED, (50,)),
    "call with a text": Case(call(b'"ls"'), DECODED, (50,)),
    "call with a number for a command": Case(call(b'{"command":5}'), DECODED, (50,)),
    "tool result a list": Case(as_line({**result(), "toolUseResult": [1]}), DECODED),
    "search count a text": Case(as_line({**result(), "toolUseResult": {"searchCount": "2"}}),
                                DECODED),
    "attachment a text": Case(as_line({**question(), "type": "attachment", "attachment": "x"}),
                              DECODED),
    "attachment without type": Case(
        as_line({**question(), "type": "attachment", "attachment": {"type": ["x"]}}), DECODED
    ),
    "progress text": Case(as_line({**question(), "type": "progress", "data": "x"}), DECODED),
    "progress message text": Case(as_line(progress("x")), DECODED),
    "progress message list": Case(as_line(progress([1])), DECODED),
    "progress usage text": Case(as_line(progress({**record(2), "timestamp": 7})), DECODED, (50,)),
    "costs a list": Case(as_line({"type": "cost-state", "modelUsage": [1]}), DECODED),
    "costs of texts": Case(as_line({"type": "cost-state", "modelUsage": {"m": "x"}}), DECODED),
    "costs NaN": Case(b'{"type":"cost-state","modelUsage":{"m":{"costUSD":NaN}}}', REPAIRED),
    "compaction text": Case(
        as_line({**question(), "type": "system", "subtype": "compact_boundary",
                 "compactMetadata": "auto"}), DECODED,
    ),
    "forked from a text": Case(as_line({**record(2), "forkedFrom": "x"}), DECODED, (50,)),
}  # fmt: skip

TIMES: dict[str, Any] = {
    "year 9999": "9999-12-31T23:59:59.999Z",
    "year 1": "0001-01-01T00:00:00.000Z",
    "year 1970": "1970-01-01T00:00:00.000Z",
    "99th second": "2026-03-02T09:00:99.000Z",
    "60th second": "2026-03-02T09:00:60.000Z",
    "99th second of another minute": "2026-03-02T11:17:99.000Z",
    "25th hour": "2026-03-02T25:00:00.000Z",
    "30 February": "2026-02-30T09:00:00.000Z",
    "a letter": "2026-03-02T09:00:0x.000Z",
    "words": "yesterday",
    "as long as a time": "abcdefghijklmnopqrstuvwZ",
    "empty": "",
    "zero": 0,
    "negative": -1,
    "huge": 10**17,
    "null": None,
    "list": ["2026-03-02T09:00:02.000Z"],
    "boolean": True,
    "full-width digits": "２０２６-03-02T09:00:02.000Z",
}
for _name, _stamp in TIMES.items():
    CASES[f"time: {_name}"] = Case(as_line({**record(2), "timestamp": _stamp}), DECODED, (50,))


@dataclass
class Outcome:
    """What became of one case: its transcript's rows."""

    counts: Row
    reasons: list[str]
    turns: list[Row]


def _session(number: int) -> str:
    return f"{number:08}-2222-4333-8444-555555555555"


def _own(line: bytes, number: int) -> bytes:
    """The line with ids of its own, so that cases do not meet."""
    session = _session(number).encode()
    line = line.replace(b"-4000-8000-", b"-%04d-8000-" % number)
    return line.replace(SESSION.encode(), session).replace(b'"msg_', b'"msg_%d_' % number)


@pytest.fixture(scope="module")
def audit(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    """A corpus of one session a case: a good line, the bad one, a good one."""
    corpus = Audit(tmp_path_factory.mktemp("bad"))
    for number, case in enumerate(CASES.values()):
        lines = [as_line(record(1)), case.line, as_line(record(3))]
        write_lines(corpus, [_own(line, number) for line in lines], _session(number))
    corpus.run()
    return corpus


@pytest.fixture(scope="module")
def outcomes(audit: Audit) -> dict[str, Outcome]:
    names = {f"{_session(number)}.jsonl": name for number, name in enumerate(CASES)}
    counts = audit.rows(LINE_COUNTS)
    found = {name: Outcome({}, [], []) for name in CASES}
    for row in counts:
        outcome = found[names[row["transcript"]]]
        outcome.counts = {
            n: outcome.counts.get(n, 0) + row[n]
            for n in ("lines", "decoded", "repaired", "quarantined")
        }
    for row in audit.rows(QUARANTINED_LINES):
        found[names[row["transcript"]]].reasons.append(row["reason"])
    for row in audit.rows(PARSED_TURNS):
        found[names[row["transcript"]]].turns.append(row)
    return found


@pytest.mark.parametrize("name", CASES)
def test_a_bad_line_is_read_repaired_or_set_aside_with_a_reason(
    outcomes: dict[str, Outcome], name: str
) -> None:
    case, outcome = CASES[name], outcomes[name]
    fate = (outcome.reasons or [REPAIRED if outcome.counts["repaired"] else DECODED])[0]
    assert fate == case.fate
    assert outcome.counts["lines"] == 3
    assert outcome.counts["decoded"] + outcome.counts["quarantined"] == 3


@pytest.mark.parametrize("name", CASES)
def test_a_bad_line_keeps_its_own_tokens_and_those_of_its_neighbours(
    outcomes: dict[str, Outcome], name: str
) -> None:
    turns = {row["line_no"]: [] for row in outcomes[name].turns}
    for row in outcomes[name].turns:
        turns[row["line_no"]].append(row["output_tokens"])
    assert (turns.pop(1), turns.pop(3)) == ([50], [50])
    assert tuple(turns.get(2, ())) == CASES[name].output


@pytest.mark.parametrize("name", [f"time: {name}" for name in TIMES])
def test_a_line_with_a_bad_time_stays_on_the_day_of_its_neighbours(
    outcomes: dict[str, Outcome], name: str
) -> None:
    assert {row["day"] for row in outcomes[name].turns} == {date(2026, 3, 2)}
    assert {row["ts"].date() for row in outcomes[name].turns} == {date(2026, 3, 2)}


def test_the_bad_lines_are_archived_byte_for_byte(audit: Audit) -> None:
    for number in range(len(CASES)):
        (path,) = audit.source.rglob(f"{_session(number)}.jsonl")
        assert b"".join(archived_lines(audit.lake, _session(number))) == path.read_bytes()


def test_the_blocks_of_bad_lines_add_up(audit: Audit) -> None:
    assert_blocks_add_up(audit)


def test_lines_say_the_same_however_much_of_the_stack_is_left(audit: Audit) -> None:
    def read_from(frames: int) -> None:
        if frames:
            read_from(frames - 1)
        else:
            facts.read_day(audit.lake, "UTC", date(2026, 3, 2))

    said = audit.parts(*LINE_TABLES)
    read_from(600)
    assert audit.parts(*LINE_TABLES) == said


def test_errors_count_as_errors_however_they_are_spelled(audit: Audit) -> None:
    session = _session(list(CASES).index("is_error text"))
    told = [row["is_error"] for row in audit.rows(LINE_BLOCKS)
            if row["session_id"] == session and row["kind"] == "tool_result"]  # fmt: skip
    assert told == [True]


def test_a_call_with_an_odd_input_is_still_a_call(audit: Audit) -> None:
    session = _session(list(CASES).index("lone surrogate in a call"))
    (row,) = [row for row in audit.rows(TOOL_CALLS) if row["session_id"] == session]
    assert row["target"] == "\ufffd x"


def test_the_repaired_text_of_two_objects_stands_in_two_parts(outcomes: dict[str, Outcome]) -> None:
    rows = [row for row in outcomes["two objects"].turns if row["line_no"] == 2]
    assert len({row["message_id"] for row in rows}) == 2


def test_times_with_an_offset_or_in_milliseconds_are_understood(tmp_path: Path) -> None:
    corpus = Audit(tmp_path)
    stamps = ["2026-03-02T23:30:00-02:00", "2026-03-02T23:30:00Z", 1_772_500_000_000]
    write_lines(
        corpus, [as_line({**record(n), "timestamp": stamp}) for n, stamp in enumerate(stamps)]
    )
    corpus.run()
    told = {row["message_id"]: row["ts"].isoformat() for row in corpus.rows(PARSED_TURNS)}
    assert told == {
        "msg_0000": "2026-03-03T01:30:00+00:00",
        "msg_0001": "2026-03-02T23:30:00+00:00",
        "msg_0002": "2026-03-03T01:06:40+00:00",
    }


def test_names_without_an_end_stand_with_their_beginning_and_stay_apart(tmp_path: Path) -> None:
    audit = Audit(tmp_path)
    endless, longest = "W" * 50_000, "w" * 4_096
    models = [f"{endless}1", f"{endless}2", f"{endless}é", longest]
    # Not a name: an amount is read from it.
    tries = [{"type": "message", "output_tokens": 1}] * 500
    rows = []
    for n, model in enumerate(models):
        said = answer(id=f"msg_{model}", model=model, usage={**USAGE, "iterations": tries})
        said |= {"requestId": model, "uuid": model}
        said["message"]["content"] = [{"type": "tool_use", "id": model, "name": model, "input": {}}]
        rows.append(said | {"timestamp": f"2026-03-02T09:00:{n:02}.000Z"})
    write_lines(audit, map(as_line, rows))
    audit.run()
    turns = audit.rows(PARSED_TURNS)
    assert len({row["response_id"] for row in turns}) == len({row["model"] for row in turns}) == 4
    assert longest in {row["model"] for row in turns}
    for row in (*turns, *audit.rows(TOOL_CALLS)):
        assert all(len(v.encode()) <= 4_096 for v in row.values() if isinstance(v, str))
    assert {row["tool_use_id"] for row in audit.rows(TOOL_CALLS)} == {row["model"] for row in turns}
    # What is in no table is in the archive.
    assert [json.loads(line) for line in audit.lines()] == rows


@pytest.mark.parametrize(
    ("change", "fate"),
    [
        ((b"HERE", b"x" * (100 << 20)), "decoded"),
        ((b'HERE"', b'\xff"' + b" " * (30 << 20)), "repaired"),
        ((b'HERE"', b"x" * (30 << 20)), "quarantined"),
    ],
    ids=["100 MB", "30 MB with a broken byte", "30 MB never closed"],
)
def test_a_huge_line_costs_seconds_and_no_neighbour(
    tmp_path: Path, change: tuple[bytes, bytes], fate: str
) -> None:
    corpus = Audit(tmp_path)
    huge = as_line(result(content="HERE")).replace(*change)
    path = write_lines(corpus, [as_line(record(1)), huge, as_line(record(3))])
    started = time.monotonic()
    corpus.run()
    assert time.monotonic() - started < 30
    counts = corpus.counts()
    assert counts["lines"] == counts["decoded"] + counts["quarantined"] == 3
    assert (counts["repaired"], counts["quarantined"]) == (
        fate == "repaired", fate == "quarantined",
    )  # fmt: skip
    assert [row["output_tokens"] for row in corpus.rows(PARSED_TURNS)] == [50, 50]
    (archived,) = archived_lines(corpus.lake, f"{SESSION}:2")
    assert len(archived) == len(huge) + 1
    path.unlink()


# --- any damage ----------------------------------------------------------------------------

NEIGHBOUR = "msg_neighbour_"


def _lines() -> list[bytes]:
    """One line of each kind that is taken apart."""
    uses = [{"type": "tool_use", "id": "toolu_1", "name": "Read", "input": {"file_path": "a"}},
            {"type": "thinking", "thinking": "Hm."}]  # fmt: skip
    several = {**USAGE, "iterations": [{"type": "message", **USAGE}, {"type": "advisor_message"}]}
    return [
        as_line(one)
        for one in (
            answer(content=uses),
            answer(id="gen-1", usage=several),
            {**result(), "toolUseResult": {"searchCount": 2, "agentId": "a"}},
            question(message={"role": "user", "content": "Hello"}),
            {**question(), "type": "attachment", "attachment": {"type": "x", "content": ["a"]}},
            progress(record(7)),
            {"type": "cost-state", "modelUsage": {"m": {"outputTokens": 5, "costUSD": 0.5}}},
            {**question(), "type": "system", "subtype": "compact_boundary"},
        )
    ]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A line with some bytes changed, taken out or put in; no line end among them."""
    line = bytearray(draw(st.sampled_from(_lines())))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(line) - 1, 0)))
        size = draw(st.integers(0, 6))
        new = draw(
            st.one_of(
                st.binary(max_size=4),
                st.sampled_from(
                    [b'"', b"{", b"}", b"[", b"]", b"\\", b"\\u", b"\\ud800", b"null", b"1e999",
                     b"-1", b"NaN", b":", b",", b"\x00", b"\xff", b"[[[[", b'":{"', b"0"]
                ),
            )
        )  # fmt: skip
        line[at : at + size] = new.replace(b"\n", b" ")
    return bytes(line)


def _neighbours() -> Iterator[bytes]:
    for number in range(10_000):
        one = record(number % 3_600)
        yield as_line(_named(one, f"{NEIGHBOUR}{number}"))


def _named(one: Row, name: str) -> Row:
    return {**one, "uuid": name, "message": {**one["message"], "id": name}}


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
@given(bad=st.lists(damaged(), min_size=1, max_size=40))
def test_no_damage_to_a_line_costs_another_its_tokens(bad: list[bytes]) -> None:
    neighbours = _neighbours()
    lines = [line for one in bad for line in (next(neighbours), one)] + [next(neighbours)]
    with tempfile.TemporaryDirectory() as folder:
        audit = Audit(Path(folder))
        path = write_lines(audit, lines)
        audit.run()
        audit.publish()
        counts = audit.counts()
        assert counts["lines"] == len(lines) == counts["decoded"] + counts["quarantined"]
        assert len(audit.rows(QUARANTINED_LINES)) == counts["quarantined"]
        assert b"".join(archived_lines(audit.lake, SESSION)) == path.read_bytes()
        told = {
            row["message_id"]: (row["output_tokens"], row["read_tokens"], str(row["day"]))
            for row in audit.rows(PARSED_TURNS)
            if str(row["message_id"]).startswith(NEIGHBOUR)
        }
        expected = (50, 1_000, "2026-03-02")
        assert told == {f"{NEIGHBOUR}{n}": expected for n in range(len(bad) + 1)}
        assert_blocks_add_up(audit)
