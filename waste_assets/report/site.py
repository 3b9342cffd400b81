"""Writing the report: one page that stands alone, and pages of sessions beside it."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import tzinfo
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from waste_assets.lake.lake import Lake
from waste_assets.mart.publish import published_inputs
from waste_assets.report.overview import overview
from waste_assets.report.pages import file_name, index_page, session_page
from waste_assets.report.session import told_sessions

#: So many of the most wasteful sessions have a page.
SESSIONS = 30
_INPUTS = re.compile(r'<meta name="waste-assets-inputs" content="([0-9a-f]*)">')
_LISTED = re.compile(r'href="sessions/([^"/]+\.html)"')


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: the first page, its size, and what it says."""

    index: Path
    bytes: int
    #: Pages of sessions, and their size together.
    sessions: int
    session_bytes: int
    told: dict[str, Any]


def write_report(lake: Lake, bi: Path, folder: Path, zone: tzinfo) -> Written:
    """Make the report anew below `folder`, and take away pages that it no longer lists.

    Pages are replaced one by one, each whole, the first page last: what it links to is there.

    Raises:
        OSError, duckdb.Error: it cannot be made; a first page that was there stays.
    """
    made_from = report_inputs(bi)
    told = overview(bi, SESSIONS)
    sessions = told_sessions(lake, bi, [row["session_id"] for row in told["sessions"]])
    folder.joinpath("sessions").mkdir(parents=True, exist_ok=True)
    kept, session_bytes = set(), 0
    for session_id, session in sessions.items():
        page = folder / "sessions" / file_name(session_id)
        session_bytes += _replace(page, session_page(session, made_from, zone))
        kept.add(page.name)
    index = folder / "index.html"
    size = _replace(index, index_page(told, made_from, zone))
    for page in folder.joinpath("sessions").glob("*.html"):
        if page.name not in kept:
            page.unlink(missing_ok=True)
    return Written(index, size, len(sessions), session_bytes, told)


def write_session(lake: Lake, bi: Path, folder: Path, session_id: str, zone: tzinfo) -> Path:
    """Make the page of one session; returns where it is. The next report may take it away."""
    session = told_sessions(lake, bi, [session_id])[session_id]
    page = folder / "sessions" / file_name(session_id)
    page.parent.mkdir(parents=True, exist_ok=True)
    _replace(page, session_page(session, report_inputs(bi), zone))
    return page


def report_inputs(bi: Path) -> str:
    """Identity of all that a report of this database is made from."""
    return hashlib.sha256(f"{published_inputs(bi)} {_rules()}".encode()).hexdigest()[:16]


def reported_inputs(folder: Path) -> str | None:
    """What the report there was made from; None where there is none, or a page of it is gone."""
    try:
        text = (folder / "index.html").read_text("utf-8", "replace")
    except OSError:
        return None
    found = _INPUTS.search(text)
    if not all((folder / "sessions" / name).exists() for name in _LISTED.findall(text)):
        return None
    return found[1] if found else None


@cache
def _rules() -> str:
    """Identity of the code and the templates."""
    told = hashlib.sha256()
    here = files("waste_assets.report")
    for place in (here, here.joinpath("templates")):
        for rules in sorted(place.iterdir(), key=lambda path: path.name):
            if rules.name.endswith((".py", ".j2", ".css")):
                told.update(rules.read_bytes())
    return told.hexdigest()


def _replace(page: Path, text: str) -> int:
    """Put a page in its place, whole; returns its size in bytes."""
    data = text.encode("utf-8", "replace")
    temporary = page.with_name(f".{page.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        temporary.write_bytes(data)
        temporary.replace(page)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    return len(data)
