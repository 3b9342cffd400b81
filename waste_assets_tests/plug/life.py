"""The life of a small data root, from its first audit on: what happens to it, and from where on.

Each act begins from a data root as the acts before it have left it, and ends when its command has
been run to its end and nothing is left to do. It can so be tried again and again.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from waste_assets.labels.canary import items
from waste_assets.sample import Conversation, conversation
from waste_assets_tests.fake_anthropic import FakeAnthropic, answer_by_schema
from waste_assets_tests.labels.judging import value_of
from waste_assets_tests.plug.crashing import Crashing, until
from waste_assets_tests.plug.roots import (
    Held,
    archived,
    differences,
    held,
    stray_files,
    written,
)

_TODAY = datetime.now(UTC).date()
#: The files were last written then, so that nothing is waited for.
_WRITTEN = datetime.combine(_TODAY - timedelta(days=1), datetime.min.time(), UTC).timestamp()


def _day(ago: int) -> str:
    return (_TODAY - timedelta(days=ago)).isoformat()


def _giving_up(session: str, ago: int) -> Conversation:
    c = conversation(session, start=f"{_day(ago)}T09:00:00Z")
    c.user("Look up the rate limits of the parcel service, then tidy the imports of app.py")
    c.web_fetch("https://parcel.example.org/limits", code=403)
    c.web_fetch("https://parcel.example.org/limits", code=403)
    c.say("The site does not let me in. I will go on without the limits.")
    return c.read("app.py", 900).edit("app.py").read("app.py", 900).bash("ruff check", "ok").say()


def first_days(source: Path) -> None:
    """Two sessions: one over midnight, with a subagent, and with lines that are none."""
    _giving_up("given up", 9).write(source)
    c = conversation("over midnight", start=f"{_day(9)}T22:00:00Z").user("Go").read("a.py", 400)
    with c.subagent("Explore") as agent:
        agent.grep("total").across_midnight().read("b.py", 200)
    path = c.say().user("More").read("a.py", 400).say().write(source).truth
    assert path is not None
    broken = min(source.rglob("*.jsonl"))
    with broken.open("ab") as handle:
        handle.write(b'{"type": "user", "message": \n')
    age(source)


def another_day(source: Path) -> None:
    """A session goes on, and one more begins: days that are built have to be merged."""
    grown = max(source.rglob("*.jsonl"))
    lines = grown.read_bytes().splitlines(keepends=True)
    more = lines[-1].replace(b'"uuid":"', b'"uuid":"9')
    with grown.open("ab") as handle:
        handle.write(more)
    _giving_up("given up again", 7).write(source)
    age(source)


def age(source: Path) -> None:
    """Let the files be written long ago."""
    for file in source.rglob("*"):
        if file.is_file():
            os.utime(file, (_WRITTEN, _WRITTEN))


def judge(params: dict[str, Any]) -> str:
    """Answers that pass the canary set."""
    text = json.dumps(params["messages"], ensure_ascii=False)
    for item in items():
        if json.dumps(item.question.text, ensure_ascii=False)[1:-1] in text:
            return json.dumps(value_of(item.task, item.label))
    return answer_by_schema(params)


@dataclass(frozen=True)
class Act:
    """Something that happens to a data root, and what is then to be done."""

    name: str
    #: Changes the sources before it.
    before: Callable[[Path], None] | None = None
    #: Questions are sent, and answers picked up.
    labels: bool = False
    #: What was asked before has been answered.
    answered: bool = False
    #: The hook archives the newest session; an audit comes after.
    hook: bool = False
    #: All stages that have several processes use them.
    processes: bool = False


FIRST = Act("first audit", first_days)
ACTS = (
    FIRST,
    Act("questions are sent", labels=True),
    Act("answers are picked up", labels=True, answered=True),
    Act("another day", another_day),
    Act("the hook archives", another_day, hook=True),
    Act("several processes", first_days, processes=True),
)


class Life:
    """Data roots in one place, from act to act, with a server of their own."""

    def __init__(self, folder: Path, program: Crashing, server: FakeAnthropic) -> None:
        self.folder, self.program, self.server = folder, program, server
        self.home, self.kept = folder / "home", folder / "kept"
        self.source, self.data = self.home / "source", self.home / "data"
        self._batches: dict[str, dict[str, Any]] = {}
        self._expected: dict[str, Held] = {}
        self.points: dict[str, list[str]] = {}
        #: What an undisturbed run takes.
        self.seconds: dict[str, float] = {}
        server.oracle = judge
        server.polls = 1 << 30

    def prepare(self, acts: tuple[Act, ...] = ACTS, *, points: bool = True) -> None:
        """Live through the acts undisturbed; know what each comes to, and its points."""
        for act in acts:
            # The last two begin anew: from what the one before began with, and from nothing.
            start = "another day" if act.hook else act.name
            if not act.hook and not act.processes:
                self._keep(start)
            self.begin(act)
            listed = self.folder / "points.json" if points else None
            began = time.monotonic()
            if status := self.command(act, listed=listed):
                raise RuntimeError(f"{act.name}: status {status}: {self.program.output}")
            self.seconds[act.name] = time.monotonic() - began
            if listed is not None:
                self.points[act.name] = json.loads(listed.read_text())
            wrong = self.finish(act)
            if wrong:
                raise RuntimeError(f"{act.name}: {wrong}")
            self._expected[act.name] = held(self.data)

    def begin(self, act: Act) -> None:
        """Put everything as it was before the act."""
        start = "another day" if act.hook else act.name
        shutil.rmtree(self.home, ignore_errors=True)
        if (self.kept / start).exists():
            shutil.copytree(self.kept / start, self.home)
        self.source.mkdir(parents=True, exist_ok=True)
        self.server.reset()
        self.server.batches.update(deepcopy(self._batches.get(start, {})))
        if act.answered:
            self.server.end()
        if act.before is not None:
            act.before(self.source)

    def command(self, act: Act, **options: Any) -> int:
        """Do what is to be done; returns how it ended."""
        stdin = None
        arguments = ["audit", str(self.source), "--data-root", str(self.data), "--quiet"]
        if act.hook:
            stdin = self._told()
            arguments = ["hook-session-end", "--wait", "--data-root", str(self.data)]
        options |= {"environment": self._environment(act), "processes": act.processes}
        seconds = options.pop("seconds", None)
        if seconds is not None:
            return self.program.run_for(seconds, self.data, *arguments, stdin=stdin, **options)
        return self.program.run(self.data, *arguments, stdin=stdin, **options)

    def audit(self, act: Act) -> int:
        """The next run."""
        return self.command(replace(act, hook=False))

    def finish(self, act: Act) -> list[str]:
        """Whatever comes next until nothing is left to do; tells what failed."""
        for _ in range(6 if act.labels else 1):
            if status := self.audit(act):
                return [f"the next run ended with {status}: {self.program.output[-600:]}"]
            if not act.labels or not (self._under_way() if act.answered else self._unknown()):
                break
            self._time_passes()
            if act.answered:
                self.server.end()
        return []

    def check(self, act: Act) -> list[str]:
        """What is not as it should be."""
        wrong = differences(self._expected[act.name], self.data)
        if not until(lambda: not self.orphans(), 20):
            wrong.append(f"{self.orphans()} processes live on")
        wrong += [f"left behind: {name}" for name in stray_files(self.data)]
        lost = written(self.source) - archived(self.data)
        if lost:
            wrong.append(f"{sum(lost.values())} lines are not archived")
        twice = {key: n for key, n in self.server.answered.items() if n > 1}
        if twice:
            wrong.append(f"{len(twice)} answers were paid for twice")
        if stuck := self._stuck_runs():
            wrong.append(f"{stuck} runs count as running")
        return wrong

    def orphans(self) -> int:
        """Processes that work for a command that is not there any more."""
        mine = f"HOME={self.folder}\0".encode()
        count = 0
        for place in Path("/proc").glob("[0-9]*/environ"):
            # It may end while it is looked at.
            with suppress(OSError):
                count += mine in place.read_bytes()
        return count

    def _stuck_runs(self) -> int:
        runs = self.data / "dagster" / "history" / "runs.db"
        if not runs.exists():
            return 0
        with closing(sqlite3.connect(runs)) as con:
            query = "SELECT count(*) FROM runs WHERE status IN ('STARTED', 'STARTING', 'QUEUED')"
            (count,) = con.execute(query).fetchone()
            return int(count)

    def _keep(self, name: str) -> None:
        """Begin this act from here."""
        if self.home.exists():
            shutil.copytree(self.home, self.kept / name)
        self._batches[name] = deepcopy(self.server.batches)

    def _environment(self, act: Act) -> dict[str, str]:
        known = {
            "HOME": str(self.folder),
            "ANTHROPIC_API_KEY": "sk-fake-key" if act.labels else "",
            "WASTE_ASSETS_LABEL_MAX_USD": "5",
            "WASTE_ASSETS_LABEL_BASE_URL": self.server.url,
        }
        return known

    def _told(self) -> Path:
        newest = max(self.source.rglob("*.jsonl"), key=lambda path: path.stat().st_ino)
        told = self.folder / "event.json"
        told.write_text(json.dumps({"session_id": "s", "transcript_path": str(newest)}))
        return told

    def _under_way(self) -> int:
        return self._count("label_requests", "outcome IS NULL")

    def _unknown(self) -> int:
        return self._count("label_sendings", "status = 'intended'")

    def _count(self, table: str, which: str) -> int:
        with closing(sqlite3.connect(self.data / "state.db")) as con:
            (count,) = con.execute(f"SELECT count(*) FROM {table} WHERE {which}").fetchone()
            return int(count)

    def _time_passes(self) -> None:
        """Twenty minutes, after which a sending that did not arrive is known as such."""
        with closing(sqlite3.connect(self.data / "state.db")) as con, con:
            rows = con.execute(
                "SELECT sending_id, intended_at FROM label_sendings WHERE status = 'intended'"
            ).fetchall()
            for sending, at in rows:
                before = datetime.fromisoformat(at) - timedelta(minutes=20)
                con.execute(
                    "UPDATE label_sendings SET intended_at = ? WHERE sending_id = ?",
                    (before.isoformat(), sending),
                )


def kinds(points: list[str]) -> Iterator[tuple[str, int]]:
    """The points as (name, how often it was met up to there), in order."""
    met: Counter[str] = Counter()
    for point in points:
        met[point] += 1
        yield point, met[point]


@contextmanager
def life(folder: Path, *, stages_only: bool = False) -> Iterator[Life]:
    """A life in a folder, with its program and its server."""
    with (
        FakeAnthropic() as server,
        Crashing(folder / "program", stages_only=stages_only) as program,
    ):
        yield Life(folder, program, server)
