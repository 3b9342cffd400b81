"""Random stories of sessions: every odd thing that can happen, in any order."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hypothesis import strategies as st

from waste_assets.sample import Conversation, conversation
from waste_assets.sample.blocks import bash, read, say, think

Step = Callable[[Conversation, int], object]


def _subagents(c: Conversation, size: int) -> None:
    layouts = ("nested", "flat", "inline", "progress", "mirrored")
    agent = c.subagent("Explore", layout=layouts[size % 5], finalise=size % 2 == 0)
    agent.respond(read("b.py", size), read("c.py")).grep("total", tokens=size).done(tokens=size)


def _background(c: Conversation, size: int) -> None:
    late = c.subagent("Explore", background=True)
    c.say(tokens=size)
    late.read("c.py", size).done()


STEPS: dict[str, Step] = {
    "ask": lambda c, n: c.user(tokens=n),
    "say": lambda c, n: c.say(tokens=n),
    "read": lambda c, n: c.read(f"f{n % 3}.py", n + 30),
    "run": lambda c, n: c.bash("make", tokens=n),
    "parallel": lambda c, n: c.respond(think(tokens=n), say(), read("a.py", n), bash("x", "y" * n)),
    "fail": lambda c, n: c.bash("x", "Exit code 1\n" + "e" * n, is_error=True),
    "unanswered": lambda c, n: c.bash("sleep", None).interrupt(),
    "rewind": lambda c, n: c.rewind(1 + n % len(c._turns)).user(tokens=n) if c._turns else None,
    "wait": lambda c, n: c.wait(minutes=n),
    "compact": lambda c, n: c.compact(tokens=n),
    "midnight": lambda c, n: c.across_midnight(say(tokens=n), bash("ls", tokens=n)),
    "never final": lambda c, n: c.respond(think(tokens=n), say(), final=False),
    "placeholders": lambda c, n: c.respond(think(tokens=n), say(), placeholder=True),
    "fallback": lambda c, n: c.fallback(say(tokens=n), midstream=n % 2 == 0, declined_output=n % 3),
    "advised": lambda c, n: c.advised(say(tokens=n), advice=n),
    "error": lambda c, n: c.api_error(),
    "reminder": lambda c, n: c.system_reminder(tokens=n),
    "hook": lambda c, n: c.hook_context(tokens=n),
    "memory": lambda c, n: c.nested_memory(tokens=n),
    "todo": lambda c, n: c.todo("One", "Two", done=n % 2),
    "bust": lambda c, n: c.bust(keep=n),
    "unseen": lambda c, n: setattr(c, "context", c.context + n),
    "again": lambda c, n: c.relog(min(n, len(c.history()))) if c.history() else None,
    "subagent": _subagents,
    "background": _background,
    "untimed": lambda c, n: c.mode().title("T").last_prompt().file_history_snapshot(),
    "side question": lambda c, n: c.btw() if c.last_response else None,
    "uncached": lambda c, n: c.say(tokens=n, cached=False),
    "web": lambda c, n: c.web_search("q", searches=n % 4, tokens=n),
}
COPIES = ("resume", "fork", "hand_off")
stories = st.lists(
    st.tuples(st.sampled_from([*STEPS, *COPIES]), st.integers(1, 400)), min_size=1, max_size=14
)


def tell(story: Sequence[tuple[str, int]], name: str = "0") -> list[Conversation]:
    """The sessions of a story: one, and those that it is copied into."""
    sessions = [conversation(name, start="2026-09-03T21:00:00Z").user("Go")]
    for step, size in story:
        c = sessions[-1]
        if step in STEPS:
            STEPS[step](c, size)
        else:
            sessions.append(getattr(c, step)(f"{name}, copy {len(sessions)}"))
    return [c.user("Last").say() for c in sessions]
