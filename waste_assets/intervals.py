"""Proportions with 95 % intervals, of weighted items and of sums over clusters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
import numpy.typing as npt

#: Two-sided 95 %.
_Z = 1.959963984540054
_SAMPLES = 1_000


@dataclass(frozen=True, slots=True)
class Proportion:
    """A share with its interval; None where there was nothing to take a share of."""

    value: float | None
    low: float | None
    high: float | None
    #: Items in the denominator, unweighted.
    items: int
    #: As many independent, equally weighted items would tell as much.
    effective: float
    #: Items that said yes, unweighted; None where nothing was counted so.
    hits: int | None = None

    def __str__(self) -> str:
        if self.value is None or self.low is None or self.high is None:
            return "n/a"
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def wilson(value: float, items: float) -> tuple[float, float]:
    """The Wilson score interval of a proportion that was seen in so many items."""
    z2 = _Z * _Z
    centre = (value + z2 / (2 * items)) / (1 + z2 / items)
    spread = _Z / (1 + z2 / items) * sqrt(value * (1 - value) / items + z2 / (4 * items * items))
    return max(0.0, centre - spread), min(1.0, centre + spread)


def student(freedom: float) -> float:
    """The 97.5 % point of Student's t, to a hundredth; the least freedom is 1."""
    known = {1: 12.706, 2: 4.303, 3: 3.182}
    whole = max(int(freedom), 1)
    # Between whole numbers the smaller one, which is the wider.
    return known.get(whole) or 1.960 + 2.372 / whole + 2.823 / whole**2 + 2.555 / whole**3


def proportion(items: Iterable[tuple[bool, float]]) -> Proportion:
    """The share of (yes, weight) that says yes, with Wilson's interval at the effective size."""
    told = list(items)
    total = sum(weight for _, weight in told)
    if not total:
        return Proportion(None, None, None, len(told), 0.0)
    value = sum(weight for yes, weight in told if yes) / total
    effective = total * total / sum(weight * weight for _, weight in told)
    hits = sum(yes for yes, _ in told)
    return Proportion(value, *wilson(value, effective), len(told), effective, hits)


def bootstrap_share(clusters: Sequence[tuple[float, float]], seed: int = 0) -> Proportion:
    """Sum of parts over sum of wholes, with the interval of resampled clusters.

    `clusters` are (part, whole). What lies in one cluster, e.g. a session, stands or falls
    together, and a few clusters may hold most of the sum: no formula fits that. Where resampling
    cannot tell, for there is one cluster or all are alike, it is Wilson's at the effective size.
    """
    table = np.asarray(clusters, dtype=float).reshape(-1, 2)
    return bootstrap_shares(table[:, :1], table[:, 1:], seed)[0]


def bootstrap_shares(
    parts: npt.ArrayLike, wholes: npt.ArrayLike, seed: int = 0
) -> list[Proportion]:
    """Several shares of the same clusters, from the same resamples; see `bootstrap_share`.

    `parts` has a row for each cluster and a column for each share. So has `wholes`, or one column
    for all of them.
    """
    part = np.asarray(parts, dtype=float)
    whole = np.broadcast_to(np.asarray(wholes, dtype=float), part.shape)
    count, shares = part.shape
    table = np.hstack((part, whole))
    sums = np.empty((_SAMPLES, 2 * shares))
    random = np.random.default_rng(seed)
    for sample in range(_SAMPLES if count else 0):
        drawn = random.integers(0, count, count, dtype=np.int32)
        sums[sample] = np.bincount(drawn, minlength=count) @ table
    return [_share(part[:, n], whole[:, n], sums[:, n], sums[:, shares + n]) for n in range(shares)]


_Floats = npt.NDArray[np.float64]


def _share(part: _Floats, whole: _Floats, parts: _Floats, wholes: _Floats) -> Proportion:
    """The share of some clusters; `parts` and `wholes` are the sums of their resamples."""
    total = float(whole.sum())
    if not total:
        return Proportion(None, None, None, len(part), 0.0)
    # More than the whole is rounding.
    value = min(float(part.sum()) / total, 1.0)
    effective = total * total / float((whole * whole).sum())
    seen = wholes > 0
    low, high = np.quantile(parts[seen] / wholes[seen], (0.025, 0.975))
    if low == high:
        low, high = wilson(value, effective)
    return Proportion(value, float(low), min(float(high), 1.0), len(part), effective)
