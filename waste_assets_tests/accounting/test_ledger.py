"""The ledger adds up: every billed token has one owner, whatever the findings claim.

The oracle here knows nothing of spans, trees or sweeps: it writes down for each single token of
each prompt and each output who claims it, and adds up what these tokens were billed.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from waste_assets.accounting.claims import (
    CarryClaim,
    Claim,
    OutputClaim,
    PremiumClaim,
    carried,
    whole_call,
)
from waste_assets.accounting.conversation import Call, Response, Session
from waste_assets.accounting.ledger import (
    PRECEDENCE,
    PRODUCTIVE,
    Cost,
    Settlement,
    Share,
    settle,
)
from waste_assets.accounting.sessions import sessions
from waste_assets.lake.tables import PARSED_TURNS
from waste_assets.sample import conversation
from waste_assets.sample.oddities import ODDITIES
from waste_assets_tests.detectors.support import loaded
from waste_assets_tests.stories import COPIES, STEPS, tell
from waste_assets_tests.support import KINDS, Audit

Array = npt.NDArray[np.int64]
NOBODY = -1
#: In the order in which they stand in a prompt.
PROMPT_KINDS = ("read", "write_1h", "write_5m", "input")


@dataclass(frozen=True)
class Finding:
    """Any claims, as a detector might have made them."""

    category: str
    is_candidate: bool
    claims: tuple[Claim, ...]
    wasted_calls: tuple[Call, ...] = ()


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[Session]:
    """Sessions in which anything may happen, as detectors see them."""
    rng = random.Random(5)
    audit = Audit(tmp_path_factory.mktemp("ledger"))
    for number in range(12):
        names = rng.choices([*STEPS, *COPIES], k=rng.randint(5, 25))
        audit.write(*tell([(name, rng.randint(1, 400)) for name in names], f"story {number}"))
    for name, oddity in ODDITIES.items():
        audit.write(*oddity(name, "2026-09-06T10:00:00Z"))
    audit.run()
    return list(sessions(audit.lake, audit.lake.days(PARSED_TURNS)))


# --- any findings --------------------------------------------------------------------------


def responses_of(session: Session) -> list[Response]:
    return [one for conversation in session.conversations for one in conversation.responses]


def some_part(rng: random.Random, start: int, end: int) -> tuple[int, int]:
    """Most often the whole, else any part."""
    if rng.random() < 0.5 or end <= start:
        return start, end
    low, high = sorted((rng.randint(start, end), rng.randint(start, end)))
    return low, high


def some_claims(rng: random.Random, responses: Sequence[Response]) -> Iterator[Claim]:
    response = rng.choice(responses)
    kind = rng.randrange(5)
    if kind == 0 and response.calls:
        yield from whole_call(rng.choice(response.calls))
    elif kind == 1 and response.blocks:
        yield from carried(rng.choice(response.blocks), beyond=rng.choice((0, 0, 7)))
    elif kind == 2 and response.blocks:
        block = rng.choice(response.blocks)
        start, end = some_part(rng, block.start, block.end)
        if start < end:
            yield CarryClaim(block.response, start, end)
    elif kind == 3:
        start, end = some_part(rng, 0, response.prompt_tokens)
        yield PremiumClaim(response, start, end, rng.choice(("read", "input")))
    else:
        yield OutputClaim(response, *some_part(rng, 0, response.output_tokens))


def some_findings(rng: random.Random, session: Session, count: int) -> list[Finding]:
    """Findings whose claims overlap within and between them."""
    responses = responses_of(session)
    calls = [call for response in responses for call in response.calls]
    return [
        Finding(
            rng.choice(PRECEDENCE),
            rng.random() < 0.3,
            tuple(claim for _ in range(rng.randint(1, 3)) for claim in some_claims(rng, responses)),
            tuple(rng.sample(calls, min(len(calls), rng.choice((0, 0, 1, 4))))),
        )
        for _ in range(count)
    ]


# --- the oracle ----------------------------------------------------------------------------


@dataclass
class Account:
    """What an owner has, token by token."""

    tokens: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    usd: float = 0.0
    usd_candidate: float = 0.0


@dataclass
class Oracle:
    """Shares by response and category, and what each finding claims and owns in USD."""

    shares: dict[tuple[str, str], Account] = field(default_factory=lambda: defaultdict(Account))
    direct: dict[int, float] = field(default_factory=lambda: defaultdict(float))
    owned: dict[int, float] = field(default_factory=lambda: defaultdict(float))


def prompt_of(response: Response) -> tuple[Array, npt.NDArray[np.float64]]:
    """Kind and price of every token of a prompt."""
    kinds = np.full(response.prompt_tokens, len(PROMPT_KINDS), np.int64)
    prices = np.zeros(response.prompt_tokens)
    place = 0
    for number, kind in enumerate(PROMPT_KINDS):
        tokens = getattr(response, f"{kind}_tokens")
        usd = getattr(response, f"usd_{kind}") or 0.0
        kinds[place : place + tokens] = number
        prices[place : place + tokens] = usd / tokens if tokens else 0.0
        place += tokens
    return kinds, prices


def by_rank(findings: Sequence[Finding]) -> list[int]:
    """The weakest first: who comes later takes the token."""
    return sorted(range(len(findings)), key=lambda n: (*rank(findings[n]), n), reverse=True)


def rank(finding: Finding) -> tuple[bool, int]:
    return finding.is_candidate, PRECEDENCE.index(finding.category)


def claimed_by_token(session: Session, findings: Sequence[Finding]) -> Oracle:
    oracle = Oracle()
    for told in session.conversations:
        for response in told.responses:
            held = held_by(response)
            _prompt(oracle, response, held, findings)
            _output(oracle, response, findings)
    return oracle


def held_by(response: Response) -> dict[str, int]:
    """By response, up to which place a prompt holds what entered with it.

    Back in time as long as the epoch lasts; where somebody went back, on from what they went back
    to, of which, and of what came after it, the prompt holds no more than was kept.
    """
    thread = response.conversation.responses
    held: dict[str, int] = {}
    here: Response | None = response
    number, upto = response.number, response.prompt_tokens
    while here is not None:
        while True:
            one = thread[number]
            held[one.id] = max(held.get(one.id, 0), upto)
            if number == 0 or one.is_rewound or thread[number - 1].epoch != one.epoch:
                break
            number -= 1
        here = one.previous if one.epoch_start is None else None
        if here is not None:
            upto = min(upto, one.held_tokens)
            number = here.number
            while number + 1 < len(thread) and not (
                thread[number + 1].is_rewound or thread[number + 1].epoch != here.epoch
            ):
                number += 1
    return held


def _prompt(
    oracle: Oracle, response: Response, held: dict[str, int], findings: Sequence[Finding]
) -> None:
    kinds, prices = prompt_of(response)
    owners = np.full(len(kinds), NOBODY)
    for number in by_rank(findings):
        mine = np.zeros(len(kinds), bool)
        for claim in findings[number].claims:
            if isinstance(claim, CarryClaim) and claim.response.id in held:
                mine[claim.start : min(claim.end, held[claim.response.id])] = True
        owners[mine] = number
        oracle.direct[number] += prices[mine].sum()
    # What a cache cost too much goes to the first who claims it, where nobody owns the token.
    charged: Array = owners >= 0
    less = np.zeros(len(kinds))
    premiums = [
        (number, claim)
        for number in reversed(by_rank(findings))
        for claim in findings[number].claims
        if isinstance(claim, PremiumClaim) and claim.response is response
    ]
    # Among equals the larger difference comes first.
    for number, claim in sorted(
        premiums, key=lambda one: (*rank(findings[one[0]]), one[1].instead == "input")
    ):
        other = response.rate_read if claim.instead == "read" else response.rate_input
        part = np.zeros(len(kinds), bool)
        part[claim.start : claim.end] = True
        part &= kinds > 0
        above = np.maximum(prices - (other or 0.0) / 1e6, 0.0)
        oracle.direct[number] += above[part].sum()
        free = part & ~charged
        owners[free] = number
        less[free] = (prices - above)[free]
        charged |= part
    for number in {int(one) for one in owners if one >= 0}:
        mine = owners == number
        finding = findings[number]
        share = oracle.shares[response.id, finding.category]
        for kind, name in enumerate(PROMPT_KINDS):
            share.tokens[name] += int((kinds[mine] == kind).sum())
        _pay(oracle, share, number, finding, float((prices - less)[mine].sum()))


def _output(oracle: Oracle, response: Response, findings: Sequence[Finding]) -> None:
    price = (response.usd_output or 0.0) / (response.output_tokens or 1)
    owners = np.full(response.output_tokens, NOBODY)
    for number in by_rank(findings):
        mine = np.zeros(len(owners), bool)
        for claim in findings[number].claims:
            if isinstance(claim, OutputClaim) and claim.response is response:
                mine[claim.start : claim.end] = True
        owners[mine] = number
        oracle.direct[number] += price * int(mine.sum())
    for number in {int(one) for one in owners if one >= 0}:
        tokens = int((owners == number).sum())
        share = oracle.shares[response.id, findings[number].category]
        share.tokens["output"] += tokens
        _pay(oracle, share, number, findings[number], tokens * price)


def _pay(oracle: Oracle, share: Account, number: int, finding: Finding, usd: float) -> None:
    share.usd += usd
    share.usd_candidate += usd if finding.is_candidate else 0.0
    oracle.owned[number] += usd


# --- properties ----------------------------------------------------------------------------


def tokens(share: Share, kind: str) -> int:
    return int(getattr(share, f"{kind}_tokens"))


def assert_adds_up(session: Session, settlement: Settlement) -> None:
    for response in responses_of(session):
        shares = settlement.shares[response.id]
        assert abs(sum(one.usd for one in shares.values()) - (response.usd or 0.0)) < 1e-9
        for kind in KINDS:
            counts = [tokens(one, kind) for one in shares.values()]
            assert min(counts) >= 0
            assert sum(counts) == tokens_of(response, kind)
        for share in shares.values():
            assert share.usd > -1e-9
            assert -1e-9 < share.usd_candidate < share.usd + 1e-9


def tokens_of(response: Response, kind: str) -> int:
    return int(getattr(response, f"{kind}_tokens"))


def owned_usd(settlement: Settlement) -> float:
    return sum(
        share.usd
        for shares in settlement.shares.values()
        for category, share in shares.items()
        if category != PRODUCTIVE
    )


@settings(max_examples=120, deadline=None, print_blob=True)
@given(data=st.data(), seed=st.integers(0, 2**32), count=st.integers(0, 25))
def test_every_token_has_one_owner_whatever_is_claimed(
    told: list[Session], data: st.DataObject, seed: int, count: int
) -> None:
    session = data.draw(st.sampled_from(told))
    findings = some_findings(random.Random(seed), session, count)
    settlement = settle(session, findings)
    assert_adds_up(session, settlement)
    expected = claimed_by_token(session, findings)
    for response in responses_of(session):
        shares = settlement.shares[response.id]
        for category in PRECEDENCE:
            share = shares.get(category, Share())
            account = expected.shares[response.id, category]
            for kind in KINDS:
                assert tokens(share, kind) == account.tokens[kind], (category, kind)
            assert share.usd == pytest.approx(account.usd, abs=1e-9)
            assert share.usd_candidate == pytest.approx(account.usd_candidate, abs=1e-9)
    for number, cost in enumerate(settlement.costs):
        assert cost.usd_direct == pytest.approx(expected.direct[number], abs=1e-9)
        assert cost.usd_owned == pytest.approx(expected.owned[number], abs=1e-9)
    assert sum(cost.usd_owned for cost in settlement.costs) == pytest.approx(
        owned_usd(settlement), abs=1e-9
    )


@settings(max_examples=40, deadline=None, print_blob=True)
@given(data=st.data(), seed=st.integers(0, 2**32), count=st.integers(2, 25))
def test_the_order_of_the_findings_changes_nothing(
    told: list[Session], data: st.DataObject, seed: int, count: int
) -> None:
    session = data.draw(st.sampled_from(told))
    rng = random.Random(seed)
    findings = some_findings(rng, session, count)
    order = rng.sample(range(count), count)
    one = settle(session, findings)
    other = settle(session, [findings[number] for number in order])
    for response, shares in one.shares.items():
        others = other.shares[response]
        for category in PRECEDENCE:
            share, again = shares.get(category, Share()), others.get(category, Share())
            assert [tokens(share, kind) for kind in KINDS] == [
                tokens(again, kind) for kind in KINDS
            ]
            assert share.usd == pytest.approx(again.usd, abs=1e-9)
            assert share.usd_avoidable == pytest.approx(again.usd_avoidable, abs=1e-9)
    for place, number in enumerate(order):
        assert_same_claims(one.costs[number], other.costs[place])


def assert_same_claims(one: Cost, other: Cost) -> None:
    """What is claimed is the same; what is owned may go to an equal in another order."""
    assert one.tokens == other.tokens
    assert one.usd_direct == pytest.approx(other.usd_direct, abs=1e-9)
    assert one.usd_avoidable == pytest.approx(other.usd_avoidable, abs=1e-9)


@settings(max_examples=40, deadline=None, print_blob=True)
@given(data=st.data(), seed=st.integers(0, 2**32), count=st.integers(1, 25))
def test_avoidable_is_direct_and_the_rest_of_responses_of_wasted_calls_only(
    told: list[Session], data: st.DataObject, seed: int, count: int
) -> None:
    session = data.draw(st.sampled_from(told))
    findings = some_findings(random.Random(seed), session, count)
    settlement = settle(session, findings)
    sure = {call.id for one in findings if not one.is_candidate for call in one.wasted_calls}
    for response in responses_of(session):
        shares = settlement.shares[response.id]
        extra = sum(
            share.usd_avoidable - (share.usd - share.usd_candidate)
            for category, share in shares.items()
            if category != PRODUCTIVE
        )
        all_wasted = bool(response.calls) and all(call.id in sure for call in response.calls)
        expected = shares[PRODUCTIVE].usd if all_wasted else 0.0
        assert extra == pytest.approx(expected, abs=1e-9)
    for cost in settlement.costs:
        assert cost.usd_avoidable > cost.usd_direct - 1e-9


def test_who_claims_nothing_owns_nothing(told: list[Session]) -> None:
    response = next(one for session in told for one in responses_of(session) if one.run)
    session = next(one for one in told if response in responses_of(one))
    empty = Finding(PRECEDENCE[0], False, (CarryClaim(response, 7, 7), CarryClaim(response, 9, 8)))
    settlement = settle(session, [empty])
    assert settlement.costs == [Cost()]
    assert_adds_up(session, settlement)


def test_what_was_never_counted_is_owned_by_nobody() -> None:
    """A damaged line: its counts tell of less than its prompt held."""
    (session,) = loaded(conversation().user("Go").read("a.py", 3_000).say().user("On").say())
    for response in responses_of(session):
        response.usd = (response.usd or 0.0) - (response.usd_read or 0.0)
        response.read_tokens, response.usd_read = 0, 0.0
    blocks = [block for response in responses_of(session) for block in response.blocks]
    claims = tuple(claim for block in blocks for claim in carried(block))
    settlement = settle(session, [Finding(PRECEDENCE[0], False, claims)])
    assert owned_usd(settlement) > 0
    assert_adds_up(session, settlement)
