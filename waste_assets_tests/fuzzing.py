"""Rounds of damage: transcripts are damaged, accounted for, and held against the undamaged ones.

A round has neighbours that nobody touches and victims of which some lines are damaged. Whatever
the damage, every line is archived byte for byte and read or set aside, every response that no
damaged line tells of costs what it cost, and the neighbours are what they are without the rest.
"""

from __future__ import annotations

import math
import os
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from waste_assets.lake.tables import (
    FLAG_TABLES,
    HEURISTIC_FLAGS,
    LINE_TABLES,
    PARSED_TURNS,
    QUARANTINED_LINES,
    RAW_SESSIONS,
    TOKEN_LEDGER,
    TOOL_CALLS,
    TURN_TABLES,
    Table,
)
from waste_assets.resources.data_root import DataRoot
from waste_assets.sample import generate
from waste_assets.transcripts import facts
from waste_assets_tests.checks.every import broken
from waste_assets_tests.damage import damaged
from waste_assets_tests.support import Audit, Row

#: The last day of the generated sessions, and where an untouched file's time stands.
END = date(2026, 10, 31)
_WRITTEN = 1_793_500_000
#: What a response is paid for, and what that costs. Of searches the lines of their results tell.
_KINDS = ("input", "write_5m", "write_1h", "read", "output")
_PRICE = (*(f"{kind}_tokens" for kind in _KINDS), *(f"usd_{kind}" for kind in _KINDS))
_IDS = re.compile(rb'"id"\s*:\s*"([^"]*)"')
#: Lines of one file that a round takes at most: many small files find more than a few large ones.
_LINES = 400


class Broken(AssertionError):
    """A promise that a round found broken."""


@dataclass(frozen=True)
class Transcript:
    """A transcript by its place below the source, and its lines without line ends."""

    place: str
    lines: tuple[bytes, ...]


@dataclass
class Counts:
    """What rounds did."""

    rounds: int = 0
    lines: int = 0
    damaged: int = 0
    decoded: int = 0
    repaired: int = 0
    quarantined: int = 0
    responses_held: int = 0
    neighbour_rows: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def add(self, other: Counts) -> None:
        """Take in the counts of other rounds."""
        for name, value in vars(other).items():
            if name == "reasons":
                self.reasons.update(value)
            else:
                setattr(self, name, getattr(self, name) + value)


@dataclass(frozen=True)
class Seeds:
    """What rounds are made from."""

    victims: tuple[Transcript, ...]
    neighbours: tuple[Transcript, ...]
    #: The cost of each response of the victims, undamaged, by message id.
    costs: dict[str, tuple[Any, ...]]
    #: The rows of the neighbours where nothing else is there.
    alone: dict[str, list[Row]]
    #: The sessions that the neighbours are.
    sessions: frozenset[str]


def seeds(sessions: int, corpora: Sequence[Path] = (), *, seed: int = 11) -> Seeds:
    """Generated sessions of every shape, and real ones where there are any."""
    with _folder() as folder:
        generate(folder / "a", sessions=sessions, days=5, end=END, seed=seed, odd=True)
        generate(folder / "b", sessions=max(sessions // 5, 3), days=5, end=END, seed=seed + 1)
        victims = [*_transcripts(folder / "a")]
        for corpus in corpora:
            victims += _transcripts(corpus)
        neighbours = [*_transcripts(folder / "b", whole=True)]
    with _folder() as folder:
        audit = _audited(folder, [(t, t.lines) for t in victims])
        costs = _costs(audit, None)
    with _folder() as folder:
        audit = _audited(folder, [(t, t.lines) for t in neighbours])
        sessions_ = frozenset(row["session_id"] for row in audit.rows(PARSED_TURNS))
        alone = _rows_of(audit, sessions_)
    return Seeds(tuple(victims), tuple(neighbours), costs, alone, sessions_)


def round_(seed: int, given: Seeds, wanted: int, *, thorough: bool = False) -> Counts:
    """One round with about `wanted` damaged lines; `thorough`: up to the BI files and the report,
    with all checks.

    Raises:
        Broken: what must hold does not.
    """
    rng = Random(seed)
    share = rng.choice((0.1, 0.6, 0.9, 1.0))
    touched: list[bytes] = []
    written: list[tuple[Transcript, tuple[bytes, ...]]] = [(t, t.lines) for t in given.neighbours]
    counts = Counts(rounds=1)
    whole = list(given.victims)
    rng.shuffle(whole)
    for one in whole:
        if counts.damaged >= wanted:
            break
        made = damaged(rng, list(one.lines), share)
        counts.damaged += made.count
        touched += made.touched
        written.append((one, tuple(made.lines)))
    with _folder() as folder:
        audit = _audited(folder, written, rng)
        _check_lines(audit, written, counts)
        _check_costs(audit, given, written, touched, counts)
        _check_numbers(audit)
        found = _rows_of(audit, given.sessions)
        for name, rows in given.alone.items():
            counts.neighbour_rows += len(rows)
            if found[name] != rows:
                raise Broken(f"{name} of untouched neighbours moved: {_first(rows, found[name])}")
        _check_again(audit)
        if thorough:
            audit.labels()
            audit.publish()
            audit.report()
            if stopped := broken(DataRoot(path=str(audit.data)), blocking=True):
                raise Broken(f"an audit would not get past its checks: {stopped}")
    return counts


def _transcripts(root: Path, *, whole: bool = False) -> Iterator[Transcript]:
    start = root / "projects" if (root / "projects").is_dir() else root
    for path in sorted(start.rglob("*.jsonl")):
        lines = path.read_bytes().rstrip(b"\n").split(b"\n")
        yield Transcript(
            path.relative_to(start).as_posix(), tuple(lines[: None if whole else _LINES])
        )


def _audited(
    folder: Path, written: Sequence[tuple[Transcript, tuple[bytes, ...]]], rng: Random | None = None
) -> Audit:
    """An audit of transcripts with these lines, up to the flags."""
    audit = Audit(folder)
    for one, lines in written:
        path = audit.source / "projects" / one.place
        path.parent.mkdir(parents=True, exist_ok=True)
        end = b"" if rng is not None and rng.random() < 0.2 else b"\n"
        path.write_bytes(b"\n".join(lines) + (end if lines else b""))
        os.utime(path, (_WRITTEN, _WRITTEN))
    audit.archive()
    audit.turns()
    audit.flags()
    return audit


def _check_lines(
    audit: Audit, written: Sequence[tuple[Transcript, tuple[bytes, ...]]], counts: Counts
) -> None:
    """Every line is archived as it was, and was read or set aside with a reason."""
    rows = audit.table(RAW_SESSIONS).filter(pc.field("kind") == "line")
    rows = rows.select(["transcript", "line_no", "raw"]).sort_by(
        [("transcript", "ascending"), ("line_no", "ascending")]
    )
    held: dict[str, list[bytes]] = {}
    for transcript, raw in zip(
        rows["transcript"].to_pylist(), rows["raw"].to_pylist(), strict=True
    ):
        held.setdefault(transcript, []).append(raw)
    files = {file.path: file.transcript for file in audit.files()}
    for one, _ in written:
        path = audit.source / "projects" / one.place
        if b"".join(held.get(files[str(path)], [])) != path.read_bytes():
            raise Broken(f"{one.place} is not archived as it was")
    told = audit.counts()
    if not rows.num_rows == told["lines"] == told["decoded"] + told["quarantined"]:
        raise Broken(f"lines are unaccounted for: {rows.num_rows} archived, {told}")
    aside = audit.rows(QUARANTINED_LINES)
    if len(aside) != told["quarantined"]:
        raise Broken(f"{len(aside)} lines set aside, {told['quarantined']} counted")
    counts.lines += told["lines"]
    counts.decoded += told["decoded"]
    counts.repaired += told["repaired"]
    counts.quarantined += told["quarantined"]
    counts.reasons.update(row["reason"] for row in aside)


def _check_costs(
    audit: Audit,
    given: Seeds,
    written: Sequence[tuple[Transcript, tuple[bytes, ...]]],
    touched: Sequence[bytes],
    counts: Counts,
) -> None:
    """Responses that no damaged line tells of cost what they cost."""
    suspect = {name for line in touched for name in _IDS.findall(line)}
    there = {name for _, lines in written for line in lines for name in _IDS.findall(line)}
    sure = {
        name: cost
        for name, cost in given.costs.items()
        if name.encode() in there and name.encode() not in suspect
    }
    found = _costs(audit, sure.keys())
    counts.responses_held += len(sure)
    for name, cost in sure.items():
        if found.get(name) != cost:
            raise Broken(f"untouched response {name} was {cost}, is {found.get(name)}")


def _costs(audit: Audit, wanted: Any) -> dict[str, tuple[Any, ...]]:
    """What the responses that Claude's API gave cost, by message id; others have no sure name."""
    table = audit.table(PARSED_TURNS)
    names = table["message_id"].to_pylist()
    told = Counter(names)
    columns = [table[name].to_pylist() for name in _PRICE]
    return {
        name: row
        for name, *row_ in zip(names, *columns, strict=True)
        if name and told[name] == 1 and (wanted is None or name in wanted)
        for row in [tuple(row_)]
    }


def _check_numbers(audit: Audit) -> None:
    """No number is one that nothing can be added to, none is below nothing; bills have owners."""
    for table in (*LINE_TABLES, *TURN_TABLES, *FLAG_TABLES):
        rows = audit.table(table)
        for name in rows.column_names:
            column = rows[name]
            is_float = pa.types.is_floating(column.type)
            if is_float and pc.all(pc.is_finite(column)).as_py() is False:
                raise Broken(f"{table.name}.{name} holds what is no number")
            # What was declined is not billed: less than the top level counts.
            if name == "billed_extra_tokens":
                continue
            if name.endswith("_tokens") and (pc.min(column).as_py() or 0) < 0:
                raise Broken(f"{table.name}.{name} is below nothing")
    owned: dict[str, float] = {}
    for row in audit.rows(TOKEN_LEDGER):
        owned[row["response_id"]] = owned.get(row["response_id"], 0.0) + (row["usd"] or 0.0)
    for row in audit.rows(PARSED_TURNS):
        usd = row["usd"] or 0.0
        if not math.isclose(owned.get(row["response_id"], 0.0), usd, rel_tol=1e-9, abs_tol=1e-9):
            raise Broken(
                f"{row['response_id']} costs {usd}, its owners {owned.get(row['response_id'])}"
            )


def _check_again(audit: Audit) -> None:
    """Facts read from the archive are those that were read with it."""
    before = audit.parts(*LINE_TABLES)
    for day in audit.lake.days(RAW_SESSIONS):
        facts.read_day(audit.lake, "UTC", day)
    if audit.parts(*LINE_TABLES) != before:
        other = [
            name for name, data in audit.parts(*LINE_TABLES).items() if before.get(name) != data
        ]
        raise Broken(f"the archive read again says something else: {other}")


def _rows_of(audit: Audit, sessions: frozenset[str]) -> dict[str, list[Row]]:
    """All rows of some sessions, in an order of their own."""
    found = {}
    for table in (PARSED_TURNS, TOOL_CALLS, HEURISTIC_FLAGS, TOKEN_LEDGER):
        rows = [row for row in audit.rows(table) if row["session_id"] in sessions]
        found[table.name] = sorted(rows, key=lambda row, t=table: _key(row, t))
    return found


def _key(row: Row, table: Table) -> str:
    return str([row[name] for name in table.key])


def _first(expected: list[Row], found: list[Row]) -> Any:
    if len(expected) != len(found):
        return f"{len(expected)} rows, now {len(found)}"
    for one, other in zip(expected, found, strict=True):
        if one != other:
            return {n: (one[n], other[n]) for n in one if one[n] != other[n]}
    return None


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
