"""What flags and the ledger make of places where a conversation is cut, joined or interrupted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from waste_assets.accounting.ledger import PRODUCTIVE
from waste_assets.lake.tables import FLAG_TABLES, HEURISTIC_FLAGS, PARSED_TURNS, TOKEN_LEDGER
from waste_assets.sample import Conversation, conversation
from waste_assets.sample.blocks import bash, read
from waste_assets_tests.detectors.support import flags_of
from waste_assets_tests.support import Audit

GONE = "File does not exist."
SIBLING = "<tool_use_error>Sibling tool call errored</tool_use_error>"
REJECTED = "The user doesn't want to proceed with this tool use. The tool use was rejected"


def begun(name: str, **options: str) -> Conversation:
    """A conversation that has read a file."""
    return conversation(name, **options).user("Go").read("a.py", 900)


@dataclass(frozen=True)
class Story:
    """How a conversation goes on, and the rules of outright waste that must be found in it."""

    tell: Callable[[Conversation], object]
    rules: tuple[str, ...]


STORIES = {
    # A read again after the boundary: waste where the file is still in the prompt.
    "a read again after midnight": Story(
        lambda c: c.at("2026-03-03T00:10:00Z").read("a.py", 900).say(), ("repeated",)
    ),
    "a read again after a compaction": Story(
        lambda c: c.say().compact().user("On").read("a.py", 900).say(), ()
    ),
    "a read again in a subagent": Story(lambda c: c.subagent().read("a.py", 900).done().say(), ()),
    "a read again after going back to before it": Story(
        lambda c: c.say().rewind().user("Again").read("a.py", 900).say(), ()
    ),
    "a read again after going back to after it": Story(
        lambda c: c.say().user("Wrong").say().rewind().user("On").read("a.py", 900).say(),
        ("repeated",),
    ),
    "two reads of one batch": Story(
        lambda c: c.respond(read("b.py", 400), read("b.py", 400)).say(), ("repeated",)
    ),
    # Failures: what belongs to the user, to a sibling, to nobody.
    "a failure in a batch, and what it took with it": Story(
        lambda c: c.respond(
            read("gone.py", result=GONE, is_error=True),
            bash("ls", SIBLING, is_error=True), bash("pwd", SIBLING, is_error=True),
        ).say(),
        ("failed",),
    ),
    "a call that the user rejects": Story(
        lambda c: c.bash("rm x", REJECTED, is_error=True, denial="user-rejected").say(), ()
    ),
    "a call that the user interrupts": Story(
        lambda c: c.bash("sleep 900", None).interrupt(for_tool_use=True).user("On").say(), ()
    ),
    "a call that a rule denies": Story(
        lambda c: c.bash(
            "curl x", "Permission to use Bash with command curl x has been denied.",
            is_error=True, denial="permission-rule",
        ).say(),
        ("failed",),
    ),
    "a failure just before midnight, and its answer after it": Story(
        lambda c: c.across_midnight(
            read("gone.py", result=GONE, is_error=True)
        ).say(),
        ("failed",),
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def rules() -> dict[str, tuple[str, ...]]:
    """By story the rules of outright waste that were found, candidates left out."""
    conversations = {name: begun(name) for name in STORIES}
    for name, story in STORIES.items():
        story.tell(conversations[name])
    found = flags_of(*conversations.values())  # which sees to it that the ledgers add up
    told: dict[str, list[str]] = {c.session.id: [] for c in conversations.values()}
    for flag in found:
        if flag.category in ("dead_end", "retry_error", "file_reread") and not flag.is_candidate:
            told[flag.response.conversation.session.id].append(flag.rule)
    return {name: tuple(told[c.session.id]) for name, c in conversations.items()}


@pytest.mark.parametrize("name", STORIES)
def test_outright_waste_at_a_boundary(name: str, rules: dict[str, tuple[str, ...]]) -> None:
    assert rules[name] == STORIES[name].rules


def test_a_read_again_after_clear_is_none() -> None:
    """A cleared conversation is a session of its own."""
    c = begun("before").say()
    after = conversation("after", start="2026-03-02T10:00:00Z").user("Go").read("a.py", 900).say()
    assert not [flag for flag in flags_of(c, after) if flag.category == "file_reread"]


@pytest.mark.parametrize("copy", ["resume", "fork", "hand_off"])
def test_a_resumed_session_pays_for_what_it_does_itself(copy: str) -> None:
    c = begun("old").read("a.py", 900).say().wait(minutes=2)
    new = getattr(c, copy)("new").user("On").read("b.py", 500).read("b.py", 500).say()
    found = flags_of(c, new)
    rereads = [flag for flag in found if flag.category == "file_reread"]
    told = {flag.response.conversation.session.id: flag.calls[0].target for flag in rereads}
    assert len(rereads) == 2
    assert (told[c.session.id][-4:], told[new.session.id][-4:]) == ("a.py", "b.py")


def test_what_a_day_holds_does_not_depend_on_how_days_were_batched(tmp_path: Path) -> None:
    audit = Audit(tmp_path)
    for number, (name, story) in enumerate(STORIES.items()):
        c = begun(f"{name} again", start=f"2026-03-02T{9 + number % 12:02}:00:00Z")
        story.tell(c)
        c.at("2026-03-04T09:00:00Z").user("More").read("a.py", 900).say()
        copied = c.wait(minutes=3).resume(f"{name}, copy") if number % 3 == 0 else None
        audit.write(*filter(None, [c, copied and copied.user("Last").read("a.py", 900).say()]))
    audit.run()
    days = audit.lake.days(PARSED_TURNS)
    assert len(days) >= 3
    whole = audit.parts(*FLAG_TABLES)
    for day in reversed(days):
        audit.flags([day])
    assert audit.parts(*FLAG_TABLES) == whole
    assert_bills(audit, days)


def assert_bills(audit: Audit, days: list[date]) -> None:
    """Day by day the ledger is the bill, and flags are there."""
    for day in days:
        spent = sum(row["usd"] for row in audit.rows(PARSED_TURNS) if row["day"] == day)
        shares = [row for row in audit.rows(TOKEN_LEDGER) if row["day"] == day]
        assert sum(row["usd"] for row in shares) == pytest.approx(spent, abs=1e-9)
        assert any(row["category"] != PRODUCTIVE and row["usd"] for row in shares)
    assert {row["rule"] for row in audit.rows(HEURISTIC_FLAGS)} >= {"failed", "repeated"}
