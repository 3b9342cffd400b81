"""The report's pages over HTTP: for this machine, and no longer than the UI that links to them."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# What the command of the UI does before it becomes Dagster.
UI = "import sys, time; from waste_assets.report import serve; from pathlib import Path; \
print(serve.start(Path(sys.argv[1])), flush=True); time.sleep(60)"


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The address of a folder's pages, and the process that had them served."""
    process = subprocess.Popen(
        [sys.executable, "-c", UI, str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    try:
        yield process.stdout.readline().strip(), process
    finally:
        process.kill()
        process.wait()


def answer(url: str, host: str | None = None) -> tuple[int, str]:
    """The status and the text of what is there."""
    request = urllib.request.Request(url, headers={"Host": host} if host else {})
    try:
        with urllib.request.urlopen(request, timeout=60) as got:
            return got.status, got.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_the_pages_and_nothing_else_are_served_to_this_machine(tmp_path: Path) -> None:
    folder = tmp_path / "report"
    with served(folder) as (address, _):
        status, text = answer(address)
        assert status == 404 and "There is no report yet" in text
        folder.joinpath("sessions").mkdir(parents=True)
        (folder / "index.html").write_text("<h1>first</h1>")
        (folder / "sessions" / "a.html").write_text("<h1>a session</h1>")
        (tmp_path / "state.db").write_text("secret")
        assert answer(address) == (200, "<h1>first</h1>")
        assert answer(f"{address}sessions/a.html") == (200, "<h1>a session</h1>")
        # No lists, nothing beside the report, and no page from elsewhere that calls itself ours.
        for path in ("sessions/", "../state.db", "%2e%2e/state.db", "..%2fstate.db"):
            assert answer(address + path)[0] == 404, path
        assert answer(address, host="elsewhere.example:80")[0] == 403
        # What an audit has replaced is seen at once.
        (folder / "index.html").write_text("<h1>second</h1>")
        assert answer(address) == (200, "<h1>second</h1>")


def test_the_pages_go_with_the_process_that_had_them_served(tmp_path: Path) -> None:
    with served(tmp_path) as (address, process):
        assert answer(address)[0] == 404
        process.kill()
        deadline = time.monotonic() + 60
        # An answer is one, whatever it says; in the end there is none.
        while time.monotonic() < deadline:
            try:
                urllib.request.urlopen(address, timeout=5)
            except urllib.error.HTTPError:
                time.sleep(0.2)
            except OSError:
                return
        raise AssertionError("somebody still serves the pages")
