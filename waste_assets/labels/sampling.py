"""Which responses are judged in order to measure the rules.

Responses with tool calls are sorted into strata: tenths by cost within their day, and whether a
rule flagged one of their calls. Each month has a fixed number of draws a stratum. A draw falls on
a day of the month and takes a response of that day by their hashes alone, so that it stays the
same whatever other days are known, and a day can be drawn from by itself.
"""

from __future__ import annotations

import hashlib
from calendar import monthrange
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from itertools import product

DECILES = 10
FLAGGED, UNFLAGGED = "flagged", "unflagged"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A response that may be drawn."""

    day: date
    response_id: str
    session_id: str
    usd: float
    calls: int
    #: The category of waste of which a headline flag names one of its calls.
    category: str | None


@dataclass(frozen=True, slots=True)
class Drawn:
    """A response that was drawn."""

    candidate: Candidate
    stratum: str
    #: As many responses of the month it stands for. Sums of these over all draws estimate sums
    #: over the month without bias, days on which nothing was drawn included.
    weight: float


def drawn(candidates: Iterable[Candidate], per_stratum: int) -> list[Drawn]:
    """The responses that are drawn, by day and id; `candidates` are all those of their days."""
    days: dict[date, list[Candidate]] = defaultdict(list)
    for one in candidates:
        days[one.day].append(one)
    found = []
    for day in sorted(days):
        draws = _draws(day, per_stratum)
        if draws:
            found += _drawn_on(day, days[day], draws, per_stratum)
    return found


def _draws(day: date, per_stratum: int) -> list[tuple[str, int]]:
    """The draws of the month that fall on a day: stratum and number."""
    length = monthrange(day.year, day.month)[1]
    return [
        (stratum, number)
        for decile, kind in product(range(1, DECILES + 1), (FLAGGED, UNFLAGGED))
        for stratum in (f"{decile:02}/{kind}",)
        for number in range(per_stratum)
        if _hash(f"{day:%Y-%m}", stratum, number) % length == day.day - 1
    ]


def _drawn_on(
    day: date, candidates: list[Candidate], draws: list[tuple[str, int]], per_stratum: int
) -> list[Drawn]:
    ordered = sorted(candidates, key=lambda one: (one.usd, one.response_id))
    strata: dict[str, list[Candidate]] = defaultdict(list)
    for rank, one in enumerate(ordered):
        decile = rank * DECILES // len(ordered) + 1
        strata[f"{decile:02}/{FLAGGED if one.category else UNFLAGGED}"].append(one)
    length = monthrange(day.year, day.month)[1]
    weights: dict[tuple[str, str], float] = defaultdict(float)
    by_id = {one.response_id: one for one in candidates}
    for stratum, number in draws:
        members = strata.get(stratum)
        if members:
            name = f"{day:%Y-%m}/{stratum}/{number}"
            chosen = min(members, key=lambda one: (_hash(name, one.response_id), one.response_id))
            weights[stratum, chosen.response_id] += len(members) * length / per_stratum
    return [
        Drawn(by_id[response], stratum, weight)
        for (stratum, response), weight in sorted(weights.items(), key=lambda item: item[0][1])
    ]


def _hash(*told: object) -> int:
    text = "\0".join(map(str, told))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")
