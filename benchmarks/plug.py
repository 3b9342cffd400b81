"""Pull the plug, hundreds of times: whatever kills an audit, the next one makes good.

A small data root lives through its acts: a first audit, questions that are sent, answers that are
picked up, another day, the hook of Claude Code, several processes. Each act is tried again and
again; the command is killed (SIGKILL), some times in a row, each time the next one is started at
once, and the last is let go on to its end. Then everything that is held must be what it is where
nothing was killed: all tables of the lake, the BI files and the state database, the pages of the
report. No archived line may be lost, no answer be paid for twice (the server counts), no
temporary file and no run that counts as running be left behind, no child process live on.

Half of the kills meet the process alone, and half also all that it has started, as where a machine
loses its power. Half of them come at chosen points, by a seed: where a process is about to change
something that others could see, and at the lines that write. The others come by the clock, and so
also in the middle of what DuckDB, Arrow and SQLite write. Most kills meet the command with its
stages called directly, for Dagster takes nine tenths of the time of an audit as small as this; the
rest meet it whole. Ends with 1 where anything differs.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

# The tests are not installed: they stand beside this folder.
sys.path.append(str(Path(__file__).parent.parent))
from waste_assets_tests.plug.life import ACTS, Act, Life, first_days, kinds, life
from waste_assets_tests.plug.roots import differences, held, stray_files

#: So many of the kills that are wanted, an act.
_SHARES = {
    "first audit": 0.26,
    "questions are sent": 0.12,
    "answers are picked up": 0.18,
    "another day": 0.26,
    "the hook archives": 0.08,
    "several processes": 0.10,
}
#: How much longer a run takes whose points are listed.
_UNTRACED = 0.6


@dataclass
class Tally:
    """What came of it, shared by the lanes."""

    #: By act and stage.
    kills: Counter[tuple[str, str]] = field(default_factory=Counter)
    #: Kills at chosen points, and by the clock.
    how: Counter[str] = field(default_factory=Counter)
    trials: int = 0
    #: No row begins after it (time.monotonic).
    until: float = float("inf")
    failures: list[str] = field(default_factory=list)
    bad: Counter[tuple[str, str]] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)


def in_a_row(one: Life, act: Act, seed: int, most: int, tally: Tally, *, whole: bool) -> int:
    """Kill an act some times in a row, and look at what the last run comes to."""
    chance = random.Random(f"{act.name}/{seed}/{whole}")
    name = act.name + (", whole" if whole else "")
    points = list(kinds(one.points[act.name]))
    one.begin(act)
    killed: list[str] = []
    chosen = sorted(chance.sample(range(len(points)), chance.randint(1, most)))
    for index in chosen:
        group = chance.random() < 0.5
        if chance.random() < 0.5:
            how, status = "chosen", one.command(act, at=points[index], group=group)
        else:
            how = "by the clock"
            share = chance.random() if act.hook else 0.03 + 0.97 * chance.random()
            seconds = share * _UNTRACED * one.seconds[act.name]
            status = one.command(act, seconds=seconds, group=group)
        how += ", with all that it had started" if group else ""
        if status == -9:
            stage = one.program.stage
            killed.append(stage)
            with tally.lock:
                tally.kills[name, stage.split(":")[0]] += 1
                tally.how[how] += 1
        elif status:
            killed.append(f"ended with {status}: {one.program.output[-300:]}")
    wrong = one.finish(act) or one.check(act)
    with tally.lock:
        tally.trials += 1
        for stage in killed:
            tally.bad[name, stage.split(":")[0]] += bool(wrong)
        if wrong:
            told = "\n    ".join(wrong[:12])
            at = " -> ".join(killed)
            tally.failures.append(f"{name}, seed {seed}, killed at {at}\n    {told}")
            print(tally.failures[-1], file=sys.stderr, flush=True)
    return len(killed)


def lane(
    folder: Path,
    acts: list[Act],
    given: argparse.Namespace,
    number: int,
    wanted: float,
    tally: Tally,
    *,
    whole: bool,
) -> None:
    """So many kills, shared among the acts: a row of each in turn."""
    share = sum(_SHARES[act.name] for act in acts)
    left = {act: wanted * _SHARES[act.name] / share for act in acts}
    with life(folder, stages_only=not whole) as one:
        one.prepare(ACTS)
        seed = given.seed + number
        while any(count > 0 for count in left.values()) and time.monotonic() < tally.until:
            for act in acts:
                if left[act] > 0 and time.monotonic() < tally.until:
                    left[act] -= in_a_row(one, act, seed, given.in_a_row, tally, whole=whole)
                    told = f"{sum(tally.kills.values())} kills, {len(tally.failures)} failures"
                    print(f"\r{told} ", end="", file=sys.stderr, flush=True)
            seed += given.lanes


def at_once(folder: Path) -> list[str]:
    """Two audits of one data root and the hook, all at once; tells what is not as after one."""
    source, alone, together = folder / "source", folder / "alone", folder / "together"
    first_days(source)
    program = str(Path(sys.executable).with_name("waste-assets"))
    known = {**os.environ, "HOME": str(folder), "ANTHROPIC_API_KEY": ""}

    def started(data: Path) -> subprocess.Popen[str]:
        arguments = [program, "audit", str(source), "--data-root", str(data), "--quiet"]
        return subprocess.Popen(arguments, env=known, stderr=subprocess.PIPE, text=True)

    wrong = []
    audits = [started(alone)]
    audits[0].wait()
    audits += [started(together), started(together)]
    newest = max(source.rglob("*.jsonl"))
    subprocess.run(
        [program, "hook-session-end", "--wait", "--data-root", str(together)],
        input=json.dumps({"session_id": "newest", "transcript_path": str(newest)}),
        env=known,
        text=True,
        check=True,
    )
    waited = 0
    for audit in audits:
        _, told = audit.communicate()
        waited += "waiting until it has ended" in told
        if audit.returncode:
            wrong.append(f"an audit ended with {audit.returncode}: {told[-300:]}")
    (together / "hook.log").unlink()
    wrong += differences(held(alone), together)
    wrong += [f"left behind: {name}" for name in stray_files(together)]
    print(f"two audits and the hook at once: {waited} waited and said so; {len(wrong)} differences")
    return wrong


def table(tally: Tally) -> str:
    """Act, stage, kills, and what came of them."""
    lines = [f"{'act':<32}{'stage':<38}{'kills':>6}{'differ':>8}"]
    for (act, stage), kills in sorted(tally.kills.items()):
        lines.append(f"{act:<32}{stage:<38}{kills:>6}{tally.bad[act, stage]:>8}")
    total = sum(tally.kills.values())
    lines.append(f"{'all':<70}{total:>6}{sum(tally.bad.values()):>8}")
    how = ", ".join(f"{count} {name}" for name, count in sorted(tally.how.items()))
    lines.append(f"{tally.trials} rows of kills ({how}); {len(tally.failures)} that differ.")
    return "\n".join(lines)


def main() -> int:
    """Kill, compare, and tell."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--in-a-row", type=int, default=5, help="at most; 1: each by itself")
    parser.add_argument("--act", action="append", choices=[act.name for act in ACTS])
    parser.add_argument(
        "--whole",
        type=float,
        default=0.25,
        help="share of the kills with Dagster around the stages",
    )
    parser.add_argument("--races", type=int, default=3, help="two audits and the hook at once")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin nothing after")
    parser.add_argument("--lanes", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    acts = [act for act in ACTS if not given.act or act.name in given.act]
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="plug-", dir=memory if memory.is_dir() else None))
    tally, began = Tally(), time.monotonic()
    tally.until = began + 60 * given.minutes
    try:
        lanes = []
        for number in range(given.lanes):
            # One lane has the whole command; where there is only one, it has that after the rest.
            shares = [(False, (1 - given.whole) / max(1, given.lanes - 1)), (True, given.whole)]
            mine = shares if given.lanes == 1 else shares[:1] if number else shares[1:]
            for whole, share in mine:
                place = folder / f"{number}-{whole}"
                arguments = (place, acts, given, number, given.kills * share, tally)
                lanes.append(threading.Thread(target=lane, args=arguments, kwargs={"whole": whole}))
        for one in lanes:
            one.start()
        for one in lanes:
            one.join()
        for number in range(given.races):
            tally.failures += at_once(folder / f"race-{number}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"\n{table(tally)}\n{time.monotonic() - began:.0f} seconds")
    return 1 if tally.failures or sum(tally.kills.values()) < given.kills else 0


if __name__ == "__main__":
    sys.exit(main())
