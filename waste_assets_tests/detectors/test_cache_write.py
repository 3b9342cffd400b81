"""Cache rebuilds, with their causes and to the cent, and writes that nothing reads."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

import pytest

from waste_assets.detectors.cache_write import DETECTOR
from waste_assets.detectors.flag import Flag, Tier
from waste_assets.sample import Conversation, conversation
from waste_assets_tests.detectors.support import Found, flags_of

#: System prompt and tools, then 100 tokens of the user's; three are sent after the last breakpoint.
BASE, ASKED, TAIL = 18_000, 100, 3
#: What the first response leaves in the cache.
CACHED = BASE + ASKED - TAIL
ASK = "x" * 400
#: USD of a token of claude-opus-4-6.
INPUT, WRITE_5M, WRITE_1H, READ = 5e-6, 6.25e-6, 10e-6, 0.5e-6

found = partial(flags_of, detector=DETECTOR)


def begun(name: str, **options: object) -> Conversation:
    """A conversation with one response, which read a file of 300 tokens."""
    return conversation(name, **options).user(ASK).read("a.py", 300, output=50)  # type: ignore[arg-type]


def rebuilds(flags: Found) -> list[Flag]:
    return [flag for flag in flags if flag.rule.startswith("rebuild_")]


def unread(flags: Found) -> list[Flag]:
    return [flag for flag in flags if flag.rule == "unread"]


# --- rebuilds: dollars -----------------------------------------------------------------------


def test_a_pause_longer_than_the_cache_is_kept_costs_the_writes_less_the_reads() -> None:
    flags = found(begun("idle", ttl="5m").wait(minutes=7).say())
    (flag,) = rebuilds(flags)
    assert (flag.rule, flag.cause, flag.tier) == ("rebuild_idle", "idle", Tier.CERTAIN)
    assert "7 min" in flag.evidence and "five minutes" in flag.evidence
    cost = flags.costs[flags.flags.index(flag)]
    assert cost.tokens == CACHED
    assert cost.usd_direct == pytest.approx(CACHED * (WRITE_5M - READ), abs=1e-12)


def test_a_cache_kept_for_an_hour_costs_more_to_write_again() -> None:
    flags = found(begun("hour").wait(minutes=65).say())
    (flag,) = rebuilds(flags)
    assert flag.cause == "idle" and "an hour" in flag.evidence
    cost = flags.costs[flags.flags.index(flag)]
    assert cost.usd_direct == pytest.approx(CACHED * (WRITE_1H - READ), abs=1e-12)


def test_what_is_sent_uncached_after_it_was_cached_costs_the_input_less_the_reads() -> None:
    flags = found(begun("dropped").say(cached=False))
    (flag,) = rebuilds(flags)
    cost = flags.costs[flags.flags.index(flag)]
    assert cost.usd_direct == pytest.approx(CACHED * (INPUT - READ), abs=1e-12)


def test_only_what_the_response_before_had_cached_is_paid_for_again() -> None:
    """The results that came in since are new, and have to be written."""
    flags = found(begun("new").bash("make", tokens=9_000).bust().say())
    (flag,) = rebuilds(flags)
    assert flags.costs[flags.flags.index(flag)].tokens == CACHED + 350


def test_the_kept_part_of_the_prompt_is_not_paid_for_again() -> None:
    flags = found(begun("part").bust(keep=12_000).say())
    (flag,) = rebuilds(flags)
    assert flags.costs[flags.flags.index(flag)].tokens == CACHED - 12_000


# --- rebuilds: causes ------------------------------------------------------------------------


def upgraded(c: Conversation) -> Conversation:
    c.version = "2.1.221"
    return c.bust().say()


#: How a conversation goes on, what the cause of the rebuild is, and how sure it is.
CAUSES: dict[str, tuple[Callable[[Conversation], object], str, Tier]] = {
    "another model": (lambda c: c.say(model="claude-sonnet-4-6"), "model", Tier.CERTAIN),
    "another effort": (lambda c: c.say(effort="high"), "effort", Tier.CERTAIN),
    "fast mode": (lambda c: c.say(fast=True), "speed", Tier.CERTAIN),
    "an upgrade": (upgraded, "version", Tier.LIKELY),
    "a list of tools": (
        lambda c: c.deferred_tools("mcp__shop__find").bust().say(), "tools", Tier.LIKELY,
    ),
    "tools that were searched for": (
        lambda c: c.tool("ToolSearch", {"query": "shop"}).bust().say(), "tools", Tier.LIKELY,
    ),
    "recorded tools": (
        lambda c: c.bust().say(cache_miss_reason="tools_changed"), "tools", Tier.CERTAIN,
    ),
    "recorded system prompt": (
        lambda c: c.bust().say(cache_miss_reason="system_changed"), "system", Tier.CERTAIN,
    ),
    "recorded messages": (
        lambda c: c.bust().say(cache_miss_reason="messages_changed"), "messages", Tier.CERTAIN,
    ),
    "recorded model": (
        lambda c: c.bust().say(cache_miss_reason="model_changed"), "model", Tier.CERTAIN,
    ),
    "nothing": (lambda c: c.say().bust().say(), "unknown", Tier.LIKELY),
    "a reason that explains nothing": (
        lambda c: c.say().bust().say(cache_miss_reason="unavailable"), "unknown", Tier.LIKELY,
    ),
    "what is known, before what says that nothing is": (
        lambda c: c.wait(minutes=90).say(cache_miss_reason="previous_message_not_found"),
        "idle", Tier.CERTAIN,
    ),
    "a cache that has run out, whatever else changed": (
        lambda c: upgraded(c.wait(minutes=90)), "idle", Tier.CERTAIN,
    ),
    "what is recorded, before what is inferred": (
        lambda c: c.wait(minutes=90).say(cache_miss_reason="system_changed"),
        "system", Tier.CERTAIN,
    ),
}  # fmt: skip

#: How a conversation goes on without a rebuild.
FINE: dict[str, Callable[[Conversation], Conversation]] = {
    "a pause that the cache outlives": lambda c: c.wait(minutes=4).say(),
    "a compaction that keeps the prefix": lambda c: c.compact().say(),
    "a rewind that reads": lambda c: c.user(ASK).say().rewind().say(),
    "a fork that reads": lambda c: c.fork("fork").user(ASK).say(),
    "a breakpoint that moved": lambda c: c.bust(keep=CACHED - 900).say(),
    "much that is new": lambda c: c.bash("make", tokens=60_000).say(),
    "a reason without a loss": lambda c: c.say(cache_miss_reason="messages_changed"),
    "a subagent's first response": lambda c: c.subagent().say().done().say(),  # type: ignore[return-value]
}


@cache
def outcomes() -> dict[str, list[Flag]]:
    """The rebuilds of every case above, by its name: they are run together."""
    named: dict[str, str] = {}
    conversations = []
    for name, (go_on, _, _) in CAUSES.items():
        c = begun(name, effort="medium")
        go_on(c)
        named[c.session.id] = name
        conversations.append(c)
    for name, go_on in FINE.items():
        c = begun(name, ttl="5m")
        other = go_on(c)
        named[c.session.id] = named[other.session.id] = name
        conversations += [c] if other.session is c.session else [c, other]
    told: dict[str, list[Flag]] = {name: [] for name in named.values()}
    for flag in rebuilds(found(*conversations)):
        told[named[flag.response.conversation.session.id]].append(flag)
    return told


@pytest.mark.parametrize("case", CAUSES)
def test_a_rebuild_has_a_cause(case: str) -> None:
    _, cause, tier = CAUSES[case]
    (flag,) = outcomes()[case]
    assert (flag.rule, flag.cause, flag.tier) == (f"rebuild_{cause}", cause, tier)


@pytest.mark.parametrize("case", FINE)
def test_nothing_is_lost_by(case: str) -> None:
    assert outcomes()[case] == []


def test_the_recorded_reason_is_told() -> None:
    (flag,) = outcomes()["a reason that explains nothing"]
    assert "recorded: unavailable" in flag.evidence


def test_an_effort_on_record_for_the_first_time_is_no_switch() -> None:
    (flag,) = rebuilds(found(begun("older").say().say(effort="high")))
    assert flag.cause == "unknown"


def test_tokens_written_a_moment_ago_may_not_be_readable_yet() -> None:
    c = begun("soon").bash("make", tokens=4_000, output=30).say(tokens=20).bust(keep=CACHED + 350)
    flags = found(c.say())
    (flag,) = rebuilds(flags)
    assert (flag.cause, flag.tier) == ("not_ready", Tier.CANDIDATE)
    assert flags.costs[flags.flags.index(flag)].tokens == 4_030


def test_a_compaction_is_charged_with_the_prefix_alone() -> None:
    c = begun("compact").bash("make", tokens=30_000).compact().bust()
    flags = found(c.say())
    (flag,) = rebuilds(flags)
    assert (flag.cause, flag.tier) == ("compaction", Tier.CANDIDATE)
    assert flags.costs[flags.flags.index(flag)].tokens == pytest.approx(BASE, abs=50)


def test_a_rewind_is_charged_with_what_it_kept() -> None:
    c = begun("rewind").say().user(ASK).bash("make", tokens=30_000).say()
    kept = c.rewind().context
    flags = found(c.bust().user("y" * 40).say())
    (flag,) = rebuilds(flags)
    assert (flag.cause, flag.tier) == ("cut", Tier.CANDIDATE)
    assert flags.costs[flags.flags.index(flag)].tokens <= kept


def test_a_resumed_conversation_that_was_cached_is_paid_for_again() -> None:
    old = begun("old").say()
    new = old.wait(minutes=90).resume("new")
    (flag,) = rebuilds(found(old, new.user(ASK).say()))
    assert (flag.cause, flag.tier) == ("resume", Tier.LIKELY)


# --- no rebuilds -----------------------------------------------------------------------------


def test_a_pause_within_the_hour_is_none_where_the_cache_is_kept_for_an_hour() -> None:
    assert not rebuilds(found(begun("within").wait(minutes=50).say()))


def test_a_gateway_that_never_caches_loses_nothing() -> None:
    c = begun("gateway", cached=False, gateway="chatcmpl").wait(minutes=90).say().say()
    assert not list(found(c))


# --- writes that nothing reads ---------------------------------------------------------------


def test_the_last_write_of_a_conversation_is_a_candidate() -> None:
    flags = found(begun("end").read("b.py", 2_000, output=40).say())
    (flag,) = unread(flags)
    assert (flag.cause, flag.tier) == ("end", Tier.CANDIDATE)
    cost = flags.costs[flags.flags.index(flag)]
    assert cost.tokens == 2_040
    assert cost.usd_direct == pytest.approx(2_040 * (WRITE_1H - INPUT), abs=1e-12)


def test_a_subagent_of_one_answer_need_not_be_cached() -> None:
    c = begun("one-shot")
    flags = found(c.subagent("Explore", "p" * 4_000).done("done").say())
    flag = next(f for f in unread(flags) if f.cause == "one_shot")
    assert flag.tier is Tier.LIKELY and flag.response.conversation.agent != "main"
    cost = flags.costs[flags.flags.index(flag)]
    assert cost.tokens == 6_000 + 1_000 - TAIL
    assert cost.usd_direct == pytest.approx(cost.tokens * (WRITE_5M - INPUT), abs=1e-12)


def test_a_session_of_one_answer_may_serve_the_next_one() -> None:
    (flag,) = unread(found(conversation("print").user(ASK).say()))
    assert (flag.cause, flag.tier) == ("end", Tier.CANDIDATE)


def test_what_was_written_before_a_rebuild_was_never_read() -> None:
    c = begun("twice", ttl="5m").bash("ls", tokens=500).wait(minutes=7).say()
    flags = found(c.wait(minutes=7).say())
    # The second response wrote little, which ran out; the third its whole prompt, as the fourth.
    rebuilt = {f.response.number: f for f in unread(flags) if f.cause == "rebuilt"}
    assert list(rebuilt) == [2]
    assert rebuilt[2].tier is Tier.CANDIDATE
    assert flags.costs[flags.flags.index(rebuilt[2])].tokens == rebuilt[2].response.cached_to


def test_the_request_that_makes_a_summary_reads_what_was_written() -> None:
    c = begun("summary").read("b.py", 5_000).compact().say()
    assert all(flag.response.epoch_start for flag in unread(found(c)))


def test_a_premium_is_owned_once() -> None:
    """A write that is a rebuild and is never read belongs to the surer flag."""
    c = begun("both", ttl="5m").wait(minutes=7).say().wait(minutes=7).say()
    flags = found(c)
    owned = sum(cost.usd_owned for cost in flags.costs)
    claimed = sum(cost.usd_direct for cost in flags.costs)
    assert owned < claimed
    sure = [cost for flag, cost in zip(flags, flags.costs, strict=True) if not flag.is_candidate]
    assert all(cost.usd_owned == pytest.approx(cost.usd_direct) for cost in sure)
