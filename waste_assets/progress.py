"""Progress of long work: whoever runs the assets may watch, nobody has to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

#: Called with (what is done, how much of it has been done, how much there is).
Watcher = Callable[[str, float, float], None]

_watcher: ContextVar[Watcher | None] = ContextVar("watcher", default=None)


@contextmanager
def watched(watcher: Watcher) -> Iterator[None]:
    """Within the block, tell `watcher` of all progress."""
    token = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(token)


class Task:
    """One piece of work of a known size."""

    def __init__(self, label: str, total: float) -> None:
        self._label, self._total, self._done = label, total, 0.0
        self.advance(0)

    def advance(self, amount: float) -> None:
        """So much more has been done."""
        self._done += amount
        if watcher := _watcher.get():
            watcher(self._label, self._done, self._total)
