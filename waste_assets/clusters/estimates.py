"""How often something happens: in the dearest sessions, in all, and told from a sample of them.

An audit that looks at the dearest sessions alone is blind to what happens in many cheap ones.
Beside its count stand the count over all sessions and what a sample of the same size would have
told: strata of equal numbers of sessions by cost, drawn in proportion, and the expansion
estimator with the finite population correction (Cochran, Sampling Techniques, 1977, sections 5.3
to 5.4; degrees of freedom by Satterthwaite, equation 5.16). The interval of the share of sessions
is Wilson's at the effective size (Korn and Graubard, 1998), which says something where a sample
saw none; the sample itself bounds both intervals, since what it saw is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from waste_assets.intervals import student, wilson

#: As many of the dearest sessions, where nothing else is said.
TOP_N = 100
_STRATA = 5
#: A stratum needs two sessions to say how far they are apart.
_LEAST = 2

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Frequency:
    """How often one thing happens, three ways."""

    key: str
    top_sessions: int
    #: Of these, with it; and how often it happens in them.
    top_affected: int
    top_occurrences: int
    sessions: int
    affected: int
    occurrences: int
    sample_sessions: int
    sample_affected: int
    sample_occurrences: int
    estimated_affected: Estimate
    estimated_occurrences: Estimate

    @property
    def top_rate(self) -> float:
        """Occurrences a session, among the dearest."""
        return self.top_occurrences / self.top_sessions

    @property
    def rate(self) -> float:
        """Occurrences a session, among all."""
        return self.occurrences / self.sessions


@dataclass(frozen=True)
class Design:
    """Which sessions are the dearest, which stratum each is in, and which are drawn."""

    sessions: tuple[str, ...]
    top: npt.NDArray[np.bool_]
    stratum: npt.NDArray[np.int64]
    drawn: npt.NDArray[np.bool_]

    @cached_property
    def strata(self) -> list[tuple[int, npt.NDArray[np.int64]]]:
        """Of each stratum its size, and where those drawn of it stand in the sample."""
        sizes, drawn = np.bincount(self.stratum), self.stratum[self.drawn]
        return [(int(size), np.flatnonzero(drawn == number)) for number, size in enumerate(sizes)]

    @cached_property
    def place_in_sample(self) -> npt.NDArray[np.int64]:
        """Of each session its place among those drawn; -1 where it is not."""
        return np.where(self.drawn, np.cumsum(self.drawn) - 1, -1)

    @cached_property
    def top_size(self) -> int:
        """How many sessions are the dearest."""
        return int(self.top.sum())

    @cached_property
    def sample_size(self) -> int:
        """How many sessions are drawn."""
        return int(self.drawn.sum())

    @cached_property
    def of_unseen(self) -> tuple[Estimate, Estimate]:
        """What is estimated of that which no session of the sample has."""
        return _estimates(np.zeros(self.sample_size), self)

    @cached_property
    def place(self) -> dict[str, int]:
        """Of each session its place among all."""
        return {name: n for n, name in enumerate(self.sessions)}

    @classmethod
    def of(cls, costs: Mapping[str, float], top_n: int, sample: int, seed: int = 0) -> Design:
        """Draw a sample of `sample` sessions; `costs` are USD by session.

        Equal costs are in the order of the ids. A session is drawn by a number that follows from
        its id and the seed alone, so that a sample changes little as sessions come in.
        """
        names = sorted(costs, key=lambda name: (-costs[name], name))
        count = len(names)
        size = min(max(sample, 0), count)
        strata = max(min(_STRATA, size // _LEAST), 1)
        stratum = np.arange(count) * strata // max(count, 1)
        drawn = np.zeros(count, dtype=bool)
        lots = np.array([_lot(name, seed) for name in names], dtype=np.uint64)
        for number, take in enumerate(_shares(np.bincount(stratum, minlength=strata), size)):
            members = np.flatnonzero(stratum == number)
            drawn[members[np.argsort(lots[members], kind="stable")[:take]]] = True
        top = np.arange(count) < top_n
        return cls(tuple(names), top, stratum, drawn)


def frequencies(
    costs: Mapping[str, float],
    happened: Iterable[tuple[str, str, int]],
    top_n: int = TOP_N,
    sample: int | None = None,
    seed: int = 0,
) -> list[Frequency]:
    """How often each thing happens, the most frequent first.

    `costs` are USD by session, of all sessions; `happened` are session, key and how often. A
    sample is as large as the top, where nothing else is said.
    """
    design = Design.of(costs, top_n, top_n if sample is None else sample, seed)
    counts: dict[str, dict[int, int]] = {}
    for session, key, count in happened:
        if (place := design.place.get(session)) is not None:
            of_key = counts.setdefault(key, {})
            of_key[place] = of_key.get(place, 0) + count
    return counted(
        design,
        (
            (key, np.array(list(of_key)), np.array(list(of_key.values())))
            for key, of_key in counts.items()
        ),
    )


def counted(design: Design, happened: Iterable[tuple[str, Places, Numbers]]) -> list[Frequency]:
    """The same, of sessions that have been drawn.

    `happened` are each thing's key, the places of the sessions with it (see `Design.place`), each
    once, and how often it happened in them.
    """
    found = [_frequency(key, places, counts, design) for key, places, counts in happened]
    return sorted(found, key=lambda one: (-one.occurrences, one.key))


def _frequency(key: str, places: Places, counts: Numbers, design: Design) -> Frequency:
    """Most sessions have none of a thing: all that is done is done for those that have."""
    seen, top = counts > 0, design.top[places]
    drawn = design.drawn[places]
    sample = np.zeros(design.sample_size)
    sample[design.place_in_sample[places[drawn]]] = counts[drawn]
    # Most things are in no session of the sample.
    affected, occurrences = _estimates(sample, design) if drawn.any() else design.of_unseen
    return Frequency(
        key,
        top_sessions=design.top_size,
        top_affected=int(seen[top].sum()),
        top_occurrences=int(counts[top].sum()),
        sessions=len(design.sessions),
        affected=int(seen.sum()),
        occurrences=int(counts.sum()),
        sample_sessions=design.sample_size,
        sample_affected=int((sample > 0).sum()),
        sample_occurrences=int(sample.sum()),
        estimated_affected=affected,
        estimated_occurrences=occurrences,
    )


def _estimates(sample: Floats, design: Design) -> tuple[Estimate, Estimate]:
    """How many sessions have it, and how often it happens; `sample` has those drawn."""
    affected = _share_of_sessions(sample > 0, design)
    return affected, _total(sample, design, affected)


def _total(sample: Floats, design: Design, affected: Estimate) -> Estimate:
    """The sum over all sessions, from what those drawn have.

    What few sessions of the sample have varies less in the sample than it may elsewhere: the
    interval is at least that of the sessions, times what the affected of the sample have each.
    """
    value, variance, freedom = expansion(sample, design)
    margin = student(freedom) * variance**0.5 if freedom else 0.0
    each = value / affected.value if affected.value else 1.0
    known = float(sample.sum())
    low = max(min(value - margin, affected.low * each), known)
    return Estimate(value, min(low, value), max(value + margin, affected.high * each, low))


def _share_of_sessions(seen: npt.NDArray[np.bool_], design: Design) -> Estimate:
    """How many sessions it happens in; `seen` says in which of those drawn."""
    count, drawn = len(design.sessions), design.sample_size
    value, variance, _ = expansion(seen.astype(float), design)
    known = float(seen.sum())
    if drawn == count:
        return Estimate(known, known, known)
    if not drawn:
        return Estimate(0.0, 0.0, float(count))
    # With the correction for what the sample holds of the whole.
    share, items = value / count, drawn / (1 - drawn / count)
    if 0 < share < 1 and variance > 0:
        items = min(share * (1 - share) * count**2 / variance, items)
    low, high = (end * count for end in wilson(share, items))
    most = count - (drawn - known)
    return Estimate(value, min(max(low, known), value), max(min(high, most), value))


def expansion(sample: Floats, design: Design) -> tuple[float, float, float]:
    """The estimated sum over all sessions, its variance, and the degrees of freedom (0: none).

    `sample` are the values of those drawn. A stratum of which one session was drawn says nothing
    of its variance and is left out of it.
    """
    total = variance = spread = 0.0
    for size, places in design.strata:
        told = sample[places]
        if not len(told):
            continue
        total += size * float(told.mean())
        if len(told) > 1:
            part = size * (size - len(told)) / len(told) * float(told.var(ddof=1))
            variance += part
            spread += part**2 / (len(told) - 1)
    return total, variance, variance**2 / spread if spread else 0.0


def _shares(sizes: Sequence[int] | npt.NDArray[np.int64], size: int) -> list[int]:
    """How many to draw of each stratum: in proportion, by largest remainders, two at least."""
    count = int(sum(sizes))
    if not count:
        return [0 for _ in sizes]
    exact = [size * int(one) / count for one in sizes]
    taken = [min(int(one), max(int(part), _LEAST)) for part, one in zip(exact, sizes, strict=True)]
    by_remainder = sorted(range(len(taken)), key=lambda n: (taken[n] - exact[n], n))
    while sum(taken) < size:
        for n in by_remainder:
            if sum(taken) < size and taken[n] < sizes[n]:
                taken[n] += 1
    while sum(taken) > size:
        taken[max(range(len(taken)), key=lambda n: (taken[n] - exact[n], n))] -= 1
    return taken


def _lot(session: str, seed: int) -> int:
    told = f"{seed}\0{session}".encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(told, digest_size=8).digest(), "big")
