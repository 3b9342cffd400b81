"""Names that stand on several days: what ties days together, among many names that do not."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import date

import numpy as np


def on_several_days(
    days: Sequence[date], names_of: Callable[[date], Iterable[str]]
) -> dict[str, list[date]]:
    """The days of each name that stands on more than one of `days`, in their order.

    A day names each of its names once. Most names stand on one day only: they are asked for
    twice, so that nothing but a number is kept of them meanwhile.
    """
    keys = array("q")
    for day in days:
        keys.extend(map(hash, names_of(day)))
    every, counts = np.unique(np.frombuffer(keys, np.int64), return_counts=True)
    repeated = set(every[counts > 1].tolist())
    found: dict[str, list[date]] = defaultdict(list)
    for day in days if repeated else ():
        for name in names_of(day):
            if hash(name) in repeated:
                found[name].append(day)
    # Two names may have one number.
    return {name: on for name, on in found.items() if len(on) > 1}
