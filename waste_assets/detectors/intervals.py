"""Proportions with 95 % intervals, of weighted items and of sums over clusters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

#: Two-sided 95 %.
_Z = 1.959963984540054
_SAMPLES = 2_000


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


def proportion(items: Iterable[tuple[bool, float]]) -> Proportion:
    """The share of (yes, weight) that says yes, with Wilson's interval at the effective size."""
    told = list(items)
    total = sum(weight for _, weight in told)
    if not total:
        return Proportion(None, None, None, len(told), 0.0)
    value = sum(weight for yes, weight in told if yes) / total
    effective = total * total / sum(weight * weight for _, weight in told)
    return Proportion(value, *wilson(value, effective), len(told), effective)


def bootstrap_share(clusters: Sequence[tuple[float, float]], seed: int = 0) -> Proportion:
    """Sum of parts over sum of wholes, with the interval of resampled clusters.

    `clusters` are (part, whole). What lies in one cluster, e.g. a session, stands or falls
    together, and a few clusters may hold most of the sum: no formula fits that.
    """
    table = np.asarray(clusters, dtype=float).reshape(-1, 2)
    part, whole = table.sum(axis=0)
    if not whole:
        return Proportion(None, None, None, len(table), 0.0)
    drawn = np.random.default_rng(seed).multinomial(
        len(table), np.full(len(table), 1 / len(table)), size=_SAMPLES
    )
    sums = drawn @ table
    sums = sums[sums[:, 1] > 0]
    low, high = np.quantile(sums[:, 0] / sums[:, 1], (0.025, 0.975))
    effective = float(whole * whole / (table[:, 1] ** 2).sum())
    return Proportion(float(part / whole), float(low), float(high), len(table), effective)
