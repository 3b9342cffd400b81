"""The servers that a team has, each on a free port of loopback, in folders that go away."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from pathlib import Path

from waste_assets_tests import postgres_server
from waste_assets_tests.loopback import free_port, running, s3_variables
from waste_assets_tests.program import end_with

BUCKET = "company"
_WAIT_SECONDS = 60.0


def missing() -> str | None:
    """Which server is not installed here, as a sentence; None where all are."""
    absent = [
        package
        for package, there in (
            ("postgresql", postgres_server.programs()),
            ("redis-server", shutil.which("redis-server")),
        )
        if not there
    ]
    return f"install {' and '.join(absent)}: apt-get install {' '.join(absent)}" if absent else None


@contextmanager
def postgres() -> Iterator[str]:
    """The URL of a server with an empty database, without that database's name."""
    programs = postgres_server.programs()
    assert programs is not None
    with postgres_server.running(programs) as url:
        yield url.replace("postgresql+psycopg://", "postgresql://").rpartition("/")[0]


@contextmanager
def redis() -> Iterator[str]:
    """The URL of a broker that keeps nothing on the disk."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="waste-assets-redis-") as home:
        options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", home]
        with _logged(["redis-server", *options], Path(home) / "log"):
            _answering(port)
            yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def bucket(home: Path) -> Iterator[dict[str, str]]:
    """The variables by which every program finds an S3 server with one empty bucket, moto's."""
    port = free_port()
    program = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with _logged(program, home / "bucket.log"):
        _answering(port)
        yield s3_variables(f"http://127.0.0.1:{port}")


def requests(home: Path) -> int:
    """How many requests the S3 server below that folder has answered."""
    return (home / "bucket.log").read_text("utf-8", "replace").count(" HTTP/1.1")


@contextmanager
def _logged(command: list[str], log: Path) -> Iterator[None]:
    """A program that ends with the block, and what it prints in a file."""
    with (
        log.open("ab") as out,
        running(command, stdout=out, stderr=out, start_new_session=True),
    ):
        yield


class Machine:
    """A process with all its children, as the programs of one machine.

    It is a fork of this one, with variables of its own: so it begins with the libraries that this
    one has imported, which otherwise take most of the time of a small backfill.
    """

    def __init__(
        self, program: Callable[[], object], environment: Mapping[str, str], log: Path
    ) -> None:
        self._process = get_context("fork").Process(
            target=_be_a_machine, args=(program, environment, log)
        )
        self._process.start()

    def wait(self) -> int | None:
        """Until it has ended; returns its exit status."""
        self._process.join()
        return self._process.exitcode

    def kill(self) -> None:
        """Kill all of it, at once."""
        with suppress(ProcessLookupError, TypeError):
            os.killpg(self._process.pid, signal.SIGKILL)  # type: ignore[arg-type]
        self._process.kill()
        self._process.join()


def _be_a_machine(program: Callable[[], object], environment: Mapping[str, str], log: Path) -> None:
    os.setsid()
    with log.open("ab") as out:
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, signal.SIG_DFL)
    os.environ.clear()
    os.environ.update(environment)
    end_with(program)


def _answering(port: int) -> None:
    until = time.monotonic() + _WAIT_SECONDS
    while True:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        if time.monotonic() > until:
            raise TimeoutError(f"nothing answers on port {port}")
        time.sleep(0.05)
