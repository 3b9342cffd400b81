"""Thinking on turns that need none."""

from __future__ import annotations

from functools import partial

import pytest

from waste_assets.detectors.flag import Tier
from waste_assets.detectors.reasoning import DETECTOR, usual_thinking
from waste_assets.sample import Conversation, conversation
from waste_assets.sample.blocks import bash, edit, read, say, think
from waste_assets_tests.detectors.support import flags_of

found = partial(flags_of, detector=DETECTOR)
USUAL = usual_thinking("claude-opus-4-6")
LONG = think(tokens=2_000)


def begun() -> Conversation:
    return conversation("thinking").user("Go")


def test_the_excess_of_thinking_before_a_read_is_a_candidate() -> None:
    flags = found(begun().respond(LONG, read("a.py")).say())
    (flag,) = flags
    assert (flag.rule, flag.tier) == ("mechanical", Tier.CANDIDATE)
    thought, carried = flag.claims
    assert thought.start == USUAL
    assert thought.end == pytest.approx(2_000, abs=30)
    assert "characters of the thinking" in flag.evidence
    # It was answered, and then written to the cache with the next prompt.
    excess = thought.end - USUAL
    assert carried.end - carried.start == excess
    assert flags.costs[0].usd_direct == pytest.approx(excess * (25e-6 + 10e-6), abs=1e-9)


def test_thinking_that_is_dropped_from_the_prompt_is_not_carried() -> None:
    c = begun().respond(LONG, read("a.py", 100))
    c.context -= 2_000
    (flag,) = found(c.say())
    assert len(flag.claims) == 1


def test_hidden_thinking_is_what_the_calls_leave_of_the_output() -> None:
    (flag,) = found(begun().respond(think(""), read("a.py"), output=3_000).say())
    assert "leave of the output" in flag.evidence
    assert flag.claims[0].end == pytest.approx(3_000, abs=60)


def test_several_looks_at_once_are_mechanical_too() -> None:
    c = begun().respond(LONG, read("a.py"), bash("git status"), bash("ls -la src")).say()
    assert len(list(found(c))) == 1


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param([think(tokens=USUAL), read("a.py")], id="what is usual"),
        pytest.param([read("a.py")], id="none"),
        pytest.param([LONG, say(tokens=60), read("a.py")], id="a look with prose"),
        pytest.param([LONG, edit("a.py")], id="an edit"),
        pytest.param([LONG, bash("pytest -q")], id="a test run"),
        pytest.param([LONG, read("a.py"), edit("b.py")], id="a look beside an edit"),
        pytest.param([LONG, say(tokens=60)], id="an answer"),
    ],
)
def test_thinking_is_work_before(steps) -> None:  # type: ignore[no-untyped-def]
    assert not list(found(begun().respond(*steps).say()))


def test_an_output_that_was_never_counted_is_skipped() -> None:
    c = begun().respond(LONG, read("a.py"), final=False).say()
    assert not list(found(c))


def test_the_usual_is_the_models_own_whatever_else_is_known() -> None:
    assert usual_thinking("us.anthropic.claude-fable-5-1") == usual_thinking("claude-fable-5")
    assert usual_thinking(None) == usual_thinking("some-other-model")
