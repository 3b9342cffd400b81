"""What is done in a session, one response after another, until it has as many as planned.

Every generator here yields after each response that it has made, so that whoever drives it can
stop at any: the number of responses of a corpus is exact. Shares and sizes are those of real
transcripts, as shape.py tells them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

from benchmarks.article.failures import BROWSER_IN_USE, failing, name, path
from benchmarks.article.text import Text
from waste_assets.sample import blocks
from waste_assets.sample.blocks import Block, Call, Step
from waste_assets.sample.conversation import Conversation
from waste_assets.sample.threads import Layout, Thread
from waste_assets.sample.workspace import Workspace

Steps = Iterator[None]

#: Context size at which a session is compacted, tokens: of the usual window, and of a long one.
_COMPACT_AT = (165_000, 450_000, 450_000)
#: Of calls, those that fail.
_FAILED = 0.051
_LAYOUTS: dict[Layout, float] = {
    "nested": 0.74, "flat": 0.06, "inline": 0.06, "progress": 0.1, "mirrored": 0.04
}  # fmt: skip


def size(rng: Random, middle: float, spread: float, most: int) -> int:
    """A long-tailed size in tokens, half of all above `middle`."""
    return max(1, min(most, round(middle * rng.lognormvariate(0.0, spread))))


class Work:
    """A conversation at work: the session itself, or one of its subagents."""

    def __init__(self, c: Thread, rng: Random, *, is_old: bool, left: int = 0) -> None:
        self.c = c
        self.rng = rng
        #: Written by a version that repeats progress in lines and whole files in results.
        self.is_old = is_old
        self.left = left
        #: Calls that failed, so far.
        self.failed = 0
        self._actions: list[Callable[[], Steps]] = []
        self._weights: list[float] = []
        for action, weight in (
            (self.read, 20.0),
            (self.run, 36.0),
            (self.edit, 19.0),
            (self.search, 9.0),
            (self.write, 2.6),
            (self.note, 5.6),
            (self.ask_server, 3.2),
            (self.look_up, 3.6),
            (self.read_again, 1.0),
            (self.picture, 0.15),
        ):
            self._actions.append(action)
            self._weights.append(weight)

    def act(self) -> Steps:
        """One piece of work of one response or two."""
        if self.rng.random() < _FAILED:
            self._respond(failing(self.rng))
            yield
            return
        yield from self.rng.choices(self._actions, self._weights)[0]()

    def read(self) -> Steps:
        """Read a file, or two or three at once; a page of a long one."""
        steps = []
        for _ in range(self.rng.choices((1, 2, 3), (74, 17, 9))[0]):
            tokens = size(self.rng, 8_500, 1.2, 60_000)
            # A line has some twelve tokens.
            lines = size(self.rng, 55, 1.3, 1_500) if tokens > 1_000 else None
            steps.append(blocks.read(path(self.rng), tokens, limit=lines))
        self._respond(*steps)
        yield

    def read_again(self) -> Steps:
        """Read a file that was read before, and has not changed."""
        known = self.c.session.workspace.paths()
        if known:
            self._respond(blocks.read(self.rng.choice(known)))
            yield
        else:
            yield from self.read()

    def edit(self) -> Steps:
        """Change a known file, or one that nobody has read."""
        known = self.c.session.workspace.paths()
        target = self.rng.choice(known) if known else path(self.rng)
        text = self.c.session.filler
        old = self.c.session.workspace.some_line(self.c.session.workspace.absolute(target))
        new = "\n".join((old, text.code(size(self.rng, 90, 1.3, 5_000))))
        step = blocks.edit(target, old, new)
        self._respond(_with_original(step, target) if self.is_old else step)
        if self.rng.random() < 0.3 and isinstance(self.c, Conversation):
            self.c.file_history_snapshot()
        yield

    def run(self) -> Steps:
        """Run a command; its output is short, now and then very long."""
        verb = self.rng.choice(("git status", "git diff", "make", "pytest -q", "npm run", "cargo"))
        command = f"{verb} {name(self.rng)}"
        if self.rng.random() < 0.3:
            place = f"/home/dev/{name(self.rng)}"
            command = f"cd {place} && {command} 2>&1 | tail -{self.rng.randrange(5, 80)}"
        tokens = size(self.rng, 60, 2.05, 22_000)
        seconds = self.rng.lognormvariate(1.0, 1.4)
        steps = [blocks.bash(command, tokens=tokens, seconds=seconds, description=f"{verb} it")]
        if self.rng.random() < 0.2:
            steps.append(blocks.bash(f"git log -{self.rng.randrange(2, 9)}", tokens=200))
        self._respond(*steps)
        if self.is_old:
            self._bash_progress(seconds)
        yield

    def search(self) -> Steps:
        """Look for text or for files."""
        pattern = f"{name(self.rng)}_{name(self.rng)}"
        if self.rng.random() < 0.78:
            self._respond(blocks.grep(pattern, tokens=size(self.rng, 90, 1.4, 6_000)))
        else:
            found = [path(self.rng) for _ in range(size(self.rng, 6, 1.0, 80))]
            self._respond(blocks.glob(f"**/{pattern}*", *found))
        yield

    def write(self) -> Steps:
        """Write a whole file."""
        target = path(self.rng)
        self._respond(blocks.write(target, tokens=size(self.rng, 700, 0.9, 9_000)))
        yield

    def note(self) -> Steps:
        """Keep the list of tasks."""
        chance = self.rng.random()
        subject = f"{name(self.rng)} the {name(self.rng)}"
        if chance < 0.46:
            told = {"taskId": str(self.rng.randrange(1, 30)), "status": "completed"}
            self._respond(blocks.tool("TaskUpdate", told, "Updated task"))
        elif chance < 0.7:
            told = {"subject": subject, "description": self.c.session.filler.prose(40)}
            self._respond(blocks.tool("TaskCreate", told, "Task created successfully"))
        else:
            self._respond(blocks.todo(subject, *(name(self.rng) for _ in range(4)), done=1))
        yield

    def ask_server(self) -> Steps:
        """Use a tool of an MCP server, browsers included: theirs work for people."""
        server = self.rng.choice(("tracker__list", "docs__search", "playwright__browser_click"))
        tokens = size(self.rng, 300, 1.3, 12_000)
        self._respond(blocks.tool(f"mcp__{server}", {"query": name(self.rng)}, tokens=tokens))
        yield

    def look_up(self) -> Steps:
        """Search the web, or fetch a page of it."""
        if self.rng.random() < 0.5:
            self._respond(blocks.web_search(f"{name(self.rng)} {name(self.rng)}", tokens=500))
        else:
            host = f"https://{name(self.rng)}.example.org/{name(self.rng)}"
            self._respond(blocks.web_fetch(host, tokens=size(self.rng, 400, 0.8, 4_000)))
        yield

    def picture(self) -> Steps:
        """Look at a picture: the longest lines that there are."""
        filler = self.c.session.filler
        assert isinstance(filler, Text)
        source = filler.blob(size(self.rng, 90_000, 0.8, 600_000))
        self._respond(_picture(f"{name(self.rng)}.png", source))
        yield

    def _respond(self, *steps: Step) -> None:
        """One response of these blocks, with what models think and say before they act."""
        first: list[Step] = []
        if self.rng.random() < 0.6:
            first.append(blocks.think(tokens=size(self.rng, 75, 1.6, 12_000)))
        if self.rng.random() < 0.6:
            first.append(blocks.say(tokens=size(self.rng, 22, 1.0, 1_600)))
        self.c.respond(*first, *steps)
        self.failed += sum(call.is_error for call in self.c.last_calls)
        if self.is_old:
            for call in self.c.last_calls:
                self._hook_progress(call)

    def _hook_progress(self, call: Call) -> None:
        for event in ("PreToolUse", "PostToolUse"):
            if self.rng.random() < 0.95:
                told = {"hookEvent": event, "hookName": f"{event}:{call.name}"}
                self.c.progress("hook_progress", call, command="callback", **told)

    def _bash_progress(self, seconds: float) -> None:
        call = self.c.last_calls[0]
        # One a second of a command that takes longer than two.
        for second in range(2, min(int(seconds) + 1, 40)):
            text = self.c.session.filler.log(190)
            told = {"elapsedTimeSeconds": second, "totalLines": 6 * second}
            self.c.progress("bash_progress", call, output=text, fullOutput=text, **told)


class Session(Work):
    """The main thread: a user who asks, work, an answer, a pause."""

    c: Conversation

    def run_to_its_end(self) -> int:
        """Make as many responses as are left; how many calls failed."""
        steps = self._turns()
        while self.left > 0:
            next(steps)
            self.left -= 1
        self.c.last_prompt()
        return self.failed

    def _turns(self) -> Steps:
        full = self.rng.choice(_COMPACT_AT)
        while True:
            self._ask()
            for _ in range(size(self.rng, 7, 0.9, 90)):
                # The last response is an answer.
                if self.left <= 1:
                    break
                yield from self._delegate() if self.rng.random() < 0.014 else self.act()
                if self.c.context > full or self.rng.random() < 0.0003:
                    self.c.compact(tokens=self.rng.randrange(1_500, 4_000))
            self.c.say(tokens=size(self.rng, 150, 0.9, 3_000))
            yield
            self._close()

    def _ask(self) -> None:
        c, rng = self.c, self.rng
        if rng.random() < 0.4:
            c.queue_operation("enqueue", c.session.filler.prose(30)).queue_operation("dequeue")
        if rng.random() < 0.9:
            c.file_history_snapshot()
        c.user(tokens=size(rng, 40, 1.3, 5_000))
        if rng.random() < 0.15:
            c.hook_context(c.session.filler.prose(50))
        if rng.random() < 0.2:
            c.task_reminder(*(c.session.filler.prose(6) for _ in range(3)))

    def _close(self) -> None:
        c, rng = self.c, self.rng
        c.turn_duration()
        c.stop_hook()
        if rng.random() < 0.45:
            c.title(c.session.filler.prose(8), custom=rng.random() < 0.7)
        if rng.random() < 0.4:
            c.last_prompt(c.session.filler.prose(20))
        c.wait(minutes=min(rng.lognormvariate(0.7, 1.4), 200))

    def _delegate(self) -> Steps:
        """Send one subagent or several, as far as there are responses left for them."""
        rng = self.rng
        lengths = [size(rng, 9, 0.8, 60) for _ in range(rng.choice((1, 1, 1, 2, 3)))]
        if self.left < 1 + sum(lengths) + len(lengths) + 1:
            yield from self.act()
            return
        layout = (
            rng.choices(list(_LAYOUTS), list(_LAYOUTS.values()))[0] if self.is_old else "nested"
        )
        agents = self.c.subagents(
            *rng.choices(("Explore", "Plan", "general-purpose"), k=len(lengths)),
            prompt=self.c.session.filler.prose(size(rng, 300, 0.8, 3_000)),
            finalise=rng.random() < 0.8,
            layout=layout,
            progress=self.is_old and layout == "nested",
        )
        yield
        for agent, length in zip(agents, lengths, strict=True):
            work = Work(agent, rng, is_old=False, left=length)
            yield from self._agent(work)
            self.failed += work.failed
            agent.done(tokens=size(rng, 400, 0.7, 3_000))
            yield

    def _agent(self, work: Work) -> Steps:
        while work.left > 0:
            yield from work.act()
            work.left -= 1


def look_at_page(c: Conversation, rng: Random, responses: int) -> int:
    """A scheduled look at a page, where the browser is in use: one call fails."""
    c.user(f"Open the {name(rng)} dashboard and tell what is red.", source="system")
    shown = {"url": f"https://{name(rng)}.example.org/"}
    c.tool("mcp__playwright__browser_navigate", shown, BROWSER_IN_USE, is_error=True)
    for number in range(responses - 2):
        if number == 0:
            c.bash("ps aux | grep -c chrome", tokens=4)
        else:
            c.grep(name(rng), tokens=30)
    c.say("The browser is in use by another session; nothing could be looked at.")
    c.last_prompt()
    return 1


def do_chore(c: Conversation, rng: Random, responses: int) -> int:
    """A scheduled chore: a few commands, a report; how many of the calls failed."""
    c.user(f"Check the {name(rng)} job of last night.", source="system")
    work = Work(c, rng, is_old=False)
    for _ in range(responses - 1):
        next(work.act())
    c.say(tokens=size(rng, 120, 0.6, 800))
    c.last_prompt()
    return work.failed


def _with_original(step: Step, target: str) -> Step:
    """As older versions wrote it: the result repeats the whole file as it was before."""

    def edited(work: Workspace) -> Block:
        before = work.text(work.absolute(target))
        call = step(work)
        if isinstance(call, Call) and isinstance(call.details, dict):
            call.details["originalFile"] = before
        return call

    return edited


def _picture(target: str, source: str) -> Step:
    def step(work: Workspace) -> Block:
        full = work.absolute(target)
        content = {"type": "base64", "media_type": "image/png", "data": source}
        details = {"type": "image", "file": {"base64": source, "type": "image/png"}}
        call = blocks.tool("Read", {"file_path": full}, "", details=details)(work)
        assert isinstance(call, Call)
        call.result, call.result_tokens = [{"type": "image", "source": content}], 1_500
        return call

    return step
