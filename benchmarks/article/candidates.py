"""The programs that read the same transcripts: the audit, ccusage's daily report, codeburn's."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from benchmarks import ccusage

CODEBURN_VERSION = "0.9.15"
AUDIT, CCUSAGE, CODEBURN = "waste-assets audit", "ccusage daily", "codeburn report"
_TOKENS = {"input", "output", "cacheRead", "cacheWrite"}


class Missing(Exception):
    """A program is not here; the message says how to get it."""


class Candidate(Protocol):
    """One program."""

    name: str

    def command(self) -> list[str]:
        """What is run."""

    def environment(self) -> dict[str, str]:
        """Where it runs."""

    def forget(self) -> None:
        """Remove what it keeps from one run to the next."""

    def counted(self, output: bytes) -> int:
        """How many tokens it counted."""


@dataclass
class Audit:
    """`waste-assets audit --json`, without a key: labels are off."""

    corpus: Path
    data: Path
    name: str = AUDIT

    def command(self) -> list[str]:
        """What is run."""
        program = [sys.executable, "-m", "waste_assets.cli", "audit", "--json"]
        return [*program, "--data-root", str(self.data), str(self.corpus)]

    def environment(self) -> dict[str, str]:
        """Without any setting of the project's own."""
        return {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("WASTE_ASSETS_", "ANTHROPIC_", "DAGSTER_"))
        }

    def forget(self) -> None:
        """Remove the data root."""
        shutil.rmtree(self.data, ignore_errors=True)

    def counted(self, output: bytes) -> int:
        """Tokens of all days."""
        totals = json.loads(output)["totals"]
        return sum(value for name, value in totals.items() if name.endswith("_tokens"))


@dataclass
class Ccusage:
    """ccusage's daily report of Claude Code's transcripts, without the network."""

    corpus: Path
    home: Path
    program: list[str]
    name: str = CCUSAGE

    def command(self) -> list[str]:
        """What is run."""
        return [*self.program, "claude", "daily", "--json", "--offline", "-z", "UTC"]

    def environment(self) -> dict[str, str]:
        """The corpus in place of Claude Code's own directory."""
        return {**ccusage.environment(self.corpus), "HOME": str(self.home)}

    def forget(self) -> None:
        """It keeps nothing."""

    def counted(self, output: bytes) -> int:
        """Tokens of all days."""
        rows = json.loads(output)["daily"]
        return sum(row[kind] for row in rows for kind in ccusage.KINDS.values())


@dataclass
class Codeburn:
    """codeburn's report of Claude Code's transcripts, over all time."""

    corpus: Path
    home: Path
    program: list[str]
    name: str = CODEBURN

    def command(self) -> list[str]:
        """What is run."""
        told = ["report", "--provider", "claude", "--format", "json"]
        return [*self.program, *told, "--from", "2020-01-01", "--to", "2099-12-31"]

    def environment(self) -> dict[str, str]:
        """The corpus in place of Claude Code's own directory, and its cache in a home of its own.

        The Node.js beside the program comes first: it wants a newer one than most systems have.
        """
        beside = Path(self.program[0]).parent
        return {
            **os.environ,
            "CLAUDE_CONFIG_DIR": str(self.corpus),
            "HOME": str(self.home),
            "TZ": "UTC",
            "PATH": f"{beside}{os.pathsep}{os.environ.get('PATH', '')}",
        }

    def forget(self) -> None:
        """Remove its cache."""
        shutil.rmtree(self.home / ".cache", ignore_errors=True)

    def counted(self, output: bytes) -> int:
        """Tokens of all days."""
        totals: dict[str, Any] = json.loads(output)["overview"]["tokens"]
        return sum(value for name, value in totals.items() if name in _TOKENS)


def find_codeburn(given: str | None) -> list[str]:
    """The command that runs codeburn: as given, or from PATH, or through npx.

    Raises:
        Missing: there is none, or it does not start.
    """
    path = shutil.which(given or "codeburn")
    if path is not None:
        program = [str(Path(path).absolute())]
    elif given:
        raise Missing(f"{given} is no program.")
    elif npx := shutil.which("npx"):
        program = [npx, "--yes", f"codeburn@{CODEBURN_VERSION}"]
    else:
        raise Missing("codeburn is neither on PATH nor given with --codeburn; npx is not here.")
    environment = Codeburn(Path(), Path.home(), program).environment()
    tried = subprocess.run([*program, "--version"], env=environment, capture_output=True, text=True)
    if tried.returncode:
        said = (tried.stderr or tried.stdout).strip().splitlines()
        raise Missing(f"codeburn does not start: {said[0] if said else tried.returncode}")
    return program


def find_ccusage(given: str | None) -> list[str]:
    """The command that runs ccusage.

    Raises:
        Missing: there is none.
    """
    try:
        return ccusage.find(given)
    except ccusage.NoCcusage as error:
        raise Missing(str(error)) from None
