"""The report over HTTP, for the UI to link to: a browser follows no link from there to a file.

For this machine only, like the UI itself, and for as long as the process that started it lives.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from subprocess import DEVNULL, Popen
from typing import Any

#: Where the asset's page finds the address.
ADDRESS = "WASTE_ASSETS_REPORT_URL"
_NONE_YET = "There is no report yet: materialise audit_report, or run `waste-assets audit`."


def start(folder: Path) -> str:
    """Serve a folder from a process that ends with this one; returns the address of its report.

    Raises:
        OSError: there is no free port.
    """
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        Popen(
            [sys.executable, "-m", __name__, str(listening.fileno()), str(os.getpid()), folder],
            pass_fds=(listening.fileno(),),
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=DEVNULL,
        )
    return f"http://127.0.0.1:{port}/"


class _Pages(SimpleHTTPRequestHandler):
    """The pages, and nothing but them."""

    def send_head(self) -> Any:
        """Answer those who name this machine: a page from elsewhere may only name its own."""
        host = (self.headers.get("Host") or "").rpartition(":")[0]
        if host not in ("127.0.0.1", "localhost"):
            self.send_error(HTTPStatus.FORBIDDEN)
            return None
        if self.path == "/" and not Path(self.directory, "index.html").exists():
            self.send_error(HTTPStatus.NOT_FOUND, explain=_NONE_YET)
            return None
        return super().send_head()

    def list_directory(self, path: Any) -> None:
        """No lists: the first page has the links."""
        self.send_error(HTTPStatus.NOT_FOUND)

    def end_headers(self) -> None:
        """A page is replaced by the next audit."""
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Nobody reads it."""


def _serve(listening: int, parent: int, folder: str) -> None:
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(_Pages, directory=folder), bind_and_activate=False
    )
    server.socket.close()
    server.socket = socket.socket(fileno=listening)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    # Whoever started it may be killed, and then can tell nobody.
    while os.getppid() == parent:
        time.sleep(1)


if __name__ == "__main__":
    try:
        _serve(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
    except KeyboardInterrupt:
        sys.exit(0)
