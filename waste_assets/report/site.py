"""Writing the report: one page that stands alone, and pages of sessions beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from waste_assets.lake.lake import Lake
from waste_assets.lake.whole import write_whole
from waste_assets.report.index_page import index_page
from waste_assets.report.inputs import report_inputs
from waste_assets.report.overview import overview
from waste_assets.report.render import file_name
from waste_assets.report.session import told_sessions
from waste_assets.report.session_page import session_page
from waste_assets.transcripts.days import Calendar

#: So many of the most wasteful sessions have a page.
SESSIONS = 30


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: the first page, its size, and what it says."""

    index: Path
    bytes: int
    #: Pages of sessions, and their size together.
    sessions: int
    session_bytes: int
    told: dict[str, Any]


def write_report(lake: Lake, bi: Path, folder: Path, calendar: Calendar) -> Written:
    """Make the report anew below `folder`, and take away pages that it no longer lists.

    Pages are replaced one by one, each whole, the first page last: what it links to is there.

    Raises:
        OSError, duckdb.Error: it cannot be made; a first page that was there stays.
    """
    made_from = report_inputs(bi, calendar.zone.key)
    told = overview(bi, SESSIONS)
    sessions = told_sessions(lake, bi, [row["session_id"] for row in told["sessions"]])
    folder.joinpath("sessions").mkdir(parents=True, exist_ok=True)
    kept, session_bytes = set(), 0
    for session_id, session in sessions.items():
        page = folder / "sessions" / file_name(session_id)
        session_bytes += _replace(page, session_page(session, made_from, calendar.zone))
        kept.add(page.name)
    index = folder / "index.html"
    size = _replace(index, index_page(told, made_from, calendar.zone))
    for page in folder.joinpath("sessions").glob("*.html"):
        if page.name not in kept:
            page.unlink(missing_ok=True)
    return Written(index, size, len(sessions), session_bytes, told)


def write_session(lake: Lake, bi: Path, folder: Path, session_id: str, calendar: Calendar) -> Path:
    """Make the page of one session; returns where it is. The next report may take it away."""
    session = told_sessions(lake, bi, [session_id])[session_id]
    page = folder / "sessions" / file_name(session_id)
    page.parent.mkdir(parents=True, exist_ok=True)
    _replace(page, session_page(session, report_inputs(bi, calendar.zone.key), calendar.zone))
    return page


def _replace(page: Path, text: str) -> int:
    """Put a page in its place, whole; returns its size in bytes."""
    data = text.encode("utf-8", "replace")
    write_whole(page, data)
    return len(data)
