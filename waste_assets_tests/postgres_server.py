"""A Postgres server for the tests, where Debian's `postgresql` is installed."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from waste_assets_tests import loopback


def programs() -> Path | None:
    """Where the newest installed server is; None where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


@contextmanager
def running(bin_: Path) -> Iterator[str]:
    """The URL of an empty database. The server refuses to run as root, and runs as another user."""
    home = Path(tempfile.mkdtemp(prefix="waste-assets-postgres-"))
    apart: dict[str, Any] = {"cwd": home, "stdout": subprocess.DEVNULL, "stderr": subprocess.STDOUT}
    # Ctrl-C is for whoever started it, who ends it when nobody asks it for anything any more.
    apart["start_new_session"] = True
    if os.geteuid() == 0:
        who = _other_user()
        os.chown(home, who.pw_uid, who.pw_gid)
        apart |= {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []}
    data, port = home / "data", loopback.free_port()
    make = [bin_ / "initdb", "-D", data, "-U", "tests", "-A", "trust", "-E", "UTF8", "--no-sync"]
    subprocess.run(make, check=True, **apart)
    options = {"listen_addresses": "127.0.0.1", "unix_socket_directories": home, "fsync": "off"}
    given = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    try:
        with loopback.running([bin_ / "postgres", "-D", data, "-p", str(port), *given], **apart):
            _wait(bin_, port)
            yield f"postgresql+psycopg://tests@127.0.0.1:{port}/postgres"
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _other_user() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def _wait(bin_: Path, port: int) -> None:
    ready = [bin_ / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]
    for _ in range(600):
        if subprocess.run(ready).returncode == 0:
            return
        time.sleep(0.1)
    raise TimeoutError("Postgres did not start within a minute")
