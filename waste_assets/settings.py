"""Where things lie and how days are counted: one place, read from the environment.

The command line, the UI's processes and parallel workers all build the same settings.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from waste_assets.labels.settings import LabelSettings
from waste_assets.lake.place import LAKE
from waste_assets.transcripts.discover import default_roots
from waste_assets.transcripts.sources import given_roots

DATA_ROOT = "WASTE_ASSETS_DATA"
SOURCES = "WASTE_ASSETS_SOURCES"
TIME_ZONE = "WASTE_ASSETS_TIMEZONE"
PREFIX_BUDGET = "WASTE_ASSETS_PREFIX_BUDGET"
RESULT_CAP = "WASTE_ASSETS_RESULT_CAP"
NAMES = "WASTE_ASSETS_NAMES"
SHOW_EXAMPLES = "WASTE_ASSETS_SHOW_EXAMPLES"
LABELS = "WASTE_ASSETS_LABELS"
AUDIT_SAMPLE = "WASTE_ASSETS_AUDIT_SAMPLE"
DAYS_A_RUN = "WASTE_ASSETS_DAYS_A_RUN"
PROCESSES = "WASTE_ASSETS_PROCESSES"
#: What people have judged, in the data root, where no other file is named.
LABELS_FILE = "labels.jsonl"


@dataclass(frozen=True)
class Settings:
    """What a process needs to know; equal settings, equal results."""

    data_root: Path
    #: Directories, URLs of buckets, and sources of which host and owner are said.
    sources: tuple[Path | str, ...]
    time_zone: str
    #: A first prompt of a session above this size is bloated, tokens.
    prefix_budget: int = 50_000
    #: A tool result above this size is too long, tokens.
    result_cap: int = 8_000
    #: Remedies may name files and programs that only one project has.
    names: bool = False
    #: Publish example text also of clusters of one project or one person.
    show_examples: bool = False
    #: Who judges what rules cannot, and for how much.
    labels: LabelSettings = field(default_factory=LabelSettings)
    #: What people have judged; None: `labels.jsonl` of the data root.
    labels_file: Path | None = None
    #: Responses that are judged to measure the rules, a month and stratum.
    audit_sample: int = 4
    #: Where the lake lies, `s3://bucket/prefix` or a directory; empty: below the data root.
    lake: str = ""
    #: Days that one run of a backfill builds, so that workers share it; 0: all of them.
    days_a_run: int = 0
    #: Processes that a run may use; 0: one a core.
    processes: int = 0

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Read the settings; defaults are `data/` here and Claude Code's own directories."""
        roots = given_roots(environ.get(SOURCES, "")) or default_roots(environ, Path.home())
        return cls(
            Path(environ.get(DATA_ROOT) or "data").absolute(),
            tuple(roots),
            environ.get(TIME_ZONE) or "UTC",
            _tokens(environ, PREFIX_BUDGET, cls.prefix_budget),
            _tokens(environ, RESULT_CAP, cls.result_cap),
            _names(environ),
            _yes(environ, SHOW_EXAMPLES),
            LabelSettings.from_environment(environ),
            Path(given_labels).absolute() if (given_labels := environ.get(LABELS)) else None,
            _count(environ, AUDIT_SAMPLE, cls.audit_sample, "responses"),
            environ.get(LAKE, ""),
            _count(environ, DAYS_A_RUN, cls.days_a_run, "days"),
            _count(environ, PROCESSES, cls.processes, "processes"),
        )

    def to_environment(self) -> dict[str, str]:
        """The variables that give another process these settings."""
        return {
            DATA_ROOT: str(self.data_root),
            SOURCES: os.pathsep.join(map(str, self.sources)),
            TIME_ZONE: self.time_zone,
            PREFIX_BUDGET: str(self.prefix_budget),
            RESULT_CAP: str(self.result_cap),
            NAMES: "all" if self.names else "shared",
            SHOW_EXAMPLES: "yes" if self.show_examples else "",
            **self.labels.to_environment(),
            LABELS: str(self.labels_file or ""),
            AUDIT_SAMPLE: str(self.audit_sample),
            LAKE: self.lake,
            DAYS_A_RUN: str(self.days_a_run),
            PROCESSES: str(self.processes),
        }


def _names(environ: Mapping[str, str]) -> bool:
    given = environ.get(NAMES, "").strip() or "shared"
    if given not in ("all", "shared"):
        raise ValueError(f"{NAMES} is {given!r}: give `all` or `shared`, or leave it out.")
    return given == "all"


def _tokens(environ: Mapping[str, str], name: str, default: int) -> int:
    return _count(environ, name, default, "tokens")


def _count(environ: Mapping[str, str], name: str, default: int, of: str) -> int:
    given = environ.get(name, "").strip()
    if not given:
        return default
    if not given.isdecimal():
        raise ValueError(f"{name} is {given!r}: give a number of {of}, or leave it out.")
    return int(given)


def _yes(environ: Mapping[str, str], name: str) -> bool:
    given = environ.get(name, "").strip().lower()
    if given in ("", "no", "0", "false"):
        return False
    if given in ("yes", "1", "true"):
        return True
    raise ValueError(f"{name} is {given!r}: give yes or no, or leave it out.")
