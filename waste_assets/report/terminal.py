"""The account as a person reads it in a terminal: the story first, then where the money went."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from textwrap import wrap
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from waste_assets.report.shown import counted, percent, tokens, usd, usd_range

#: Rows of the tables, with the one that sums up the rest.
_DAYS_SHOWN = 7
_OTHERS_SHOWN = 5
#: Where a change goes, by its kind.
_PLACES = {
    "claude_md": "CLAUDE.md: ",
    "settings": "settings.json: ",
    "command": "terminal: ",
    "prompt": "prompt: ",
}


def print_account(told: dict[str, Any], console: Console) -> None:
    """Print the account: what was wasted and what to change, the usage, what it rests on."""
    _print(console, headline(told))
    if told["totals"]["responses"]:
        console.print()
        _categories(console, told["waste"]["by_category"])
        console.print()
        _change_first(console, told["change_first"])
        _print(console, [*failures(told["failures"]), *cache(told["cache"])])
        console.print()
        _usage(console, told)
        console.print()
    _print(console, sentences(told))


def headline(told: dict[str, Any]) -> list[str]:
    """What was spent, what of it was wasted, and what may have been."""
    totals, waste = told["totals"], told["waste"]
    lines = [
        f"{usd(totals['usd'])} at the API's list prices (also for subscribers): "
        f"{totals['responses'] or 0:,} responses on {told['coverage']['days']:,} days."
    ]
    if waste["usd_spent"]:
        parts = ", ".join(f"{one['dimension']} {_range(one)}" for one in waste["by_dimension"])
        shares = f"{percent(waste['share_direct'])} to {percent(waste['share_avoidable'])}"
        lines.append(f"Wasted: {_range(waste)}, {shares} of it ({parts}).")
    if waste["candidates"]:
        lines.append(
            f"Candidates, in none of these: {waste['candidates']:,} places worth a look, "
            f"{usd(waste['usd_candidate'])}."
        )
    return lines


def failures(told: dict[str, Any]) -> list[str]:
    """Whose fault failed calls were."""
    shares = {row["fault"]: row for row in told["shares"]}
    faults = sum(row["calls"] for name, row in shares.items() if name != "not_model")
    if not faults:
        return []
    outside = shares["not_model"]
    of_usd = _interval(outside, "share_of_usd")
    return [
        f"Failures: {faults:,} of {told['calls']:,} failed calls are somebody's fault. "
        f"Infrastructure and harness {_interval(outside, 'share_of_calls')}"
        + (f", {of_usd} of their dollars" if of_usd else "")
        + "; the rest is the model's."
    ]


def cache(told: dict[str, Any]) -> list[str]:
    """What part of the bill the cache is, and what the bill were without it."""
    if not told["usd"]:
        return []
    shares = [
        f"{name} {percent(told[f'{kind}_share_of_usd'])}"
        for name, kind in (("reads", "read"), ("writes", "write"), ("together", "cache"))
    ]
    prompts = percent(told["read_share_of_prompt"])
    return [
        f"Cache: {', '.join(shares)} of the bill; {prompts} of prompt tokens were read from it. "
        f"The same without caching: {usd(told['usd_uncached'])}."
    ]


def sentences(told: dict[str, Any]) -> list[str]:
    """What the figures rest on."""
    totals, coverage, files = told["totals"], told["coverage"], told["files"]
    lines = [
        f"Coverage: {files['read']:,} of {files['found']:,} files, "
        f"{coverage['decoded_lines']:,} of {coverage['lines']:,} lines, "
        f"{coverage['quarantined_lines']:,} quarantined, "
        f"{totals['unpriced_responses'] or 0:,} responses unpriced.",
    ]
    if coverage["repaired_lines"]:
        lines[0] += f" {coverage['repaired_lines']:,} lines were read after a repair."
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
            f"{usd(recorded['recorded_usd'])}, {usd(recorded['unattributed_usd'])} of it in no "
            "transcript line."
        )
    for check in told["checks"]["failed"]:
        verb = "failed" if check["severity"] == "ERROR" else "warns"
        lines.append(f"Check {check['check']} on {check['asset']} {verb}: {check['told']}")
    return lines


def _print(console: Console, lines: Iterable[str]) -> None:
    for line in lines:
        console.print(line, highlight=False, markup=False)


def _table(first: str, *numbers: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column(first, no_wrap=True)
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _categories(console: Console, rows: Sequence[dict[str, Any]]) -> None:
    table = _table("waste", "", "low", "high", "of bill", "flags", "candidates")
    table.columns[1].justify = "left"
    for row in rows:
        share = row["share_avoidable"]
        table.add_row(
            row["category"],
            row["dimension"],
            usd(row["usd_direct"]),
            usd(row["usd_avoidable"]),
            "" if share is None else percent(share),
            f"{row['flags']:,}",
            usd(row["usd_candidate"]) if row["candidates"] else "",
        )
    console.print(table)


def _change_first(console: Console, rows: Sequence[dict[str, Any]]) -> None:
    if not rows:
        return
    console.print(
        Text.assemble(("To change first", "bold"), " (all, ready to copy: waste-assets remedies)")
    )
    for number, row in enumerate(rows, 1):
        times = f"{counted(row['flags'], 'time')} in {counted(row['sessions'], 'session')}"
        month = f"{usd(row['usd_month_high'])} a month"
        told = [
            (f"{number}. ", f"{usd(row['usd_avoidable'])} ({month}): {row['what']}, {times}."),
            ("   ", f"{_PLACES.get(row['kind'], '')}{_first_line(row)}"),
        ]
        # Sentences speak for themselves; what is typed or set does not.
        if row["kind"] not in ("claude_md", "habit"):
            told.insert(1, ("   ", row["advice"]))
        for start, line in told:
            _print(console, wrap(start + line, console.width, subsequent_indent="   "))
        # To be copied: never broken.
        console.print(Text(f"   waste-assets show {row['example']}"), soft_wrap=True)
    console.print()


def _first_line(remedy: dict[str, Any]) -> str:
    """The beginning of a change: of JSON the whole, on one line."""
    change: str = remedy["change"]
    if remedy["kind"] == "settings":
        return json.dumps(json.loads(change))
    return change.splitlines()[0].removeprefix("- ")


def _usage(console: Console, told: dict[str, Any]) -> None:
    """By day, project and model, under one head."""
    names = ("responses", "input", "writes", "reads", "output", "USD")
    table = _table("by day", *names)
    days = told["by_day"]
    room = max(console.width - 58, 20)
    shown = days[-_DAYS_SHOWN:] if len(days) <= _DAYS_SHOWN else days[1 - _DAYS_SHOWN :]
    before = days[: len(days) - len(shown)]
    if before:
        table.add_row(*_cells(f"{len(before):,} days before", _sum(before)))
    for row in shown:
        table.add_row(*_cells(row["day"], row))
    for column in ("project", "model"):
        rows = told[f"by_{column}"]
        kept = rows if len(rows) <= _OTHERS_SHOWN else rows[: _OTHERS_SHOWN - 1]
        table.add_row(Text(f"by {column}", style="bold"))
        for row in kept:
            name = row[column] or "unknown"
            table.add_row(*_cells(_shortened(name, room, of_path=column == "project"), row))
        if rows[len(kept) :]:
            rest = rows[len(kept) :]
            table.add_row(*_cells(f"{len(rest):,} more", _sum(rest)))
    table.add_row(*_cells("all", told["totals"]), style="bold")
    console.print(table)


def _cells(name: str, row: dict[str, Any]) -> list[str | Text]:
    return [
        Text(name),
        f"{row['responses']:,}",
        tokens(row["input_tokens"]),
        tokens(row["write_5m_tokens"] + row["write_1h_tokens"]),
        tokens(row["read_tokens"]),
        tokens(row["output_tokens"]),
        usd(row["usd"]),
    ]


def _sum(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    summed: dict[str, Any] = {
        name: sum(row[name] for row in rows)
        for name in rows[0]
        if name == "responses" or name.endswith("_tokens")
    }
    priced = [row["usd"] for row in rows if row["usd"] is not None]
    return {**summed, "usd": sum(priced) if priced else None}


def _shortened(name: str, room: int, *, of_path: bool) -> str:
    """What fits of a name: of a path its end, which says more than the beginning."""
    if len(name) <= room:
        return name
    return "…" + name[1 - room :] if of_path else name[: room - 1] + "…"


def _interval(row: dict[str, Any], name: str) -> str:
    if row[name] is None:
        return ""
    low, high = (100 * row[f"{name}_{end}"] for end in ("low", "high"))
    return f"{100 * row[name]:.0f} % ({low:.0f} to {high:.0f} %)"


def _range(amounts: dict[str, Any]) -> str:
    return usd_range(amounts["usd_direct"], amounts["usd_avoidable"])
