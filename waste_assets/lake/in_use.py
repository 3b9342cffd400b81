"""Who is at work in a data root, and what those have left who were killed there.

Files are written under a temporary name and then renamed. A process that is killed leaves such
a file; nobody can tell by its name whether whoever wrote it is still at work: process ids come
again, and mean nothing to another container. A lock can: it goes with the process that holds it,
however that ends. So whoever writes holds one lock of the data root together with all others who
do, and whoever gets it alone knows that every temporary file there is nobody's.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from waste_assets.faults import Fault
from waste_assets.lake.disk import DiskFault, blamed
from waste_assets.lake.place import COPIES

#: `.<name>.<process>.<eight digits>`, and what SQLite and DuckDB put beside a file of theirs.
_TEMPORARY = re.compile(r"\..+\.\d+\.[0-9a-f]{8}(?:\.wal|\.tmp|-journal|-wal|-shm)?")
#: Directories below the data root in which they may lie,
_FLAT = (".", "dagster")
#: and those below which they may; the last is of Dagster's records.
_PLACES = ("lake", COPIES, "bi", "report", "dagster/history/runs")
_IN_USE, _AUDIT, _UI = ".in_use.lock", ".audit.lock", ".ui.lock"


@dataclass
class _Hold:
    handle: IO[str]
    users: int = 0


_held: dict[Path, _Hold] = {}
#: Data roots that this process audits.
_auditing: set[Path] = set()
_open_for_good: list[IO[str]] = []
_guard = threading.Lock()


@contextmanager
def in_use(data_root: Path, *, sweep: bool = True) -> Iterator[None]:
    """Be one of those who write below the data root.

    Where nobody else is, what killed ones have left is taken away first, unless `sweep` is off.

    Raises:
        Fault: the data root cannot be written.
    """
    # One lock a process: on some file systems a second one would not see the first.
    with _guard:
        if data_root not in _held:
            _held[data_root] = _Hold(_shared(data_root, sweep=sweep))
        hold = _held[data_root]
        hold.users += 1
    try:
        yield
    finally:
        with _guard:
            hold.users -= 1
            if not hold.users:
                hold.handle.close()
                del _held[data_root]


def _shared(data_root: Path, *, sweep: bool) -> IO[str]:
    """The lock of those who write, held; whoever closes the file lets go of it."""
    handle = _opened(data_root, _IN_USE)
    if sweep and _locked(handle.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB):
        remove_temporary_files(data_root)
    fcntl.flock(handle, fcntl.LOCK_SH)
    return handle


@contextmanager
def one_audit(data_root: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Be the only audit of the data root; `waiting` is called where another one is at work.

    Two would do the same work twice, and the second has hardly any left when the first is done.
    And what one has published, the other's checks would hold against what it has built since.

    Raises:
        Fault: the data root cannot be written.
    """
    with _opened(data_root, _AUDIT) as handle:
        _wait_for(handle, fcntl.LOCK_EX, waiting)
        _auditing.add(data_root.absolute())
        try:
            yield
        finally:
            _auditing.discard(data_root.absolute())


@contextmanager
def beside_no_audit(data_root: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Be a run of Dagster's, or a part of this process's audit.

    Such runs share out their days among themselves, and wait for an audit as it waits for them.

    Raises:
        Fault: the data root cannot be written.
    """
    if data_root.absolute() in _auditing:
        yield
        return
    with _opened(data_root, _AUDIT) as handle:
        _wait_for(handle, fcntl.LOCK_SH, waiting)
        yield


def is_idle(data_root: Path) -> bool:
    """Whether nobody writes below the data root at this moment.

    Raises:
        Fault: the data root cannot be written.
    """
    with _opened(data_root, _IN_USE) as handle:
        return _locked(handle.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)


def only_ui(data_root: Path) -> bool:
    """Whether no other UI is open on the data root; until this process ends it counts as one.

    Also once it has become another program, by `exec`.

    Raises:
        Fault: the data root cannot be written.
    """
    handle = _opened(data_root, _UI)
    os.set_inheritable(handle.fileno(), True)
    _open_for_good.append(handle)
    return _locked(handle.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)


def remove_temporary_files(data_root: Path) -> None:
    """Take away every temporary file. For those who know that nobody is writing."""
    for place in (*_FLAT, *_PLACES):
        for directory, below, names in os.walk(data_root / place):
            for name in filter(_TEMPORARY.fullmatch, names):
                # Another one cleans up too, or nobody may: the next will.
                with suppress(OSError):
                    Path(directory, name).unlink()
            for name in filter(_TEMPORARY.fullmatch, below):
                shutil.rmtree(Path(directory, name), ignore_errors=True)
            if place in _FLAT:
                below.clear()


def _opened(data_root: Path, name: str) -> IO[str]:
    try:
        data_root.mkdir(parents=True, exist_ok=True)
        return (data_root / name).open("w")
    except OSError as error:
        if sentence := blamed(str(error), data_root):
            raise DiskFault(sentence) from error
        raise Fault(
            f"{data_root} cannot be used as the data root ({error.strerror}): choose another "
            "with --data-root, or allow this user to write there."
        ) from error


def _wait_for(handle: IO[str], how: int, waiting: Callable[[], None]) -> None:
    if not _locked(handle.fileno(), how | fcntl.LOCK_NB):
        waiting()
        fcntl.flock(handle, how)


def _locked(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how)
    except BlockingIOError:
        return False
    return True
