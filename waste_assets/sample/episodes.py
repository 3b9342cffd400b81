"""Pieces of work that sessions are made of, without waste. Each goes on with a conversation.

Red tests, searches that find nothing, reads after an edit, other ranges of a file, subagents with
files of their own: all of it is how work is done, and no detector may take it for waste.
"""

from collections.abc import Callable
from random import Random

from waste_assets.sample.blocks import Step, grep, read, say, think
from waste_assets.sample.clock import MS_PER_MINUTE
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
_BIG_FILE = 400
"""Lines of a file that is read page by page."""
USUAL_THINKING = 250
"""Tokens that models think, in the median, before a call that needs no thinking."""
_AGENT_MINUTES = 1.0
"""Subagents begin nothing new after this time: a parent's five-minute cache outlives them."""


def size(rng: Random, middle: int, *, spread: float = 0.8, most: int = 6_500) -> int:
    """A long-tailed size in tokens around `middle`."""
    return max(1, min(most, round(middle * rng.lognormvariate(0.0, spread))))


def area(rng: Random) -> str:
    """A part of a made-up product."""
    return rng.choice(_AREAS)


def part(rng: Random) -> str:
    """A part of an area."""
    return rng.choice(_PARTS)


def new_path(c: Thread, rng: Random) -> str:
    """A source file that nobody in the session has met yet."""
    work = c.session.workspace
    # Later files go to further folders, so that there is always one left.
    ring = len(work.paths()) // (len(_AREAS) * len(_PARTS) // 2)
    while True:
        path = f"src/{area(rng)}/{f'v{ring}/' if ring else ''}{part(rng)}.py"
        if not work.knows(work.absolute(path)):
            return path


def ask(c: Conversation, rng: Random) -> None:
    """The user asks for something; now and then a hook or a reminder adds a text of its own."""
    text = rng.choice(_ASKS).format(area=area(rng), part=part(rng))
    c.user(text)
    if rng.random() < 0.1:
        c.hook_context(c.session.filler.prose(50))
    if rng.random() < 0.05:
        c.task_reminder(*(f"Look at {c.session.filler.prose(6)}" for _ in range(3)))


def answer(c: Thread, rng: Random) -> None:
    """The model reports in prose."""
    c.say(tokens=size(rng, 160))


def thought(rng: Random) -> Step:
    """Thinking of the ordinary length."""
    return think(tokens=size(rng, USUAL_THINKING, spread=0.2))


def explore(c: Thread, rng: Random) -> None:
    """Look for a place in the code: searches, then reads, some in parallel."""
    found = [f"src/{area(rng)}/{part(rng)}_{rng.randrange(100)}.py" for _ in range(size(rng, 6))]
    c.glob(f"src/{area(rng)}/**/*.py", *found)
    c.grep(part(rng), tokens=size(rng, 250))
    for _ in range(rng.randint(1, 4)):
        steps: list[Step] = []
        if rng.random() < 0.3:
            steps.append(thought(rng))
        for _ in range(rng.choice((1, 1, 2, 3))):
            path = new_path(c, rng)
            c.session.workspace.text(c.session.workspace.absolute(path), size(rng, 900))
            steps.append(read(path))
        c.respond(*steps)


def page(c: Thread, rng: Random) -> None:
    """Read two places of a long file."""
    path = new_path(c, rng)
    text = c.session.filler.code(12 * _BIG_FILE).split("\n")
    c.session.workspace.put(c.session.workspace.absolute(path), "\n".join(text))
    third = len(text) // 3
    c.read(path, offset=1, limit=third)
    c.grep(part(rng), tokens=size(rng, 60))
    c.read(path, offset=2 * third, limit=third)


def run_tests(c: Thread, rng: Random, name: str | None = None, *, red: bool = False) -> None:
    """Run the tests of one area."""
    tests = name or area(rng)
    c.bash(
        f"pytest -q tests/test_{tests}.py",
        "Exit code 1\n" + c.session.filler.red(size(rng, 500, spread=0.4), tests) if red else "",
        tokens=None if red else size(rng, 300),
        is_error=red,
        seconds=rng.uniform(2, 30),
    )


def fix_bug(c: Thread, rng: Random) -> None:
    """Read, think, edit, test; where the test is red, look again, edit and test again."""
    path, tests = new_path(c, rng), area(rng)
    c.read(path, size(rng, 1_200))
    c.respond(thought(rng), say(tokens=size(rng, 30)), grep("raise", tokens=80))
    c.edit(path)
    red = rng.random() < 0.6
    run_tests(c, rng, tests, red=red)
    if red:
        if rng.random() < 0.3:
            c.read(path)
        c.edit(path)
        run_tests(c, rng, tests)


def add_feature(c: Thread, rng: Random) -> None:
    """Write a file and its test, edit both, test."""
    path, tests = new_path(c, rng), area(rng)
    test = f"tests/{path.replace('/', '_')}"
    c.tool(
        "TaskCreate",
        {"subject": f"Write {path}", "description": c.session.filler.prose(40)},
        f"Task #{rng.randrange(1, 1_000)} created successfully",
    )
    c.write_file(path, tokens=size(rng, 700))
    c.write_file(test, tokens=size(rng, 400))
    for _ in range(rng.randint(1, 3)):
        c.edit(path)
    red = rng.random() < 0.4
    run_tests(c, rng, tests, red=red)
    if red:
        c.edit(test)
        run_tests(c, rng, tests)


def probe(c: Thread, rng: Random) -> None:
    """Ask for what may not be there: a search without a hit, a folder that is not there yet."""
    if rng.random() < 0.5:
        c.grep(f"{part(rng)}_{rng.randrange(1_000)}", "No matches found")
    else:
        name = f"build/{area(rng)}_{rng.randrange(1_000)}"
        answer_no = f"Exit code 2\nls: cannot access '{name}': No such file or directory"
        c.bash(f"ls {name}", answer_no, is_error=True)
    c.bash("git log --oneline -5", tokens=size(rng, 60))


def look_up(c: Thread, rng: Random) -> None:
    """Search the web and fetch pages."""
    topic = f"{area(rng)} {part(rng)} {rng.randrange(1_000)}"
    c.web_search(topic, tokens=size(rng, 400))
    for number in range(rng.randint(0, 2)):
        c.web_fetch(f"https://docs.example.com/{topic.replace(' ', '-')}/{number}")


def ask_server(c: Thread, rng: Random) -> None:
    """Use a tool of an MCP server."""
    query = f"{area(rng)} {rng.randrange(1_000)}"
    c.tool(rng.choice(_MCP_TOOLS), {"query": query}, tokens=size(rng, 500))


def delegate(c: Conversation, rng: Random) -> None:
    """Send one to three subagents; some files of theirs never get their final usage."""
    kinds = rng.choices(("Explore", "Plan", "general-purpose"), k=rng.choice((1, 1, 1, 2, 3)))
    agents = c.subagents(
        *kinds,
        finalise=rng.random() < 0.8,
        model=rng.choice(("claude-haiku-4-5-20251001", "claude-sonnet-5")),
    )
    for agent in agents:
        begun = agent.now_ms
        for work in rng.choices((explore, page, run_tests), k=rng.randint(1, 3)):
            if agent.now_ms - begun < _AGENT_MINUTES * MS_PER_MINUTE:
                work(agent, rng)
        agent.done(tokens=size(rng, 250))


def big_output(c: Thread, rng: Random) -> None:
    """A command that prints more than the context should hold: it gets a preview."""
    c.bash(f"git log -p src/{area(rng)}", tokens=rng.randint(13_000, 18_000), spill=True)


EPISODES: dict[Episode, float] = {
    explore: 3.0,
    fix_bug: 4.0,
    add_feature: 2.0,
    run_tests: 1.0,
    page: 0.5,
    probe: 0.6,
    look_up: 0.4,
    ask_server: 0.5,
    delegate: 0.8,
    big_output: 0.15,
}
"""What sessions are made of, and how often."""
