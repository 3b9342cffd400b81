"""A million damaged lines: none may crash anything, be lost, or cost another line its tokens.

Each round damages transcripts of the generated sample (and of CORPUS, where given), reads,
accounts and flags them beside others that it leaves alone, and holds the result against the
undamaged ones; see `waste_assets_tests/fuzzing.py`. One round in five goes on to the BI files and
the report, and passes all checks of an audit that would stop it. The same seed damages the same
lines; a round that fails is told with its number, and `--only NUMBER` does it again.

    .venv/bin/python benchmarks/fuzz.py [CORPUS ...] [--lines 1000000] [--seed 1]
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import traceback
from concurrent.futures import ProcessPoolExecutor
from itertools import count
from pathlib import Path

# The harness is shared with the tests.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from waste_assets_tests.fuzzing import Counts, Seeds, round_, seeds

_ROUND = 8_000
_THOROUGH = 5
_given: Seeds | None = None


def _prepare(corpora: list[Path]) -> None:
    global _given
    _given = seeds(60, corpora)


def _one(task: tuple[int, int]) -> tuple[int, Counts, str | None]:
    seed, number = task
    assert _given is not None
    try:
        thorough = number % _THOROUGH == 0
        return number, round_(seed * 1_000_003 + number, _given, _ROUND, thorough=thorough), None
    except Exception:
        return number, Counts(rounds=1), traceback.format_exc(limit=-6)[-3_000:]


def main() -> None:
    """Damage, and print the counts; ends with 1 where a round failed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("corpora", nargs="*", type=Path, metavar="CORPUS")
    parser.add_argument("--lines", type=int, default=1_000_000, help="damaged lines in all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", type=int, help="do this round again, here")
    given = parser.parse_args()
    if given.only is not None:
        _prepare(given.corpora)
        number, counts, trouble = _one((given.seed, given.only))
        sys.exit(trouble or print(counts))
    started, whole, failed = time.monotonic(), Counts(), 0
    with ProcessPoolExecutor(
        given.processes, initializer=_prepare, initargs=(given.corpora,)
    ) as pool:
        numbers = count()
        while whole.damaged < given.lines and failed < 20:
            # As many as are likely to be wanted yet; rounds differ.
            left = max(1, (given.lines - whole.damaged) // _ROUND)
            tasks = [(given.seed, next(numbers)) for _ in range(min(left, 8 * given.processes))]
            for number, counts, trouble in pool.map(_one, tasks):
                whole.add(counts)
                if trouble is not None:
                    failed += 1
                    print(f"Round {number}: {trouble}", flush=True)
            seconds = time.monotonic() - started
            print(
                f"{whole.damaged:,} damaged lines in {whole.rounds:,} rounds, {seconds:.0f} s",
                flush=True,
            )
    print(
        f"{whole.lines:,} lines archived: {whole.decoded:,} read (of these {whole.repaired:,} "
        f"repaired), {whole.quarantined:,} set aside, none unaccounted for."
    )
    for reason, number in whole.reasons.most_common():
        print(f"{number:>9,}  {reason}")
    print(
        f"{whole.responses_held:,} responses beside the damage and {whole.neighbour_rows:,} rows "
        f"of neighbours as they were. {failed} rounds failed."
    )
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
