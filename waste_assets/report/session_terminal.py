"""One session in a terminal: owners, cache, flags, and every turn."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from waste_assets.report.categories import categories
from waste_assets.report.did import did
from waste_assets.report.shown import (
    argument,
    counted,
    duration,
    fine_usd,
    inert,
    percent,
    shortened,
    tokens,
    usd,
    usd_range,
)

#: Rows of the flags; `--json` has them all.
_FLAGS = 10


def print_session(told: dict[str, Any], console: Console, zone: tzinfo) -> None:
    """Print a session, from `told_sessions`."""
    _line(console, f"Session {told['session_id']}")
    _line(console, _when(told, zone))
    _line(console, _bill(told))
    _line(console, _cache(told["cache"]))
    console.print()
    _owners(console, told)
    console.print()
    if told["flags"]:
        _flags(console, told["flags"])
        console.print()
    _turns(console, told["turns"], zone)


def _when(told: dict[str, Any], zone: tzinfo) -> str:
    began = datetime.fromtimestamp((told["first_us"] or 0) / 1e6, zone)
    length = duration(((told["last_us"] or 0) - (told["first_us"] or 0)) / 1e6)
    subagents = f", {counted(told['subagents'], 'subagent')}" if told["subagents"] else ""
    return (
        f"{told['project'] or 'no project'}, {began:%Y-%m-%d %H:%M}, {length}: "
        f"{counted(told['responses'], 'response')}{subagents}, {', '.join(told['models'])}."
    )


def _bill(told: dict[str, Any]) -> str:
    if told["usd"] is None:
        return "unpriced: none of its models has a price."
    wasted = usd_range(told["usd_direct"], told["usd_avoidable"])
    return (
        f"{usd(told['usd'])} at the API's list prices, {wasted} of it wasted; candidates "
        f"{usd(told['usd_candidate'])}."
    )


def _cache(told: dict[str, Any]) -> str:
    rebuilt = (
        f"{counted(told['rebuilds'], 'rebuild')} of {tokens(told['rebuilt_tokens'])} tokens cost "
        f"{usd(told['usd_rebuilt'])} more than reading."
        if told["rebuilds"]
        else "no rebuild."
    )
    share = percent(told["read_share_of_prompt"]) or "none"
    return f"Cache: {share} of prompt tokens were read from it; {rebuilt}"


def _owners(console: Console, told: dict[str, Any]) -> None:
    table = _table("owner", "of the bill", "low", "high", "candidates")
    owners = {row["category"]: row for row in told["owners"]}
    for one in categories():
        row = owners[one.name]
        if not row["usd"] and not row["usd_avoidable"]:
            continue
        waste = (row["usd_direct"], row["usd_avoidable"], row["usd_candidate"])
        amounts = map(usd, waste) if one.name != "productive" else ()
        table.add_row(one.name, usd(row["usd"]), *amounts)
    console.print(table)


def _flags(console: Console, flags: list[dict[str, Any]]) -> None:
    shown = flags[:_FLAGS]
    head = f"The {len(shown)} dearest of {len(flags)} flags" if len(flags) > _FLAGS else "Flags"
    console.print(head, style="bold")
    for flag in shown:
        turn = f", turn {flag['turn']}" if flag["turn"] else ""
        judged = ", judged" if flag["basis"] == "judged" else ""
        _line(
            console,
            f"{fine_usd(flag['usd_avoidable'])} {flag['category']}/{flag['rule']}, "
            f"{flag['tier']}{judged}{turn}: {flag['evidence']}",
        )
        # To be copied: never broken.
        place = argument(f"{flag['transcript']}:{flag['line_no']}")
        console.print(Text(f"   waste-assets show {place}"), soft_wrap=True)


def _turns(console: Console, turns: list[dict[str, Any]], zone: tzinfo) -> None:
    table = _table("turn", "prompt", "cached", "output", "USD", "wasted")
    for name in ("owner", "line", "what it did"):
        table.add_column(name, no_wrap=True)
    room = max(console.width - 78, 20)
    for turn in turns:
        prompt = turn["input_tokens"] + turn["write_tokens"] + turn["read_tokens"]
        agent = "" if turn["agent"] == "main" else f"[{turn['agent']}] "
        anew = f"({turn['epoch_start']}) " if turn["epoch_start"] not in (None, "first") else ""
        table.add_row(
            f"{turn['turn']} {datetime.fromtimestamp(turn['ts_us'] / 1e6, zone):%H:%M:%S}",
            tokens(turn["prompt_tokens"]),
            percent(turn["read_tokens"] / prompt) if prompt else "",
            tokens(turn["output_tokens"]),
            fine_usd(turn["usd"]),
            fine_usd(turn["wasted"]) if turn["wasted"] else "",
            turn["owner"] if turn["wasted"] else "",
            str(turn["line_no"]),
            Text(shortened(inert(f"{agent}{anew}{did(turn['calls'], room)}"), room)),
        )
    console.print(table)


def _table(first: str, *numbers: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column(first, no_wrap=True)
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _line(console: Console, text: str) -> None:
    console.print(inert(text), highlight=False, markup=False)
