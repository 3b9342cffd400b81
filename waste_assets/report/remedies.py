"""Remedies as text, and the note that one was applied."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from textwrap import wrap
from typing import Any

import duckdb

from waste_assets.clusters.applied import AppliedRemedies
from waste_assets.clusters.remedies.catalogue import catalogue
from waste_assets.clusters.tracking import LEAST_DAYS, LEAST_SESSIONS
from waste_assets.faults import Fault
from waste_assets.lake.state import State
from waste_assets.mart.tables import REMEDIES, REMEDY_TRACKING
from waste_assets.report.shown import counted
from waste_assets.unchanged import forget

#: Of a line, but for what is to be copied.
_WIDTH = 98


class NoSuchRemedy(Fault):
    """Nothing of this name can be applied, or withdrawn; the message says what can."""


def read_remedies(bi: Path) -> dict[str, list[dict[str, Any]]]:
    """The rows of `remedies`, by rank, and of `remedy_tracking`.

    Raises:
        Fault: nothing has been published there, or by a version that knew no remedies.
    """
    try:
        with duckdb.connect(str(bi / "waste.duckdb"), read_only=True) as con:
            return {
                "remedies": _rows(con, f"FROM {REMEDIES.name} ORDER BY rank"),
                "tracking": _rows(con, f"FROM {REMEDY_TRACKING.name} ORDER BY ALL"),
            }
    except (duckdb.IOException, duckdb.CatalogException) as error:
        raise Fault(f"No remedies in {bi.parent}: run `waste-assets audit` first.") from error


def note_applied(
    data_root: Path, remedy_id: str, on: date, project: str | None, *, withdrawn: bool
) -> None:
    """Note that a remedy was applied, or withdrawn; the next audit publishes what came of it.

    Raises:
        NoSuchRemedy: there is no remedy or project of that name, the day is still to come, or it
            was not applied before that day.
        StateError: the data root cannot be used.
    """
    if remedy_id not in catalogue():
        raise NoSuchRemedy(
            f"There is no remedy {remedy_id!r}: `waste-assets remedies` lists what was found."
        )
    if on > date.today():
        raise NoSuchRemedy(f"{on} is still to come: note what was applied when it was.")
    _check_project(data_root / "bi", project)
    state = State(data_root)
    try:
        record = AppliedRemedies(state)
        if withdrawn and not _is_applied(record, remedy_id, project, on):
            where = f" in {project}" if project else ""
            raise NoSuchRemedy(f"{remedy_id} was not applied{where} on or before {on}.")
        record.record(remedy_id, on, project, withdrawn=withdrawn)
    finally:
        state.close()
    forget(data_root)


def _check_project(bi: Path, project: str | None) -> None:
    """A name that no session has would be waited for in vain."""
    if project is None:
        return
    try:
        with duckdb.connect(str(bi / "waste.duckdb"), read_only=True) as con:
            rows = con.execute("SELECT DISTINCT project FROM session_usage ORDER BY ALL").fetchall()
    except duckdb.IOException as error:
        raise Fault(f"No account in {bi.parent}: run `waste-assets audit` first.") from error
    known = [name for (name,) in rows if name]
    if project not in known:
        shown = ", ".join(known[:5]) + (", …" if len(known) > 5 else "")
        raise NoSuchRemedy(f"No session is of project {project!r}: there are {shown}.")


def _is_applied(record: AppliedRemedies, remedy_id: str, project: str | None, on: date) -> bool:
    return any(
        (one.remedy_id, one.project) == (remedy_id, project) and one.on <= on
        for one in record.all()
    )


def render(told: dict[str, list[dict[str, Any]]], limit: int) -> str:
    """The dearest remedies, each with its change as it is to be copied."""
    rows = told["remedies"]
    lines: list[str] = []
    for row in rows[:limit]:
        lines += [*_remedy(row), ""]
    if len(rows) > limit:
        lines.append(f"{len(rows) - limit:,} more: --limit {len(rows)}.")
    withheld = sum(row["names_withheld"] for row in rows)
    if withheld:
        told_so = (
            f"{withheld:,} names of files, commands and tools are left out, as only one project "
            "has them: WASTE_ASSETS_NAMES=all shows them after the next audit."
        )
        lines += wrap(told_so, _WIDTH)
    if told["tracking"]:
        lines += ["", "Applied", *(_tracked(row) for row in told["tracking"])]
    return "\n".join(lines) if lines else "Nothing to change was found."


def _remedy(row: dict[str, Any]) -> list[str]:
    status = "" if row["status"] == "open" else f" [{row['status']}]"
    lines = [
        f"{row['rank']}. {row['remedy_id']}: {row['what']}{status}",
        f"   {_amounts(row)}: {_times(row)} in {counted(row['sessions'], 'session')}, last "
        "on "
        f"{row['last_day']}.",
        *wrap(row["advice"], _WIDTH, initial_indent="   ", subsequent_indent="   "),
        f"   Where: {row['place']}.",
    ]
    return [*lines, *(f"       {line}" for line in row["change"].splitlines())]


def _amounts(row: dict[str, Any]) -> str:
    if not row["flags"]:
        return f"Candidates, in no sum: ${row['usd_month_candidate']:,.2f} a month"
    low, high = row["usd_month_low"], row["usd_month_high"]
    spread = f"${high:,.2f}" if f"{low:,.2f}" == f"{high:,.2f}" else f"${low:,.2f} to ${high:,.2f}"
    return f"{spread} a month"


def _times(row: dict[str, Any]) -> str:
    sure, candidates = row["flags"], row["candidates"]
    told = [counted(sure, "time")] if sure else []
    return " and ".join([*told, *([counted(candidates, "candidate")] if candidates else [])])


def _tracked(row: dict[str, Any]) -> str:
    where = f" in {row['project']}" if row["project"] else ""
    text = (
        f"{row['remedy_id']}{where}, {row['applied_on']}: {row['status']}. "
        f"{row['sessions_before']:,} sessions before, {row['sessions_after']:,} after"
    )
    if row["status"] == "too early":
        return f"{text}; it takes {LEAST_SESSIONS} of each and {LEAST_DAYS} days, or more."
    if row["occurrences_change"] is None:
        return f"{text}."
    return (
        f"{text}; a session had {row['occurrences_before']:.2f} and has "
        f"{row['occurrences_after']:.2f} (change {row['occurrences_change_low']:+.2f} to "
        f"{row['occurrences_change_high']:+.2f}), ${row['usd_before']:.4f} and "
        f"${row['usd_after']:.4f}."
    )


def _rows(con: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    cursor = con.execute(query)
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
