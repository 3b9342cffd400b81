"""Planted waste is found to the dollar also where somebody goes back, again and again.

Waste before the place that is gone back to is carried on, waste after it is not: the generator
knows the cost of both by its own arithmetic.
"""

from __future__ import annotations

from collections import defaultdict
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from waste_assets.detectors.flag import Flag
from waste_assets.sample import Conversation, conversation
from waste_assets.sample.episodes import EPISODES, answer, ask
from waste_assets.sample.plants import KINDS, Place
from waste_assets_tests.detectors.support import Found, flags_of

PLANTS = {kind.name: kind for kind in KINDS if kind.place is not Place.BETWEEN}
#: Parts of a message, whose tokens are told from characters: alone in a session they are further
#: off than a category is over many of them.
ESTIMATED = ("padded_edit", "instructions_again", "parents_files")
#: What these find are candidates.
CANDIDATES = ("reasoning", "subagent_overhead", "oververbose_edit")
#: What a turn wastes, and how many turns the user goes back after it.
turns = st.lists(
    st.tuples(st.sampled_from([None, *sorted(PLANTS)]), st.sampled_from([0, 0, 1, 1, 2, 3])),
    min_size=3,
    max_size=10,
)


def told(seed: int, story: list[tuple[str | None, int]]) -> Conversation:
    """A session in which turns of work are wasteful, and taken back."""
    rng = Random(seed)
    c = conversation(f"back {seed}", model="claude-opus-5", cwd="/home/dev/warehouse")
    for waste, back in [*story, (None, 0)]:
        ask(c, rng)
        rng.choice(list(EPISODES))(c, rng)
        if waste is not None:
            PLANTS[waste].insert(c, rng)
        answer(c, rng)
        if back:
            c.rewind(min(back, len(c._turns)))
    return c


def recovered(found: Found, calls: dict[str, str], responses: dict[str, str]) -> dict[str, float]:
    """USD that flags found, by category, as far as they are about planted waste of it."""
    usd: dict[str, float] = defaultdict(float)
    for flag, cost in zip(found.flags, found.costs, strict=True):
        is_meant = not flag.is_candidate or flag.category in CANDIDATES
        if is_meant and flag.category in about(flag, calls, responses):
            usd[flag.category] += cost.usd_direct
    return usd


def about(flag: Flag, calls: dict[str, str], responses: dict[str, str]) -> set[str]:
    planted = {calls[call.id] for call in flag.calls if call.id in calls}
    return planted or {responses.get(flag.response.id, "")}


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 99), story=turns)
def test_planted_waste_is_found_wherever_somebody_goes_back(
    seed: int, story: list[tuple[str | None, int]]
) -> None:
    c = told(seed, story)
    found = flags_of(c)  # which sees to it that the ledger adds up to the bill
    expected: dict[str, float] = defaultdict(float)
    off: dict[str, float] = defaultdict(lambda: 0.02)
    calls, responses = {}, {}
    for plant in c.truth.plants:
        if plant.kind in ESTIMATED:
            off[plant.category] = 0.04
        expected[plant.category] += plant.usd
        calls |= dict.fromkeys(plant.calls, plant.category)
        responses |= dict.fromkeys(plant.responses, plant.category)
    usd = recovered(found, calls, responses)
    assert usd.keys() == expected.keys()
    for category, planted in expected.items():
        assert usd[category] == pytest.approx(planted, rel=off[category]), category
