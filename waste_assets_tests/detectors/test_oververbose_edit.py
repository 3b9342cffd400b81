"""Too much said or fetched: what is waste, what is normal, and what a flag claims."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from waste_assets.detectors.flag import Settings, Tier
from waste_assets.detectors.oververbose_edit import DETECTOR
from waste_assets.sample import Conversation, conversation
from waste_assets.sample.blocks import say, think, tool
from waste_assets_tests.detectors.support import Found, flags_of, found_by_story

Story = Callable[[Conversation], object]


def rewrite(c: Conversation, before: int, added: int, removed: int, echo: bool = False) -> object:
    """A Write over a file of `before` lines."""
    after = before + added - removed
    text = "\n".join(f"line {number} of the file" for number in range(after))
    patch = {"lines": ["+new"] * added + ["-old"] * removed + [" kept"] * 6}
    details = {"type": "update", "filePath": "/srv/a.py", "structuredPatch": [patch]}
    answer = "The file /srv/a.py has been updated." + (text if echo else "")
    return c.tool("Write", {"file_path": "/srv/a.py", "content": text}, answer, details=details)


def edit(c: Conversation, around: int, changed: int) -> object:
    """An edit of `changed` characters, with text around them in the old and the new string."""
    context = "c" * (around // 2)
    arguments = {
        "file_path": "/srv/a.py",
        "old_string": context + "a" * changed + context,
        "new_string": context + "b" * changed + context,
    }
    return c.tool("Edit", arguments, "The file has been updated.")


def todos(c: Conversation, items: int, changed: int) -> object:
    """A todo list of which the first items are changed."""
    old = [{"content": f"task {n}", "status": "pending"} for n in range(items)]
    new = [{**item, "status": "completed"} if n < changed else item for n, item in enumerate(old)]
    details = {"oldTodos": old, "newTodos": new}
    return c.tool("TodoWrite", {"todos": new}, "Todos have been modified.", details=details)


def prose(c: Conversation, chars: int, name: str = "Bash", **arguments: Any) -> object:
    """Prose on a turn that calls a tool."""
    return c.bash("ls", "a.py").respond(say("word " * (chars // 5)), tool(name, arguments, "ok"))


SURE: dict[str, tuple[str, Story]] = {
    "a tenth of a file is rewritten": ("rewrite", lambda c: rewrite(c, 200, 10, 10)),
    "a quarter of a file is rewritten": ("rewrite", lambda c: rewrite(c, 200, 25, 25)),
    "lines are added to a long file": ("rewrite", lambda c: rewrite(c, 100, 5, 0)),
    "an edit with a page around a word": ("edit_context", lambda c: edit(c, 1_500, 30)),
    "an unchanged todo list": ("todo_unchanged", lambda c: todos(c, 5, 0)),
    "very long prose": ("prose", lambda c: prose(c, 3_000)),
    "a long listing": ("big_result", lambda c: c.bash("ls -R", tokens=9_000)),
    "a long page": ("big_result", lambda c: c.web_fetch("https://a.example/b", tokens=9_000)),
    "a lock file": ("machine_written", lambda c: c.read("package-lock.json", 3_000)),
    "a lock file by cat": ("machine_written", lambda c: c.bash("cat uv.lock", tokens=3_000)),
    "a bundle": ("machine_written", lambda c: c.read("static/app.min.js", 3_000)),
}
CANDIDATES: dict[str, tuple[str, Story]] = {
    "an edit with a long context": ("edit_context", lambda c: edit(c, 800, 120)),
    "a todo list for one item": ("todo_list", lambda c: todos(c, 6, 1)),
    "long prose": ("prose", lambda c: prose(c, 1_500)),
    "a long source file": ("big_result", lambda c: c.read("a.py", 9_000)),
    "a long diff": ("big_result", lambda c: c.bash("git diff main", tokens=9_000)),
    "a package's code": ("machine_written", lambda c: c.read("node_modules/x/a.js", 3_000)),
    "build output": ("machine_written", lambda c: c.bash("cat dist/a.js", tokens=3_000)),
}
NORMAL: dict[str, Story] = {
    "a short file is rewritten": lambda c: rewrite(c, 60, 2, 2),
    "a third of a file is rewritten": lambda c: rewrite(c, 90, 15, 15),
    "a file is rewritten from the ground up": lambda c: rewrite(c, 100, 90, 95),
    "a rewrite without a patch on record": lambda c: rewrite(c, 100, 0, 0),
    "a new file": lambda c: c.write_file("new.py", tokens=4_000),
    "an edit with three lines around it": lambda c: edit(c, 240, 40),
    "a long edit that changes what it sends": lambda c: edit(c, 300, 1_200),
    "a name is replaced everywhere": lambda c: c.tool(
        "Edit",
        {"replace_all": True, "file_path": "/a", "old_string": "x" * 900, "new_string": "x" * 901},
    ),
    "a first todo list": lambda c: todos(c, 5, 5),
    "half of a todo list": lambda c: todos(c, 6, 3),
    "a short todo list": lambda c: todos(c, 3, 1),
    "two sentences before a call": lambda c: prose(c, 300),
    "an answer to the user before a call": lambda c: c.respond(
        say("word " * 800), tool("Bash", {"command": "ls"}, "ok")
    ),
    "an answer without a call": lambda c: c.bash("ls", "a.py").say("word " * 800),
    "a question to the user": lambda c: prose(c, 3_000, "AskUserQuestion"),
    "a result below the cap": lambda c: c.bash("ls -R", tokens=7_900),
    "a spilled result": lambda c: c.bash("git log -p", tokens=15_000, spill=True),
    "a long source file in parts": lambda c: c.read(
        "a.py", result="some line of a file\n" * 4_000, offset=1, limit=100
    ),
    "a small lock file": lambda c: c.read("flake.lock", 300),
    "a file about locks": lambda c: c.read("src/lock.py", 3_000),
    "a search in a lock file": lambda c: c.bash("grep left-pad package-lock.json", tokens=1_200),
    "a write that failed": lambda c: c.write_file("a.py", tokens=4_000, is_error=True),
}  # fmt: skip


@pytest.fixture(scope="module")
def found() -> dict[str, Found]:
    told = {name: story for name, (_, story) in (SURE | CANDIDATES).items()} | NORMAL
    stories = {
        name: lambda c, tell=tell: (tell(c.user("Go")), c.say()) for name, tell in told.items()
    }
    return found_by_story(stories, DETECTOR)


@pytest.mark.parametrize("story", SURE)
def test_what_is_waste(story: str, found: dict[str, Found]) -> None:
    assert found[story].rules == [SURE[story][0]]
    assert not found[story].flag.is_candidate


@pytest.mark.parametrize("story", CANDIDATES)
def test_what_may_be_waste(story: str, found: dict[str, Found]) -> None:
    assert found[story].rules == [CANDIDATES[story][0]]
    assert found[story].flag.is_candidate


@pytest.mark.parametrize("story", NORMAL)
def test_what_is_normal(story: str, found: dict[str, Found]) -> None:
    assert found[story].rules == []


def test_a_rewrite_claims_what_exceeds_the_lines_that_changed(found: dict[str, Found]) -> None:
    one = found["a tenth of a file is rewritten"]
    (call,), (cost,) = one.calls, one.costs
    assert call.input_span is not None
    whole = call.output_tokens + call.input_span[1] - call.input_span[0]
    assert cost.tokens == pytest.approx(whole * 180 / 200, abs=2)
    assert one.flag.wasted_calls == ()
    assert one.flag.evidence == (
        "Write sent all 200 lines of /srv/a.py to add 10 and remove 10; the file had 200"
    )
    assert one.flag.tier is Tier.CERTAIN
    assert found["a quarter of a file is rewritten"].flag.tier is Tier.LIKELY


def test_a_rewrite_claims_the_file_that_the_harness_shows_again() -> None:
    shown = flags_of(_ended("shown", lambda c: rewrite(c, 200, 10, 10, True)), detector=DETECTOR)
    block = shown.calls[0].result_block
    assert block is not None
    assert any(claim.end == block.end for claim in shown.flag.claims)


def test_an_edit_claims_what_exceeds_the_change_and_some_context(found: dict[str, Found]) -> None:
    one = found["an edit with a page around a word"]
    (call,), (cost,) = one.calls, one.costs
    needed = 2 * (30 + 400) / call.input_chars
    assert cost.tokens == pytest.approx(2 * call.output_tokens * (1 - needed), abs=3)


def test_a_big_result_claims_what_exceeds_the_cap_and_the_cap_can_be_set() -> None:
    c = conversation("cap").user("Go").bash("ls -R", tokens=3_000).say()
    (cost,) = flags_of(c, detector=DETECTOR, settings=Settings(result_cap=1_000)).costs
    assert cost.tokens == pytest.approx(2_000, abs=2)
    assert cost.usd_avoidable == cost.usd_direct


def test_a_lock_file_wastes_the_whole_call(found: dict[str, Found]) -> None:
    one = found["a lock file"]
    assert one.flag.wasted_calls == one.flag.calls
    assert one.flag.evidence.endswith("package-lock.json, a lock file")


def test_prose_claims_what_exceeds_a_few_sentences(found: dict[str, Found]) -> None:
    (cost,) = found["very long prose"].costs
    assert cost.tokens == pytest.approx(2 * (3_000 - 400) / 4, rel=0.05)


def test_thinking_before_long_prose_is_no_part_of_it(found: dict[str, Found]) -> None:
    c = conversation("thought").user("Go").bash("ls", "a.py")
    c.respond(think(tokens=900), say("word " * 600), tool("Bash", {"command": "ls"}, "ok")).say()
    (cost,) = flags_of(c, detector=DETECTOR).costs
    assert cost.tokens == pytest.approx(found["very long prose"].costs[0].tokens, rel=0.02)


def _ended(name: str, tell: Story) -> Conversation:
    c = conversation(name).user("Go")
    tell(c)
    return c.say()
