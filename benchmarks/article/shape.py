"""The shape of a corpus: sizes, record types, tools, failures, and how files hang together.

    python benchmarks/article/shape.py REAL GENERATED

prints each figure of two corpora side by side, so that a reader can judge how alike they are.
`~` marks a figure of the generated one that is more than half again, or less than two thirds, of
the real one. Files are read one line at a time, by this file alone: no reader of the project takes
part, but for the rules that name the causes of failures.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from waste_assets.detectors.causes import attempt_of, rule_of

#: Percentiles that long tails are told by.
PERCENTILES = (10, 50, 90, 99, 100)
#: A generated figure within this factor of the real one is near.
NEAR = 1.5
#: Rows of a list that are shown; the rest is one row.
_MOST = 12
_SYNTHETIC = "<synthetic>"
_FAMILIES = ("opus", "sonnet", "haiku", "fable")


@dataclass(slots=True)
class Shape:
    """What was counted in some files."""

    files: int = 0
    agent_files: int = 0
    line_sizes: list[int] = field(default_factory=list)
    """Bytes of each line."""
    #: By session: bytes, and ids of responses.
    session_bytes: Counter[str] = field(default_factory=Counter)
    agent_sessions: set[str] = field(default_factory=set)
    record_lines: Counter[str] = field(default_factory=Counter)
    record_bytes: Counter[str] = field(default_factory=Counter)
    responses: dict[str, tuple[str, int, int, str, bool]] = field(default_factory=dict)
    """By id: session, prompt tokens, output tokens, model family, in a subagent."""
    response_files: Counter[str] = field(default_factory=Counter)
    """In how many files a response stands."""
    response_lines: Counter[str] = field(default_factory=Counter)
    tools: Counter[str] = field(default_factory=Counter)
    causes: Counter[str] = field(default_factory=Counter)
    """Of failed calls."""
    result_sizes: list[int] = field(default_factory=list)
    """Bytes of the content of each tool result."""
    details_bytes: int = 0
    """Bytes of `toolUseResult`."""
    compactions: int = 0
    writes: int = 0
    hour_writes: int = 0

    def add(self, other: Shape) -> None:
        """Add what was counted in other files."""
        self.files += other.files
        self.agent_files += other.agent_files
        self.line_sizes += other.line_sizes
        self.agent_sessions |= other.agent_sessions
        for name in (
            *("session_bytes", "record_lines", "record_bytes", "response_files"),
            *("response_lines", "tools", "causes"),
        ):
            getattr(self, name).update(getattr(other, name))
        for response, told in other.responses.items():
            self._response(response, told)
        self.result_sizes += other.result_sizes
        self.details_bytes += other.details_bytes
        self.compactions += other.compactions
        self.writes += other.writes
        self.hour_writes += other.hour_writes

    def _response(self, response: str, told: tuple[str, int, int, str, bool]) -> None:
        known = self.responses.get(response)
        if known is None or known[2] < told[2]:
            self.responses[response] = told

    def read(self, path: Path) -> None:
        """Count one file."""
        session, calls = "", dict[str, tuple[str, str]]()
        is_agent = path.name.startswith("agent-") or "subagents" in path.parts
        self.files += 1
        self.agent_files += is_agent
        seen: set[str] = set()
        size = 0
        with path.open("rb") as handle:
            for text in handle:
                size += len(text)
                self.line_sizes.append(len(text))
                try:
                    line = orjson.loads(text)
                except orjson.JSONDecodeError:
                    continue
                if not isinstance(line, dict):
                    continue
                session = session or str(line.get("sessionId") or "")
                kind = str(line.get("type"))
                self.record_lines[kind] += 1
                self.record_bytes[kind] += len(text)
                self._line(line, session or path.stem, is_agent, calls, seen)
        self.session_bytes[session or path.stem] += size
        self.response_files.update(seen)
        if is_agent:
            self.agent_sessions.add(session or path.stem)

    def _line(
        self,
        line: dict[str, Any],
        session: str,
        is_agent: bool,
        calls: dict[str, tuple[str, str]],
        seen: set[str],
    ) -> None:
        if line.get("subtype") == "compact_boundary":
            self.compactions += 1
        if "toolUseResult" in line:
            self.details_bytes += len(orjson.dumps(line["toolUseResult"])) + len(
                b',"toolUseResult":'
            )
        data = line.get("data")
        if line.get("type") == "progress" and isinstance(data, dict):
            inner = data.get("message")
            if isinstance(inner, dict):
                self._message(inner.get("message"), session, True, {}, seen, counts=False)
            return
        agent = is_agent or bool(line.get("isSidechain"))
        self._message(line.get("message"), session, agent, calls, seen)

    def _message(
        self,
        message: object,
        session: str,
        is_agent: bool,
        calls: dict[str, tuple[str, str]],
        seen: set[str],
        counts: bool = True,
    ) -> None:
        if not isinstance(message, dict):
            return
        usage, response = message.get("usage"), message.get("id")
        model = str(message.get("model"))
        if isinstance(usage, dict) and isinstance(response, str) and model != _SYNTHETIC:
            self._usage(usage, response, session, model, is_agent)
            self.response_lines[response] += counts
            seen.add(response)
        content = message.get("content")
        if not counts or not isinstance(content, list):
            return
        for block in content:
            if not isinstance(block, dict):
                continue
            if block.get("type") == "tool_use":
                given = block.get("input")
                command = given.get("command") if isinstance(given, dict) else None
                name = str(block.get("name"))
                self.tools[name] += 1
                calls[str(block.get("id"))] = (name, command if isinstance(command, str) else "")
            elif block.get("type") == "tool_result":
                said = _text(block.get("content"))
                self.result_sizes.append(len(said))
                if block.get("is_error") is True:
                    name, command = calls.get(str(block.get("tool_use_id")), ("?", ""))
                    self.causes[rule_of(attempt_of(name, said, command)).cause] += 1

    def _usage(
        self, usage: dict[str, Any], response: str, session: str, model: str, is_agent: bool
    ) -> None:
        written = _count(usage, "cache_creation_input_tokens")
        prompt = _count(usage, "input_tokens") + written
        prompt += _count(usage, "cache_read_input_tokens")
        if response not in self.responses:
            nested = usage.get("cache_creation")
            self.writes += written
            if isinstance(nested, dict):
                self.hour_writes += _count(nested, "ephemeral_1h_input_tokens")
        family = next((one for one in _FAMILIES if one in model), "other")
        output = _count(usage, "output_tokens")
        self._response(response, (session, prompt, output, family, is_agent))


def _count(usage: dict[str, Any], name: str) -> int:
    value = usage.get(name)
    return value if isinstance(value, int) else 0


def _text(content: object) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return ""


def measure(root: Path) -> Shape:
    """The shape of all transcripts below a directory, counted on all cores."""
    paths = sorted(
        Path(folder, name)
        for folder, _, names in os.walk(root)
        for name in names
        if name.endswith(".jsonl") and name != "journal.jsonl"
    )
    cores = os.cpu_count() or 1
    whole = Shape()
    with ProcessPoolExecutor(cores) as pool:
        for part in pool.map(_measured, _portions(paths, 8 * cores)):
            whole.add(part)
    return whole


def _portions(paths: list[Path], count: int) -> Iterable[list[Path]]:
    return [paths[number::count] for number in range(min(count, len(paths)))]


def _measured(paths: list[Path]) -> Shape:
    shape = Shape()
    for path in paths:
        shape.read(path)
    return shape


def rows(shape: Shape) -> Iterator[tuple[str, str, float]]:
    """Each figure: its group, its name, and its value. Shares are of 1."""
    responses = len(shape.responses) or 1
    sizes = shape.line_sizes
    total = sum(sizes) or 1
    yield "counts", "transcripts", shape.files
    yield "counts", "sessions", len(shape.session_bytes)
    yield "counts", "responses", len(shape.responses)
    yield "counts", "lines", len(sizes)
    yield "counts", "MB", total / 1e6
    yield "sizes", "lines a response", len(sizes) / responses
    yield "sizes", "bytes a response", total / responses
    yield "sizes", "bytes a line", total / (len(sizes) or 1)
    yield "sizes", "share of toolUseResult", shape.details_bytes / total
    yield from _percentiles("bytes of a line", sizes)
    yield from _percentiles("bytes of a session", shape.session_bytes.values())
    in_session = Counter(told[0] for told in shape.responses.values())
    yield from _percentiles("responses of a session", in_session.values())
    yield from _percentiles("bytes of a tool result", shape.result_sizes)
    yield from _percentiles("prompt tokens", [told[1] for told in shape.responses.values()])
    yield from _percentiles("output tokens", [told[2] for told in shape.responses.values()])
    yield from _shares("record types, lines", shape.record_lines)
    yield from _shares("record types, bytes", shape.record_bytes)
    tools = Counter(
        {"mcp": sum(n for name, n in shape.tools.items() if name.startswith("mcp__"))}
    ) + Counter({k: n for k, n in shape.tools.items() if not k.startswith("mcp__")})
    yield from _shares("tools, calls", tools)
    calls = sum(shape.tools.values()) or 1
    yield "calls", "calls a response", calls / responses
    yield "calls", "share that failed", sum(shape.causes.values()) / calls
    yield from _shares("causes, failed calls", shape.causes)
    yield from _shares("models, responses", Counter(told[3] for told in shape.responses.values()))
    agents = sum(told[4] for told in shape.responses.values())
    yield "structure", "responses of subagents", agents / responses
    yield (
        "structure",
        "sessions with subagents' files",
        len(shape.agent_sessions) / (len(shape.session_bytes) or 1),
    )
    copied = sum(count > 1 for count in shape.response_files.values())
    yield "structure", "responses in several files", copied / responses
    yield "structure", "compactions in 1,000 responses", 1_000 * shape.compactions / responses
    yield "structure", "cache writes for an hour", shape.hour_writes / (shape.writes or 1)


def _percentiles(group: str, values: Iterable[int]) -> Iterator[tuple[str, str, float]]:
    ordered = sorted(values) or [0]
    for percent in PERCENTILES:
        place = min(len(ordered) * percent // 100, len(ordered) - 1)
        yield group, f"p{percent}" if percent < 100 else "largest", ordered[place]


def _shares(group: str, counts: Counter[str]) -> Iterator[tuple[str, str, float]]:
    total = sum(counts.values()) or 1
    for name, count in sorted(counts.items(), key=lambda one: (-one[1], one[0])):
        yield group, name, count / total


def beside(real: Shape, generated: Shape) -> Iterator[tuple[str, str, float, float]]:
    """Each figure of both; a list shows what is most frequent in the real one."""
    mine, theirs = list(rows(real)), {(g, n): value for g, n, value in rows(generated)}
    shown: Counter[str] = Counter()
    rest: dict[str, list[float]] = {}
    for group, name, value in mine:
        other = theirs.pop((group, name), 0.0)
        shown[group] += 1
        if shown[group] > _MOST:
            left = rest.setdefault(group, [0.0, 0.0])
            left[0], left[1] = left[0] + value, left[1] + other
            continue
        yield group, name, value, other
    for (group, _), value in theirs.items():
        rest.setdefault(group, [0.0, 0.0])[1] += value
    for group, (value, other) in rest.items():
        yield group, "(all others)", value, other


def tell(real: Shape, generated: Shape) -> None:
    """Print the table."""
    print(f"{'':24}{'':32}{'real':>14}{'generated':>14}")
    table: dict[str, list[str]] = {}
    for group, name, value, other in beside(real, generated):
        far = not value / NEAR <= other <= value * NEAR
        mark = "  ~" if far and group != "counts" else ""
        table.setdefault(group, []).append(
            f"{group:24}{name:32}{_figure(value):>14}{_figure(other):>14}{mark}"
        )
    for lines in table.values():
        print("\n".join(lines))


def _figure(value: float) -> str:
    if value >= 10 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3f}" if value < 1 else f"{value:.2f}"


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("real", type=Path, help="directory with real transcripts")
    parser.add_argument("generated", type=Path, help="directory that corpus.py has written")
    given = parser.parse_args()
    for root in (given.real, given.generated):
        if not root.is_dir():
            parser.error(f"{root} is no directory")
    tell(measure(given.real), measure(given.generated))
    return 0


if __name__ == "__main__":
    sys.exit(main())
