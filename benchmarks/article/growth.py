"""One corpus after another, each larger: what a response and a new day cost."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.article.candidates import AUDIT
from benchmarks.article.measure import COLD, NEW_DAY, Measured

#: From the smallest corpus to the largest, no figure may grow by more than this.
FLAT = 1.25


def grown(told: Sequence[Measured]) -> dict[str, float]:
    """By how much each figure of the largest corpus exceeds that of the smallest."""
    first, last = told[0], told[-1]
    return {
        "time a response": last.seconds_a_response / first.seconds_a_response,
        "peak memory": last.of(COLD, AUDIT).peak_bytes / first.of(COLD, AUDIT).peak_bytes,
        # Of processor time, imports included: so short a wall time tells of the machine, too.
        "a new day": last.of(NEW_DAY, AUDIT).cpu / first.of(NEW_DAY, AUDIT).cpu,
    }


def tell(told: Sequence[Measured]) -> bool:
    """Print the table; whether everything stays flat."""
    print("\nGrowth; seconds without start-up, MB (10^6 bytes) at the peak of all processes.")
    print(
        f"{'responses':>10}{'days':>6}{'MB':>9}{'cold s':>9}{'ms each':>9}{'CPU ms':>8}{'MB/s':>7}"
        f"{'peak MB':>9}{'largest':>9}{'new day s':>11}{'CPU s':>7}{'peak MB':>9}"
    )
    for one in told:
        cold, day = one.of(COLD, AUDIT), one.of(NEW_DAY, AUDIT)
        print(
            f"{one.responses:>10,}{one.days:>6}{one.corpus_bytes / 1e6:>9,.0f}{cold.worked:>9.1f}"
            f"{1e3 * one.seconds_a_response:>9.3f}{1e3 * cold.cpu / one.responses:>8.3f}"
            f"{one.corpus_bytes / 1e6 / cold.worked:>7.1f}"
            f"{cold.peak_bytes / 1e6:>9,.0f}{cold.largest_bytes / 1e6:>9,.0f}{day.worked:>11.1f}"
            f"{day.cpu:>7.1f}{day.peak_bytes / 1e6:>9,.0f}"
        )
    sizes = sorted({one.day_responses for one in told})
    print(f"The new day has {' or '.join(f'{size:,}' for size in sizes)} responses.")
    if len(told) < 2:
        return True
    ratios = grown(told)
    for name, ratio in ratios.items():
        verdict = "held" if ratio <= FLAT else "MISSED"
        print(f"{name}: {ratio:.2f} times from the smallest to the largest; bar {FLAT}: {verdict}")
    return all(ratio <= FLAT for ratio in ratios.values())
