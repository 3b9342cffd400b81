"""Scores against annotated calls, worked out by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from waste_assets.accounting.conversation import Session
from waste_assets.detectors.evaluate import (
    GoldItem,
    Prediction,
    evaluate,
    predict,
    read_gold,
    render,
)
from waste_assets.detectors.flag import Flag, Tier
from waste_assets.intervals import bootstrap_share, proportion, wilson
from waste_assets.sample import conversation
from waste_assets_tests.detectors.support import loaded


def gold(name: str, category: str = "none", *, stratum: str = "s", size: int = 10,
         cause: str = "n/a", fault: str = "n/a", confidence: int = 3) -> GoldItem:  # fmt: skip
    """An annotated call."""
    return GoldItem(name, "a.jsonl", 1, stratum, size, category, cause, fault, confidence)


def test_items_stand_for_what_their_stratum_holds() -> None:
    """Of a rare stratum of 10 calls two were drawn, of a common one of 90 calls one."""
    items = [
        gold("a", "retry_error", stratum="rare", size=10),
        gold("b", "retry_error", stratum="rare", size=10),
        gold("c", "none", stratum="common", size=90),
    ]
    found = evaluate(
        items,
        {
            "a": Prediction("retry_error"),
            "b": Prediction("none"),
            "c": Prediction("retry_error"),
        },
    )
    score = found.categories["retry_error"]
    assert score.precision.value == pytest.approx(5 / 95)
    assert score.recall.value == pytest.approx(5 / 10)
    assert score.f1.value == pytest.approx(2 * 5 / (2 * 5 + 5 + 90))
    assert found.flagged_none.value == 1.0
    assert found.confusion["none", "retry_error"] == (1, 90.0)
    assert [one.tool_use_id for one in found.disagreements] == ["b", "c"]


def test_figures_are_also_told_without_guesses() -> None:
    items = [
        gold("a", "retry_error", size=90, cause="timeout", fault="model"),
        gold("b", "retry_error", stratum="t", size=30, confidence=1),
        gold("c", "none", stratum="u", size=10, confidence=2),
        gold("d", "none", stratum="u", size=10, confidence=1),
    ]
    found = evaluate(
        items,
        {
            "a": Prediction("retry_error", "timeout", "user"),
            "b": Prediction(),
            "c": Prediction("retry_error"),
            "d": Prediction("retry_error"),
        },
    )
    every, sure = found.categories["retry_error"], found.sure.categories["retry_error"]
    assert (found.items, found.sure.items) == (4, 2)
    assert every.recall.value == pytest.approx(90 / 120) and sure.recall.value == 1.0
    # What is left stands for what it stood for.
    assert every.precision.value == pytest.approx(90 / 100)
    assert sure.precision.value == pytest.approx(90 / 95)
    assert (found.flagged_none.hits, found.flagged_none.items) == (2, 2)
    assert (found.sure.flagged_none.hits, found.sure.flagged_none.items) == (1, 1)
    assert (found.sure.cause.value, found.sure.fault.value) == (1.0, 0.0)
    text = render(found)
    assert "all 4 calls" in text and "the 2 calls annotated with confidence 2 or 3" in text
    assert "(1/2)" in text and "(1/1)" in text


def test_causes_are_compared_where_the_annotation_knows_one() -> None:
    items = [
        gold("a", "retry_error", cause="timeout", fault="model"),
        gold("b", "none", cause="build_or_test", fault="feedback"),
        gold("c", "none"),
    ]
    found = evaluate(
        items,
        {
            "a": Prediction("retry_error", "timeout", "infrastructure"),
            "b": Prediction("none", "build_or_test", "feedback"),
            "c": Prediction("none", "other", "model"),
        },
    )
    assert found.cause.value == 1.0 and found.cause.items == 2
    assert found.fault.value == 0.5
    (one,) = found.disagreements
    assert (one.about, one.annotated, one.predicted) == ("fault", "model", "infrastructure")


def test_calls_that_were_not_analysed_are_named_and_left_out() -> None:
    found = evaluate([gold("a", "retry_error"), gold("b")], {"b": Prediction()})
    assert found.missing == ("a",) and found.items == 1
    assert found.categories["retry_error"].recall.value is None
    assert "1 of them not found" in render(found)


def test_a_call_is_found_by_its_line_where_its_id_is_not() -> None:
    found = evaluate([gold("gone", "retry_error")], {("a.jsonl", 1): Prediction("retry_error")})
    assert found.categories["retry_error"].recall.value == 1.0


def test_the_first_by_precedence_owns_a_call_and_candidates_own_none() -> None:
    c = conversation().user("Go").read("a.py").read("b.py").read("c.py").say()
    (session,) = loaded(c)
    one, two, three = session.conversations[0].calls

    def flag(category: str, tier: Tier, *calls: int) -> Flag:
        chosen = tuple((one, two, three)[number] for number in calls)
        return Flag(category, "x", tier, "why", one.response, (), chosen)

    into: dict[str | tuple[str, int], Prediction] = {}
    flags = [
        flag("file_reread", Tier.CERTAIN, 0, 1),
        flag("retry_error", Tier.LIKELY, 0),
        flag("dead_end", Tier.CANDIDATE, 0, 2),
    ]
    predict(session, flags, into)
    assert [into[call.id].category for call in (one, two, three)] == [
        "retry_error", "file_reread", "none",
    ]  # fmt: skip
    assert into[one.transcript, one.line_no].category == "retry_error"


def test_failures_are_predicted_with_cause_and_fault() -> None:
    c = conversation().user("Go").read("a.py", result="File does not exist.", is_error=True).say()
    (session,) = loaded(c)
    into: dict[str | tuple[str, int], Prediction] = {}
    predict(session, [], into)
    call = calls_of(session)[0]
    assert (into[call].cause, into[call].fault) == ("file_precondition", "model")


def calls_of(session: Session) -> list[str]:
    """The ids of the calls of the main conversation."""
    return [call.id for call in session.conversations[0].calls]


def test_a_line_that_is_no_annotation_is_named(tmp_path: Path) -> None:
    path = tmp_path / "gold.jsonl"
    path.write_text('{"tool_use_id": "a"}\n')
    with pytest.raises(ValueError, match=r"gold.jsonl line 1 is no annotated call"):
        read_gold(path)


def test_annotations_are_read(tmp_path: Path) -> None:
    path = tmp_path / "gold.jsonl"
    path.write_text(
        '{"tool_use_id":"a","file":"f","line":3,"stratum":"s","stratum_size":9,"category":"none",'
        '"cause":"n/a","fault":"n/a","confidence":3,"readers":2}\n\n'
    )
    assert read_gold(path) == [GoldItem("a", "f", 3, "s", 9, "none")]


def test_what_is_shown_has_every_figure() -> None:
    text = render(evaluate([gold("a", "retry_error")], {"a": Prediction("none", why="no rule")}))
    assert "retry_error" in text and "0.000 [0.000, 0.793]" in text
    assert "a  category: annotated retry_error, found none (no rule)  a.jsonl:1" in text


def test_wilson_is_wilson() -> None:
    """Values of the score interval from a table."""
    low, high = wilson(0.9, 10)
    assert (round(low, 4), round(high, 4)) == (0.5958, 0.9821)
    assert wilson(0.0, 20)[0] == 0.0 and wilson(1.0, 20)[1] == 1.0


def test_unequal_weights_tell_less() -> None:
    equal = proportion([(True, 1.0)] * 5 + [(False, 1.0)] * 5)
    unequal = proportion([(True, 1.0)] * 4 + [(False, 1.0)] * 5 + [(True, 20.0)])
    assert equal.effective == 10.0
    assert unequal.effective == pytest.approx(29**2 / (9 + 20**2))
    assert unequal.value == pytest.approx(24 / 29)


def test_the_bootstrap_gives_the_same_interval_every_time() -> None:
    clusters = [(1.0, 2.0), (3.0, 3.0), (0.0, 4.0), (2.0, 5.0)]
    assert bootstrap_share(clusters) == bootstrap_share(clusters)
    assert bootstrap_share(clusters).value == pytest.approx(6 / 14)
    assert bootstrap_share([]).value is None
