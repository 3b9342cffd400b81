"""What became of a remedy that was applied: the sessions after it against those before.

A session is before where it ended before the day, after where it began after it; what was going
on that day is neither. What is compared are occurrences and dollars a session, with intervals
from sessions drawn again and again, and how many sessions were affected at all, by Fisher's exact
test. Two quiet days prove nothing: below `LEAST_SESSIONS` on either side, and within the first
`LEAST_DAYS`, nothing is said; where the problem was so rare before that its absence may be luck,
neither.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from math import exp, lgamma

import numpy as np
import numpy.typing as npt

from waste_assets.clusters.applied import Applied

LEAST_SESSIONS = 20
LEAST_DAYS = 7
#: Of a change that is none: a difference is told where luck would bring it in 1 of 40 cases.
_LUCK = 0.025
_SAMPLES = 1_000
_MANY = 1_000

Floats = npt.NDArray[np.float64]


class Status(StrEnum):
    """What can be said of a remedy."""

    WITHDRAWN = "withdrawn"
    TOO_EARLY = "too early"
    NO_CHANGE = "no change seen"
    LOWER = "lower"
    HIGHER = "higher"
    GONE = "gone so far"


@dataclass(frozen=True, slots=True)
class Span:
    """A session: where it belongs and when it began and ended."""

    session_id: str
    project: str | None
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Rate:
    """Something a session, before and after, and the difference with its 95 % interval."""

    before: float | None
    after: float | None
    change: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Tracked:
    """One remedy, before against after."""

    applied: Applied
    status: Status
    sessions_before: int
    sessions_after: int
    affected_before: int
    affected_after: int
    #: Last day that counts as after; None: there is none.
    until: date | None
    #: Occurrences a session, and USD a session.
    occurrences: Rate
    usd: Rate


def track(
    applied: Applied, sessions: Sequence[Span], found: Mapping[str, tuple[int, float]]
) -> Tracked:
    """Compare the sessions after a remedy with those before.

    `found` are the occurrences and the dollars of what the remedy addresses, by session.
    """
    scope = [s for s in sessions if applied.project in (None, s.project)]
    end = applied.withdrawn_on or date.max
    before = _values([s for s in scope if s.last < applied.on], found)
    later = [s for s in scope if s.first > applied.on and s.last < end]
    after = _values(later, found)
    occurrences, usd = (_rate(before[:, n], after[:, n]) for n in (0, 1))
    tracked = Tracked(
        applied,
        Status.TOO_EARLY,
        sessions_before=len(before),
        sessions_after=len(after),
        affected_before=int((before[:, 0] > 0).sum()),
        affected_after=int((after[:, 0] > 0).sum()),
        until=max((s.last for s in later), default=None),
        occurrences=occurrences,
        usd=usd,
    )
    return replace(tracked, status=_status(tracked))


def _status(told: Tracked) -> Status:
    """What the figures allow to say."""
    if told.applied.withdrawn_on is not None:
        return Status.WITHDRAWN
    days = (told.until - told.applied.on).days if told.until else 0
    if min(told.sessions_before, told.sessions_after) < LEAST_SESSIONS or days < LEAST_DAYS:
        return Status.TOO_EARLY
    if not told.affected_before and not told.affected_after:
        return Status.NO_CHANGE
    luck = fisher(
        told.affected_after, told.sessions_after, told.affected_before, told.sessions_before
    )
    if not told.affected_after:
        # It may have been so rare that it would not have shown in so few sessions anyway.
        return Status.GONE if luck <= _LUCK else Status.TOO_EARLY
    change = told.occurrences
    assert change.low is not None and change.high is not None
    if change.high < 0:
        return Status.LOWER
    return Status.HIGHER if change.low > 0 else Status.NO_CHANGE


def fisher(few: int, of_few: int, many: int, of_many: int) -> float:
    """The chance of `few` or less among `of_few`, where both groups are alike (exact)."""
    hits, total = few + many, of_few + of_many

    def log_choose(n: int, k: int) -> float:
        return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)

    least = max(0, hits - of_many)
    return min(
        1.0,
        sum(
            exp(log_choose(of_few, k) + log_choose(of_many, hits - k) - log_choose(total, hits))
            for k in range(least, few + 1)
        ),
    )


def _values(sessions: Sequence[Span], found: Mapping[str, tuple[int, float]]) -> Floats:
    ordered = sorted(session.session_id for session in sessions)
    told = [found.get(name, (0, 0.0)) for name in ordered]
    return np.array(told, dtype=float).reshape(-1, 2)


def _rate(before: Floats, after: Floats) -> Rate:
    if not len(before) or not len(after):
        means = [float(one.mean()) if len(one) else None for one in (before, after)]
        return Rate(means[0], means[1], None, None, None)
    random = np.random.default_rng(0)
    changes = _means(after, random) - _means(before, random)
    low, high = np.quantile(changes, (_LUCK, 1 - _LUCK))
    first, second = float(before.mean()), float(after.mean())
    return Rate(first, second, second - first, float(low), float(high))


def _means(values: Floats, random: np.random.Generator) -> Floats:
    """The means of samples of the same size, drawn with replacement.

    Most sessions have nothing: these are drawn as one number, and only the others one by one.
    """
    count, some = len(values), values[values != 0]
    if len(some) > _MANY:
        # Means of so many are normal, and drawing them would take minutes.
        return random.normal(values.mean(), values.std(ddof=1) / count**0.5, _SAMPLES)
    drawn = random.binomial(count, len(some) / count, _SAMPLES)
    picked = some[random.integers(0, len(some), int(drawn.sum()))] if len(some) else some
    sample = np.repeat(np.arange(_SAMPLES), drawn)
    return np.bincount(sample, weights=picked, minlength=_SAMPLES) / count
