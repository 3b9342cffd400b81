"""The audit of one corpus beside other programs: cold, unchanged, and with one more day."""

from __future__ import annotations

import json
import shutil
import statistics
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.article import stages
from benchmarks.article.candidates import AUDIT, CCUSAGE, Candidate
from benchmarks.article.corpus import write_day
from benchmarks.article.process import Run, run

COLD, UNCHANGED, NEW_DAY = "cold", "unchanged", "new day"
CASES = (COLD, UNCHANGED, NEW_DAY)
#: Against ccusage's time, start-up apart; seconds in all, start-up included; bytes.
COLD_BAR, DAY_BAR, MEMORY_BAR = 5.0, 30.0, 3 << 29
KINDS = {
    "responses": "responses",
    "input": "input_tokens",
    "write_5m": "write_5m_tokens",
    "write_1h": "write_1h_tokens",
    "read": "read_tokens",
    "output": "output_tokens",
}
"""What is compared by day: as expected.json calls it, and as the audit does."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Medians of one case of one program; memory is the largest of all rounds.

    `startup` is importing and opening Dagster, and importing Great Expectations.
    """

    wall: float
    startup: float
    cpu: float
    peak_bytes: int
    largest_bytes: int
    tokens: int
    """That it counted."""

    @property
    def worked(self) -> float:
        """Wall time without start-up."""
        return self.wall - self.startup


@dataclass
class Measured:
    """What one corpus cost."""

    corpus: Path
    responses: int
    days: int
    tokens: dict[str, int]
    """Expected, by case."""
    corpus_bytes: int
    figures: dict[tuple[str, str], Figures] = field(default_factory=dict)
    """By case and program."""
    stages: list[stages.Stage] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)
    """Where an audit found something else than was expected, or a check failed."""
    passed_checks: int = 0
    day_responses: int = 0
    """Of the new day: it is the same one, whatever the size of the corpus."""

    def of(self, case: str, name: str) -> Figures:
        """The figures of one case of one program."""
        return self.figures[case, name]

    @property
    def seconds_a_response(self) -> float:
        """Of a cold audit, start-up apart."""
        return self.of(COLD, AUDIT).worked / self.responses

    @property
    def ratio(self) -> float | None:
        """The cold audit's time against ccusage's; None where ccusage was not there."""
        if (COLD, CCUSAGE) not in self.figures:
            return None
        return self.of(COLD, AUDIT).worked / self.of(COLD, CCUSAGE).wall

    def bars(self) -> Iterator[tuple[str, str, bool]]:
        """What must hold, the figure, and whether it does."""
        ratio = self.ratio
        told = "ccusage is missing" if ratio is None else f"{ratio:.2f} times"
        yield (
            f"cold at most {COLD_BAR:g} times ccusage",
            told,
            ratio is not None and (ratio <= COLD_BAR),
        )
        day = self.of(NEW_DAY, AUDIT).wall
        yield f"a new day at most {DAY_BAR:g} s in all", f"{day:.1f} s", day <= DAY_BAR
        peak = max(self.of(case, AUDIT).peak_bytes for case in CASES)
        told = f"{peak / 2**30:.2f} GiB"
        yield f"peak at most {MEMORY_BAR / 2**30:g} GiB", told, peak <= MEMORY_BAR
        told = "; ".join(self.differences[:3]) or f"{self.passed_checks:,} checks passed"
        yield "totals as expected, checks pass", told, not self.differences


def measure(
    corpus: Path, candidates: Sequence[Candidate], data: Path, rounds: int, work: Path
) -> Measured:
    """Run everything so often; every round runs each case with each program, one after another.

    Raises:
        Failed: a program failed.
    """
    expected = json.loads((corpus / "expected.json").read_bytes())
    more = work / "day"
    if not more.exists():
        write_day(more, 1, int(expected["seed"]))
    day = json.loads((more / "expected.json").read_bytes())
    longer = _together(expected, day)
    wanted = {COLD: expected, UNCHANGED: expected, NEW_DAY: longer}
    told = Measured(
        corpus,
        expected["responses"],
        len(expected["days"]),
        {case: _tokens(one) for case, one in wanted.items()},
        _warmed(corpus),
        day_responses=day["responses"],
    )
    runs: dict[tuple[str, str], list[Run]] = defaultdict(list)
    tokens: dict[tuple[str, str], int] = {}
    cold_stages = []
    for number in range(rounds):
        for case in CASES:
            with with_more(corpus, more) if case == NEW_DAY else nullcontext():
                # Another program begins in every round.
                turn = number % len(candidates)
                for one in (*candidates[turn:], *candidates[:turn]):
                    if case == COLD:
                        one.forget()
                    done = run(one.command(), one.environment())
                    runs[case, one.name].append(done)
                    tokens[case, one.name] = one.counted(done.output)
                    told_so_far = f"{number + 1} of {rounds}, {case}, {one.name}"
                    print(f"{told_so_far}: {done.wall:.1f} s", file=sys.stderr, flush=True)
                    if one.name == AUDIT:
                        account = json.loads(done.output)
                        told.differences += _differences(case, wanted[case], account)
                        told.passed_checks += account["checks"]["passed"]
                        if case == COLD:
                            cold_stages.append(stages.stages(done, data))
    for one in candidates:
        one.forget()
    for key, each in runs.items():
        told.figures[key] = _figures(key[1], each, tokens[key])
    told.stages = stages.medians(cold_stages)
    return told


def _figures(name: str, runs: list[Run], tokens: int) -> Figures:
    def median(value: Callable[[Run], float]) -> float:
        return statistics.median(value(one) for one in runs)

    return Figures(
        median(lambda one: one.wall),
        median(_startup) if name == AUDIT else 0.0,
        median(lambda one: one.cpu),
        max(one.peak_bytes for one in runs),
        max(one.largest_bytes for one in runs),
        tokens,
    )


def _startup(done: Run) -> float:
    startup = json.loads(done.output)["startup"]
    return float(startup["dagster_seconds"] + startup["great_expectations_seconds"])


def _together(expected: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    days = {day: dict(totals) for day, totals in expected["days"].items()}
    for day, totals in more["days"].items():
        known = days.setdefault(day, dict.fromkeys(totals, 0))
        for kind, value in totals.items():
            known[kind] += value
    return {"days": days, "lines": expected["lines"] + more["lines"]}


def _tokens(expected: dict[str, Any]) -> int:
    kinds = [kind for kind in KINDS if kind != "responses"]
    return sum(day[kind] for day in expected["days"].values() for kind in kinds)


def _differences(case: str, expected: dict[str, Any], account: dict[str, Any]) -> Iterator[str]:
    """What an audit found that was not to be found, in words."""
    days = {row["day"]: row for row in account["by_day"]}
    for day in sorted(expected["days"].keys() | days.keys()):
        for kind, name in KINDS.items():
            wanted = expected["days"].get(day, {}).get(kind, 0)
            found = days.get(day, {}).get(name, 0)
            if wanted != found:
                yield f"{case}, {day}: {found:,} {name}, expected {wanted:,}"
    lines = account["coverage"]["lines"]
    if lines != expected["lines"]:
        yield f"{case}: {lines:,} lines, expected {expected['lines']:,}"
    for check in account["checks"]["failed"]:
        yield f"{case}: check {check['check']} of {check['asset']} failed: {check['told']}"


def _warmed(corpus: Path) -> int:
    """Read every file once, so that no program finds the page cache colder; bytes read."""
    size = 0
    for path in sorted((corpus / "projects").rglob("*")):
        if path.is_file():
            with path.open("rb") as handle:
                while block := handle.read(1 << 20):
                    size += len(block)
    return size


@contextmanager
def with_more(corpus: Path, more: Path) -> Iterator[None]:
    """The corpus with another one's files among its own, for a while."""
    added = []
    try:
        for path in sorted((more / "projects").rglob("*")):
            target = corpus / path.relative_to(more)
            if path.is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                added.append(target)
                shutil.copyfile(path, target)
        yield
    finally:
        for target in added:
            target.unlink(missing_ok=True)
            folder = target.parent
            while folder != corpus and not any(folder.iterdir()):
                folder.rmdir()
                folder = folder.parent
