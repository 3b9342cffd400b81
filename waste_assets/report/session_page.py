"""The page of a session: its turns, its context, and what the cache did."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from math import ceil
from typing import Any

from waste_assets.report import shown
from waste_assets.report.categories import categories
from waste_assets.report.charts import Chart, Column, Part, stacked
from waste_assets.report.did import did
from waste_assets.report.render import page, part, round_usd

#: Columns of a chart; more turns share one.
_COLUMNS = 100
#: Rows of the tables.
_TURNS, _FLAGS = 100, 80
_BROKEN, _ANEW = "▼", "◆"


def session_page(session: dict[str, Any], inputs: str, zone: tzinfo) -> str:
    """The page of one session, from `told_sessions`."""
    turns = session["turns"]
    by_agent: dict[str, list[dict[str, Any]]] = {}
    for turn in turns:
        by_agent.setdefault(turn["agent"], []).append(turn)
    # A session whose main thread is in no transcript is told by its busiest subagent.
    agent = (
        "main"
        if "main" in by_agent
        else max(by_agent, key=lambda a: len(by_agent[a]), default="main")
    )
    thread = by_agent.get(agent, [])
    costly = sorted(turns, key=lambda t: (-t["wasted"], -(t["usd"] or 0.0), t["turn"]))[:_TURNS]
    spent = sum(row["usd"] for row in session["owners"]) or 1.0
    owners = {row["category"]: row for row in session["owners"]}
    listed = [
        {**owners[one.name], "title": one.title, "dimension": one.dimension}
        for one in categories()
        if owners[one.name]["usd"] > 0 or owners[one.name]["usd_avoidable"] > 0
    ]
    return page(
        "session.html.j2",
        zone,
        inputs,
        session=session,
        owners=listed,
        parts=[part(row["category"], row["title"], row["usd"], spent) for row in listed],
        binned=_share_a_column(turns),
        cost_chart=_cost_chart(turns),
        agent=agent,
        agents=len(by_agent),
        context_binned=_share_a_column(thread),
        context_chart=_context_chart(thread, session["flags"], agent),
        context_marks=(
            (_BROKEN, "cache lost, and paid for again"),
            (_ANEW, "the context begins anew"),
        ),
        flags=session["flags"][:_FLAGS],
        turns=[_turn(turn) for turn in sorted(costly, key=lambda turn: turn["turn"])],
    )


def _cost_chart(turns: Sequence[dict[str, Any]]) -> Chart:
    owners = [
        one
        for one in categories()
        if any(o["category"] == one.name and o["usd"] for t in turns for o in t["owners"])
    ]
    columns = []
    for name, title, group in _grouped(turns):
        sums = dict.fromkeys((one.name for one in owners), 0.0)
        for turn in group:
            for owner in turn["owners"]:
                if owner["usd"]:
                    sums[owner["category"]] += owner["usd"]
        columns.append(Column(name, title, list(sums.values())))
    return stacked(
        "cost-chart",
        "Cost of each turn by owner, USD at list prices.",
        [Part(one.name, one.title) for one in owners],
        columns,
        shown.fine_usd,
        round_usd,
    )


def _context_chart(
    thread: Sequence[dict[str, Any]], flags: Sequence[dict[str, Any]], agent: str
) -> Chart:
    rebuilt = {
        flag["turn"]: flag
        for flag in flags
        if flag["rule"].startswith("rebuild_") and flag["agent"] == agent
    }
    columns = []
    for name, title, group in _grouped(thread):
        turn = max(group, key=lambda t: (t["turn"] in rebuilt, t["prompt_tokens"], -t["turn"]))
        marks = []
        for one in group:
            if flag := rebuilt.get(one["turn"]):
                marks.append((
                    _BROKEN,
                    f"turn {one['turn']}: {shown.tokens(flag['tokens'])} tokens paid for again "
                    f"({flag['rule'].removeprefix('rebuild_')}), {shown.usd(flag['usd_direct'])}",
                ))  # fmt: skip
            if one["epoch_start"] not in (None, "first"):
                marks.append((_ANEW, f"turn {one['turn']}: {one['epoch_start']}"))
        # One mark of a kind is enough for a column; its words are all told.
        told = " and ".join(text for _, text in marks)
        kinds = list(dict.fromkeys(kind for kind, _ in marks))
        values = [turn["read_tokens"], turn["write_tokens"], turn["input_tokens"]]
        columns.append(
            Column(
                name,
                title,
                values,
                [(kind, told if n == 0 else "") for n, kind in enumerate(kinds)],
            )
        )
    return stacked(
        "context-chart",
        "Size of each prompt in tokens.",
        [
            Part("read", "read from the cache"),
            Part("write", "written to the cache"),
            Part("input", "neither"),
        ],
        columns,
        lambda value: shown.tokens(round(value)),
        _round_tokens,
    )


def _share_a_column(turns: Sequence[dict[str, Any]]) -> int:
    return ceil(len(turns) / _COLUMNS)


def _grouped(
    turns: Sequence[dict[str, Any]],
) -> list[tuple[str, str, Sequence[dict[str, Any]]]]:
    """Turns that share a column, with a name and a title."""
    size = _share_a_column(turns) or 1
    groups = [turns[start : start + size] for start in range(0, len(turns), size)]
    return [
        (
            f"{group[0]['turn']}",
            f"Turn {group[0]['turn']}"
            + (f" to {group[-1]['turn']}" if len(group) > 1 else "")
            + f", line {group[0]['line_no']}",
            group,
        )
        for group in groups
    ]


def _turn(turn: dict[str, Any]) -> dict[str, Any]:
    prompt = turn["input_tokens"] + turn["write_tokens"] + turn["read_tokens"]
    return {
        **turn,
        "did": did(turn["calls"], 60),
        "cached": turn["read_tokens"] / prompt if prompt else None,
    }


def _round_tokens(value: float) -> str:
    return shown.tokens(round(value)).replace(".0 ", " ").replace(".00 ", " ")
