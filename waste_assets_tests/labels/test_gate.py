"""Instructions and models that are worse than the last ones do not label."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from waste_assets.labels.canary import Item, items
from waste_assets.labels.gate import Gate
from waste_assets.labels.question import Judge
from waste_assets.labels.recorded import RecordedAnswers
from waste_assets.lake.state import State
from waste_assets_tests.labels.judging import NOW, answer_to, canary_answers

JUDGE, OTHER = Judge(), Judge("claude-haiku-6")
Says = Callable[[int, Item], str | None]


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    state = State(tmp_path)
    yield Gate(state.engine)
    state.close()


def said(says: Says, judge: Judge = JUDGE) -> RecordedAnswers:
    """The canary as a judge answers it: by the number of the item within its label."""
    seen: dict[tuple[str, str], int] = {}
    answers = []
    for item in items():
        number = seen[item.task, item.label] = seen.get((item.task, item.label), -1) + 1
        answers.append(answer_to(item.question, says(number, item), judge))
    return RecordedAnswers(answers)


def wrong(often: int, to: str = "unclear") -> Says:
    """Right but for the first so many dead ends."""
    return lambda number, item: (
        to if (item.task, item.label) == ("dead_end", "dead_end") and number < often else item.label
    )


def test_the_canary_is_always_the_same_and_has_every_class() -> None:
    labels = {item.label for item in items() if item.task == "dead_end"}
    assert labels == {"dead_end", "recovered", "polling", "feedback"}
    keys = [item.question.key(JUDGE) for item in items()]
    items.cache_clear()
    assert [item.question.key(JUDGE) for item in items()] == keys
    # The same text never stands for two labels.
    by_text = {item.question.text: item.label for item in items() if item.task == "dead_end"}
    assert all(by_text[i.question.text] == i.label for i in items() if i.task == "dead_end")


def test_nothing_passes_before_it_is_answered(gate: Gate) -> None:
    assert gate.examine(JUDGE, RecordedAnswers(), NOW) == {"cluster_title"}
    assert len(gate.questions(JUDGE, date(2026, 11, 3))) == len(items())
    half = RecordedAnswers(canary_answers()[:20])
    assert gate.examine(JUDGE, half, NOW) == {"cluster_title"}
    assert not gate.told(JUDGE)


def test_a_good_judge_passes_and_is_not_examined_again(gate: Gate) -> None:
    passed = gate.examine(JUDGE, said(lambda number, item: item.label), NOW)
    assert passed == {"audit", "cluster_title", "dead_end", "failure_cause"}
    assert gate.questions(JUDGE, date(2026, 11, 3)) == []
    # What it says later is no matter.
    assert gate.examine(JUDGE, RecordedAnswers(), NOW) == passed
    assert len(gate.questions(OTHER, date(2026, 11, 3))) == len(items())


def test_a_judge_that_always_says_yes_fails(gate: Gate) -> None:
    passed = gate.examine(
        JUDGE, said(lambda number, item: "dead_end" if item.task == "dead_end" else item.label), NOW
    )
    assert "dead_end" not in passed and "failure_cause" in passed
    assert gate.blocked(JUDGE) == {"dead_end"}
    assert "recovered is found in 0% only" in gate.told(JUDGE)["dead_end"]


@pytest.mark.parametrize(
    ("says", "told"),
    [
        # One of 48 is within the two points.
        (wrong(1), None),
        (wrong(3), "points below the last version"),
        (wrong(6, "recovered"), "dead_end is found in 50% only"),
    ],
)
def test_the_next_version_is_compared_with_the_last(
    gate: Gate, says: Says, told: str | None
) -> None:
    gate.examine(JUDGE, said(lambda number, item: item.label), NOW)
    passed = gate.examine(OTHER, said(says, OTHER), NOW + timedelta(days=1))
    assert ("dead_end" in passed) == (told is None)
    assert (told or "macro-F1") in gate.told(OTHER)["dead_end"]
    # The old version goes on.
    assert "dead_end" in gate.examine(JUDGE, RecordedAnswers(), NOW)


def test_a_label_of_few_questions_may_be_missed_once(gate: Gate) -> None:
    missed = said(
        lambda number, item: "other" if item.label == "timeout" and not number else item.label
    )
    assert "failure_cause" in gate.examine(JUDGE, missed, NOW)


def test_other_answers_than_the_last_version_block_though_they_are_as_good(gate: Gate) -> None:
    def at(places: set[int]) -> Says:
        return lambda number, item: (
            "unclear" if item.task == "dead_end" and number in places else item.label
        )

    assert "dead_end" in gate.examine(JUDGE, said(at({0, 1})), NOW)
    passed = gate.examine(OTHER, said(at({2, 3}), OTHER), NOW + timedelta(days=1))
    assert "dead_end" not in passed
    assert "kappa" in gate.told(OTHER)["dead_end"]
    assert "points below" not in gate.told(OTHER)["dead_end"]


def test_what_the_api_did_not_serve_is_no_fault_of_the_version(gate: Gate) -> None:
    answers = canary_answers()
    lost = replace(answers[0], outcome="unserved", value=None)  # type: ignore[arg-type]
    passed = gate.examine(JUDGE, RecordedAnswers([lost, *answers[1:]]), NOW)
    assert "dead_end" not in passed and not gate.blocked(JUDGE)


def test_synthetic_answers_prove_nothing_for_real_ones(gate: Gate) -> None:
    right = said(lambda number, item: item.label)
    assert "dead_end" in gate.examine(JUDGE, right, NOW, is_synthetic=True)
    assert gate.examine(JUDGE, RecordedAnswers(), NOW) == {"cluster_title"}
