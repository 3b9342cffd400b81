"""Waste on purpose: each function puts one wasteful episode into a conversation as it stands.

What is wasted, and therefore noted, is what the taxonomy says: a repeated read owns its call and
what the call left in later prompts, a rebuilt cache the difference of two rates, an answer that is
too long what exceeds the cap. Work around it that is needed anyway is not noted.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from random import Random

from waste_assets.sample import blocks, faults
from waste_assets.sample.cache import TTL_MS
from waste_assets.sample.clock import MS_PER_MINUTE
from waste_assets.sample.conversation import Conversation
from waste_assets.sample.episodes import USUAL_THINKING, area, new_path, part, run_tests, size
from waste_assets.sample.planted import Planting, Span
from waste_assets.sample.threads import Thread
from waste_assets.sample.tokens import tokens_of

RESULT_CAP = 8_000
"""Results above this size are too long, tokens."""
PREFIX_BUDGET = 50_000
"""First prompts above this size are bloated, tokens."""

USUAL_PROSE = 100
"""Prose that a turn may begin with before it calls a tool, tokens."""

Insert = Callable[[Conversation, Random], None]


class Place(Enum):
    """Where in a session waste of a kind happens."""

    WITHIN = "within"
    """Anywhere in a turn."""
    LAST = "last"
    """At the end of a turn: the model gives up and tells the user."""
    BETWEEN = "between"
    """Between two turns: the user is away, or decides something."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One way to waste tokens."""

    category: str
    weight: float
    place: Place
    insert: Insert

    @property
    def name(self) -> str:
        """As plants and `planted.json` call it."""
        return self.insert.__name__


KINDS: list[Kind] = []


def _kind(
    category: str, weight: float = 1.0, place: Place = Place.WITHIN
) -> Callable[[Insert], Insert]:
    def register(insert: Insert) -> Insert:
        KINDS.append(Kind(category, weight, place, insert))
        return insert

    return register


def _wasted(c: Thread, category: str, kind: str) -> Planting:
    """The calls of the last response need not have been made."""
    planting = c.plant(category, kind)
    for call in c.last_calls:
        planting.call(call)
    return planting


def _number(rng: Random) -> int:
    return rng.randrange(10_000)


# --- retry_error ---------------------------------------------------------------------------


@_kind("retry_error", 2.0)
def missing_file(c: Conversation, rng: Random) -> None:
    """A path that was guessed wrong."""
    c.read(f"src/{area(rng)}/{part(rng)}_{_number(rng)}.py", is_error=True)
    _wasted(c, "retry_error", "missing_file")
    path = new_path(c, rng)
    c.glob(f"**/{path.rsplit('/', 1)[1]}", path).read(path, size(rng, 900))


@_kind("retry_error")
def missing_command(c: Conversation, rng: Random) -> None:
    """A command of another system, then the right one."""
    script = f"s/{part(rng)}/{part(rng)}/' notes_{_number(rng)}.txt"
    c.bash(
        f"gsed -i '{script}",
        "Exit code 127\n/bin/bash: line 1: gsed: command not found",
        is_error=True,
    )
    _wasted(c, "retry_error", "missing_command")
    c.bash(f"sed -i '{script}")


@_kind("retry_error", 2.0)
def no_match(c: Conversation, rng: Random) -> None:
    """An edit of text that is not there, then one of text that is."""
    path = new_path(c, rng)
    c.read(path, size(rng, 900))
    c.edit(path, c.session.filler.code(30), c.session.filler.code(34), is_error=True)
    _wasted(c, "retry_error", "no_match")
    c.edit(path)


@_kind("retry_error")
def wrong_parameter(c: Conversation, rng: Random) -> None:
    """A parameter that the tool does not have."""
    pattern = f"{part(rng)}_{_number(rng)}"
    c.tool(
        "Grep", {"pattern": pattern, "limit": 20}, faults.BAD_INPUT.format(name="Grep"),
        is_error=True,
    )  # fmt: skip
    _wasted(c, "retry_error", "wrong_parameter")
    c.grep(pattern, tokens=size(rng, 100))


@_kind("retry_error")
def unknown_tool(c: Conversation, rng: Random) -> None:
    """A tool that this version does not have."""
    name = "mcp__tracker__create_issue"
    title = f"{area(rng)} {part(rng)} {_number(rng)}"
    c.tool(name, {"title": title}, faults.UNKNOWN_TOOL.format(name=name), is_error=True)
    _wasted(c, "retry_error", "unknown_tool")


@_kind("retry_error")
def busy_browser(c: Conversation, rng: Random) -> None:
    """The browser is in use, and is asked for again although nothing has changed."""
    planting = c.plant("retry_error", "busy_browser")
    url = f"http://localhost:8000/{area(rng)}/{_number(rng)}"
    for _ in range(2):
        c.tool(
            "mcp__playwright__browser_navigate", {"url": url}, faults.BROWSER_IN_USE,
            is_error=True, seconds=1.5,
        )  # fmt: skip
        planting.call(c.last_calls[0])
    c.tool("mcp__playwright__browser_tabs", {"action": "list"}, f"0: (current) [{url}]")


@_kind("retry_error")
def web_wall(c: Conversation, rng: Random) -> None:
    """A page that refuses; a search brings the answer."""
    topic = f"{part(rng)}-{_number(rng)}"
    c.web_fetch(f"https://{topic}.example.org/{area(rng)}", code=403)
    _wasted(c, "retry_error", "web_wall")
    c.web_search(f"{topic} limits", tokens=size(rng, 400))


@_kind("retry_error")
def cancelled_sibling(c: Conversation, rng: Random) -> None:
    """A command that is not installed takes the calls beside it down."""
    name = f"{part(rng)}lint{_number(rng)}"
    c.respond(
        blocks.bash(
            f"{name} src", f"Exit code 127\n/bin/bash: line 1: {name}: command not found",
            is_error=True,
        ),
        blocks.bash(f"wc -l src/{area(rng)}/*.py", faults.SIBLING, is_error=True),
    )  # fmt: skip
    _wasted(c, "retry_error", "cancelled_sibling")


@_kind("retry_error")
def red_again(c: Conversation, rng: Random) -> None:
    """A red test is run again although nothing has changed; only then comes the edit."""
    path, tests = new_path(c, rng), f"{area(rng)}_{_number(rng)}"
    c.read(path, size(rng, 900))
    command = f"pytest -q tests/test_{tests}.py"
    told = "Exit code 1\n" + c.session.filler.red(size(rng, 500, spread=0.4), tests)
    for _ in range(2):
        c.bash(command, told, is_error=True, seconds=rng.uniform(2, 20))
    _wasted(c, "retry_error", "red_again")
    c.edit(path)
    run_tests(c, rng, tests)


# --- file_reread ---------------------------------------------------------------------------


@_kind("file_reread", 3.0)
def read_again(c: Conversation, rng: Random) -> None:
    """A file is read whole, and again a little later."""
    path = new_path(c, rng)
    c.read(path, size(rng, 1_200))
    c.grep(part(rng), tokens=size(rng, 100))
    c.read(path)
    _wasted(c, "file_reread", "read_again")


@_kind("file_reread")
def read_unchanged(c: Conversation, rng: Random) -> None:
    """As `read_again`, and the harness answers that nothing has changed."""
    path = new_path(c, rng)
    c.read(path, size(rng, 1_200))
    c.bash("git log --oneline -5", tokens=size(rng, 60))
    c.read(path, unchanged=True)
    _wasted(c, "file_reread", "read_unchanged")


@_kind("file_reread")
def read_inside(c: Conversation, rng: Random) -> None:
    """A range of a file that stands in the context as a whole."""
    path = new_path(c, rng)
    c.read(path, size(rng, 1_500, spread=0.3))
    lines = c.session.workspace.text(c.session.workspace.absolute(path)).count("\n") + 1
    c.grep(part(rng), tokens=size(rng, 100))
    c.read(path, offset=lines // 4, limit=lines // 2)
    _wasted(c, "file_reread", "read_inside")


@_kind("file_reread")
def cat_again(c: Conversation, rng: Random) -> None:
    """The same file through the shell, twice."""
    path = new_path(c, rng)
    text = c.session.workspace.text(c.session.workspace.absolute(path), size(rng, 900))
    c.bash(f"cat {path}", text)
    c.grep(part(rng), tokens=size(rng, 100))
    c.bash(f"cat {path}", text)
    _wasted(c, "file_reread", "cat_again")


@_kind("file_reread")
def status_again(c: Conversation, rng: Random) -> None:
    """The same command with the same answer, and nothing changed in between."""
    told = "On branch main\n" + c.session.filler.log(size(rng, 120, spread=0.3))
    c.bash("git status", told)
    c.grep(part(rng), tokens=size(rng, 100))
    c.bash("git status", told)
    _wasted(c, "file_reread", "status_again")


# --- dead_end ------------------------------------------------------------------------------


@_kind("dead_end", 1.0, Place.LAST)
def walled_host(c: Conversation, rng: Random) -> None:
    """A host that refuses every page, until the model gives up."""
    planting = c.plant("dead_end", "walled_host")
    host = f"https://{part(rng)}-{_number(rng)}.example.org"
    for number in range(rng.randint(3, 5)):
        c.web_fetch(f"{host}/{area(rng)}/{number}", code=403)
        planting.call(c.last_calls[0])
    c.say(f"{host} refuses every request; I cannot see these pages and leave them out.")


@_kind("dead_end", 1.0, Place.LAST)
def no_daemon(c: Conversation, rng: Random) -> None:
    """A service that does not run, called in several ways, then handed back."""
    planting = c.plant("dead_end", "no_daemon")
    name = f"{area(rng)}_{_number(rng)}"
    ways = ("up -d", "up -d --wait", "up --force-recreate -d", "up --build -d")
    for way in ways[: rng.randint(3, 4)]:
        command = f"docker compose -f {name}.yml {way}"
        c.bash(command, "Exit code 1\n" + faults.NO_DOCKER, is_error=True)
        planting.call(c.last_calls[0])
    c.say("Docker does not run on this machine, so I cannot start the service. Please do.")


@_kind("dead_end", 1.0, Place.LAST)
def cut_answer(c: Conversation, rng: Random) -> None:
    """An answer that ends at the limit of tokens."""
    tokens = rng.randint(2_000, 4_000)
    c.say(tokens=tokens, stop_reason="max_tokens")
    planting = c.plant("dead_end", "cut_answer")
    last = len(c.charges) - 1
    planting.shows(last)
    planting.output(last, tokens)
    planting.carried(c.span(c.charges[last].bill.prompt))


# --- oververbose_edit ----------------------------------------------------------------------


@_kind("oververbose_edit")
def long_answer(c: Conversation, rng: Random) -> None:
    """A tool answers with far more than the cap."""
    _too_long(c, "long_answer", blocks.tool(
        "mcp__db__query", {"sql": f"SELECT * FROM {area(rng)}_{_number(rng)}"},
        tokens=rng.randint(10_000, 18_000),
    ))  # fmt: skip


@_kind("oververbose_edit")
def long_read(c: Conversation, rng: Random) -> None:
    """A file far above the cap, read whole."""
    _too_long(c, "long_read", blocks.read(new_path(c, rng), rng.randint(10_000, 18_000)))


def _too_long(c: Conversation, kind: str, step: blocks.Step) -> None:
    planting = c.plant("oververbose_edit", kind)
    c.respond(step)
    (call,) = c.last_calls
    planting.concerns(call)
    assert call.entered is not None
    planting.carried(call.entered.after(RESULT_CAP))


@_kind("oververbose_edit")
def rewrite(c: Conversation, rng: Random) -> None:
    """A whole file is written again to change two lines of it."""
    path = new_path(c, rng)
    c.read(path, rng.randint(1_800, 4_000))
    lines = c.session.workspace.text(c.session.workspace.absolute(path)).split("\n")
    diff = []
    for number in rng.sample(range(len(lines)), 2):
        diff.append(lines[number])
        lines[number] = c.session.filler.variation(lines[number])
        diff.append(lines[number])
    c.write_file(path, "\n".join(lines))
    _beyond(c, "rewrite", tokens_of("\n".join(diff)))


@_kind("oververbose_edit")
def padded_edit(c: Conversation, rng: Random) -> None:
    """An edit repeats a whole class to change a line in the middle of it."""
    path = new_path(c, rng)
    c.read(path, rng.randint(3_000, 5_000))
    lines = c.session.workspace.text(c.session.workspace.absolute(path)).split("\n")
    old = lines[: 5 * len(lines) // 6]
    middle = len(old) // 2
    new = [*old[:middle], c.session.filler.variation(old[middle]), *old[middle + 1 :]]
    c.edit(path, "\n".join(old), "\n".join(new))
    # The line and the two on either side of it, as they were and as they are now.
    needed = [*old[middle - 2 : middle + 3], *new[middle - 2 : middle + 3]]
    _beyond(c, "padded_edit", tokens_of("\n".join(needed)))


def _beyond(c: Conversation, kind: str, needed: int) -> None:
    """What the last call says beyond `needed` tokens."""
    (call,) = c.last_calls
    planting = c.plant("oververbose_edit", kind)
    planting.concerns(call)
    planting.output(call.charge, call.tokens - needed)
    assert call.sent is not None
    planting.carried(call.sent.after(needed))


@_kind("oververbose_edit")
def chatter(c: Conversation, rng: Random) -> None:
    """Long prose before a call, where nobody has asked for an answer."""
    c.grep(part(rng), tokens=size(rng, 100))
    tokens = rng.randint(700, 1_500)
    c.respond(blocks.say(tokens=tokens), blocks.read(new_path(c, rng), size(rng, 600)))
    planting = c.plant("oververbose_edit", "chatter")
    planting.concerns(c.last_calls[0])
    last = len(c.charges) - 1
    planting.output(last, tokens - USUAL_PROSE)
    start = c.charges[last].bill.prompt
    planting.carried(c.span(start, start + tokens).after(USUAL_PROSE))


@_kind("oververbose_edit", 0.7)
def todos_again(c: Conversation, rng: Random) -> None:
    """A todo list is sent again as it was."""
    tasks = [c.session.filler.prose(10) for _ in range(rng.randint(5, 9))]
    c.todo(*tasks)
    c.read(new_path(c, rng), size(rng, 600))
    c.todo(*tasks)
    _wasted(c, "oververbose_edit", "todos_again")


@_kind("oververbose_edit", 0.7)
def lock_file(c: Conversation, rng: Random) -> None:
    """A file that a machine wrote for machines."""
    c.read(f"packages/{area(rng)}_{_number(rng)}/package-lock.json", rng.randint(2_000, 7_000))
    _wasted(c, "oververbose_edit", "lock_file")


# --- cache_read ----------------------------------------------------------------------------


@_kind("cache_read")
def hook_again(c: Conversation, rng: Random) -> None:
    """A hook adds a text that the context holds already."""
    text = c.session.filler.prose(rng.randint(300, 900))
    c.hook_context(text, hook="PostToolUse:Bash")
    c.bash("git log --oneline -5", tokens=size(rng, 60))
    for _ in range(rng.randint(1, 3)):
        begin = c.context
        c.hook_context(text, hook="PostToolUse:Bash")
        again = c.span(begin)
        c.grep(part(rng), tokens=size(rng, 100))
        c.plant("cache_read", "hook_again").entered(again)


@_kind("cache_read", 0.5)
def instructions_again(c: Conversation, rng: Random) -> None:
    """A rule file enters the context a second time."""
    text = c.session.filler.prose(rng.randint(600, 2_000))
    path = f"{area(rng)}/{_number(rng)}/CLAUDE.md"
    c.nested_memory(path, text)
    c.read(new_path(c, rng), size(rng, 600))
    begin = c.context
    c.nested_memory(path, text)
    again = c.span(begin)
    c.read(new_path(c, rng), size(rng, 600))
    c.plant("cache_read", "instructions_again").entered(again)


def bloated_prefix(c: Conversation, injected: int) -> None:
    """What a session's prompts begin with, above the budget; noted when the session is over.

    `injected` are the tokens that come with the first prompt and not with those of later epochs.
    """
    planting = c.plant("cache_read", "bloated_prefix")
    planting.shows(0)
    for first, charge in enumerate(c.charges):
        if first == 0 or c.charges[first - 1].epoch != charge.epoch:
            end = c.base_tokens + (injected if first == 0 else 0)
            # Nobody can go back to before the base.
            planting.carried(Span(charge.epoch, first, PREFIX_BUDGET, end, len(c.cuts)))


# --- cache_write ---------------------------------------------------------------------------


def _rebuilt(c: Conversation, kind: str) -> None:
    """What the response before the last one had cached and the last one wrote again."""
    before, now = c.charges[-2].bill, c.charges[-1].bill
    cached = min(before.read + before.write_1h + before.write_5m, now.prompt)
    if c.charges[-2].epoch != c.charges[-1].epoch:
        # A summary is new; what a compaction keeps is the base.
        cached = min(cached, c.base_tokens)
    planting = c.plant("cache_write", kind)
    planting.premium(len(c.charges) - 1, now.read, cached, "read")


@_kind("cache_write", 1.0, Place.BETWEEN)
def idle(c: Conversation, rng: Random) -> None:
    """The user comes back after the cache has expired."""
    minutes = TTL_MS[c.defaults.get("ttl", "1h")] / MS_PER_MINUTE
    c.wait(minutes=minutes + rng.uniform(1, 40))
    c.user("Where were we?").say(tokens=size(rng, 90))
    _rebuilt(c, "idle")


@_kind("cache_write", 0.7, Place.BETWEEN)
def other_model(c: Conversation, rng: Random) -> None:
    """The user changes the model; each has a cache of its own."""
    c.wait(minutes=rng.uniform(0.5, 3))
    c.defaults["model"] = (
        "claude-sonnet-5" if c.defaults["model"] != "claude-sonnet-5" else "claude-opus-5"
    )
    c.user("Go on with this model.").say(tokens=size(rng, 90))
    _rebuilt(c, "other_model")


@_kind("cache_write", 0.5)
def other_tools(c: Conversation, rng: Random) -> None:
    """The list of tools changes, and with it the beginning of every prompt."""
    c.grep(part(rng), tokens=size(rng, 100))
    c.deferred_tools(f"mcp__{area(rng)}_{_number(rng)}__query")
    c.bust()
    c.bash("git log --oneline -5", tokens=size(rng, 60), cache_miss_reason="tools_changed")
    _rebuilt(c, "other_tools")


# --- reasoning -----------------------------------------------------------------------------


@_kind("reasoning", 3.0)
def long_thought(c: Conversation, rng: Random) -> None:
    """Much thinking before a call that needs none."""
    tokens = rng.randint(2_000, 6_000)
    step = rng.choice(
        (
            blocks.read(new_path(c, rng), size(rng, 600)),
            blocks.bash("git log --oneline -5", tokens=size(rng, 60)),
        )
    )
    c.respond(blocks.think(tokens=tokens), step)
    planting = c.plant("reasoning", "long_thought")
    planting.concerns(c.last_calls[0])
    planting.output(len(c.charges) - 1, tokens - USUAL_THINKING)
    start = c.charges[-1].bill.prompt
    planting.carried(c.span(start, start + tokens).after(USUAL_THINKING))


# --- subagent_overhead ---------------------------------------------------------------------


@_kind("subagent_overhead")
def parents_files(c: Conversation, rng: Random) -> None:
    """A subagent reads files that its parent holds already."""
    paths = []
    for _ in range(2):
        paths.append(new_path(c, rng))
        c.read(paths[-1], size(rng, 1_200))
    agent = c.subagent("Explore", model="claude-sonnet-5")
    planting = agent.plant("subagent_overhead", "parents_files")
    for number, path in enumerate(paths):
        agent.read(path)
        if not number:
            _cold_start(planting)
        (call,) = agent.last_calls
        planting.concerns(call)
        assert call.entered is not None
        planting.carried(call.entered)
    agent.grep(part(rng), tokens=size(rng, 250)).done(tokens=size(rng, 250))


@_kind("subagent_overhead")
def empty_report(c: Conversation, rng: Random) -> None:
    """A subagent works and reports nothing: all of its outputs and prompts were for nothing."""
    agent = c.subagent("general-purpose", model="claude-sonnet-5")
    agent.grep(part(rng), tokens=size(rng, 250))
    for _ in range(rng.randint(1, 3)):
        agent.read(new_path(c, rng), size(rng, 900))
    agent.done("")
    planting = agent.plant("subagent_overhead", "empty_report")
    for number, charge in enumerate(agent.charges):
        planting.output(number, charge.bill.output)
    planting.carried(Span(0, 0, 0, agent.charges[-1].bill.prompt, 0))
    planting.shows(len(agent.charges) - 1)


def _cold_start(planting: Planting) -> None:
    """The system prompt and tools of a subagent, written anew; its parent's are read."""
    thread = planting.thread
    bill = thread.charges[0].bill
    planting.premium(0, bill.read, thread.base_tokens, "read")


# --- which -----------------------------------------------------------------------------


def some_kind(rng: Random, *places: Place) -> Kind:
    """A kind of waste for one of these places."""
    fitting = [kind for kind in KINDS if kind.place in places]
    return rng.choices(fitting, [kind.weight for kind in fitting])[0]
