"""Seeded damage to lines and whole transcripts: what disks, crashes, tools and foes do."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

#: What stands in the place of a value. Such as are no JSON are put in as text.
ODD_VALUES: tuple[bytes, ...] = (
    b"null", b"true", b"false", b"0", b"-0", b"-1", b"-7.5", b"1e400", b"-1e400", b"1e-400", b"NaN",
    b"-Infinity", b"9223372036854775807", b"9223372036854775808", b"-9223372036854775809",
    b"1" + b"0" * 400, b"0.1", b"01", b"+1", b"0x10", b'""', b'"0"', b'"-5"', b'"1e9"', b'"NaN"',
    b'"true"', b"[]", b"{}", b"[null]", b'[""]', b"[[]]", b"[{}]", b'{"":null}', b'{"type":7}',
    b'"\\u0000"', b'"\\ud800"', b'"\\udfff\\ud800"', b'"\\ud83d\\ude00"', b'"\\uZZZZ"', b'"\\x"',
    b'"\x00"', b'"\xff\xfe"', b'"\xc0\xaf"', b'"\xed\xa0\x80"',
    b'"\xf4\x90\x80\x80"', b'"\xe2\x80\xa8"',
    b'"..\\/..\\/etc\\/passwd"', b"\"'; DROP TABLE line_usage; --\"",
    b"[" * 600 + b"]" * 600, b'{"a":' * 300 + b"1" + b"}" * 300, b"[" * 5_000,
    b"'text'", b"undefined",
    b'[{"type":"text","text":null},7,[],{"type":"tool_use","id":[],"name":{},"input":"x"}]',
    b'[{"type":"tool_result","tool_use_id":{},"is_error":[],"content":[[[]]]}]',
    b"[" + b'"a",' * 33_000 + b'"b"]', b"4503599627370495", b"2147483648", b"1099511627775",
)  # fmt: skip
#: Times that no line has, or none should.
ODD_TIMES: tuple[bytes, ...] = (
    b'"0001-01-01T00:00:00.000Z"', b'"0000-00-00T00:00:00.000Z"', b'"9999-12-31T23:59:59.999Z"',
    b'"2100-12-31T23:59:59.999Z"', b'"2020-01-01T00:00:00.000Z"', b'"1969-12-31T23:59:59.999Z"',
    b'"2026-10-20T12:00:00+14:00"', b'"2026-10-20T12:00:00-12:00"', b'"2026-10-20T12:00:00+25:00"',
    b'"2026-10-20T24:00:00.000Z"', b'"2026-02-29T12:00:00.000Z"', b'"2026-10-20T12:60:00.000Z"',
    b'"2026-10-20T12:00:60.000Z"', b'"2026-10-20"', b'"12:00"', b'"2026-W43-2T12:00:00Z"', b'"now"',
    b'"2026-10-20T12:00:00.000"', b'"2026-10-20T12:00:00.123456789Z"', b'"20261020T120000Z"',
    b'"Z"',
    b'"                       Z"', b'"-026-10-20T12:00:00.00Z"', b'"2026-10-20T12:00:00.0 0Z"',
    "\"２０２６-10-20T12:00:00.00Z\"".encode(), b"1760961600000", b"-62135596800001",
    b"253402300800000", b"1e300", b"[]", b"null",
)  # fmt: skip
#: Such as take long, and so are seldom taken: giant texts, more parts than two bytes can count.
GIANTS: tuple[bytes, ...] = (
    b'"' + b"A" * 300_000 + b'"', b"[" + b'"a",' * 33_000 + b'"b"]', b"[" * 100_000, b"{}" * 33_000,
    b'[' + b'{"type":"tool_use"},' * 33_000 + b'{}]',
)  # fmt: skip
#: Bytes that are put in anywhere.
ODD_BYTES: tuple[bytes, ...] = (
    b"\x00", b"\xff", b"\xef\xbb\xbf", b"\r", b"\x1b[2J", b'"', b"\\", b"\\u", b"\\ud800", b"{",
    b"}", b"[", b"]", b":", b",", b"null", b"1e999", b"NaN", b"-", b"\xe2\x80\xae", b"\x85",
    b"\x0c", b"{}",
    b"\xed\xb0\x80", b'","type":"assistant","message":{"usage":{"output_tokens":1e9}},"x":"',
)  # fmt: skip
_NAMES = (
    "type", "uuid", "parentUuid", "timestamp", "sessionId", "requestId", "isSidechain", "agentId",
    "message", "cwd", "toolUseResult", "isMeta", "subtype", "attachment", "data", "modelUsage",
)  # fmt: skip

Line = Callable[[Random, bytes, list[bytes]], bytes]


@dataclass
class Damaged:
    """Lines after the damage, without line ends, and those that are not as they were."""

    lines: list[bytes]
    #: Lines before and after: what they say may have changed, of all others it may not.
    touched: list[bytes] = field(default_factory=list)
    #: How many lines were changed, put in, taken out or moved.
    count: int = 0


def damaged(rng: Random, lines: list[bytes], share: float) -> Damaged:
    """Damage about `share` of the lines, and now and then their order."""
    made = Damaged([])
    for line in lines:
        if rng.random() >= share:
            made.lines.append(line)
            continue
        made.count += 1
        changed = line
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            changed = rng.choice(LINE_DAMAGE)(rng, changed, lines).replace(b"\n", b" ")
        fate = rng.random()
        made.touched += [line, changed]
        if fate < 0.02:
            continue  # lost
        made.lines += (
            [changed, line] if fate < 0.06 else [changed, changed] if fate < 0.09 else [changed]
        )
        if fate < 0.01:
            break  # and everything after it
    else:
        if rng.random() < 0.3 and len(made.lines) > 2:
            _reorder(rng, made)
        return made
    made.touched += lines[len(made.lines) :]
    return made


def _reorder(rng: Random, made: Damaged) -> None:
    """Move some lines, or turn a part of them round."""
    start = rng.randrange(len(made.lines) - 1)
    end = min(len(made.lines), start + rng.randint(2, 12))
    part = made.lines[start:end]
    rng.shuffle(part)
    made.touched += part
    made.count += len(part)
    made.lines[start:end] = part


# --- damage to the bytes of a line -----------------------------------------------------------


def _flip(rng: Random, line: bytes, _: list[bytes]) -> bytes:
    data = bytearray(line)
    for _ in range(rng.choice((1, 1, 2, 8))):
        if data:
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def _cut(rng: Random, line: bytes, _: list[bytes]) -> bytes:
    at = rng.randrange(len(line) + 1)
    return line[:at] if rng.random() < 0.7 else line[at:]


def _take_out(rng: Random, line: bytes, _: list[bytes]) -> bytes:
    at = rng.randrange(len(line) + 1)
    return line[:at] + line[at + rng.randint(1, 40) :]


def _put_in(rng: Random, line: bytes, _: list[bytes]) -> bytes:
    at = rng.randrange(len(line) + 1)
    return line[:at] + rng.choice(ODD_BYTES) * rng.choice((1, 1, 1, 3, 40)) + line[at:]


def _join(rng: Random, line: bytes, others: list[bytes]) -> bytes:
    return (
        line + rng.choice((b"", b" ", b",", b"\x00", b"\r", b"\xef\xbb\xbf")) + rng.choice(others)
    )


def _frame(rng: Random, line: bytes, _: list[bytes]) -> bytes:
    before, after = rng.choice(
        ((b"\xef\xbb\xbf", b""), (b"", b"\r"), (b"\x00" * 64, b""), (b"", b"\x00" * 64),
         (b"[", b"]"),
         (b'{"x":', b"}"), (b"  ", b"\t"), (b'"', b'"'), (b"<<<<<<< ", b""), (b"data: ", b"\r"))
    )  # fmt: skip
    return before + line + after


def _splice(rng: Random, line: bytes, others: list[bytes]) -> bytes:
    other = rng.choice(others)
    return line[: rng.randrange(len(line) + 1)] + other[rng.randrange(len(other) + 1) :]


def _encoding(rng: Random, line: bytes, _: list[bytes]) -> bytes:
    text = line.decode("utf-8", "replace")
    return text.encode(rng.choice(("utf-16-le", "utf-16", "latin-1", "utf-7")), "replace")


def _giant(rng: Random, line: bytes, _: list[bytes]) -> bytes:
    return line.replace(b'":"', b'":"' + rng.choice((b"x", b"\\u0041", "ß".encode())) * 4_000, 1)


# --- damage to what a line says --------------------------------------------------------------


def _odd(rng: Random) -> bytes:
    return rng.choice(GIANTS if rng.random() < 0.002 else ODD_VALUES)


_MARK = "\ue000here\ue000"


def _value(rng: Random, line: bytes, others: list[bytes]) -> bytes:
    """Put something odd in the place of any value."""
    return _replaced(rng, line, lambda value: _odd(rng))


def _number(rng: Random, line: bytes, others: list[bytes]) -> bytes:
    """Put something odd in the place of a number: counts, mostly."""
    return _replaced(
        rng, line, lambda value: _odd(rng), lambda _, value: type(value) in (int, float)
    )


def _time(rng: Random, line: bytes, others: list[bytes]) -> bytes:
    return _replaced(
        rng, line, lambda _: rng.choice(ODD_TIMES), lambda name, _: name == "timestamp"
    )


def _link(rng: Random, line: bytes, others: list[bytes]) -> bytes:
    """Let a line lead to itself, to one that comes after it, to another's, or nowhere."""
    record, other = _parsed(line), _parsed(rng.choice(others))
    if not isinstance(record, dict) or not isinstance(other, dict):
        return line
    mine, its = record.get("uuid"), other.get("uuid")
    changes: tuple[dict[str, Any], ...] = (
        {"parentUuid": mine},
        {"parentUuid": its},
        {"parentUuid": None},
        {"uuid": its},
        {"uuid": its, "parentUuid": its},
        {"uuid": None},
        {"isSidechain": True, "parentUuid": mine},
        {"isSidechain": True, "agentId": None, "parentUuid": its},
        {"agentId": rng.choice(("main", "", "a" * 300, "../../x", "sidechain-"))},
        {"requestId": other.get("requestId")},
        {"logicalParentUuid": mine, "type": "system", "subtype": "compact_boundary"},
        {"isCompactSummary": True, "type": "user"},
        {"forkedFrom": {"sessionId": its, "messageUuid": mine}},
    )
    return _written({**record, **rng.choice(changes)})


def _twice(rng: Random, line: bytes, others: list[bytes]) -> bytes:
    """Name a field twice."""
    value = rng.choice((*ODD_VALUES, *ODD_TIMES))
    return line.rstrip()[:-1] + b',"' + rng.choice(_NAMES).encode() + b'":' + value + b"}"


def _swap(rng: Random, line: bytes, others: list[bytes]) -> bytes:
    """Put a value of another line in the place of one of this line."""
    theirs: list[Any] = []
    _walk(_parsed(rng.choice(others)), lambda _, __, value: theirs.append(value))
    given = rng.choice(theirs) if theirs else None
    return _replaced(rng, line, lambda _: _written(given))


def _deepen(rng: Random, line: bytes, others: list[bytes]) -> bytes:
    depth = rng.choice((3, 120, 480, rng.randint(481, 995), 999, 1_001, rng.randint(1_002, 3_000)))
    return _replaced(rng, line, lambda value: b"[" * depth + _written(value) + b"]" * depth)


def _rename(rng: Random, line: bytes, others: list[bytes]) -> bytes:
    name = rng.choice(_NAMES)
    return line.replace(f'"{name}"'.encode(), f'"{rng.choice((*_NAMES, "", "x"))}"'.encode())


LINE_DAMAGE: tuple[Line, ...] = (
    _flip, _flip, _cut, _take_out, _put_in, _put_in, _join, _frame, _splice, _encoding, _giant,
    _value, _value, _value, _number, _number, _number, _time, _time, _link, _link, _twice, _swap,
    _swap, _deepen, _rename,
)  # fmt: skip


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _written(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode("utf-8", "replace")


def _walk(value: Any, visit: Callable[[Any, Any, Any], None]) -> None:
    """Visit every (container, key, value), however deep."""
    waiting = [value]
    while waiting:
        holder = waiting.pop()
        items = (
            holder.items()
            if isinstance(holder, dict)
            else enumerate(holder)
            if isinstance(holder, list)
            else ()
        )
        for key, inner in items:
            visit(holder, key, inner)
            if isinstance(inner, dict | list):
                waiting.append(inner)


def _replaced(
    rng: Random,
    line: bytes,
    new: Callable[[Any], bytes],
    wanted: Callable[[Any, Any], bool] = lambda key, value: True,
) -> bytes:
    """The line with other bytes in the place of one value; as it is where there is none such."""
    record = _parsed(line)
    places: list[tuple[Any, Any]] = []
    _walk(
        record,
        lambda holder, key, value: places.append((holder, key)) if wanted(key, value) else None,
    )
    if not places:
        return line
    holder, key = rng.choice(places)
    value, holder[key] = holder[key], _MARK
    try:
        text = json.dumps(record, separators=(",", ":"), ensure_ascii=False)
        data = new(value)
    except RecursionError:
        return line
    return text.encode("utf-8", "surrogatepass").replace(f'"{_MARK}"'.encode(), data, 1)
