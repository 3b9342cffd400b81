"""Work that is shared among processes where there is enough of it."""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import suppress
from functools import partial
from importlib import import_module
from importlib.abc import MetaPathFinder
from multiprocessing.connection import wait
from multiprocessing.synchronize import Barrier
from threading import BrokenBarrierError
from types import TracebackType
from typing import TypeVar

T = TypeVar("T")
U = TypeVar("U")

#: Names that glibc's `mallopt` has for what it asks the system for, and gives back.
_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD = -3, -1
#: Less than this, in bytes, is done sooner than processes start.
WORTH_PROCESSES = 48 << 20
#: For how long a process waits for the others at most: one may have been killed.
_PATIENCE_S = 10

#: Where the processes of a pool wait for one another.
_meeting: Barrier
#: What `start_early` has started, until somebody has work for it.
_early: list[_Pool] = []


def start_early(modules: Sequence[str]) -> None:
    """Start processes now, and let them import what their work needs.

    For a process that knows that it will have much work for them, and has something else to do
    first. Whoever comes next with that much takes them.
    """
    count = os.cpu_count() or 1
    if count > 1 and not _early:
        pool = _Pool(count, modules)
        pool.by_each(_nothing)
        _early.append(pool)


def _end_early() -> None:
    """Let the processes end that nobody has had work for."""
    while _early:
        _early.pop().shutdown()


def _nothing() -> None:
    """What a process does that has nothing to do yet."""


class _Pool(ProcessPoolExecutor):
    """So many processes; each starts when there is work for it that no other is free for."""

    def __init__(self, count: int, modules: Sequence[str] = ()) -> None:
        context = multiprocessing.get_context("spawn")
        super().__init__(count, context, _prepare, (modules, context.Barrier(count)))
        self._count = count

    def by_each(self, function: Callable[[], None]) -> None:
        """Have each process do this once; nobody waits for it."""
        for _ in range(self._count):
            self.submit(_once, function)


class Processes:
    """As many processes as there are cores, started when there is work for them."""

    def __init__(self, count: int | None = None) -> None:
        self._count = count or os.cpu_count() or 1
        self._pool: _Pool | None = None

    def __enter__(self) -> Processes:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=kind is not None)
        _end_early()

    def rest(self) -> None:
        """Let the processes end: what they hold is wanted for other work.

        Where there is work for them again, others are started.
        """
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None
        _end_early()

    def each(
        self,
        function: Callable[[T], U],
        tasks: Sequence[T],
        sizes: Sequence[int],
        progress: Callable[[int], None] = lambda done: None,
        afterwards: Callable[[], None] = _nothing,
    ) -> list[U]:
        """Call `function` with each task, the largest first; `sizes` are in bytes to be read.

        Returns what it gives, in the order of the tasks. Each process that was at work calls
        `afterwards` at the end, and lets go of what it kept from task to task.

        Raises:
            Whatever the function raises; what has not begun by then never does.
        """
        ordered = sorted(range(len(tasks)), key=lambda i: (-sizes[i], i))
        if self._count < 2 or len(tasks) < 2 or sum(sizes) < WORTH_PROCESSES:
            done = {}
            for i in ordered:
                done[i] = function(tasks[i])
                progress(sizes[i])
            afterwards()
            return [done[i] for i in range(len(tasks))]
        if self._pool is None:
            self._pool = _early.pop() if _early else _Pool(self._count)
        # What this process has left of work before, the others need now.
        _trim()
        futures = {self._pool.submit(function, tasks[i]): i for i in ordered}
        for future in as_completed(futures):
            future.result()
            progress(sizes[futures[future]])
        self._pool.by_each(partial(_let_go, afterwards))
        done = {i: future.result() for future, i in futures.items()}
        return [done[i] for i in range(len(tasks))]


def _once(function: Callable[[], None]) -> None:
    """In a process that takes no other piece of work before all have come to this one."""
    with suppress(BrokenBarrierError):
        _meeting.wait(_PATIENCE_S)
    function()


def _let_go(first: Callable[[], None]) -> None:
    """Give back to the system what the work has left: others have use for it meanwhile."""
    first()
    gc.collect()
    _trim()


def _trim() -> None:
    """Let the allocator give back what is free, where it has a way to."""
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)


def _prepare(modules: Sequence[str], barrier: Barrier) -> None:
    global _meeting
    _meeting = barrier
    threading.Thread(target=_die_with_parent, name="parent-watch", daemon=True).start()
    # Arrow imports pandas where it finds it, to look for its types: 50 MB and a third of a
    # second a process, for types that never occur here.
    sys.meta_path.insert(0, _WithoutPandas())
    # The buffers of one piece of work serve the next: to give each of them back to the system and
    # ask for it again takes a twentieth of the time. Arrow is to share them.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    if sys.platform == "linux" and (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)):
        mallopt(_M_MMAP_THRESHOLD, 32 << 20)
        mallopt(_M_TRIM_THRESHOLD, 64 << 20)
    for name in modules:
        import_module(name)


def _die_with_parent() -> None:
    """Whoever killed the parent meant this process too, and nobody would read what it does.

    It would not notice by itself: the pipe from which it takes its tasks is held open by its
    like. What it wrote after that would meet what the next run writes.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGKILL)


class _WithoutPandas(MetaPathFinder):
    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError("pandas is not wanted here", name=name)
