"""What it costs that work was given to a subagent."""

from __future__ import annotations

from functools import partial

import pytest

from waste_assets.detectors.flag import Flag, Tier
from waste_assets.detectors.subagent_overhead import DETECTOR
from waste_assets.sample import Conversation, conversation
from waste_assets_tests.detectors.support import Found, flags_of

found = partial(flags_of, detector=DETECTOR)
#: USD of a token of claude-opus-4-6.
WRITE_5M, READ = 6.25e-6, 0.5e-6


def begun(name: str) -> Conversation:
    return conversation(name).user("Go").read("src/app.py", 1_200)


def of(rule: str, flags: Found) -> list[Flag]:
    return [flag for flag in flags if flag.rule == rule]


# --- cold starts -----------------------------------------------------------------------------


def test_a_cold_start_costs_the_writes_of_the_prefix_less_the_reads() -> None:
    c = begun("cold").subagent("Explore", "p" * 400).grep("login").done().say()
    flags = found(c)  # type: ignore[arg-type]
    (flag,) = flags
    assert (flag.rule, flag.tier) == ("cold_start", Tier.CANDIDATE)
    # The task itself is new, and has to be written.
    assert flags.costs[0].tokens == pytest.approx(6_000, abs=10)
    expected = flags.costs[0].tokens * (WRITE_5M - READ)
    assert flags.costs[0].usd_direct == pytest.approx(expected, abs=1e-12)


def test_a_side_question_goes_on_from_its_parents_cache() -> None:
    assert not list(found(begun("aside").btw().say()))


def test_a_session_alone_has_no_overhead() -> None:
    assert not list(found(begun("alone").say()))


# --- files that the parent holds -------------------------------------------------------------


def test_a_file_that_the_parent_holds_is_read_again() -> None:
    c = begun("held").subagent().read("src/app.py", 1_200).done().say()
    flags = found(c)  # type: ignore[arg-type]
    (flag,) = of("held_by_parent", flags)
    assert flag.tier is Tier.CANDIDATE
    again, earlier = flag.calls
    assert (again.response.conversation.is_main, earlier.response.conversation.is_main) == (
        False,
        True,
    )
    assert flags.costs[flags.flags.index(flag)].tokens == 1_200


@pytest.mark.parametrize("case", ["another file", "other lines", "after", "compacted", "sibling"])
def test_what_the_parent_does_not_hold(case: str) -> None:
    c = begun(case)
    if case == "another file":
        c.subagent().read("src/other.py", 1_200).done().say()
    elif case == "other lines":
        c.read("src/long.py", 900, offset=1, limit=80)
        c.subagent().read("src/long.py", 900, offset=400, limit=80).done().say()
    elif case == "after":
        c.subagent().read("src/later.py", 900).done().read("src/later.py", 900).say()  # type: ignore[attr-defined]
    elif case == "compacted":
        c.compact().user("On").subagent().read("src/app.py", 1_200).done().say()
    else:
        c.subagent().read("src/both.py", 900).done()
        c.subagent().read("src/both.py", 900).done().say()
    assert not of("held_by_parent", found(c))


# --- subagents without a report --------------------------------------------------------------


def cost_of(flags: Found, flag: Flag) -> tuple[float, float]:
    """What a flag claims, and what its subagent was billed."""
    conversation = flag.response.conversation
    billed = sum(response.usd or 0.0 for response in conversation.responses)
    return flags.costs[flags.flags.index(flag)].usd_direct, billed


def test_an_empty_report_wastes_all_of_the_subagent() -> None:
    c = begun("empty").subagent().grep("login").read("src/a.py", 800).done("").say()
    flags = found(c)  # type: ignore[arg-type]
    (flag,) = of("no_report", flags)
    assert "report is empty" in flag.evidence
    assert [call.tool for call in flag.wasted_calls] == ["Agent"]
    claimed, billed = cost_of(flags, flag)
    assert claimed == pytest.approx(billed, abs=1e-9)


def test_an_error_is_no_report() -> None:
    c = begun("error").subagent().grep("login").done("API Error: 500 Internal server error").say()
    (flag,) = of("no_report", found(c))  # type: ignore[arg-type]
    assert "an error" in flag.evidence


def test_a_report_that_comes_after_the_last_response_is_never_used() -> None:
    c = begun("late")
    c.subagent().grep("login").done()
    (flag,) = of("no_report", found(c))
    assert "no response after" in flag.evidence


def test_a_subagent_that_was_killed_never_reports() -> None:
    c = begun("killed")
    agent = c.subagent().grep("login").read("src/a.py", 800)
    agent._done = True
    c._open.clear()
    (flag,) = of("no_report", found(c.user("Stop").say()))
    assert "never came" in flag.evidence


def test_a_report_that_was_used_is_none() -> None:
    c = begun("used")
    c.subagent().grep("login").done()
    c.say()
    c.subagent(background=True).grep("logout").done()
    c.say()
    assert not of("no_report", found(c))
