"""One thread that writes while the next lines are read."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pyarrow as pa

#: Row groups that may wait for the writing thread.
_WAITING_GROUPS = 2


class Background:
    """One thread that compresses and writes while the next lines are read."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1, "archive-writer")
        self._pending: deque[Future[None]] = deque()

    def __enter__(self) -> Background:
        return self

    def __exit__(self, *_: object) -> None:
        self._executor.shutdown()

    def submit(self, write: Callable[[pa.Table], None], rows: pa.Table) -> None:
        """Write the rows, after those before them; waits where too many rows wait already."""
        while len(self._pending) >= _WAITING_GROUPS:
            self._pending.popleft().result()
        self._pending.append(self._executor.submit(write, rows))

    def wait(self) -> None:
        """Until everything is written; raises what went wrong."""
        while self._pending:
            self._pending.popleft().result()

    def abandon(self) -> None:
        """Until nothing runs any more, whatever came of it."""
        while self._pending:
            future = self._pending.popleft()
            if not future.cancel():
                future.exception()
