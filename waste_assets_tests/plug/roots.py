"""What two data roots hold, compared: all tables, decisions, spend, pages, and every file."""

from __future__ import annotations

import json
import re
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

#: What differs between two runs of the same: names that chance or the provider has given, and
#: when.
_OF_THE_RUN = frozenset(
    (
        "sending_id", "run", "request_id", "batch_id", "asked_at", "settled_at", "intended_at",
        "first_asked_at", "answered_at", "examined_at", "sent_at", "read_at", "recorded_at",
        "since", "at", "published_on", "asking_id", "digest", "number", "identity",
    )
)  # fmt: skip
#: Of facts that are rows: the keys of those of the run.
_FACTS_OF_THE_RUN = {"published_on", "inputs", "publication"}
#: Of notes in a footer: which answers there were is told by when they came.
_ANSWERS = {"waste.answers", "waste.version"}
#: So does a page: its identity has that of the spend in it, which has names and times.
#: And it says on which day it was published, which the BI files say in `published_on`.
_MADE_FROM = re.compile(
    r'<meta name="waste-assets-inputs" content="[0-9a-f]*">|Published by waste_assets on [\w ]+'
)
#: Each run has one, with what SQLite keeps beside it; and who is killed has begun one.
_RUN = re.compile(r"dagster/history/runs/[0-9a-f-]{36}\.db(?:-wal|-shm)?")
#: Made by those who have to wait, by SQLite, or to spare the next audit its planning, or what a
#: hook that was killed had not yet told: nothing is lost with them.
_NOTHING = re.compile(
    r"unchanged\.json|hook\.log|(?:.*/)?\.([a-z_]+\.)?lock"
    # Publications that count no more stay a while; the one that counts is read through its links.
    r"|bi/versions/[^./][^/]*/.*"
    r"|(?:state|.*/index|.*/runs|.*/schedules)\.db-(?:wal|shm)"
)

Held = dict[str, Any]


def held(data: Path) -> Held:
    """What a data root holds, by where it stands there."""
    found: Held = {}
    for part in sorted((data / "lake").glob("*/day=*/part.parquet")):
        found[str(part.relative_to(data))] = _parquet(part)
    for part in sorted((data / "bi").glob("*.parquet")):
        found[str(part.relative_to(data))] = _parquet(part)
    found |= _duckdb(data / "bi" / "waste.duckdb")
    found |= _sqlite(data / "state.db")
    for page in sorted((data / "report").rglob("*.html")):
        found[str(page.relative_to(data))] = _MADE_FROM.sub("", page.read_text())
    found["files"] = sorted(_files(data))
    return found


def differences(expected: Held, data: Path) -> list[str]:
    """In which of its parts a data root differs from what it should hold; empty: in none."""
    now = held(data)
    told = []
    for name in sorted(expected.keys() | now.keys()):
        if expected.get(name) != now.get(name):
            told.append(f"{name}: {how(expected.get(name), now.get(name))}")
    return told


def archived(data: Path) -> Counter[bytes]:
    """The archived lines, byte for byte, and how often each is there."""
    lines: Counter[bytes] = Counter()
    for part in (data / "lake" / "raw_sessions").glob("day=*/part.parquet"):
        lines.update(pq.ParquetFile(part).read(["raw"]).column("raw").to_pylist())
    return lines


def written(source: Path) -> Counter[bytes]:
    """The lines of the transcripts below a directory."""
    lines: Counter[bytes] = Counter()
    for file in source.rglob("*.jsonl"):
        lines.update(file.read_bytes().splitlines(keepends=True))
    return lines


def stray_files(data: Path) -> list[str]:
    """Files that nobody will ever read or take away: temporary ones."""
    return sorted(
        str(path.relative_to(data))
        for path in data.rglob("*")
        if re.search(r"\.\d+\.[0-9a-f]{8}", path.name) or path.suffix in (".tmp", ".wal")
    )


def _files(data: Path) -> Iterator[str]:
    for path in data.rglob("*"):
        name = str(path.relative_to(data))
        if path.is_file() and not _RUN.fullmatch(name) and not _NOTHING.fullmatch(name):
            yield name


def _parquet(path: Path) -> Any:
    file = pq.ParquetFile(path)
    notes = {
        key.decode(): value.decode()
        for key, value in (file.metadata.metadata or {}).items()
        if key.startswith(b"waste.")
    }
    if "waste.answers" in notes:
        notes = {key: value for key, value in notes.items() if key not in _ANSWERS}
    return notes, _rows(file.read().to_pylist())


def _duckdb(path: Path) -> Held:
    if not path.exists():
        return {}
    found: Held = {}
    with duckdb.connect(str(path), read_only=True) as con:
        for (table,) in con.execute("SELECT table_name FROM duckdb_tables()").fetchall():
            cursor = con.execute(f'FROM "{table}"')
            names = [column[0] for column in cursor.description or ()]
            rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
            found[f"waste.duckdb/{table}"] = _rows(rows)
    return found


def _sqlite(path: Path) -> Held:
    if not path.exists():
        return {}
    found: Held = {}
    with closing(sqlite3.connect(path)) as con:
        con.row_factory = sqlite3.Row
        names = con.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (name,) in names:
            rows = [dict(row) for row in con.execute(f'SELECT * FROM "{name}"')]
            # How often was asked, and in how many goes, is of the run; what was asked is not.
            # A mark only tells one state from another.
            if name not in ("label_askings", "label_sendings", "sqlite_sequence", "marks"):
                found[f"state.db/{name}"] = _rows(rows)
    return found


def _rows(rows: list[dict[str, Any]]) -> list[str]:
    kept = []
    for row in rows:
        if row.get("key") in _FACTS_OF_THE_RUN and "value" in row:
            continue
        # What a killed process had announced and never sent, and so never cost anything.
        if row.get("outcome") == "unserved" and row.get("usd") == 0:
            continue
        kept.append(
            json.dumps({k: v for k, v in row.items() if k not in _OF_THE_RUN}, default=repr)
        )
    return sorted(kept)


def how(expected: Any, now: Any) -> str:
    """In what way what a part holds differs from what it should hold."""
    if expected is None:
        return "should not be there"
    if now is None:
        return "is missing"
    if isinstance(expected, tuple):
        if expected[0] != now[0]:
            keys = [k for k in expected[0] | now[0] if expected[0].get(k) != now[0].get(k)]
            return f"notes differ: {', '.join(keys)}"
        expected, now = expected[1], now[1]
    if isinstance(expected, list):
        lost, more = Counter(expected) - Counter(now), Counter(now) - Counter(expected)
        examples = "".join(f"\n      - {one[:200]}" for one in [*lost][:2])
        examples += "".join(f"\n      + {one[:200]}" for one in [*more][:2])
        return f"{sum(lost.values())} lost, {sum(more.values())} too many{examples}"
    return "differs"
