"""Repeated instructions, a large prefix, and files that nobody came back to."""

from __future__ import annotations

from functools import partial

import pytest

from waste_assets.detectors.cache_read import DETECTOR
from waste_assets.detectors.flag import Flag, Settings, Tier
from waste_assets.sample import Conversation, conversation
from waste_assets_tests.detectors.support import Found, flags_of

found = partial(flags_of, detector=DETECTOR)
#: USD of a token of claude-opus-4-6.
INPUT, WRITE_1H, READ = 5e-6, 10e-6, 0.5e-6
NOTE = "Remember the style guide. " * 60


def of(rule: str, flags: Found) -> list[Flag]:
    return [flag for flag in flags if flag.rule == rule]


def working(c: Conversation, responses: int) -> Conversation:
    """Some responses that name nothing."""
    for _ in range(responses):
        c.bash("true", tokens=20)
    return c


# --- the same text again ---------------------------------------------------------------------


def test_the_second_copy_of_a_reminder_is_carried_for_nothing() -> None:
    c = conversation("twice").user("Go").system_reminder(NOTE).say(tokens=20)
    c.user("On").system_reminder(NOTE).say(tokens=20).user("And on").say(tokens=20)
    flags = found(c)
    (flag,) = of("duplicate", flags)
    assert flag.tier is Tier.LIKELY
    # A reminder has no name: it is known by how it begins.
    assert flag.about and NOTE.startswith(flag.about)
    (claim,) = flag.claims
    assert claim.response.number == 1
    size = claim.end - claim.start
    # It was written once and read once, but for its last three tokens, which came after the last
    # breakpoint: sent uncached, and written with the next prompt.
    assert flags.costs[0].tokens == size
    usd = (size - 3) * (WRITE_1H + READ) + 3 * (INPUT + WRITE_1H)
    assert flags.costs[0].usd_direct == pytest.approx(usd, abs=1e-12)


def test_every_copy_but_the_first_is_in_one_flag() -> None:
    c = conversation("often").user("Go")
    for _ in range(4):
        c.hook_context(NOTE).say(tokens=20)
    (flag,) = of("duplicate", found(c))
    assert len(flag.claims) == 3 and "3 more times" in flag.evidence
    assert flag.cause == "hook_additional_context"
    assert flag.about == "UserPromptSubmit" and " UserPromptSubmit at line " in flag.evidence


def test_a_memory_file_that_is_injected_again_is_a_duplicate() -> None:
    c = conversation("memory").user("Go").nested_memory("api/CLAUDE.md", NOTE).say()
    (flag,) = of("duplicate", found(c.nested_memory("api/CLAUDE.md", NOTE).say()))
    assert flag.about == "api/CLAUDE.md" and "nested_memory api/CLAUDE.md" in flag.evidence


def test_a_server_that_says_its_instructions_again_is_named() -> None:
    c = conversation("server").user("Go")
    told = {"tokens": 300, "addedNames": ["context7"], "addedBlocks": [NOTE]}
    for _ in range(2):
        c.attach("mcp_instructions_delta", **told).say()
    (flag,) = of("duplicate", found(c))
    assert (flag.cause, flag.about) == ("mcp_instructions_delta", "context7")


def test_what_is_no_duplicate() -> None:
    other = "Something else entirely. " * 60
    c = conversation("none").user("Go").system_reminder(NOTE).say()
    # Another text, the same text typed, and task lists that changed.
    c.system_reminder(other).say().user(NOTE).say().user(NOTE).say()
    c.task_reminder("Write it " * 90).say().task_reminder("Check it " * 90).say()
    assert not list(found(c))


def test_small_copies_are_noise() -> None:
    c = conversation("small").user("Go")
    for _ in range(4):
        c.system_reminder("Be brief.").say()
    assert not list(found(c))


def test_after_a_compaction_the_first_copy_is_gone() -> None:
    c = conversation("gone").user("Go").system_reminder(NOTE).say().compact()
    assert not list(found(c.system_reminder(NOTE).say()))


# --- the prefix ------------------------------------------------------------------------------


def test_a_large_prefix_is_carried_through_the_conversation() -> None:
    c = conversation("bloat", base_tokens=70_000).user("x" * 400).say(tokens=20)
    flags = found(c.user("On").say(tokens=20))
    (flag,) = flags
    assert (flag.rule, flag.tier) == ("prefix", Tier.LIKELY)
    assert "70,000" in flag.evidence and "20,000 above the budget" in flag.evidence
    assert flags.costs[0].tokens == 20_000
    assert flags.costs[0].usd_direct == pytest.approx(20_000 * (WRITE_1H + READ), abs=1e-9)


def test_later_epochs_begin_with_the_same_prefix() -> None:
    c = conversation("epochs", base_tokens=60_000).user("Go").bash("make", tokens=20_000)
    flags = found(c.say(tokens=20).compact().user("On").say())
    (flag,) = flags
    # 10,000 were written, and read twice: once before and once after the compaction.
    assert len(flag.claims) == 2
    # The base of a first prompt is known to a token or two.
    assert flags.costs[0].usd_direct == pytest.approx(10_000 * (WRITE_1H + 2 * READ), abs=3e-5)


def test_what_the_harness_injects_counts_and_what_the_user_sends_does_not() -> None:
    c = conversation("skills", base_tokens=49_000).skill_listing("list of skills " * 800)
    (flag,) = found(c.user("x" * 40_000).say())
    assert flag.rule == "prefix" and flag.claims[0].start > 49_000
    c = conversation("paste", base_tokens=49_000).user("x" * 40_000).say()
    assert not list(found(c))


def test_the_budget_is_a_setting() -> None:
    c = conversation("setting").user("Go").say()
    assert not list(found(c))
    (flag,) = found(c, settings=Settings(prefix_budget=10_000))
    assert "8,000 above the budget of 10,000" in flag.evidence


def test_a_conversation_without_its_beginning_is_no_prefix() -> None:
    """A first prompt that is in the cache already goes on from somewhere."""
    c = conversation("middle", base_tokens=90_000)
    c._cache.request(("claude-opus-4-6", "standard", None), 89_990, 0, c.now_ms, "1h")
    (flag,) = found(c.user("Go on").say())
    assert flag.tier is Tier.CANDIDATE and "in no transcript" in flag.evidence


def test_a_later_prompt_that_is_smaller_bounds_the_prefix() -> None:
    """Every prompt begins with the prefix, so that it is no larger than the smallest."""
    c = conversation("bound", base_tokens=140_000).user("Go").say()
    c.base_tokens = 30_000
    assert not list(found(c.compact().user("On").say()))


def test_a_subagent_has_no_budget() -> None:
    c = conversation("child").user("Go").subagent(base_tokens=80_000).say().done().say()
    assert not list(found(c))  # type: ignore[arg-type]


# --- results that nobody came back to --------------------------------------------------------


def test_a_file_that_no_later_call_names_is_a_candidate() -> None:
    c = working(conversation("left").user("Go").read("src/ledger.py", 5_000), 11)
    (flag,) = found(c)
    assert (flag.rule, flag.tier) == ("unreferenced", Tier.CANDIDATE)
    assert "src/ledger.py" in flag.evidence and len(flag.claims) == 1


@pytest.mark.parametrize(
    "go_on",
    [
        lambda c: working(c, 6).edit("src/ledger.py").say(),
        lambda c: working(c, 6).bash("pytest tests/test.py -k ledger").say(),
        lambda c: working(c, 6).grep("import ledger").say(),
        lambda c: working(c, 6).bash("wc -l src/ledger.py").say(),
    ],
    ids=["an edit", "a test by its name", "a search for its name", "a command on it"],
)
def test_a_file_that_is_named_later_was_of_use(go_on) -> None:  # type: ignore[no-untyped-def]
    c = conversation("used").user("Go").read("src/ledger.py", 5_000)
    assert not list(found(working(go_on(c), 6)))


def test_what_was_read_last_needs_no_further_calls() -> None:
    c = conversation("last").user("Go").read("src/ledger.py", 5_000)
    assert not list(found(working(c, 5).say()))


def test_small_files_are_not_looked_at() -> None:
    c = working(conversation("little").user("Go").read("src/ledger.py", 900), 12)
    assert not list(found(c))
