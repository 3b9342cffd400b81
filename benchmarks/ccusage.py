"""Finding and running ccusage, the independent counter that the benchmarks compare with."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

VERSION = "20.0.24"
#: The names that both sides' kinds of tokens are compared under.
KINDS = {
    "input": "inputTokens",
    "writes": "cacheCreationTokens",
    "reads": "cacheReadTokens",
    "output": "outputTokens",
}


class NoCcusage(Exception):
    """ccusage is not here; the message says how to get it."""


def find(given: str | None) -> list[str]:
    """The command that runs ccusage: as given, or from PATH, or through npx.

    Raises:
        NoCcusage: there is none.
    """
    if given:
        path = shutil.which(given)
        if path is None:
            raise NoCcusage(f"{given} is no program.")
        return [str(Path(path).absolute())]
    if path := shutil.which("ccusage"):
        return [path]
    if npx := shutil.which("npx"):
        return [npx, "--yes", f"ccusage@{VERSION}"]
    raise NoCcusage("ccusage is neither on PATH nor given with --ccusage, and npx is not here.")


@contextmanager
def config_directory(corpus: Path) -> Iterator[Path]:
    """The corpus as a directory that ccusage takes for Claude Code's own."""
    if (corpus / "projects").is_dir():
        yield corpus
    elif corpus.name == "projects":
        yield corpus.parent
    else:
        with tempfile.TemporaryDirectory(prefix="ccusage-") as directory:
            (Path(directory) / "projects").symlink_to(corpus.absolute())
            yield Path(directory)


def environment(config: Path) -> dict[str, str]:
    """The environment in which ccusage reads this directory."""
    return {**os.environ, "CLAUDE_CONFIG_DIR": str(config)}


def daily(command: list[str], config: Path, zone: str = "UTC") -> dict[str, dict[str, int]]:
    """What ccusage counts: tokens by day and kind.

    Raises:
        subprocess.CalledProcessError: ccusage failed.
    """
    done = subprocess.run(
        [*command, "claude", "daily", "--mode", "calculate", "-z", zone, "--offline", "--json"],
        env=environment(config),
        capture_output=True,
        check=True,
    )
    told: Any = json.loads(done.stdout)
    # Where it finds nothing it prints an empty list instead of an object.
    rows = told["daily"] if isinstance(told, dict) else []
    return {row["date"]: {kind: row[name] for kind, name in KINDS.items()} for row in rows}
