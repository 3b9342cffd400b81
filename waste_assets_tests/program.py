"""`waste-assets` as a process of its own that begins with the libraries imported.

Each command is a fork, see `forks.py`. What of the program's own modules reads variables when it
is imported is left to the fork, which has the variables that it was given.
"""

from __future__ import annotations

import importlib
import os
import resource
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from waste_assets_tests.forks import FORKS

PROGRAM = str(Path(sys.executable).with_name("waste-assets"))
_SECONDS = 120


def run(
    *arguments: str | Path,
    home: Path,
    limit: int | None = None,
    main: str = "waste_assets.cli:main",
    **environment: str | Path,
) -> subprocess.CompletedProcess[bytes]:
    """Run the program with a home of its own, and no variables but those given.

    `limit`: the largest file that it may write, bytes. `main`: the function that is the program.
    """
    known = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    known |= {"HOME": str(home), **{name: str(value) for name, value in environment.items()}}
    typed = [PROGRAM, *map(str, arguments)]
    with tempfile.TemporaryDirectory(prefix="program-") as folder:
        told = Path(folder) / "out", Path(folder) / "err"
        process = FORKS.Process(target=_be, args=(main, typed, known, home, limit, *told))
        process.start()
        process.join(_SECONDS)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(typed, _SECONDS, told[0].read_bytes())
        out, err = (path.read_bytes() for path in told)
    return subprocess.CompletedProcess(typed, process.exitcode, out, err)


def _be(
    main: str,
    typed: list[str],
    environment: dict[str, str],
    home: Path,
    limit: int | None,
    out: Path,
    err: Path,
) -> None:
    """Be the program; never returns."""
    os.chdir(home)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    for number, path in ((1, out), (2, err)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600), number)
    sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)
    sys.argv = typed
    if limit is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    module, _, name = main.partition(":")
    end_with(lambda: getattr(importlib.import_module(module), name)())


def end_with(program: Callable[[], object]) -> NoReturn:
    """End this process with a program, as Python would: but without waiting for anything else."""
    status = 1
    try:
        program()
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
