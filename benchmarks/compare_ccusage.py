"""Compare the account of every day with ccusage's, to the token, and explain what differs.

Both count the same directory. For a day on which they differ, each response of the day is given
to ccusage alone: whatever it then counts otherwise is a difference with a name and a line. A
`reference.json` in the directory (totals by UTC day from another count) is compared as well.

Exit status: 0 every difference is explained; 1 some is not; 2 the comparison could not be made.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ccusage
import duckdb

_USAGE, _SPACED = b'"usage":{', b'"usage": {'
Tokens = dict[str, int]


@dataclass
class Line:
    """A transcript line of a response."""

    transcript: str
    line_no: int
    request_id: str | None
    raw: bytes = b""


@dataclass
class Response:
    """A response as this project counts it, and what ccusage makes of its lines alone."""

    name: str
    day: str
    tokens: Tokens
    lines: list[Line] = field(default_factory=list)
    theirs: dict[str, Tokens] = field(default_factory=dict)

    def difference(self, day: str) -> Tokens:
        """ccusage's count of the response on the day, less this project's."""
        return less(self.theirs.get(day, {}), self.tokens if day == self.day else {})

    def reason(self, day: str) -> str:
        """Why the two counts differ, as far as the lines show it."""
        theirs = self.theirs.get(day, {})
        if self.theirs and day not in self.theirs:
            return f"ccusage counts it on {', '.join(self.theirs)}"
        if not theirs and all(_USAGE not in line.raw for line in self.lines):
            if any(_SPACED in line.raw for line in self.lines):
                return 'its lines hold `"usage": {` with a blank, which ccusage skips unread'
            return "no line holds the bytes that ccusage looks for before it reads a line"
        if not theirs:
            return "ccusage does not count it"
        if day != self.day:
            return f"this project counts it on {self.day}, the day of its first line"
        if len(self.lines) > 1 and not any(line.request_id for line in self.lines):
            return f"no request id: ccusage counts its {len(self.lines)} lines one by one"
        return f"of its {len(self.lines)} lines ccusage takes other counts"


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpus", type=Path, help="directory with transcripts")
    parser.add_argument("--ccusage", help="the program; else from PATH, else through npx")
    parser.add_argument(
        "--data-root", type=Path, help="keep the account here; else it is temporary"
    )
    parser.add_argument("--all", action="store_true", help="list the days that agree as well")
    parser.add_argument("--shown", type=int, default=20, help="responses listed a day (default 20)")
    given = parser.parse_args()
    try:
        command = ccusage.find(given.ccusage)
        with tempfile.TemporaryDirectory(prefix="compare-") as directory:
            data_root = given.data_root or Path(directory)
            with ccusage.config_directory(given.corpus) as config:
                ours = account(given.corpus, data_root)
                theirs = ccusage.daily(command, config)
            explained = tell(ours, theirs, data_root, command, given.all, given.shown)
            agrees = tell_reference(ours, given.corpus / "reference.json")
    except (ccusage.NoCcusage, subprocess.CalledProcessError, OSError, ValueError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    return 0 if explained and agrees else 1


def account(corpus: Path, data_root: Path) -> dict[str, Any]:
    """This project's account of the corpus, by day.

    Raises:
        ValueError: there is none; the message is the command's own.
    """
    program = [sys.executable, "-m", "waste_assets.cli", "audit", "--json"]
    done = subprocess.run(
        [*program, "--time-zone", "UTC", "--data-root", str(data_root), str(corpus)],
        capture_output=True,
        text=True,
    )
    if not done.stdout.strip():
        raise ValueError(done.stderr.strip())
    told = json.loads(done.stdout)
    return {row["day"]: row for row in told["by_day"]}


def counted(row: dict[str, Any]) -> Tokens:
    """A row of this project under the names of the comparison."""
    return {
        "input": row["input_tokens"],
        "writes": row["write_5m_tokens"] + row["write_1h_tokens"],
        "reads": row["read_tokens"],
        "output": row["output_tokens"],
    }


def less(a: Tokens, b: Tokens) -> Tokens:
    """a - b, kind by kind."""
    return {kind: a.get(kind, 0) - b.get(kind, 0) for kind in ccusage.KINDS}


def shown(tokens: Tokens) -> str:
    """A difference in words."""
    parts = [f"{kind} {value:+,}" for kind, value in tokens.items() if value]
    return ", ".join(parts) or "nothing"


def tell(
    ours: dict[str, Any],
    theirs: dict[str, Tokens],
    data_root: Path,
    command: list[str],
    every: bool,
    limit: int,
) -> bool:
    """Print the comparison; returns whether every difference is explained."""
    none = {kind: 0 for kind in ccusage.KINDS}
    mine = {day: counted(row) for day, row in ours.items() if any(counted(row).values())}
    days = sorted(mine.keys() | theirs.keys())
    differing = {
        day: difference
        for day in days
        if any((difference := less(theirs.get(day, none), mine.get(day, none))).values())
    }
    if every:
        for day in days:
            print(f"{day}  {shown(differing.get(day, {}))}")
    total = sum(sum(tokens.values()) for tokens in mine.values())
    print(
        f"ccusage agrees to the token on {len(days) - len(differing)} of {len(days)} days "
        f"({total:,} tokens counted here)."
    )
    probes = probed(data_root, list(differing), command)
    explained = True
    for day, difference in differing.items():
        explained = tell_day(day, difference, probes, limit) and explained
    return explained


def tell_day(day: str, difference: Tokens, probes: list[Response], limit: int) -> bool:
    """Print what explains the difference of a day; returns whether it adds up."""
    print(f"\n{day}: ccusage less this project: {shown(difference)}")
    found = [r for r in probes if any(r.difference(day).values())]
    for response in found[:limit]:
        places = ", ".join(f"{line.transcript}:{line.line_no}" for line in response.lines[:6])
        print(f"  {response.name}: {shown(response.difference(day))}")
        print(f"    {response.reason(day)}")
        print(f"    {places}{', ...' if len(response.lines) > 6 else ''}")
    if len(found) > limit:
        print(f"  and {len(found) - limit} more responses")
    left = difference
    for response in found:
        left = less(left, response.difference(day))
    print(f"  Explained by {len(found)} responses; left: {shown(left)}.")
    return not any(left.values())


def probed(data_root: Path, days: list[str], command: list[str]) -> list[Response]:
    """The responses of these days, each with what ccusage counts when it sees no other."""
    responses = responses_of(data_root, days)
    with ThreadPoolExecutor(2) as pool:
        for response, theirs in zip(
            responses, pool.map(lambda r: alone(r, command), responses), strict=True
        ):
            response.theirs = theirs
    return responses


def alone(response: Response, command: list[str]) -> dict[str, Tokens]:
    """What ccusage counts, by day, in a directory that holds only the lines of one response."""
    with tempfile.TemporaryDirectory(prefix="probe-") as directory:
        project = Path(directory) / "projects" / "probe"
        project.mkdir(parents=True)
        transcripts: dict[str, list[bytes]] = defaultdict(list)
        for line in response.lines:
            transcripts[line.transcript].append(line.raw)
        for number, lines in enumerate(transcripts.values()):
            text = b"".join(line if line.endswith(b"\n") else line + b"\n" for line in lines)
            (project / f"{number}.jsonl").write_bytes(text)
        return ccusage.daily(command, Path(directory))


def responses_of(data_root: Path, days: list[str]) -> list[Response]:
    """The responses of these days as accounted for, with every transcript line of theirs."""
    if not days:
        return []
    with duckdb.connect() as con:
        for table in ("parsed_turns", "line_usage", "raw_sessions"):
            parts = f"{data_root}/lake/{table}/*/part.parquet".replace("'", "''")
            con.execute(
                f"CREATE VIEW {table} AS FROM read_parquet('{parts}', hive_partitioning = true, "
                "hive_types = {'day': DATE})"
            )
        cursor = con.execute(_RESPONSES, {"days": days})
        names = [column[0] for column in cursor.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    found: dict[tuple[str, str], Response] = {}
    for row in rows:
        key = (row["day"], row["response_id"])
        response = found.setdefault(key, Response(row["response_id"], row["day"], counted(row)))
        response.lines.append(
            Line(row["transcript"], row["line_no"], row["request_id"], bytes(row["raw"]))
        )
    return list(found.values())


_RESPONSES = """
WITH turns AS (FROM parsed_turns WHERE list_contains($days::DATE[], day)),
lines AS (
    SELECT DISTINCT response_id, day, transcript, line_no, request_id
    FROM line_usage
    WHERE response_id IN (SELECT response_id FROM turns)
)
SELECT
    strftime(t.day, '%Y-%m-%d') AS day, t.response_id, t.input_tokens, t.write_5m_tokens,
    t.write_1h_tokens, t.read_tokens, t.output_tokens, l.transcript, l.line_no, l.request_id, r.raw
FROM turns AS t
JOIN lines AS l USING (response_id)
JOIN raw_sessions AS r
    ON r.day = l.day AND r.transcript = l.transcript AND r.line_no = l.line_no
ORDER BY t.day, t.transcript, t.line_no, t.response_id, l.transcript, l.line_no, r.raw
"""


def tell_reference(ours: dict[str, Any], reference: Path) -> bool:
    """Compare with the totals in `reference.json`, where there is one."""
    if not reference.is_file():
        return True
    days = json.loads(reference.read_text())["days"]
    differing = []
    for day in sorted(days.keys() | ours.keys()):
        told, row = days.get(day, {}), ours.get(day)
        mine = counted(row) if row else {}
        names = {"input": "input", "writes": "write", "reads": "read", "output": "output"}
        theirs = {kind: told.get(name, 0) for kind, name in names.items()}
        responses = (row or {}).get("responses", 0) - told.get("responses", 0)
        if responses or any(less(theirs, mine).values()):
            differing.append(f"  {day}: {-responses:+,} responses, {shown(less(theirs, mine))}")
    print(f"\nreference.json agrees on {len(days) - len(differing)} of {len(days)} days.")
    print("\n".join(differing), end="\n" if differing else "")
    return not differing


if __name__ == "__main__":
    sys.exit(main())
