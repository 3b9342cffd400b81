"""What it costs to have everything judged that rules cannot: requests, tokens, dollars.

Sessions and responses of a published audit (9,667 and 133,087) are generated, archived and
flagged, with the share of failures and of candidates that real transcripts had: 5.2 % of calls
fail, one response in 200 is in a stretch that only a judgement can decide, and of 160 failures no
rule knows one. Every one of those is made to say something else, so that none is asked for
another; goals and results are longer than a question shows. The questions are built as the labels
stage builds them, with the canary's before them, and asked of the local imitation of the API
through the real client, in batches. Its counts of tokens are estimates by characters; its prices
are the list prices of batches. Then a last day is asked that has one session in a hundred more.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random

from waste_assets.accounting import turns
from waste_assets.detectors import flags
from waste_assets.detectors.flag import Settings as DetectorSettings
from waste_assets.labels import judged
from waste_assets.labels.asking import ask, collect
from waste_assets.labels.canary import items
from waste_assets.labels.client import Client
from waste_assets.labels.question import Judge, Question
from waste_assets.labels.spend import by_month
from waste_assets.labels.store import Budget, LabelStore
from waste_assets.labels.wanted import prompts
from waste_assets.lake.lake import Lake
from waste_assets.lake.source_catalog import SourceCatalog
from waste_assets.lake.state import State
from waste_assets.lake.tables import FAILED_CALLS, PARSED_TURNS, RAW_SESSIONS, TOOL_CALLS
from waste_assets.processes import Processes
from waste_assets.sample import Conversation, conversation
from waste_assets.settings import Settings
from waste_assets.transcripts import archive
from waste_assets.transcripts.days import Calendar
from waste_assets.transcripts.discover import discover

# The tests are not installed: the server stands beside this folder.
sys.path.append(str(Path(__file__).parent.parent))
from waste_assets_tests.fake_anthropic import FakeAnthropic

SESSIONS, RESPONSES, DAYS = 9_667, 133_087, 90
END = date(2026, 10, 31)
#: Of calls, those that fail; of responses, stretches to be judged; of failures, unknown ones.
FAILED, CANDIDATES, UNKNOWN = 0.052, 1 / 200, 1 / 160
#: The bars: everything, and a day with one session in a hundred more.
BAR, DAY_BAR = 1.00, 0.01


@dataclass(frozen=True)
class Bill:
    """What some questions cost, as the local server counts it."""

    requests: int
    input_tokens: int
    output_tokens: int
    usd: float

    def __str__(self) -> str:
        return (
            f"{self.requests:>8,} requests {self.input_tokens:>12,} tokens in "
            f"{self.output_tokens:>9,} out   ${self.usd:.4f}"
        )


class Judged:
    """Everything is asked of a local server, by way of the real client, and added up."""

    def __init__(self, root: Path, server: FakeAnthropic) -> None:
        self._server = server
        self._state = State(root / "judged")
        self._store = LabelStore(self._state)
        self._client = Client("sk-fake", server.url, sleep=lambda seconds: None)

    def bill(self, questions: Sequence[Question]) -> Bill:
        """Ask these questions and pick up the answers; what that cost more than before."""
        before = self._spent()
        now = datetime.now(UTC)
        ask(self._store, self._client, Judge(), questions, Budget("benchmark", 100.0, None), now)
        self._server.end()
        collect(self._store, self._client, datetime.now(UTC), prompts())
        after = self._spent()
        return Bill(*(new - old for new, old in zip(after, before, strict=True)))

    def _spent(self) -> tuple[int, int, int, float]:
        figures = [one for _, one in by_month(self._store)]
        return (
            sum(one.requests for one in figures),
            sum(one.input_tokens + one.write_tokens + one.read_tokens for one in figures),
            sum(one.output_tokens for one in figures),
            self._server.billed_usd,
        )


def write(root: Path, sessions: int, responses: int, more: int) -> None:
    """Write the sessions, evenly over the days, and `more` of them on the day after."""
    rng = Random(11)
    each = responses / sessions
    for number in range(sessions + more):
        day = END - timedelta(days=number * DAYS // sessions % DAYS + 1)
        if number >= sessions:
            day = END
        start = datetime(day.year, day.month, day.day, 8) + timedelta(seconds=rng.randrange(30_000))
        c = conversation(f"session {number}", start=f"{start.isoformat()}Z", cwd="/home/dev/shop")
        length = 2 + round(rng.expovariate(1 / max(each - 2, 1)))
        work(c, rng, number, length)
        c.write(root)


def work(c: Conversation, rng: Random, number: int, length: int) -> None:
    """A session of so many responses; the last one says goodbye."""
    c.user(f"{number}. " + "Make the totals of the cart agree with the invoice, please. " * 6)
    for step in range(length - 1):
        name = f"src/part{number}_{step}.py"
        chance = rng.random()
        if chance < CANDIDATES:
            host = f"https://site{number}-{step}.example.org/{name}"
            c.web_fetch(host, code=403).say("That does not work, I will go on without. " * 8)
        elif chance < CANDIDATES + FAILED * UNKNOWN:
            said = "".join(rng.choices("abcdefghijklmnop", k=9))
            c.tool(
                f"mcp__{said}__do", {"n": step}, f"the {said} is {said[::-1]} now", is_error=True
            )
        elif chance < FAILED:
            c.bash(f"pytest tests/{name}", "Exit code 1\n" + "1 failed. " * 40, is_error=True)
        elif chance < 0.6:
            c.read(name, tokens=200)
        else:
            c.edit(name)
    c.say("Done. " * 30)


def built(root: Path) -> Lake:
    """The lake of the sessions, up to the flags."""
    lake, calendar = Lake(root / "data" / "lake"), Calendar("UTC")
    state = State(root / "data")
    try:
        found = discover([root / "source"])[0]
        catalog = SourceCatalog(state)
        archive.update(lake, catalog, found, date(2020, 1, 1), date(2100, 1, 1), calendar)
    finally:
        state.close()
    with Processes() as processes:
        turns.build(lake, lake.days(RAW_SESSIONS), calendar, processes)
        flags.build(lake, lake.days(PARSED_TURNS), DetectorSettings(), processes)
    return lake


def questions_of(lake: Lake) -> list[Question]:
    """Everything that is to be judged."""
    days = lake.days(PARSED_TURNS)
    portions = judged.gathered(lake, days, DetectorSettings(), Settings.audit_sample)
    return [question for found in portions for one in found for question in one.questions]


def tell(lake: Lake, asked: Sequence[Question], by: Judged) -> tuple[Bill, Bill]:
    """Print the figures; returns the price of everything before the last day, and of it."""
    active = flags.Active.of(lake)
    sessions = {name for day in active.versions for name in active.sessions(day)}
    calls, failed = (
        lake.read(table, lake.days(table)).num_rows for table in (TOOL_CALLS, FAILED_CALLS)
    )
    print(
        f"{len(sessions):,} sessions, {sum(active.rows.values()):,} responses, {calls:,} calls, "
        f"{failed:,} of them failed ({failed / calls:.1%})"
    )
    canary = by.bill([item.question for item in items()])
    print(f"  {'canary':14}{canary}")
    last = max(one.day for one in asked)
    before = [one for one in asked if one.day < last]
    whole = canary
    for task in sorted(Counter(one.prompt.task for one in before)):
        part = by.bill([one for one in before if one.prompt.task == task])
        print(f"  {task:14}{part}")
        whole = Bill(*(a + b for a, b in zip(astuple(whole), astuple(part), strict=True)))
    return whole, by.bill([one for one in asked if one.day == last])


def main() -> int:
    """Run from the command line; fails where a bar is passed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--data-root", type=Path, help="an audited data root instead")
    parser.add_argument("--sessions", type=int, default=SESSIONS)
    parser.add_argument("--responses", type=int, default=RESPONSES)
    given = parser.parse_args()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        if given.data_root:
            lake = Lake(given.data_root / "lake")
        else:
            more = max(given.sessions // 100, 1)
            write(Path(folder) / "source", given.sessions, given.responses, more)
            print(f"written in {time.perf_counter() - started:.0f} s", file=sys.stderr)
            lake = built(Path(folder))
            print(f"flagged after {time.perf_counter() - started:.0f} s", file=sys.stderr)
        asking = time.perf_counter()
        asked = questions_of(lake)
        print(f"questions in {time.perf_counter() - asking:.0f} s", file=sys.stderr)
        with FakeAnthropic(polls=0) as server:
            whole, day = tell(lake, asked, Judged(Path(folder), server))
    print(f"  {'all':14}{whole}   bar ${BAR:.2f}")
    print(f"  {'the last day':14}{day}   bar ${DAY_BAR:.2f}")
    return int(whole.usd > BAR or day.usd > DAY_BAR)


if __name__ == "__main__":
    sys.exit(main())
