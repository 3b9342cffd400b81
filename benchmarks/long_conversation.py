"""Time of flags and ledger for one conversation, as it gets longer: it must stay linear.

    python benchmarks/long_conversation.py [--responses 5000 10000 20000]

Makes one generated conversation of each length (reads, edits, tests, failures and re-reads; no
compaction, so that one epoch holds it all), archives and parses it, and then times what the flags
stage does with it: loading, detecting, settling. Prints CPU seconds, and microseconds a response.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from datetime import date
from pathlib import Path
from random import Random

from waste_assets.accounting import turns
from waste_assets.accounting.ledger import settle
from waste_assets.accounting.sessions import sessions
from waste_assets.detectors.flag import Settings
from waste_assets.detectors.registry import detectors
from waste_assets.lake.lake import Lake
from waste_assets.lake.source_catalog import SourceCatalog
from waste_assets.lake.state import State
from waste_assets.lake.tables import PARSED_TURNS, RAW_SESSIONS
from waste_assets.processes import Processes
from waste_assets.sample.conversation import conversation
from waste_assets.transcripts import archive
from waste_assets.transcripts.days import Calendar
from waste_assets.transcripts.discover import discover


def main() -> None:
    """Measure each length and print a line for it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--responses", type=int, nargs="+", default=[5_000, 10_000, 20_000])
    names = [detector.category for detector in detectors()]
    print(f"{'responses':>10} {'load s':>8} {'detect s':>9} {'settle s':>9} {'us each':>8}  flags")
    for count in parser.parse_args().responses:
        with tempfile.TemporaryDirectory() as folder:
            lake = _built(Path(folder), count)
            started = time.process_time()
            (session,) = sessions(lake, lake.days(PARSED_TURNS))
            loaded = time.process_time()
            by_detector = {}
            flags = []
            for detector in detectors():
                before = time.process_time()
                flags += detector.detect(session, Settings())
                by_detector[detector.category] = time.process_time() - before
            detected = time.process_time()
            settle(session, flags)
            settled = time.process_time()
        each = (settled - started) / count * 1e6
        print(
            f"{count:>10,} {loaded - started:>8.2f} {detected - loaded:>9.2f} "
            f"{settled - detected:>9.2f} {each:>8.0f}  {len(flags):,}"
        )
        print(" " * 12 + ", ".join(f"{name} {by_detector[name]:.2f}" for name in names))


def _built(root: Path, responses: int) -> Lake:
    rng = Random(7)
    c = conversation("long", base_tokens=20_000)
    c.user("Make all of it better.")
    paths = [f"src/part_{n}.py" for n in range(200)]
    for number in range(responses):
        path = rng.choice(paths)
        step = number % 5
        if step == 0:
            c.read(path, 60)
        elif step == 1:
            c.edit(path)
        elif step == 2:
            c.bash("pytest -q", "Exit code 1\n1 failed", is_error=rng.random() < 0.5)
        elif step == 3:
            c.read("src/missing.py", is_error=rng.random() < 0.3)
        else:
            c.bash("git status --short", tokens=20)
    c.write(root / "sources")
    lake, state = Lake(root / "lake"), State(root)
    files, _ = discover([root / "sources"])
    archive.update(lake, SourceCatalog(state), files, date.min, date.max, Calendar())
    state.close()
    with Processes(1) as processes:
        turns.build(lake, lake.days(RAW_SESSIONS), Calendar(), processes)
    return lake


if __name__ == "__main__":
    main()
