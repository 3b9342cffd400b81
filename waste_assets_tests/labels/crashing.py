"""A process that asks or collects, and is killed at a line of one's choice.

Run as a program it imports everything once; then, for each order on its standard input, it forks
a child that does the work, and says what became of it. The child is killed (SIGKILL) when it is
about to execute the chosen line of the product for the first time: no code for it is in the
product. Lines are numbered in the order in which a run meets them.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import datetime
from linecache import getline
from pathlib import Path
from types import FrameType
from typing import Any

from waste_assets.labels.asking import ask, collect
from waste_assets.labels.client import Client
from waste_assets.labels.request import BATCH, most_usd
from waste_assets_tests.labels.support import JUDGE, NOW, PROMPT, budget, opened, questions

#: Where the work meets the database and the network. A kill elsewhere is a kill between two of
#: these lines; and within the store, one between two that touch the database.
_WHERE = {
    "asking.py": {"_send_some", "_pick_up", "_settle_lines", "_settle"},
    "store.py": {"reserve", "submitted", "_mark", "settle", "note_asking"},
    "client.py": {"submit", "results"},
    "state.py": {"writing", "exclusively"},
}


class _Killer:
    """Counts the lines that are met for the first time, and kills this process at one of them."""

    def __init__(self, at: int) -> None:
        self._at = at
        self._met: set[tuple[str, int]] = set()

    def __call__(self, frame: FrameType, event: str, _: Any) -> Any:
        code = frame.f_code
        name = code.co_filename.rpartition("/")[2]
        if code.co_name not in _WHERE.get(name, ()) or "waste_assets" not in code.co_filename:
            return None
        return self._line

    def _line(self, frame: FrameType, event: str, _: Any) -> Any:
        place = (frame.f_code.co_filename, frame.f_lineno)
        if event == "line" and place not in self._met and _counts(*place):
            self._met.add(place)
            if len(self._met) == self._at:
                os.kill(os.getpid(), signal.SIGKILL)
        return self._line


def _counts(file: str, number: int) -> bool:
    if not file.endswith("store.py"):
        return True
    return any(word in getline(file, number) for word in ("connection", "return", "with "))


def work(order: dict[str, Any], client: Client) -> None:
    """Do what an order says."""
    now = datetime.fromisoformat(order["now"])
    sys.settrace(_Killer(order["at"]))
    with opened(Path(order["data"])) as store:
        if order["do"] == "ask":
            ask(store, client, JUDGE, questions(3, about=order["about"]), budget(), now)
        else:
            collect(store, client, now, {PROMPT.digest: PROMPT})


class Crashing:
    """The program, started once; `killed` says whether the line was met."""

    def __init__(self, url: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "waste_assets_tests.labels.crashing", url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Crashing:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def send(self, **order: Any) -> int:
        """Begin to carry out an order; returns the child's process id."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None
        stdin.write(json.dumps(order, default=str) + "\n")
        stdin.flush()
        return int(stdout.readline())

    def was_killed(self) -> bool:
        """Wait for the child: whether it was killed; it must not have failed otherwise."""
        assert self._process.stdout is not None
        status = int(self._process.stdout.readline())
        assert status in (0, -signal.SIGKILL), status
        return status != 0


def main() -> None:
    """Carry out orders until there are none."""
    client = Client("sk-fake", sys.argv[1])
    # Looked up once, not in each child.
    most_usd(questions(1)[0], JUDGE, BATCH, NOW.date())
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                work(json.loads(line), client)
            except BaseException as error:
                print(repr(error), file=sys.stderr)
                os._exit(1)
            os._exit(0)
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
