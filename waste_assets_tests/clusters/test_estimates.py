"""The whole corpus against its dearest sessions, and what a sample of any size tells."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from waste_assets.clusters.estimates import Design, expansion, frequencies
from waste_assets.intervals import student
from waste_assets.mart.tables import CLUSTER_ESTIMATES, CLUSTERS, SESSION_USAGE
from waste_assets.sample import Conversation, conversation
from waste_assets.sample.faults import BROWSER_IN_USE
from waste_assets_tests.support import Audit

TOP = 100


def dear(number: int) -> Conversation:
    """A session of much work, in which nothing goes wrong."""
    return conversation(f"dear {number}").user("Go").read(f"a{number}.py", 9_000).say().say()


def cheap(number: int, *, browser: bool) -> Conversation:
    c = conversation(f"cheap {number}", cwd="/home/dev/site", base_tokens=2_000).user("Go")
    if browser:
        url = f"http://localhost:8000/{number}"
        c.tool("mcp__playwright__browser_navigate", {"url": url}, BROWSER_IN_USE, is_error=True)
    return c.say()


def test_what_happens_in_many_cheap_sessions_is_found_in_all_and_missed_in_the_dearest(
    tmp_path: Path,
) -> None:
    audit = Audit(tmp_path)
    audit.write(*(dear(number) for number in range(TOP)))
    audit.write(*(cheap(number, browser=number % 2 == 0) for number in range(60)))
    audit.run()
    audit.publish()
    costs = {row["session_id"]: row["usd"] for row in audit.published(SESSION_USAGE)}
    assert len(costs) == TOP + 60
    rows = {(row["kind"], row["cluster_id"]): row for row in audit.published(CLUSTER_ESTIMATES)}
    (browser,) = audit.published(CLUSTERS)
    assert (browser["cause"], browser["occurrences"]) == ("browser_playwright", 30)
    for key in (("cause", "browser_playwright"), ("cluster", browser["cluster_id"])):
        row = rows[key]
        assert (row["top_n"], row["top_occurrences"], row["top_rate"]) == (TOP, 0, 0)
        assert (row["sessions"], row["occurrences"], row["affected"]) == (160, 30, 30)
        assert row["rate"] == 30 / 160
        # A sample of as many sessions that does not look at the price is not blind to it.
        assert row["sample_sessions"] == TOP and row["sample_occurrences"] > 0
        assert row["low"] <= 30 <= row["high"] < 60
        assert row["affected_low"] <= 30 <= row["affected_high"]


def test_a_sample_of_everything_is_exact() -> None:
    costs = {f"s{n}": float(n) for n in range(40)}
    happened = [("s3", "x", 4), ("s39", "x", 1), ("s39", "y", 2), ("gone", "x", 9)]
    for one in frequencies(costs, happened, top_n=2, sample=1_000):
        for told, exact in (
            (one.estimated_occurrences, one.occurrences),
            (one.estimated_affected, one.affected),
        ):
            assert (told.value, told.low, told.high) == (exact, exact, exact)
    x, y = frequencies(costs, happened, top_n=2, sample=1_000)
    assert (x.key, x.occurrences, x.affected, x.top_occurrences) == ("x", 5, 2, 1)
    assert (y.key, y.occurrences, y.top_affected, y.top_rate) == ("y", 2, 1, 1.0)


def test_a_sample_that_saw_none_does_not_say_there_is_none() -> None:
    costs = {f"s{n:04}": float(n) for n in range(2_000)}
    design = Design.of(costs, 0, 60)
    unseen = next(n for n, drawn in zip(design.sessions, design.drawn, strict=True) if not drawn)
    (one,) = frequencies(costs, [(unseen, "x", 1)], top_n=100, sample=60)
    assert one.sample_occurrences == 0 and one.estimated_occurrences.value == 0
    # Wilson: about 3.8 in the sample's size, of all.
    assert 60 < one.estimated_affected.high < 130
    assert one.estimated_occurrences.high >= one.estimated_affected.high
    assert one.estimated_occurrences.low == 0


def test_a_sample_bounds_its_own_estimate() -> None:
    costs = {f"s{n}": float(n) for n in range(30)}
    everywhere = [(name, "x", 3) for name in costs]
    (one,) = frequencies(costs, everywhere, sample=20)
    assert one.estimated_affected.low >= 20 and one.estimated_affected.high <= 30
    assert one.estimated_occurrences.value == 90 == one.estimated_occurrences.high


@pytest.mark.parametrize(("count", "size"), [(0, 5), (1, 1), (3, 2), (7, 7), (9, 4), (211, 100)])
def test_the_sample_has_its_size_and_looks_into_every_stratum(count: int, size: int) -> None:
    costs = {f"s{n}": float(n % 5) for n in range(count)}
    design = Design.of(costs, 10, size)
    assert design.drawn.sum() == min(size, count)
    assert design.top.sum() == min(10, count)
    if size >= 4:
        strata = set(design.stratum.tolist())
        assert all(design.drawn[design.stratum == number].sum() >= 2 for number in strata)


def test_a_sample_is_the_same_again_and_changes_little_as_sessions_come_in() -> None:
    costs = {f"s{n:03}": float(n) for n in range(400)}

    def drawn(costs: dict[str, float], seed: int = 0) -> set[str]:
        design = Design.of(costs, 0, 100, seed)
        return {n for n, d in zip(design.sessions, design.drawn, strict=True) if d}

    first = drawn(costs)
    assert drawn(dict(reversed(costs.items()))) == first
    assert drawn(costs, seed=1) != first
    assert len(first & drawn({**costs, "new": 37.5})) >= 90


def test_the_expansion_estimator_by_hand() -> None:
    """Two strata of four, two drawn of each: Cochran's formulas on paper."""
    design = Design(
        tuple("abcdefgh"),
        np.zeros(8, dtype=bool),
        np.array([0, 0, 0, 0, 1, 1, 1, 1]),
        np.array([1, 1, 0, 0, 1, 1, 0, 0], dtype=bool),
    )
    total, variance, freedom = expansion(np.array([1.0, 3, 10, 20]), design)
    assert total == 4 * 2 + 4 * 15
    # N (N - n) / n s²: 4 · 2 / 2 · 2 and 4 · 2 / 2 · 50.
    assert variance == pytest.approx(8 + 200)
    assert freedom == pytest.approx(208**2 / (8**2 + 200**2))


@pytest.mark.parametrize("share", [0.02, 0.15, 0.5])
def test_the_intervals_hold_what_they_promise(share: float) -> None:
    """Samples of a skewed population: what is rare, clustered, and more likely where it is dear."""
    random = np.random.default_rng(5)
    costs = {f"s{n:04}": float(usd) for n, usd in enumerate(random.lognormal(0, 1.5, 1_000))}
    ranks = {name: rank / 1_000 for rank, name in enumerate(sorted(costs, key=lambda n: costs[n]))}
    affected = [name for name in costs if random.random() < 2 * share * ranks[name]]
    happened = [(name, "x", int(random.geometric(0.4))) for name in affected]
    truth = sum(times for _, _, times in happened)
    inside_sessions = inside_times = 0
    for seed in range(200):
        (one,) = frequencies(costs, happened, sample=100, seed=seed)
        inside_sessions += (
            one.estimated_affected.low <= len(affected) <= one.estimated_affected.high
        )
        inside_times += one.estimated_occurrences.low <= truth <= one.estimated_occurrences.high
    assert inside_sessions >= 180
    assert inside_times >= 170


@pytest.mark.parametrize(("freedom", "point"), [(1, 12.706), (4, 2.776), (30, 2.042), (1e9, 1.960)])
def test_students_t(freedom: float, point: float) -> None:
    assert student(freedom) == pytest.approx(point, abs=0.02)
