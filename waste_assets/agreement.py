"""How far two raters agree beyond chance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def kappa(pairs: Sequence[tuple[object, object]]) -> float | None:
    """Cohen's kappa of two raters; None where there is nothing, or where both say one thing."""
    count = len(pairs)
    if not count:
        return None
    values = sorted({str(value) for pair in pairs for value in pair})
    table = np.zeros((len(values), len(values)))
    for one, other in pairs:
        table[values.index(str(one)), values.index(str(other))] += 1 / count
    chance = float(table.sum(axis=0) @ table.sum(axis=1))
    # Two raters who always say the same single thing agree, and show nothing by it.
    return (float(np.trace(table)) - chance) / (1 - chance) if chance < 1 else None
