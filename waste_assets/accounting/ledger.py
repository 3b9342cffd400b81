"""The ledger: every billed token of every response has exactly one owner.

Findings lay claims; where several claim the same token, the surest one owns it, and among
equally sure ones the first category of the order of precedence. What nobody claims is
productive, so that the categories of a response add up to its bill.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from waste_assets.accounting.claims import (
    CarryClaim,
    Claim,
    Claimant,
    OutputClaim,
    PremiumClaim,
)
from waste_assets.accounting.conversation import Response, Run, Session
from waste_assets.accounting.prompt_prices import CarryPrices, PromptPrice

#: Who owns what several claim: the first of these.
PRECEDENCE = (
    "dead_end",
    "retry_error",
    "file_reread",
    "oververbose_edit",
    "subagent_overhead",
    "reasoning",
    "cache_write",
    "cache_read",
)
PRODUCTIVE = "productive"
#: The nine.
CATEGORIES = (*PRECEDENCE, PRODUCTIVE)


@dataclass(slots=True)
class Share:
    """What one category owns of one response; USD are 0 where the model has no price."""

    input_tokens: int = 0
    write_5m_tokens: int = 0
    write_1h_tokens: int = 0
    read_tokens: int = 0
    output_tokens: int = 0
    usd: float = 0.0
    #: Of `usd`, what only candidates claim.
    usd_candidate: float = 0.0
    #: `usd` without candidates, and the rest of a response that held nothing but wasted calls.
    usd_avoidable: float = 0.0


@dataclass(slots=True)
class Cost:
    """What one finding claims and what it owns, in USD and tokens."""

    #: Claimed tokens, each once, however often they were carried.
    tokens: int = 0
    usd_direct: float = 0.0
    usd_avoidable: float = 0.0
    usd_owned: float = 0.0


@dataclass
class Settlement:
    """The ledger of a session."""

    #: By response id and category; every response has at least `productive`.
    shares: dict[str, dict[str, Share]] = field(default_factory=dict)
    #: As the findings were given.
    costs: list[Cost] = field(default_factory=list)
    #: As the observations were given: what they cost, whoever owns it.
    observed: list[Cost] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Observation:
    """Claims whose cost is asked for, and which own nothing."""

    claims: Sequence[Claim]


def settle(
    session: Session,
    findings: Sequence[Claimant],
    observations: Sequence[Observation] = (),
) -> Settlement:
    """Divide the bills of a session among findings and productive work.

    Time and memory are linear in responses and claims, up to a logarithm.
    """
    settlement = Settlement(
        costs=[Cost() for _ in findings], observed=[Cost() for _ in observations]
    )
    costs = [*settlement.costs, *settlement.observed]
    ranks = [(f.is_candidate, PRECEDENCE.index(f.category)) for f in findings]
    prices: dict[str, PromptPrice] = {}
    by_run: dict[Run | None, list[tuple[int, CarryClaim]]] = defaultdict(list)
    outputs: dict[str, list[tuple[int, OutputClaim]]] = defaultdict(list)
    premiums: dict[str, list[tuple[int, PremiumClaim]]] = defaultdict(list)
    everything: list[Claimant | Observation] = [*findings, *observations]
    for number, claimant in enumerate(everything):
        for claim in claimant.claims:
            if isinstance(claim, CarryClaim):
                # A run that went back may have nothing of its own: who claims that claims nothing.
                if claim.start < claim.end:
                    by_run[claim.response.run].append((number, claim))
            elif isinstance(claim, OutputClaim):
                outputs[claim.response.id].append((number, claim))
            else:
                premiums[claim.response.id].append((number, claim))
    owned = _Owned(findings, settlement.shares, costs)
    for run in (run for conversation in session.conversations for run in conversation.runs):
        if run.fork is not None:
            by_run[run] = [*_kept(by_run[run.fork.run], run), *by_run[run]]
        carried = by_run[run]
        owners = _Owners(carried, ranks, findings) if carried else None
        for response in run.responses:
            output, premium = outputs.get(response.id), premiums.get(response.id)
            if owners is None and output is None and premium is None:
                continue
            price = prices[response.id] = PromptPrice(response)
            if owners is not None:
                owned.prompt(response, price, owners.parts(price))
            if output is not None:
                owned.output(response, output, ranks)
            if premium is not None:
                owned.premium(response, price, premium, ranks, owners)
        if owners is not None:
            _carry(run, carried, owners, prices, costs)
    owned.rest(session)
    _avoidable(session, findings, ranks, settlement)
    return settlement


def _kept(carried: list[tuple[int, CarryClaim]], run: Run) -> Iterator[tuple[int, CarryClaim]]:
    """What a run goes on to carry of what the run that it branched off from had carried."""
    first = run.responses[0]
    for number, claim in carried:
        if claim.start < run.kept:
            yield number, CarryClaim(first, claim.start, min(claim.end, run.kept), claim.basis)


def _carry(
    run: Run,
    carried: list[tuple[int, CarryClaim]],
    owners: _Owners,
    prices: dict[str, PromptPrice],
    costs: list[Cost],
) -> None:
    """Add up what the findings' stretches of a run cost, claimed and owned."""
    place = {response.id: n for n, response in enumerate(run.responses)}
    claimed = _merged(carried)
    told = [(finding, place[response.id], start, end) for finding, response, start, end in claimed]
    held = [
        (owner, place[response.id], start, end) for owner, response, start, end in owners.stretches
    ]
    stretches = [stretch[1:] for stretch in (*told, *held)]
    usd = CarryPrices([prices[response.id] for response in run.responses]).of(stretches)
    for (finding, _, start, end), value in zip(told, usd, strict=False):
        # What was kept has been counted where it entered.
        costs[finding].tokens += max(end - max(start, run.kept), 0)
        costs[finding].usd_direct += value
    for (finding, *_), value in zip(held, usd[len(told) :], strict=True):
        costs[finding].usd_owned += value


def _merged(
    carried: Iterable[tuple[int, CarryClaim]],
) -> list[tuple[int, Response, int, int]]:
    """The claims of each finding without what it claims twice."""
    merged: list[tuple[int, Response, int, int]] = []
    for finding, claim in sorted(carried, key=lambda c: (c[0], c[1].start, c[1].end)):
        start = claim.start
        if merged and merged[-1][0] == finding:
            start = max(start, merged[-1][3])
        if start < claim.end:
            merged.append((finding, claim.response, start, claim.end))
    return merged


class _Owners:
    """Who owns which stretch of a run's context."""

    def __init__(
        self,
        carried: list[tuple[int, CarryClaim]],
        ranks: list[tuple[bool, int]],
        findings: Sequence[Claimant],
    ) -> None:
        #: (finding, response it entered with, start, end), in the order of their places.
        own = [(number, claim) for number, claim in carried if number < len(findings)]
        self.stretches = _resolved(own, ranks)
        self._starts = [start for _, _, start, _ in self.stretches]
        self._keys = [_key(findings[finding]) for finding, *_ in self.stretches]
        #: By owner, how much it owns of the first n stretches.
        self._before: dict[tuple[str, bool], list[int]] = {
            key: [0] for key in sorted(set(self._keys))
        }
        for key, (_, _, start, end) in zip(self._keys, self.stretches, strict=True):
            for other, sums in self._before.items():
                sums.append(sums[-1] + (end - start if other == key else 0))

    def parts(self, price: PromptPrice) -> Iterator[tuple[tuple[str, bool], list[int]]]:
        """Tokens by owner: read, written for an hour, for five minutes, sent uncached."""
        places = [self._place(bound) for bound in price.bounds]
        last, within = places[-1]
        for key, sums in self._before.items():
            # Most owners come in later than most prompts.
            if not sums[last] and not (within and self._keys[last] == key):
                continue
            counts, before = [], 0
            for index, inside in places:
                upto = sums[index]
                if inside and self._keys[index] == key:
                    upto += inside
                counts.append(upto - before)
                before = upto
            yield key, counts

    def within(self, start: int, end: int) -> int:
        """Owned tokens between two places."""
        return self._upto(end) - self._upto(start)

    def _upto(self, position: int) -> int:
        index, inside = self._place(position)
        return sum(sums[index] for sums in self._before.values()) + inside

    def _place(self, position: int) -> tuple[int, int]:
        """How many stretches lie wholly before a place, and how much of the next one."""
        index = bisect_right(self._starts, position) - 1
        if index < 0:
            return 0, 0
        _, _, start, end = self.stretches[index]
        return (index + 1, 0) if end <= position else (index, position - start)


def _key(finding: Claimant) -> tuple[str, bool]:
    return finding.category, finding.is_candidate


def _resolved(
    carried: list[tuple[int, CarryClaim]], ranks: list[tuple[bool, int]]
) -> list[tuple[int, Response, int, int]]:
    """Stretches that do not overlap, each with the finding that owns it."""
    entries: dict[int, Response] = {}
    begins: dict[int, list[int]] = defaultdict(list)
    ends: dict[int, list[int]] = defaultdict(list)
    for finding, claim in carried:
        begins[claim.start].append(finding)
        ends[claim.end].append(finding)
        entries[claim.start] = claim.response
    places = sorted({*begins, *ends})
    active: list[tuple[tuple[bool, int], int]] = []
    stretches: list[tuple[int, Response, int, int]] = []
    entered: Response | None = None
    for place, following in zip_longest(places, places[1:]):
        for finding in ends.get(place, ()):
            active.remove((ranks[finding], finding))
        for finding in begins.get(place, ()):
            insort(active, (ranks[finding], finding))
        # A place in a run belongs to one block, and so to the response it entered with.
        entered = entries.get(place, entered)
        if active and following is not None and entered is not None:
            stretches.append((active[0][1], entered, place, following))
    return stretches


class _Owned:
    """The shares under construction."""

    def __init__(
        self,
        findings: Sequence[Claimant],
        shares: dict[str, dict[str, Share]],
        costs: list[Cost],
    ) -> None:
        self._findings = findings
        self._shares = shares
        self._costs = costs

    def prompt(
        self,
        response: Response,
        price: PromptPrice,
        parts: Iterable[tuple[tuple[str, bool], list[int]]],
    ) -> None:
        """Give the owners of stretches of the context their part of a prompt."""
        rates = price.rates
        for (category, is_candidate), (read, write_1h, write_5m, uncached) in parts:
            share = self._share(response, category)
            share.read_tokens += read
            share.write_1h_tokens += write_1h
            share.write_5m_tokens += write_5m
            share.input_tokens += uncached
            usd = read * rates[0] + write_1h * rates[1] + write_5m * rates[2] + uncached * rates[3]
            self._pay(share, usd, is_candidate)

    def output(
        self,
        response: Response,
        claims: list[tuple[int, OutputClaim]],
        ranks: list[tuple[bool, int]],
    ) -> None:
        """Give the owners of an output their part of it."""
        rate = (response.usd_output or 0.0) / (response.output_tokens or 1)
        for number in {number for number, _ in claims}:
            spans = [(c.start, c.end) for n, c in claims if n == number]
            tokens = sum(end - start for start, end in _union(spans))
            self._costs[number].tokens += tokens
            self._costs[number].usd_direct += tokens * rate
        taken: list[tuple[int, int]] = []
        own = [(number, claim) for number, claim in claims if number < len(ranks)]
        for number, claim in sorted(own, key=lambda c: (ranks[c[0]], c[0], c[1].start)):
            for start, end in _minus((claim.start, claim.end), taken):
                category, is_candidate = _key(self._findings[number])
                share = self._share(response, category)
                share.output_tokens += end - start
                self._pay(share, (end - start) * rate, is_candidate)
                self._costs[number].usd_owned += (end - start) * rate
            taken = _union([*taken, (claim.start, claim.end)])

    def premium(
        self,
        response: Response,
        price: PromptPrice,
        claims: list[tuple[int, PremiumClaim]],
        ranks: list[tuple[bool, int]],
        owners: _Owners | None,
    ) -> None:
        """Give what the cache cost too much to those who claim it, as far as nobody owns it."""
        taken: list[tuple[int, int]] = []
        own = [(number, claim) for number, claim in claims if number < len(ranks)]

        def order(entry: tuple[int, PremiumClaim]) -> tuple[object, ...]:
            # Of equals the one that claims more comes first, so that their order does not matter.
            number, claim = entry
            return ranks[number], claim.instead != "read", number, claim.start

        for number, claim in sorted(own, key=order):
            category, is_candidate = _key(self._findings[number])
            instead = response.rate_read if claim.instead == "read" else response.rate_input
            other = (instead or 0.0) / 1e6
            tokens, usd = self._premium(price, [(claim.start, claim.end)], other, None)
            self._costs[number].tokens += sum(tokens)
            self._costs[number].usd_direct += usd
            free = list(_minus((claim.start, claim.end), taken))
            tokens, usd = self._premium(price, free, other, owners)
            taken = _union([*taken, (claim.start, claim.end)])
            share = self._share(response, category)
            share.write_1h_tokens += tokens[0]
            share.write_5m_tokens += tokens[1]
            share.input_tokens += tokens[2]
            self._pay(share, usd, is_candidate)
            self._costs[number].usd_owned += usd

    @staticmethod
    def _premium(
        price: PromptPrice,
        spans: Iterable[tuple[int, int]],
        other: float,
        owners: _Owners | None,
    ) -> tuple[list[int], float]:
        tokens, usd = [0, 0, 0], 0.0
        for start, end in spans:
            before = price.bounds[0]
            for kind in range(3):
                low, high = max(start, before), min(end, price.bounds[kind + 1])
                before = price.bounds[kind + 1]
                if high > low:
                    count = high - low - (owners.within(low, high) if owners else 0)
                    rate = price.rates[kind + 1]
                    tokens[kind] += count
                    usd += count * max(rate - other, 0.0) if rate else 0.0
        return tokens, usd

    def rest(self, session: Session) -> None:
        """Give productive work what remains of every response."""
        for conversation in session.conversations:
            for response in conversation.responses:
                shares = self._shares.setdefault(response.id, {})
                owned = Share()
                for share in shares.values():
                    owned.input_tokens += share.input_tokens
                    owned.write_5m_tokens += share.write_5m_tokens
                    owned.write_1h_tokens += share.write_1h_tokens
                    owned.read_tokens += share.read_tokens
                    owned.output_tokens += share.output_tokens
                    owned.usd += share.usd
                shares[PRODUCTIVE] = Share(
                    response.input_tokens - owned.input_tokens,
                    response.write_5m_tokens - owned.write_5m_tokens,
                    response.write_1h_tokens - owned.write_1h_tokens,
                    response.read_tokens - owned.read_tokens,
                    response.output_tokens - owned.output_tokens,
                    (response.usd or 0.0) - owned.usd,
                )

    def _share(self, response: Response, category: str) -> Share:
        shares = self._shares.get(response.id)
        if shares is None:
            shares = self._shares[response.id] = {}
        share = shares.get(category)
        if share is None:
            share = shares[category] = Share()
        return share

    @staticmethod
    def _pay(share: Share, usd: float, is_candidate: bool) -> None:
        share.usd += usd
        if is_candidate:
            share.usd_candidate += usd
        else:
            share.usd_avoidable += usd


def _avoidable(
    session: Session,
    findings: Sequence[Claimant],
    ranks: list[tuple[bool, int]],
    settlement: Settlement,
) -> None:
    """Charge the rest of a response to its calls where it held nothing but wasted ones."""
    claimed: dict[str, list[int]] = defaultdict(list)
    for number, finding in enumerate(findings):
        settlement.costs[number].usd_avoidable += settlement.costs[number].usd_direct
        for call in finding.wasted_calls:
            claimed[call.id].append(number)
    sure = {
        call for call, numbers in claimed.items() if any(not ranks[number][0] for number in numbers)
    }
    for conversation in session.conversations:
        for response in conversation.responses:
            calls = response.calls
            if not calls or any(call.id not in sure for call in calls):
                continue
            shares = settlement.shares[response.id]
            rest = shares[PRODUCTIVE].usd / len(calls)
            for call in calls:
                for number in claimed[call.id]:
                    settlement.costs[number].usd_avoidable += rest
                owner = min(claimed[call.id], key=lambda n: (ranks[n], n))
                category = findings[owner].category
                shares.setdefault(category, Share()).usd_avoidable += rest


def _union(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The spans as sorted ones that do not overlap."""
    union: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if union and start <= union[-1][1]:
            union[-1] = (union[-1][0], max(end, union[-1][1]))
        elif end > start:
            union.append((start, end))
    return union


def _minus(span: tuple[int, int], taken: Iterable[tuple[int, int]]) -> Iterable[tuple[int, int]]:
    """What of a span is not in the sorted spans `taken`."""
    start, end = span
    for low, high in taken:
        if low >= end:
            break
        if low > start:
            yield start, low
        start = max(start, high)
    if start < end:
        yield start, end
