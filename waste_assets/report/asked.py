"""What `waste-assets report` is asked for."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from waste_assets.faults import Fault
from waste_assets.lake.lake import Lake
from waste_assets.lake.place import lake_of
from waste_assets.mart.publications import current
from waste_assets.report.overview import overview
from waste_assets.report.session import find_session, told_sessions
from waste_assets.report.session_terminal import print_session
from waste_assets.report.shown import without_secrets
from waste_assets.report.site import SESSIONS, write_session
from waste_assets.transcripts.days import Calendar


class NoReport(Fault):
    """There is nothing to show; the message says what to do."""


@dataclass(frozen=True)
class Root:
    """A data root with a published database."""

    path: Path
    calendar: Calendar

    @property
    def lake(self) -> Lake:
        """The lake below it."""
        return lake_of(self.path)

    @cached_property
    def bi(self) -> Path:
        """Its BI files, all of one publication."""
        return current(self.path / "bi")


def published(path: Path, time_zone: str) -> Root:
    """The data root, where something has been published in it.

    Raises:
        NoReport: nothing has been.
        ValueError: the zone is unknown.
    """
    calendar = Calendar(time_zone)
    if not (path / "bi" / "waste.duckdb").exists():
        raise NoReport(f"Nothing has been published in {path}: run `waste-assets audit` first.")
    return Root(path, calendar)


def index(root: Root) -> Path:
    """The first page of the report.

    Raises:
        NoReport: it has not been made.
    """
    page = root.path / "report" / "index.html"
    if not page.exists():
        raise NoReport(f"{page} does not exist: run `waste-assets audit`, which makes it.")
    return page


def page(root: Root, session: str) -> Path:
    """Make the page of one session, by its id or the beginning of it.

    Raises:
        NoSuchSession: no session has it, or several.
    """
    found = find_session(root.bi, session)
    return write_session(root.lake, root.bi, root.path / "report", found, root.calendar)


def everything(root: Root) -> dict[str, Any]:
    """The figures of the first page."""
    told: dict[str, Any] = without_secrets(overview(root.bi, SESSIONS))
    return told


def print_one(root: Root, session: str, as_json: bool) -> None:
    """Print one session, as text or as a JSON object.

    Raises:
        NoSuchSession: no session has this id, or several begin with it.
    """
    found = find_session(root.bi, session)
    told = told_sessions(root.lake, root.bi, [found])[found]
    if as_json:
        print(json.dumps(without_secrets(told), default=str))
        return
    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else 140)
    print_session(told, console, root.calendar.zone)
