"""Reading the facts of many days in several processes."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from datetime import date
from importlib.abc import MetaPathFinder

from waste_assets.lake.lake import Lake
from waste_assets.transcripts import archive, facts

#: Less than this is read sooner than processes start.
_WORTH_A_PROCESS = 48 << 20


def read_days(
    lake: Lake,
    days: Sequence[date],
    progress: Callable[[int], None] = lambda bytes_done: None,
    processes: int | None = None,
) -> None:
    """Read the facts of `days` from the archive, the largest first.

    Raises:
        OSError: the lake cannot be read or written.
    """
    sizes = {day: archive.contents(lake, day).bytes for day in days}
    ordered = sorted(sizes, key=lambda day: (-sizes[day], day))
    count = min(processes or os.cpu_count() or 1, len(ordered))
    if count < 2 or sum(sizes.values()) < _WORTH_A_PROCESS:
        for day in ordered:
            facts.read_day(lake, day)
            progress(sizes[day])
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(count, mp_context=context, initializer=_prepare) as pool:
        futures = {pool.submit(facts.read_day, lake, day): day for day in ordered}
        try:
            for future in as_completed(futures):
                future.result()
                progress(sizes[futures[future]])
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _prepare() -> None:
    # Arrow imports pandas where it finds it, to look for its types: 50 MB and a third of a
    # second a process, for types that never occur here.
    sys.meta_path.insert(0, _WithoutPandas())


class _WithoutPandas(MetaPathFinder):
    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError("pandas is not wanted here", name=name)
