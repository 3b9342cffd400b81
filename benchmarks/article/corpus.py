"""Writes a corpus of the size of a published audit, from a seed: 9,667 sessions, 133,087 responses.

    python -m benchmarks.article.corpus DIRECTORY [--scale 3] [--seed 1]
    python -m benchmarks.article.corpus DIRECTORY --day 1

The same scale and seed write the same bytes, on any number of cores. `expected.json` says what
must come out of it: tokens and responses of every day, lines, files, failed calls, and the
sessions in which a browser failed. With `--day N` nothing but the Nth day after the end of the
corpus is written: the same corpus with one more day is both directories together.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from random import Random

import orjson

if __name__ == "__main__":
    # Run by its path, too.
    sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.article.plan import Kind, Planned, stories, stories_of_day
from benchmarks.article.text import Text
from benchmarks.article.work import Session, do_chore, look_at_page
from waste_assets.sample import Conversation, Truth, conversation
from waste_assets.sample.clock import iso

#: From which day on which models are used: by people, by their subagents and chores.
_MODELS = (
    (date(2026, 9, 22), "claude-opus-5-5", "claude-sonnet-5"),
    (date(2026, 6, 30), "claude-opus-5", "claude-sonnet-5"),
    (date(2000, 1, 1), "claude-opus-4-6", "claude-sonnet-4-6"),
)
_CHEAP = "claude-haiku-4-5-20251001"
_PROJECTS = ("shop", "shop-api", "warehouse", "infra/deploy", "notes.app", "ledger", "mailer")
_OLD = 0.58
"""Of people's sessions, those of versions that write progress lines and whole files."""
_PORTION = 40
"""Stories that a process writes at a time."""


@dataclass
class Expected:
    """What an audit must find."""

    truth: Truth = field(default_factory=Truth)
    #: What was asked for: scale and seed, or the day.
    made_of: dict[str, float] = field(default_factory=dict)
    sessions: int = 0
    failed_calls: int = 0
    browser_sessions: list[str] = field(default_factory=list)

    def add(self, other: Expected) -> None:
        """Add what another portion holds."""
        self.truth.add(other.truth, responses=False)
        self.sessions += other.sessions
        self.failed_calls += other.failed_calls
        self.browser_sessions += other.browser_sessions

    def as_dict(self) -> dict[str, object]:
        """Ready for JSON."""
        return {
            **self.made_of,
            "sessions": self.sessions,
            "responses": sum(day.responses for day in self.truth.days.values()),
            "failed_calls": self.failed_calls,
            "browser_sessions": sorted(self.browser_sessions),
            **self.truth.as_dict(),
        }


def write_corpus(
    root: Path,
    scale: float,
    seed: int,
    processes: int | None = None,
    progress: Callable[[float], None] = lambda share: None,
) -> Expected:
    """Write a corpus below `root`, and what it adds up to into `root/expected.json`.

    Raises:
        FileExistsError: `root` holds something already.
    """
    made_of = {"scale": scale, "seed": seed}
    return _write_all(root, stories(seed, scale), made_of, processes, progress)


def write_day(
    root: Path,
    number: int,
    seed: int,
    processes: int | None = None,
    progress: Callable[[float], None] = lambda share: None,
) -> Expected:
    """Write the day that is so many days after the end of the corpus, as `write_corpus` does.

    Raises:
        FileExistsError: `root` holds something already.
    """
    made_of: dict[str, float] = {"day": number, "seed": seed}
    return _write_all(root, stories_of_day(seed, number), made_of, processes, progress)


def _write_all(
    root: Path,
    planned: Sequence[list[Planned]],
    made_of: dict[str, float],
    processes: int | None,
    progress: Callable[[float], None],
) -> Expected:
    """Write these stories.

    Raises:
        FileExistsError: `root` holds something already.
    """
    if root.exists() and any(root.iterdir()):
        raise FileExistsError(f"{root} is not empty: give a new or an empty directory")
    root.mkdir(parents=True, exist_ok=True)
    portions = [planned[at : at + _PORTION] for at in range(0, len(planned), _PORTION)]
    expected = Expected(made_of=made_of)
    count = processes or os.cpu_count() or 1
    with ProcessPoolExecutor(count) as pool:
        for number, part in enumerate(pool.map(partial(_write, root), portions), 1):
            expected.add(part)
            progress(number / len(portions))
    text = orjson.dumps(expected.as_dict(), option=orjson.OPT_INDENT_2)
    (root / "expected.json").write_bytes(text + b"\n")
    return expected


def _write(root: Path, portion: Sequence[list[Planned]]) -> Expected:
    expected = Expected()
    for story in portion:
        done: Conversation | None = None
        for planned in story:
            done, failed = _session(planned, done)
            done.write(root)
            expected.truth.add(done.truth, responses=False)
            expected.sessions += 1
            expected.failed_calls += failed
            if planned.kind is Kind.BROWSER:
                expected.browser_sessions.append(done.session.id)
    return expected


def _session(planned: Planned, before: Conversation | None) -> tuple[Conversation, int]:
    """A session, and how many of its calls failed."""
    rng = Random(f"article:{planned.seed}")
    if planned.kind is not Kind.PERSON:
        c = _begun(planned, rng, is_old=False)
        work = look_at_page if planned.kind is Kind.BROWSER else do_chore
        return c, work(c, rng, planned.responses)
    is_old = rng.random() < _OLD
    if before is None:
        c = _begun(planned, rng, is_old=is_old)
    else:
        before.wait(minutes=rng.lognormvariate(1.5, 1.0))
        c = rng.choice((before.resume, before.fork, before.hand_off))(f"article:{planned.seed}")
        _retell(c, planned)
    return c, Session(c, rng, is_old=is_old, left=planned.responses).run_to_its_end()


def _begun(planned: Planned, rng: Random, *, is_old: bool) -> Conversation:
    """A conversation of the kind that was planned, up to its first question."""
    midnight = datetime.combine(planned.day, datetime.min.time(), UTC)
    start_ms = round(midnight.timestamp() * 1_000) + planned.start_ms
    dear, other = next((a, b) for since, a, b in _MODELS if planned.day >= since)
    is_person = planned.kind is Kind.PERSON
    mine = rng.choices((dear, other), (0.8, 0.2))[0] if is_person else _CHEAP
    c = conversation(
        f"article:{planned.seed}",
        cwd=f"/home/dev/{rng.choice(_PROJECTS)}",
        start=iso(start_ms),
        base_tokens=round(min(15_000 + 36_000 * rng.lognormvariate(0, 0.6), 90_000))
        if is_person
        else rng.randrange(14_000, 19_000),
        model=mine,
        ttl=rng.choice(("1h", "1h", "1h", "5m")) if is_person else "5m",
        version=rng.choice(("2.1.39", "2.1.78")) if is_old else rng.choice(("2.1.220", "2.1.286")),
        branch=rng.choice(("main", "main", "fix/rounding", "feature/limits")),
        entrypoint="cli" if is_person else "sdk-cli",
        placeholder=is_old,
    )
    _retell(c, planned)
    c.mode().file_history_snapshot()
    c.nested_memory(tokens=rng.randrange(100, 2_500))
    if is_person:
        c.skill_listing(tokens=rng.randrange(200, 2_000))
    return c


def _retell(c: Conversation, planned: Planned) -> None:
    """Give a conversation the text of this corpus."""
    c.session.filler = c.session.workspace.filler = Text(f"article:{planned.seed}")


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("directory", type=Path, help="directory to write; new or empty")
    parser.add_argument("--scale", type=float, default=1.0, help="times its size (default 1)")
    parser.add_argument("--seed", type=int, default=1, help="which corpus (default 1)")
    parser.add_argument("--day", type=int, help="only the Nth day after the end of the corpus")
    parser.add_argument("--processes", type=int, help="default: one a core")
    given = parser.parse_args()
    if given.scale <= 0 or (given.day is not None and given.day < 1):
        parser.error("--scale is above 0, --day is 1 or more")
    started = time.perf_counter()
    try:
        if given.day:
            expected = write_day(given.directory, given.day, given.seed, given.processes, percent)
        else:
            expected = write_corpus(
                given.directory, given.scale, given.seed, given.processes, percent
            )
    except OSError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    told = expected.as_dict()
    seconds = time.perf_counter() - started
    print(
        f"{told['sessions']:,} sessions, {told['responses']:,} responses, {told['lines']:,} lines, "
        f"up to {max(expected.truth.days)}, in {seconds:.0f} s."
    )
    return 0


def percent(share: float) -> None:
    """Tell how much is written."""
    end = "\n" if share == 1 else "\r"
    print(f"{share:4.0%} written", file=sys.stderr, end=end, flush=True)


if __name__ == "__main__":
    sys.exit(main())
