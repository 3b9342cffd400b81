"""Planted waste is found, to the dollar, and work without waste is left alone.

The same sessions twice: with waste planted into them, whose cost the generator knows by its own
arithmetic, and without.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from pathlib import Path
from statistics import median

import pytest

from waste_assets.accounting.ledger import PRECEDENCE, PRODUCTIVE, Cost, Settlement, Share, settle
from waste_assets.accounting.sessions import sessions
from waste_assets.detectors.flag import Flag, Settings
from waste_assets.detectors.registry import detect, detectors
from waste_assets.lake.tables import PARSED_TURNS
from waste_assets.sample import Truth, generate
from waste_assets.sample.planted import Plant
from waste_assets.sample.plants import KINDS
from waste_assets_tests.detectors.support import assert_adds_up
from waste_assets_tests.support import Audit

END = date(2026, 9, 14)
#: All that these categories hold are candidates: only their user knows what they were worth.
CANDIDATE_CATEGORIES = {"reasoning", "subagent_overhead"}
#: And this one of another category: a source file of any size may be what the work needs.
CANDIDATE_KINDS = {"long_read"}


@dataclass
class Audited:
    """Generated sessions after detectors and ledger have been over them."""

    truth: Truth = field(repr=False)
    flags: list[tuple[Flag, Cost]] = field(repr=False)
    #: USD, all of it and what flags own that are no candidates.
    spent: float
    headline: float


def audited(folder: Path, plants: float) -> Audited:
    audit = Audit(folder)
    truth = generate(
        audit.source, sessions=40, end=END, seed=11, plants=plants, keep_responses=True
    )
    audit.run()
    flags: list[tuple[Flag, Cost]] = []
    spent = headline = 0.0
    for session in sessions(audit.lake, audit.lake.days(PARSED_TURNS)):
        found = detect(session, Settings())
        settlement = settle(session, found)
        assert_adds_up(session, settlement)
        flags += zip(found, settlement.costs, strict=True)
        spent += sum(share.usd for share in shares(settlement, productive=True))
        headline += sum(share.usd - share.usd_candidate for share in shares(settlement))
    return Audited(truth, flags, spent, headline)


def shares(settlement: Settlement, *, productive: bool = False) -> Iterator[Share]:
    for by_category in settlement.shares.values():
        for category, share in by_category.items():
            if productive or category != PRODUCTIVE:
                yield share


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Audited:
    return audited(tmp_path_factory.mktemp("planted"), 0.9)


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Audited:
    return audited(tmp_path_factory.mktemp("clean"), 0.0)


def by_plant(audited: Audited) -> Iterator[tuple[Flag, Cost, list[Plant]]]:
    """Each flag with the plants that it is about: by its calls, else by its place."""
    calls, responses = defaultdict(list), defaultdict(list)
    for plant in audited.truth.plants:
        for call in plant.calls:
            calls[call].append(plant)
        for response in plant.responses:
            responses[response].append(plant)
    for flag, cost in audited.flags:
        about = [plant for call in flag.calls for plant in calls[call.id]]
        yield flag, cost, about or responses[flag.response.id]


def recovered(audited: Audited) -> dict[tuple[str, str], float]:
    """USD that flags found of the plants of their category, by category and kind."""
    found: dict[tuple[str, str], float] = defaultdict(float)
    for flag, cost, plants in by_plant(audited):
        own = [plant for plant in plants if plant.category == flag.category]
        if own and (not flag.is_candidate or may_be_candidate(own[0])):
            found[flag.category, own[0].kind] += cost.usd_direct
    return found


def may_be_candidate(plant: Plant) -> bool:
    return plant.category in CANDIDATE_CATEGORIES or plant.kind in CANDIDATE_KINDS


def test_every_kind_of_waste_was_planted(planted: Audited) -> None:
    kinds = {(kind.category, kind.name) for kind in KINDS} | {("cache_read", "bloated_prefix")}
    assert {(plant.category, plant.kind) for plant in planted.truth.plants} == kinds
    assert {category for category, _ in kinds} == set(PRECEDENCE)
    assert {detector.category for detector in detectors()} == set(PRECEDENCE)


@pytest.mark.parametrize("category", PRECEDENCE)
def test_the_planted_dollars_of_a_category_are_found_within_2_per_cent(
    planted: Audited, category: str
) -> None:
    expected = planted.truth.planted[category]
    found = sum(usd for (name, _), usd in recovered(planted).items() if name == category)
    assert expected.plants >= 3
    assert found == pytest.approx(expected.usd_direct, rel=0.02)


def test_each_kind_of_planted_waste_is_found(planted: Audited) -> None:
    expected: dict[tuple[str, str], float] = defaultdict(float)
    for plant in planted.truth.plants:
        expected[plant.category, plant.kind] += plant.usd
    assert recovered(planted) == pytest.approx(expected, rel=0.03)


def test_nothing_but_the_plants_is_in_the_headline(planted: Audited) -> None:
    elsewhere = sum(
        cost.usd_owned
        for flag, cost, plants in by_plant(planted)
        if not flag.is_candidate and not plants
    )
    assert elsewhere < 0.005 * planted.spent


def test_a_failure_on_the_way_into_a_dead_end_is_paid_for_once(planted: Audited) -> None:
    """Flags of two categories claim it, and the ledger gives it to the dead end."""
    overlaps = [
        cost
        for flag, cost, plants in by_plant(planted)
        if flag.category == "retry_error" and any(p.category == "dead_end" for p in plants)
    ]
    assert overlaps
    assert sum(cost.usd_direct for cost in overlaps) > 0
    assert sum(cost.usd_owned for cost in overlaps) == pytest.approx(0, abs=1e-9)


def test_work_without_waste_is_left_alone(clean: Audited) -> None:
    assert clean.truth.plants == []
    assert len(clean.truth.responses) > 1_000
    assert clean.headline < 0.005 * clean.spent


def test_clean_sessions_are_the_planted_ones_without_their_plants(
    clean: Audited, planted: Audited
) -> None:
    """They hold what is easily taken for waste: compactions, subagents, long pauses, red tests."""
    assert main_threads(clean).keys() == main_threads(planted).keys()
    assert clean.spent < planted.spent
    threads = main_threads(clean).values()
    assert max(map(len, threads)) > 5 * median(map(len, threads))
    assert len({row.agent for row in clean.truth.responses}) > 20
    assert any(later < 0.5 * before for thread in threads for before, later in pairwise(thread))


def main_threads(audited: Audited) -> dict[str, list[int]]:
    """Sizes of the prompts of each session, one after another."""
    prompts: dict[str, list[int]] = defaultdict(list)
    for row in audited.truth.responses:
        if row.agent is None:
            prompts[row.session].append(row.prompt)
    return prompts
