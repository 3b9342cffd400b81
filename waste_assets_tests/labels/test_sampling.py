"""The sample that measures the rules: fixed by day and month, and unbiased."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from random import Random

import pytest

from waste_assets.labels.sampling import Candidate, Drawn, drawn
from waste_assets.mart.rule_quality import Judged, rule_quality

FIRST = date(2026, 3, 1)


def month(days: int, a_day: int = 120, seed: int = 1) -> list[Candidate]:
    """Days of responses, a quarter of them flagged."""
    rng = Random(seed)
    return [
        Candidate(
            FIRST + timedelta(days=day), f"msg_{day}_{n}", f"s{day}_{n % 7}", rng.expovariate(9), 1,
            "retry_error" if rng.random() < 0.25 else None,
        )
        for day in range(days)
        for n in range(a_day)
    ]  # fmt: skip


def names(found: list[Drawn], day: date) -> list[tuple[str, str, float]]:
    """What was drawn on a day."""
    return [
        (one.candidate.response_id, one.stratum, one.weight)
        for one in found
        if one.candidate.day == day
    ]


def test_days_that_come_later_change_nothing() -> None:
    some, all_ = drawn(month(12), 4), drawn(month(31), 4)
    for day in range(12):
        assert names(some, FIRST + timedelta(days=day)) == names(all_, FIRST + timedelta(days=day))
    alone = [one for one in month(31) if one.day == FIRST + timedelta(days=20)]
    assert names(drawn(alone, 4), alone[0].day) == names(all_, alone[0].day)
    assert len(all_) > len(some) > 0


@pytest.mark.parametrize("number", [1, 4, 9])
def test_a_whole_month_has_a_fixed_number_of_each_stratum(number: int) -> None:
    found = drawn(month(31, a_day=400), number)
    # A response that was drawn twice stands for two.
    strata = Counter(one.stratum for one in found)
    assert len(strata) == 20
    assert max(strata.values()) <= number and sum(strata.values()) >= 0.97 * 20 * number


def test_weights_add_up_to_the_month_on_the_average() -> None:
    sums = [
        sum(one.weight for one in drawn(month(31, seed=seed), 12) if one.candidate.category)
        / sum(one.category is not None for one in month(31, seed=seed))
        for seed in range(6)
    ]
    assert sum(sums) / len(sums) == pytest.approx(1, abs=0.08)


def test_the_quality_of_rules_that_are_wrong_in_a_known_way_is_found() -> None:
    # Rules that find eight of ten, and of which one of five is wrong.
    rng = Random(2)
    sample = []
    for n in range(4_000):
        truth = rng.random() < 0.3
        rule = rng.random() < (0.8 if truth else 0.086)
        names_ = ("retry_error", "none")
        sample.append(
            Judged(f"r{n}", f"s{n % 90}", "01/flagged", 10.0, names_[not rule], names_[not truth])
        )
    row = next(
        r for r in rule_quality(sample, {"retry_error": 50.0}) if r["category"] == "retry_error"
    )
    assert row["precision_low"] < row["precision"] < row["precision_high"]
    assert row["precision"] == pytest.approx(0.8, abs=0.03)
    assert row["recall"] == pytest.approx(0.8, abs=0.03)
    # As many are missed as are wrong: the published figure stands.
    assert row["usd_corrected_low"] < 50 < row["usd_corrected_high"]
    assert row["usd_corrected_high"] - row["usd_corrected_low"] < 10
    assert 0.6 < row["kappa"] < 0.8


def test_rules_that_flag_too_much_are_corrected_downwards_and_too_few_say_nothing() -> None:
    rows = [
        Judged(
            f"r{n}", f"s{n}", "01/flagged", 1.0, "file_reread", "file_reread" if n % 2 else "none"
        )
        for n in range(40)
    ]
    rows += [Judged("u", "u", "01/flagged", 1.0, "file_reread", "unclear")]
    by_category = {row["category"]: row for row in rule_quality(rows, {"file_reread": 8.0})}
    found = by_category["file_reread"]
    assert (found["sampled_responses"], found["undecided_responses"]) == (41, 1)
    assert found["usd_corrected"] == pytest.approx(4.0)
    assert found["usd_corrected_low"] < 4 < found["usd_corrected_high"] < 8
    assert by_category["dead_end"]["usd_corrected"] is None
    assert by_category["dead_end"]["precision"] is None
    assert rule_quality([], {}) == []
