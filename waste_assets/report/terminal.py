"""The account as a person reads it in a terminal: the story on one page, the usage on another."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from textwrap import wrap
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from waste_assets.report.judged import sentence
from waste_assets.report.shown import argument, counted, percent, tokens, usd, usd_range
from waste_assets.transcripts.names import short_name

#: Lines of the story: what a small window shows. Only warnings may need more.
_PAGE = 25
#: Checks that did not pass, and lines that each may take: what to do stands at its end.
_CHECKS_SHOWN, _CHECK_LINES = 3, 3
#: Rows of the tables, with the one that sums up the rest.
_DAYS_SHOWN = 7
_OTHERS_SHOWN = 5
_CHANGE_FIRST = "To change first"
#: Where a change goes, of those that are told whole.
_PLACES = {"claude_md": "CLAUDE.md: "}
#: All; categories with waste, and advice that takes one line; no advice.
_BREVITIES = (0, 1, 2)
_BRIEFLY_MORE = "More: waste-assets report, usage, remedies, ui; all of it with audit --json."
_MORE = "More: waste-assets report, usage, detectors, ui, show PLACE; all of it with audit --json."


def print_account(told: dict[str, Any], console: Console) -> None:
    """Print the story: what was wasted, what to change, what it rests on."""
    failed = checks(told["checks"]["failed"], console.width)
    # What a check takes beyond its first line is not at the cost of the rest.
    page = _PAGE + sum(line.startswith(" ") for line in failed)
    for brevity in _BREVITIES:
        parts = _story(told, console.width, brevity)
        if sum(map(len, parts)) <= page:
            break
    # Empty lines between the parts, while there is room for them: the first ones first.
    room = page - sum(map(len, parts))
    for number, part in enumerate(parts):
        if 0 < number <= room:
            console.print()
        for line in part:
            style = "bold" if part[0] is line and _is_head(line) else None
            console.print(line, style=style, highlight=False, markup=False, soft_wrap=True)


def _story(told: dict[str, Any], width: int, brevity: int) -> list[list[str]]:
    """The parts of the story in lines; a narrow window has no room for all of it."""
    parts = [[*_wrapped(headline(told), width), *_wrapped(warnings(told), width)]]
    if told["totals"]["responses"]:
        wasted = told["waste"]["by_category"]
        if brevity:
            wasted = [row for row in wasted if row["usd_avoidable"] > 0]
        parts.append(categories(wasted))
        parts.append(change_first(told["change_first"], width, brevity))
        labels = sentence(told["labels"])
        parts.append([*([labels] if labels else []), *failures(told["failures"])])
        parts[-1] += cache(told["cache"])
    else:
        parts.append([])
    parts[-1] = _wrapped([*parts[-1], *sentences(told)], width)
    parts[-1] += checks(told["checks"]["failed"], width)
    parts[-1] += _wrapped([_MORE if not brevity else _BRIEFLY_MORE], width)
    return [part for part in parts if part]


def print_usage(told: dict[str, Any], console: Console) -> None:
    """Print where the money went: by day, project and model, and Claude Code's own count."""
    _usage(console, told)
    console.print()
    for line in [*headline(told)[:1], *reconciliation(told)]:
        console.print(line, highlight=False, markup=False)


def headline(told: dict[str, Any]) -> list[str]:
    """What was spent, and what of it was wasted."""
    totals, waste = told["totals"], told["waste"]
    lines = [
        f"{usd(totals['usd'])} at the API's list prices (also for subscribers): "
        f"{counted(totals['responses'], 'response')} on {counted(told['coverage']['days'], 'day')}."
    ]
    if waste["usd_spent"]:
        parts = ", ".join(
            f"{one['dimension']} {usd_range(one['usd_direct'], one['usd_avoidable'])}"
            for one in waste["by_dimension"]
        )
        shares = f"{percent(waste['share_direct'])} to {percent(waste['share_avoidable'])}"
        lines.append(
            f"Wasted: {usd_range(waste['usd_direct'], waste['usd_avoidable'])} ({shares}): {parts}."
        )
    return lines


def warnings(told: dict[str, Any]) -> list[str]:
    """What cannot wait: alerts, transcripts that are about to be deleted, files not read."""
    lines = [f"Alert: {alert['text']}" for alert in told.get("alerts", ())]
    lines += told.get("alerts_not_sent", ())
    warning = told.get("retention", {}).get("warning")
    lines += [warning] if warning else []
    if misdated := told["files"].get("misdated"):
        lines.append(
            f"Not counted yet: lines of {counted(misdated, 'file')} that are dated after today. "
            "They are archived, and count when their day has come: a clock was ahead, or the line "
            "is damaged."
        )
    unreadable = told["files"]["unreadable"]
    lines += [f"Not read: {path} ({reason})." for path, reason in unreadable[:3]]
    if len(unreadable) > 3:
        lines.append(f"Not read: {len(unreadable) - 3:,} more.")
    return lines


def categories(rows: Sequence[dict[str, Any]]) -> list[str]:
    """The eight categories, one a line, under a head."""
    names = ("waste", "", "low", "high", "of bill", "flags", "candidates")
    cells = [
        (
            row["category"],
            row["dimension"],
            usd(row["usd_direct"]),
            usd(row["usd_avoidable"]),
            "" if row["share_avoidable"] is None else percent(row["share_avoidable"]),
            f"{row['flags']:,}",
            usd(row["usd_candidate"]) if row["candidates"] else "",
        )
        for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(names, *cells, strict=True)]
    return [
        "  ".join(
            cell.ljust(room) if number < 2 else cell.rjust(room)
            for number, (cell, room) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in (names, *cells)
    ]


def change_first(rows: Sequence[dict[str, Any]], width: int, brevity: int = 0) -> list[str]:
    """What to change first: what it is, where to see it, and what to do about it."""
    if not rows:
        return []
    lines = [f"{_CHANGE_FIRST} (ready to copy: waste-assets remedies)"]
    for number, row in enumerate(rows, 1):
        amount = f"{usd(row['usd_avoidable'])}, {usd(row['usd_month_high'])} a month"
        start = f"{number}. {amount}: {row['what']}"
        times = f"{counted(row['flags'], 'time')} in {counted(row['sessions'], 'session')}"
        whole = f"{start} ({times}: show {argument(short_name(row['example']))})"
        advice = wrap(f"   {_change(row, width - 3)}", width, subsequent_indent="   ")
        if brevity:
            lines.append(f"{start} ({times})" if len(f"{start} ({times})") <= width else start)
            lines += advice if len(advice) == 1 and brevity == 1 else []
        else:
            lines.append(whole if len(whole) <= width else f"{start} ({times})")
            lines += advice
    return lines


def _change(remedy: dict[str, Any], width: int) -> str:
    """What to copy, where it is a sentence that fits on a line; else what to do, in words."""
    change: str = remedy["change"]
    # The first sentence; the rest stands with the change.
    sentence: str = re.split(r"[.;] ", remedy["advice"])[0]
    advice = sentence.rstrip(".") + "."
    if remedy["kind"] not in ("claude_md", "habit"):
        return advice
    told = f"{_PLACES.get(remedy['kind'], '')}{change.splitlines()[0].removeprefix('- ')}"
    return told if len(told) <= width else advice


def failures(told: dict[str, Any]) -> list[str]:
    """Whose fault failed calls were."""
    shares = {row["fault"]: row for row in told["shares"]}
    faults = sum(row["calls"] for name, row in shares.items() if name != "not_model")
    if not faults:
        return []
    outside = _interval(shares["not_model"], "share_of_calls")
    return [
        f"Failures: {faults:,} of {told['calls']:,} failed calls at fault; infrastructure "
        f"{outside}, the model the rest."
    ]


def cache(told: dict[str, Any]) -> list[str]:
    """What part of the bill the cache is, and what the bill were without it."""
    if not told["usd"]:
        return []
    return [
        f"Cache: reads {percent(told['read_share_of_usd'])}, writes "
        f"{percent(told['write_share_of_usd'])} of the bill; "
        f"{percent(told['read_share_of_prompt'])} of prompts read; "
        f"{usd(told['usd_uncached'])} without it."
    ]


def sentences(told: dict[str, Any]) -> list[str]:
    """What the figures rest on."""
    totals, coverage, files = told["totals"], told["coverage"], told["files"]
    parts = [
        f"{files['read']:,} of {files['found']:,} files",
        f"{coverage['decoded_lines']:,} of {coverage['lines']:,} lines",
        f"{coverage['quarantined_lines']:,} quarantined",
        f"{totals['unpriced_responses'] or 0:,} unpriced",
    ]
    more = (
        (totals["lower_bound_responses"], "lower bounds"),
        (coverage["repaired_lines"], "repaired"),
        (files["being_written"], "being written"),
    )
    parts += [f"{count:,} {what}" for count, what in more if count]
    return [f"Coverage: {', '.join(parts)}."]


def reconciliation(told: dict[str, Any]) -> list[str]:
    """What Claude Code counted itself, and which figures are lower bounds."""
    lines = []
    if told["totals"]["lower_bound_responses"]:
        lines.append(
            f"{told['totals']['lower_bound_responses']:,} responses never recorded their final "
            "usage: their output is a lower bound."
        )
    recorded = told["reconciliation"]
    if recorded["sessions"]:
        lines.append(
            f"Claude Code's own count for {recorded['sessions']:,} sessions is "
            f"{usd(recorded['recorded_usd'])}, {usd(recorded['unattributed_usd'])} of it in no "
            "transcript line."
        )
    return lines


def checks(failed: Sequence[dict[str, str]], width: int) -> list[str]:
    """The checks that did not pass; those that block stand among the errors too."""
    # What alerts and the clean-up are about has been told of.
    told = [check for check in failed if check["check"] not in _WATCHES]
    lines = []
    for check in told[:_CHECKS_SHOWN]:
        verb = "failed" if check["severity"] == "ERROR" else "warns"
        lines += wrap(
            f"{check['check']} {verb}: {check['told']}",
            width,
            subsequent_indent="   ",
            max_lines=_CHECK_LINES,
            placeholder=" …",
        )
    if told[_CHECKS_SHOWN:]:
        lines.append(f"{len(told) - _CHECKS_SHOWN:,} more checks did not pass: --json has them.")
    return lines


#: Checks of which the account tells by itself; see checks/daily_life.py, which Dagster needs.
_WATCHES = ("archived_before_cleanup", "within_budget", "waste_as_usual")


def _wrapped(lines: Iterable[str], width: int) -> list[str]:
    return [piece for line in lines for piece in wrap(line, width, break_long_words=False)]


def _is_head(line: str) -> bool:
    return line.startswith(_CHANGE_FIRST) or line.startswith("waste ")


def _table(first: str, *numbers: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column(first, no_wrap=True)
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _usage(console: Console, told: dict[str, Any]) -> None:
    """By day, project and model, under one head: a table of three parts."""
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
