"""Time, CPU and memory of an audit beside ccusage's daily report, in the same run.

Three cases, each on the corpus and on ten times as much:

  cold        the first audit, into an empty data root
  unchanged   the same audit again
  grown       again, after one session of median size has grown by 1 % of its bytes

Every round runs ccusage and the three cases one after the other, and the medians of the rounds
are compared: noise of the machine falls on both sides. A process counts from its start to its
end, but for its `start-up`: importing and opening Dagster and importing Great Expectations, as
told by the audit itself and shown apart. An unchanged audit needs neither.

CPU time is that of the process and of all its children. Memory is the peak of a run of its own,
so that measuring costs the timed runs nothing: the sum over the process tree, every 50 ms, of the
proportional set sizes (Linux) or, where there are none, of the resident sizes that `ps` tells.

Exit status: 0 all bars are held; 1 one is not; 2 nothing could be measured.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import ccusage
import tree
from scale import files, scale

CASES = ("cold", "unchanged", "grown")
#: Wall time without start-up against ccusage's, and the peak of memory in bytes.
BARS = {"cold": 4.0, "unchanged": 0.15, "grown": 0.3}
MEMORY_BAR = 1 << 30
#: Flags and ledger against archiving and parsing the same corpus, cold.
FLAGS_BAR = 0.5
_STAMP = re.compile(rb'("timestamp":\s*")([0-9T:.-]+Z)(")')
_ID = re.compile(
    rb'("(?:uuid|parentUuid|messageId)":\s*")([0-9a-f]{8}-[0-9a-f-]{27})(")'
    rb"|\b(msg_|req_|toolu_)([A-Za-z0-9]{8,})"
)


@dataclass
class Run:
    """One process, from its start to its end."""

    wall: float
    cpu: float
    startup: float = 0.0
    #: Seconds of the audit's stages.
    stages: dict[str, float] = field(default_factory=dict)


@dataclass
class Result:
    """The medians of one case beside ccusage's."""

    copies: int
    case: str
    wall: float
    cpu: float
    startup: float
    peak_bytes: int
    ccusage_wall: float
    ccusage_cpu: float
    ccusage_peak_bytes: int
    #: Seconds of the audit's stages, medians.
    stages: dict[str, float]

    @property
    def ratio(self) -> float:
        """Wall time without start-up against ccusage's."""
        return (self.wall - self.startup) / self.ccusage_wall

    @property
    def holds(self) -> bool:
        """Whether the case holds its bar, and that of memory."""
        return self.ratio <= BARS[self.case] and self.peak_bytes <= MEMORY_BAR

    @property
    def flags_ratio(self) -> float:
        """Time of flags and ledger against that of archive and parse."""
        return self.stages["heuristic_flags"] / (
            self.stages["raw_sessions"] + self.stages["parsed_turns"]
        )


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "corpus", type=Path, nargs="?", help="directory with transcripts; without: a sample"
    )
    parser.add_argument("--ccusage", help="the program; else from PATH, else through npx")
    parser.add_argument("--rounds", type=int, default=5, help="rounds (default 5)")
    parser.add_argument(
        "--copies",
        type=lambda text: [int(part) for part in text.split(",")],
        default=[1, 10],
        help="sizes, in copies of the corpus (default 1,10)",
    )
    parser.add_argument(
        "--work", type=Path, help="directory for copies and data (default: temporary)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args()
    try:
        command = ccusage.find(given.ccusage)
        with tempfile.TemporaryDirectory(prefix="speed-", dir=given.work) as directory:
            work = Path(directory)
            corpus = given.corpus or _sample(work / "sample")
            results = []
            for copies in given.copies:
                results += measure(corpus, copies, command, given.rounds, work)
                shutil.rmtree(work / "corpus")
    except (ccusage.NoCcusage, OSError, RuntimeError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    if given.json:
        rows = [{**asdict(r), "ratio": r.ratio, "holds": r.holds} for r in results]
        print(json.dumps({"rounds": given.rounds, "results": rows}))
    else:
        tell(results, given.rounds)
    return 0 if all(result.holds for result in results) else 1


def _sample(place: Path) -> Path:
    program = [sys.executable, "-m", "waste_assets.cli", "sample", "--sessions", "400", str(place)]
    subprocess.run(program, check=True, capture_output=True)
    return place


def measure(source: Path, copies: int, command: list[str], rounds: int, work: Path) -> list[Result]:
    """The three cases on so many copies of the corpus."""
    corpus, data = work / "corpus", work / "data"
    size = scale(source, corpus, copies)
    print(f"{copies} x: {size / 1e6:,.0f} MB", file=sys.stderr)
    grower = _Grower(corpus)
    theirs = [*command, "daily", "--json", "--offline", "-z", "UTC"]
    environment = {**ccusage.environment(corpus), "HOME": str(work)}
    mine = [sys.executable, "-m", "waste_assets.cli", "audit", "--json"]
    mine += ["--data-root", str(data), str(corpus)]
    runs: dict[str, list[Run]] = defaultdict(list)
    peaks: dict[str, int] = {}
    for number in range(rounds + 1):
        # The first round warms the page cache and measures memory; the others measure time.
        timed = number > 0
        for case in ("ccusage", *CASES):
            if case == "cold":
                shutil.rmtree(data, ignore_errors=True)
            if case == "grown":
                grower.grow()
            arguments, given = (theirs, environment) if case == "ccusage" else (mine, None)
            if timed:
                runs[case].append(_timed(arguments, given))
            else:
                peaks[case] = _peak(arguments, given)
            print(".", end="", file=sys.stderr, flush=True)
        grower.shrink()
    print(file=sys.stderr)
    shutil.rmtree(data)
    median = {
        case: Run(*(statistics.median(getattr(r, name) for r in runs[case]) for name in _FIELDS))
        for case in runs
    }
    other = median["ccusage"]
    return [
        Result(
            copies,
            case,
            median[case].wall,
            median[case].cpu,
            median[case].startup,
            peaks[case],
            other.wall,
            other.cpu,
            peaks["ccusage"],
            _stages(runs[case]),
        )
        for case in CASES
    ]


_FIELDS = ("wall", "cpu", "startup")


def _stages(runs: list[Run]) -> dict[str, float]:
    names = dict.fromkeys(name for run in runs for name in run.stages)
    return {name: statistics.median(run.stages.get(name, 0.0) for run in runs) for name in names}


def _timed(arguments: list[str], environment: dict[str, str] | None) -> Run:
    with tempfile.TemporaryFile() as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            arguments, stdout=output, stderr=subprocess.DEVNULL, env=environment
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        told = output.read()
    _check(arguments, process.returncode, told)
    if "waste_assets.cli" not in arguments:
        return Run(wall, usage.ru_utime + usage.ru_stime)
    account = json.loads(told)
    return Run(wall, usage.ru_utime + usage.ru_stime, _startup(account), account["stages"])


def _startup(told: dict[str, Any]) -> float:
    startup = told["startup"]
    return float(startup["dagster_seconds"] + startup["great_expectations_seconds"])


def _check(arguments: list[str], status: int, told: bytes) -> None:
    failed = status != 0
    if b'"errors"' in told:
        # A check that finds fault with the data is not a failure of the run.
        failed = bool(json.loads(told)["errors"])
    if failed:
        raise RuntimeError(f"{' '.join(arguments)} ended with status {status}: {told[-500:]!r}")


def _peak(arguments: list[str], environment: dict[str, str] | None) -> int:
    """The largest sum over the process tree of one run."""
    peak, done = 0, threading.Event()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            arguments, stdout=output, stderr=subprocess.DEVNULL, env=environment
        )

        def watch() -> None:
            nonlocal peak
            while not done.wait(0.05):
                peak = max(peak, sum(tree.sizes(process.pid)))

        thread = threading.Thread(target=watch)
        thread.start()
        process.wait()
        done.set()
        thread.join()
        output.seek(0)
        _check(arguments, process.returncode, output.read())
    return peak


class _Grower:
    """One session of median size that can grow by 1 % of its bytes, and shrink back."""

    def __init__(self, corpus: Path) -> None:
        paths = [corpus / "projects" / name for name in files(corpus) if name.suffix == ".jsonl"]
        sized = sorted((path.stat().st_size, path) for path in paths)
        # Where the median session has no usage near its end, the next larger one that has.
        self._path = next(
            path for _, path in sized[len(sized) // 2 :] if b'"usage"' in path.read_bytes()
        )
        self._text = self._path.read_bytes()
        self._growth = 0

    def grow(self) -> None:
        """Append copies of the last lines, with ids of their own, as if the session went on."""
        self._growth += 1
        wanted = max(len(self._text) // 100, 1)
        lines = [line for line in self._text.splitlines(keepends=True) if line.endswith(b"\n")]
        taken: list[bytes] = []
        while lines and sum(map(len, taken)) < wanted:
            taken.insert(0, lines.pop())
        chance = random.Random(self._growth)
        names: dict[bytes, bytes] = {}

        def renamed(match: re.Match[bytes]) -> bytes:
            before, name, after = (
                (match[1], match[2], match[3]) if match[1] else (match[4], match[5], b"")
            )
            if name not in names:
                digits = b"%0*x" % (len(name), chance.getrandbits(4 * len(name)))
                names[name] = bytes(
                    45 if old == 45 else new for old, new in zip(name, digits, strict=True)
                )
            return before + names[name] + after

        grown = _ID.sub(renamed, b"".join(taken))
        grown = _STAMP.sub(lambda m: m[1] + _later(m[2]) + m[3], grown)
        with self._path.open("ab") as handle:
            if not self._text.endswith(b"\n"):
                handle.write(b"\n")
            handle.write(grown)

    def shrink(self) -> None:
        """As it was before; the next data root starts from the same bytes."""
        self._path.write_bytes(self._text)


def _later(stamp: bytes) -> bytes:
    moment = datetime.fromisoformat(stamp.decode()) + timedelta(minutes=1)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3].encode() + b"Z"


def tell(results: list[Result], rounds: int) -> None:
    """Print the table."""
    print(
        f"Medians of {rounds} rounds, {os.cpu_count()} cores; seconds, and MB (10^6 bytes) at the "
        "peak."
    )
    head = ("size", "case", "wall", "start-up", "CPU", "MB", "ccusage", "its CPU", "its MB")
    print(("{:>5} {:<10}" + "{:>9}" * 7 + "{:>8}{:>8}").format(*head, "ratio", "bar"))
    for r in results:
        print(
            f"{r.copies:>4}x {r.case:<10}{r.wall:>9.2f}{r.startup:>9.2f}{r.cpu:>9.2f}"
            f"{r.peak_bytes / 1e6:>9.0f}{r.ccusage_wall:>9.2f}{r.ccusage_cpu:>9.2f}"
            f"{r.ccusage_peak_bytes / 1e6:>9.0f}{r.ratio:>7.2f}x{BARS[r.case]:>7.2f}x"
            f"{'' if r.holds else '  MISSED'}"
        )
    print(f"Bar of memory: {MEMORY_BAR / 1e6:,.0f} MB.")
    for r in results:
        if r.case == "cold" and r.stages:
            told = ", ".join(f"{name} {seconds:.2f}" for name, seconds in r.stages.items())
            print(f"{r.copies}x cold by stage, seconds: {told}.")
            print(
                f"Flags and ledger took {r.flags_ratio:.2f} times archive and parse; "
                f"bar {FLAGS_BAR}."
            )


if __name__ == "__main__":
    sys.exit(main())
