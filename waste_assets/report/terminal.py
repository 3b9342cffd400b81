"""The account as a person reads it in a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

_DAYS_SHOWN = 14
_OTHERS_SHOWN = 10


def print_account(told: dict[str, Any], console: Console) -> None:
    """Print the account: by day, project and model, then what it rests on."""
    _table(console, "By day", "day", told["by_day"], _DAYS_SHOWN, last=True)
    _table(console, "By project", "project", told["by_project"], _OTHERS_SHOWN)
    _table(console, "By model", "model", told["by_model"], _OTHERS_SHOWN)
    for line in sentences(told):
        console.print(line, highlight=False, markup=False)


def sentences(told: dict[str, Any]) -> list[str]:
    """What was spent and what the figures rest on."""
    totals, coverage, files = told["totals"], told["coverage"], told["files"]
    lines = [
        f"{_usd(totals['usd'])} at the API's list prices (also for subscribers): "
        f"{totals['responses'] or 0:,} responses on {coverage['days']:,} days.",
        f"Coverage: {files['read']:,} of {files['found']:,} files, "
        f"{coverage['decoded_lines']:,} of {coverage['lines']:,} lines, "
        f"{coverage['quarantined_lines']:,} quarantined, "
        f"{totals['unpriced_responses'] or 0:,} responses unpriced.",
    ]
    if coverage["repaired_lines"]:
        lines.append(f"{coverage['repaired_lines']:,} lines were read after a repair.")
    if totals["lower_bound_responses"]:
        lines.append(
            f"{totals['lower_bound_responses']:,} responses never recorded their final usage: "
            "their output is a lower bound."
        )
    if files["being_written"]:
        lines.append(f"{files['being_written']:,} files end in a line still being written.")
    for path, reason in files["unreadable"][:5]:
        lines.append(f"Not read: {path} ({reason}).")
    if len(files["unreadable"]) > 5:
        lines.append(f"Not read: {len(files['unreadable']) - 5:,} more.")
    recorded = told["reconciliation"]
    if recorded["sessions"]:
        lines.append(
            f"Claude Code's own count for {recorded['sessions']:,} sessions is "
            f"{_usd(recorded['recorded_usd'])}, {_usd(recorded['unattributed_usd'])} of it in no "
            "transcript line."
        )
    for check in told["checks"]["failed"]:
        verb = "failed" if check["severity"] == "ERROR" else "warns"
        lines.append(f"Check {check['check']} on {check['asset']} {verb}: {check['told']}")
    return lines


def _table(
    console: Console,
    title: str,
    column: str,
    rows: Sequence[dict[str, Any]],
    shown: int,
    *,
    last: bool = False,
) -> None:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    table.add_column(column, overflow="fold", max_width=44)
    for name in ("responses", "input", "writes", "reads", "output", "USD"):
        table.add_column(name, justify="right", no_wrap=True)
    kept = rows[-shown:] if last else rows[:shown]
    left = rows[:-shown] if last else rows[shown:]
    if left and last:
        table.add_row(*_cells(f"{len(left)} days before", _sum(left)))
    for row in kept:
        table.add_row(*_cells(str(row[column] if row[column] is not None else "unknown"), row))
    if left and not last:
        table.add_row(*_cells(f"{len(left)} more", _sum(left)))
    if len(rows) > 1:
        table.add_row(*_cells("all", _sum(rows)), style="bold")
    console.print(table)
    console.print()


def _cells(name: str, row: dict[str, Any]) -> list[str]:
    return [
        name,
        f"{row['responses']:,}",
        f"{row['input_tokens']:,}",
        f"{row['write_5m_tokens'] + row['write_1h_tokens']:,}",
        f"{row['read_tokens']:,}",
        f"{row['output_tokens']:,}",
        _usd(row["usd"]),
    ]


def _sum(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    summed: dict[str, Any] = {
        name: sum(row[name] for row in rows)
        for name in rows[0]
        if name == "responses" or name.endswith("_tokens")
    }
    priced = [row["usd"] for row in rows if row["usd"] is not None]
    return {**summed, "usd": sum(priced) if priced else None}


def _usd(value: float | None) -> str:
    return "unpriced" if value is None else f"${value:,.2f}"
