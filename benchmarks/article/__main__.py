"""What the audit of a corpus of the size of a published one costs, beside ccusage and codeburn.

    python -m benchmarks.article [CORPUS ...]

A CORPUS is a directory that `benchmarks.article.corpus` has written; without one, the corpus of
scale 1 is written to a temporary directory. With several, smallest first, a table tells how time
and memory grow. Each round runs three cases, with each program one after another:

  cold        the first audit; codeburn without its cache
  unchanged   the same again
  new day     again, with the sessions of one more day

and medians of the rounds are told; memory is the largest of all, summed over the process tree by
proportional set sizes. The page cache is warm for all. Labels are off: there is no key. What an
audit finds is held against what was written, to the token. `start-up` is importing and opening
Dagster and importing Great Expectations, as the audit itself tells it.

Exit status: 0 all bars are held; 1 one is not; 2 nothing could be measured.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from benchmarks.article import growth
from benchmarks.article.candidates import (
    AUDIT,
    CCUSAGE,
    CODEBURN,
    Audit,
    Candidate,
    Ccusage,
    Codeburn,
    Missing,
    find_ccusage,
    find_codeburn,
)
from benchmarks.article.corpus import percent, write_corpus
from benchmarks.article.measure import CASES, Measured, measure
from benchmarks.article.process import Failed


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.article",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("corpus", type=Path, nargs="*", help="written by benchmarks.article.corpus")
    parser.add_argument("--ccusage", help="the program; else from PATH, else through npx")
    parser.add_argument("--codeburn", help="the program; else from PATH, else through npx")
    parser.add_argument("--rounds", type=int, default=3, help="rounds (default 3)")
    parser.add_argument("--work", type=Path, help="directory for data roots (default: temporary)")
    parser.add_argument("--json", type=Path, help="also write all figures to this file")
    given = parser.parse_args()
    for corpus in given.corpus:
        if not (corpus / "expected.json").is_file():
            parser.error(f"{corpus} was not written by benchmarks.article.corpus")
    if given.rounds < 1:
        parser.error("--rounds is 1 or more")
    programs = _programs(given.ccusage, given.codeburn)
    told = []
    try:
        with ExitStack() as stack:
            folder = tempfile.TemporaryDirectory(prefix="article-", dir=given.work)
            work = Path(stack.enter_context(folder))
            for corpus in given.corpus or [_written(work / "corpus")]:
                told.append(_measured(corpus, programs, given.rounds, work))
                tell(told[-1], given.rounds)
    except (Failed, OSError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    is_flat = growth.tell(told)
    if given.json:
        given.json.write_text(json.dumps([_plain(one) for one in told], indent=1))
    held = [holds for one in told for _, _, holds in one.bars()]
    return 0 if is_flat and all(held) else 1


def _programs(ccusage: str | None, codeburn: str | None) -> dict[str, list[str]]:
    """The commands of the other programs; whichever is missing is said aloud."""
    found = {}
    for name, find, given in (
        (CCUSAGE, find_ccusage, ccusage),
        (CODEBURN, find_codeburn, codeburn),
    ):
        try:
            found[name] = find(given)
        except Missing as missing:
            print(f"WITHOUT {name}: {missing}")
    return found


def _written(place: Path) -> Path:
    write_corpus(place, 1.0, 1, progress=percent)
    return place


def _measured(corpus: Path, programs: dict[str, list[str]], rounds: int, work: Path) -> Measured:
    data = work / "data"
    candidates: list[Candidate] = [Audit(corpus.absolute(), data)]
    for name, kind in ((CCUSAGE, Ccusage), (CODEBURN, Codeburn)):
        if name in programs:
            home = work / kind.__name__
            home.mkdir(exist_ok=True)
            candidates.append(kind(corpus.absolute(), home, programs[name]))
    return measure(corpus, candidates, data, rounds, work)


def tell(one: Measured, rounds: int) -> None:
    """Print the tables of one corpus."""
    print(
        f"\n{one.corpus}: {one.responses:,} responses, {one.days} days, "
        f"{one.corpus_bytes / 1e6:,.0f} MB. Medians of {rounds} rounds, {os.cpu_count()} cores; "
        "seconds, and MB (10^6 bytes)."
    )
    print(f"{'a cold audit':28}{'s':>8}{'checks s':>10}{'MB/s':>8}{'peak MB':>9}", end="")
    print(f"{'rows':>12}{'disk MB':>10}")
    for stage in one.stages:
        speed = f"{one.corpus_bytes / 1e6 / stage.seconds:,.0f}" if stage.seconds > 0.005 else "-"
        print(
            f"{stage.name:28}{stage.seconds:>8.2f}{stage.checks_seconds:>10.2f}{speed:>8}"
            f"{stage.peak_bytes / 1e6:>9,.0f}{stage.rows:>12,}{stage.disk_bytes / 1e6:>10,.1f}"
        )
    print(
        f"\n{'case':12}{'program':22}{'wall':>8}{'start-up':>10}{'CPU':>8}{'peak MB':>9}"
        f"{'largest':>9}  tokens counted of expected"
    )
    for case in CASES:
        for name in (AUDIT, CCUSAGE, CODEBURN):
            if (case, name) in one.figures:
                print(_line(one, case, name))
    for bar, figure, holds in one.bars():
        print(f"{bar}: {figure}: {'held' if holds else 'MISSED'}")


def _line(one: Measured, case: str, name: str) -> str:
    told, expected = one.of(case, name), one.tokens[case]
    share = "all" if told.tokens == expected else f"{told.tokens / expected:.4%}"
    return (
        f"{case:12}{name:22}{told.wall:>8.2f}{told.startup:>10.2f}{told.cpu:>8.2f}"
        f"{told.peak_bytes / 1e6:>9,.0f}{told.largest_bytes / 1e6:>9,.0f}  {share}"
    )


def _plain(one: Measured) -> dict[str, object]:
    figures: Sequence[dict[str, object]] = [
        {"case": case, "program": name, **asdict(told)}
        for (case, name), told in one.figures.items()
    ]
    return {
        "responses": one.responses,
        "days": one.days,
        "bytes": one.corpus_bytes,
        "figures": figures,
        "stages": [asdict(stage) for stage in one.stages],
        "differences": one.differences,
    }


if __name__ == "__main__":
    sys.exit(main())
