"""Runs a program to its end, and notes time, CPU, and the memory of all its processes meanwhile."""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from benchmarks import tree

#: Seconds between two looks at the memory.
_EVERY = 0.2


@dataclass(frozen=True, slots=True)
class Look:
    """Memory of a process tree at one time."""

    at: float
    """Seconds since the epoch."""
    total_bytes: int
    largest_bytes: int
    """Of the largest process."""


@dataclass(slots=True)
class Run:
    """One process, from its start to its end."""

    wall: float
    cpu: float
    """Seconds of the process and of all its children."""
    output: bytes
    looks: list[Look] = field(default_factory=list)

    @property
    def peak_bytes(self) -> int:
        """The largest sum over the process tree."""
        return max((look.total_bytes for look in self.looks), default=0)

    @property
    def largest_bytes(self) -> int:
        """The largest process."""
        return max((look.largest_bytes for look in self.looks), default=0)

    def peak_between(self, start: float, end: float) -> int:
        """The largest sum over the process tree in a stretch of time."""
        inside = [look.total_bytes for look in self.looks if start <= look.at <= end]
        return max(inside, default=0)


class Failed(Exception):
    """A program did not do its work; the message says which, and what it said."""


def run(command: list[str], environment: Mapping[str, str]) -> Run:
    """Run a program; what it prints is kept.

    Raises:
        Failed: it ended with another status than 0.
    """
    looks: list[Look] = []
    done = threading.Event()
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=output, stderr=errors, env=environment)

        def watch() -> None:
            while not done.wait(_EVERY):
                if sizes := tree.sizes(process.pid):
                    looks.append(Look(time.time(), sum(sizes), max(sizes)))

        watching = threading.Thread(target=watch)
        watching.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        done.set()
        watching.join()
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        if process.returncode != 0:
            said = (errors.read() or output.read())[-600:].decode(errors="replace")
            raise Failed(f"{' '.join(command)} ended with status {process.returncode}: {said}")
        return Run(wall, usage.ru_utime + usage.ru_stime, output.read(), looks)
