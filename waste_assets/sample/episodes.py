"""Pieces of work that sessions are made of. Each goes on with a conversation as it stands."""

from collections.abc import Callable
from random import Random

from waste_assets.sample import faults
from waste_assets.sample.blocks import Step, bash, grep, read, say, think
from waste_assets.sample.conversation import Conversation
from waste_assets.sample.threads import Thread

Episode = Callable[[Conversation, Random], None]

_AREAS = ("checkout", "billing", "search", "login", "stock", "mail", "export", "reports")
_PARTS = ("views", "models", "service", "tasks", "queries", "forms", "client", "rules")
_ASKS = (
    "Find out where {area} decides about {part} and tell me.",
    "The {area} page is slow since last week. Please have a look at {part}.",
    "Add a limit to {area} {part}, with a test.",
    "Why does {area} call {part} twice?",
    "Clean up {area}/{part}, it has grown too long.",
    "The nightly {area} job fails in {part}; fix it.",
)
_MCP_TOOLS = ("mcp__tracker__list_issues", "mcp__docs__search", "mcp__db__describe")


def size(rng: Random, middle: int, *, spread: float = 0.8, most: int = 12_000) -> int:
    """A long-tailed size in tokens around `middle`."""
    return max(1, min(most, round(middle * rng.lognormvariate(0.0, spread))))


def some_path(rng: Random) -> str:
    """A source file of a made-up project."""
    return f"src/{rng.choice(_AREAS)}/{rng.choice(_PARTS)}.py"


def ask(c: Conversation, rng: Random) -> None:
    """The user asks for something; now and then a reminder or a hook adds its text."""
    text = rng.choice(_ASKS).format(area=rng.choice(_AREAS), part=rng.choice(_PARTS))
    c.user(text)
    if rng.random() < 0.15:
        c.hook_context(tokens=50)
    if rng.random() < 0.1:
        c.task_reminder(*(f"Look at {some_path(rng)}" for _ in range(3)))


def answer(c: Thread, rng: Random) -> None:
    """The model reports in prose."""
    c.say(tokens=size(rng, 160))


def explore(c: Thread, rng: Random) -> None:
    """Look for a place in the code: searches, then reads, some in parallel."""
    c.glob("src/**/*.py", *(some_path(rng) for _ in range(rng.randint(2, 12))))
    c.grep(rng.choice(_PARTS), tokens=size(rng, 250))
    for _ in range(rng.randint(1, 4)):
        steps: list[Step] = [
            read(some_path(rng), size(rng, 900)) for _ in range(rng.choice((1, 1, 2, 3)))
        ]
        if rng.random() < 0.3:
            steps.insert(0, think(tokens=size(rng, 120)))
        c.respond(*steps)


def run_tests(c: Thread, rng: Random, *, fails: bool = False) -> None:
    """Run the tests of one area."""
    area = rng.choice(_AREAS)
    c.bash(
        f"pytest -q tests/test_{area}.py",
        "Exit code 1\n" + c.session.filler.log(size(rng, 500)) if fails else "",
        tokens=None if fails else size(rng, 300),
        is_error=fails,
        seconds=rng.uniform(2, 40),
    )


def fix_bug(c: Thread, rng: Random) -> None:
    """Read, think, edit, test, edit again, test again."""
    path = some_path(rng)
    c.read(path, size(rng, 1_200))
    c.respond(think(tokens=size(rng, 250)), say(tokens=size(rng, 30)), grep("raise", tokens=80))
    for last in (False, True):
        c.edit(path)
        run_tests(c, rng, fails=not last and rng.random() < 0.7)


def add_feature(c: Thread, rng: Random) -> None:
    """Plan, write a file and its test, edit both, test."""
    path = some_path(rng)
    tasks = [f"Write {path}", "Write its test", "Run the tests", "Tell the user"]
    c.todo(*tasks)
    c.write_file(path, tokens=size(rng, 700))
    c.write_file(f"tests/{path.replace('/', '_')}", tokens=size(rng, 400))
    c.todo(*tasks, done=2)
    for _ in range(rng.randint(1, 4)):
        c.edit(path)
    run_tests(c, rng, fails=rng.random() < 0.4)
    c.todo(*tasks, done=3)


def read_again(c: Thread, rng: Random) -> None:
    """Read files of which some have been read before."""
    known = [path for path in c.session.workspace.paths() if "/src/" in path]
    for _ in range(rng.randint(1, 3)):
        c.read(rng.choice(known) if known else some_path(rng))


def stumble(c: Thread, rng: Random) -> None:
    """Calls that fail for reasons of their own: a missing file, a missing command, no match."""
    c.read(f"src/{rng.choice(_AREAS)}/missing.py", is_error=True)
    c.bash("gsed -i s/a/b/ x", "Exit code 127\nbash: line 1: gsed: not found", is_error=True)
    c.edit(some_path(rng), is_error=True)
    c.respond(
        bash("npm run lint", "Exit code 2\n" + c.session.filler.log(60), is_error=True),
        bash("npm test", faults.SIBLING, is_error=True),
    )
    c.bash("git status --short", tokens=size(rng, 30))


def look_up(c: Thread, rng: Random) -> None:
    """Search the web and fetch pages, some of which refuse."""
    c.web_search(f"{rng.choice(_AREAS)} {rng.choice(_PARTS)} time limit", tokens=size(rng, 400))
    for _ in range(rng.randint(0, 2)):
        code = rng.choice((200, 200, 403))
        c.web_fetch("https://docs.example.com/" + rng.choice(_PARTS), code=code)


def ask_server(c: Thread, rng: Random) -> None:
    """Use a tool of an MCP server."""
    c.tool(rng.choice(_MCP_TOOLS), {"query": rng.choice(_AREAS)}, tokens=size(rng, 500))


def delegate(c: Conversation, rng: Random) -> None:
    """Send one to three subagents; some files of theirs never get their final usage."""
    kinds = rng.choices(("Explore", "Plan", "general-purpose"), k=rng.choice((1, 1, 1, 2, 3)))
    agents = c.subagents(
        *kinds,
        finalise=rng.random() < 0.8,
        model=rng.choice(("claude-haiku-4-5-20251001", "claude-sonnet-5")),
    )
    for agent in agents:
        for work in rng.choices((explore, read_again, run_tests), k=rng.randint(1, 3)):
            work(agent, rng)
        agent.done(tokens=size(rng, 250))


def big_output(c: Thread, rng: Random) -> None:
    """A command that prints more than the context should hold."""
    c.bash("git log -p", tokens=rng.randint(13_000, 18_000), spill=True)


EPISODES: dict[Episode, float] = {
    explore: 3.0,
    fix_bug: 4.0,
    add_feature: 2.0,
    run_tests: 1.0,
    read_again: 1.0,
    stumble: 0.6,
    look_up: 0.4,
    ask_server: 0.5,
    delegate: 0.8,
    big_output: 0.15,
}
"""What sessions are made of, and how often."""
