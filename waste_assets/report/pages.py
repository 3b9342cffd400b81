"""The pages of the report as HTML: what is shown where, and nothing that acts."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, tzinfo
from functools import cache
from math import ceil
from typing import Any

import jinja2
from markupsafe import Markup

from waste_assets.report import shown, terminal
from waste_assets.report.advice import advice
from waste_assets.report.categories import categories
from waste_assets.report.charts import Chart, Column, Part, stacked
from waste_assets.report.did import did
from waste_assets.report.overview import PARTS

#: Columns of a chart of turns; more turns share one.
_COLUMNS = 100
#: Rows of a session's tables.
_TURNS, _FLAGS = 100, 80
_PLAIN_NAME = re.compile(r"[a-z0-9_][a-z0-9_-]{0,99}\Z")
_PART_NAMES = {
    "outright": "outright waste",
    "inefficient": "inefficient use",
    "emptied": "the rest of responses that held only waste",
    "candidate": "candidates, in no headline",
    "rest": "all else",
}
_TEXT_KINDS = ("file", "command_output", "other_result", "user_text", "output")
_BROKEN, _ANEW = "▼", "◆"


def file_name(session_id: str) -> str:
    """The name of a session's page: its id, where that can be a name on any file system."""
    if _PLAIN_NAME.match(session_id):
        return f"{session_id}.html"
    return hashlib.sha256(session_id.encode("utf-8", "surrogatepass")).hexdigest()[:32] + ".html"


def index_page(told: dict[str, Any], inputs: str, zone: tzinfo) -> str:
    """The first page, from an `overview`. `inputs` is the identity of what it is made from."""
    waste = told["waste"]
    spent = waste["usd_spent"] or 1.0
    cached = told["cache"]
    read, write = cached["usd_read"] or 0.0, cached["usd_write"] or 0.0
    texts = {(row["model"], row["text_kind"]): row for row in told["texts"]}
    kinds = [kind for kind in _TEXT_KINDS if any(key[1] == kind for key in texts)]
    return _page(
        "index.html.j2",
        zone,
        inputs,
        **told
        | {
            "bill": [
                _whole(name, _PART_NAMES[name], told["parts"][name], spent) for name in PARTS
            ],
            "widest_owner": max(
                (
                    row["usd_avoidable"] + row["usd_candidate"]
                    for row in told["owners"]
                    if row["usd_direct"] is not None
                ),
                default=0.0,
            ),
            "widest_session": max((row["usd"] or 0.0 for row in told["sessions"]), default=0.0),
            "trend_chart": _trend(told["trend"]),
            "failures_told": " ".join(terminal.failures(told["failures"])),
            "sessions": [
                row
                | {
                    "usd": row["usd"] or 0.0,
                    "href": f"sessions/{file_name(row['session_id'])}",
                }
                for row in told["sessions"]
            ],
            "cache_parts": [
                _whole("read", "cache reads", read, spent),
                _whole("write", "cache writes", write, spent),
                _whole("rest", "input, output and searches", spent - read - write, spent),
            ],
            "rebuilds": [
                {**row, "remedy": _remedy_of_rebuild(row["cause"])} for row in told["rebuilds"]
            ],
            "text_kinds": kinds,
            "text_rows": [
                {
                    "model": model,
                    "blocks": sum(row["blocks"] for key, row in texts.items() if key[0] == model),
                    "ratios": [
                        texts[model, kind]["tokens_per_1000"] if (model, kind) in texts else None
                        for kind in kinds
                    ],
                }
                for model in sorted({model for model, _ in texts})
            ],
        },
    )  # fmt: skip


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
    return _page(
        "session.html.j2",
        zone,
        inputs,
        session=session,
        owners=listed,
        parts=[_whole(row["category"], row["title"], row["usd"], spent) for row in listed],
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


# --- parts of pages ------------------------------------------------------------------------


def _whole(key: str, name: str, value: float, of: float) -> dict[str, Any]:
    # A rest of sums of floats may be less than nothing by a hair.
    value = max(value, 0.0)
    return {"key": key, "name": name, "value": value, "told": _usd(value), "share": value / of}


def _trend(told: dict[str, Any]) -> Chart:
    period = told["period"]
    return stacked(
        "trend-chart",
        f"What each {period} cost, and what of it was wasted. USD at list prices.",
        [Part(name, _PART_NAMES[name]) for name in PARTS],
        [
            Column(
                _short_day(column["start"], period, len(told["columns"])),
                ("Week of " if period == "week" else "") + _day(column["start"]),
                [max(column[name], 0.0) for name in PARTS],
            )
            for column in told["columns"]
        ],
        shown.usd,
        _round_usd,
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
        _round_usd,
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
                    f"({flag['rule'].removeprefix('rebuild_')}), {_usd(flag['usd_direct'])}",
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


def _remedy_of_rebuild(cause: str) -> str:
    told = advice("cache_write", f"rebuild_{cause}", None)
    inherent = {
        "compaction": "Nothing: it is the price of a smaller context.",
        "cut": "Nothing, as a rule: a rewind, /clear, or old results dropped.",
        "not_ready": "Nothing: the provider could not read it yet.",
    }
    return inherent.get(cause, told.remedy)


# --- words ---------------------------------------------------------------------------------


def _usd(value: float | None) -> str:
    return shown.usd(value)


def _round_usd(value: float) -> str:
    """An amount on an axis, with as many decimals as it needs."""
    if value == 0:
        return "$0"
    if value >= 1 and abs(value - round(value)) < 1e-9:
        return f"${value:,.0f}"
    return f"${value:,.2f}" if value >= 0.01 else f"${value:.2g}"


def _round_tokens(value: float) -> str:
    return shown.tokens(round(value)).replace(".0 ", " ").replace(".00 ", " ")


def _day(value: str | date) -> str:
    day = date.fromisoformat(value) if isinstance(value, str) else value
    return f"{day.day} {day:%B %Y}"


def _short_day(day: date, period: str, columns: int) -> str:
    if period == "month" or (period == "week" and columns > 30):
        return f"{day:%b %Y}"
    return f"{day.day} {day:%b}"


# --- templates -----------------------------------------------------------------------------


def _page(template: str, zone: tzinfo, inputs: str, **values: Any) -> str:
    css, digest = _style()
    page = _environment(zone).get_template(template)
    text = page.render(style=Markup(css), style_hash=digest, inputs=inputs, **values)
    return f"{text.strip()}\n"


@cache
def _style() -> tuple[str, str]:
    """The style sheet, and its hash as a content security policy wants it."""
    source = _loader().get_source(jinja2.Environment(autoescape=True), "report.css")[0]
    digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
    return source, f"sha256-{digest}"


def _loader() -> jinja2.PackageLoader:
    return jinja2.PackageLoader("waste_assets.report")


@cache
def _environment(zone: tzinfo) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=_loader(),
        autoescape=True,
        # Whatever a template prints goes through here, and is escaped afterwards.
        finalize=_printed,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    titles = {one.name: one.title for one in categories()}

    def moment(micros: int | None) -> str:
        if micros is None:
            return "at an unknown time"
        then = datetime.fromtimestamp(micros / 1e6, zone)
        return f"{then.day} {then:%B %Y, %H:%M}"

    figures: dict[str, Callable[[Any], str]] = {
        "usd": shown.usd,
        "fine_usd": shown.fine_usd,
        "percent": shown.percent,
        "count": shown.count,
        "tokens": shown.tokens,
        "duration": shown.duration,
        "place": lambda value: f"{value:.2f}".rstrip("0").rstrip("."),
        "day": _day,
        "moment": moment,
        "time_of_day": lambda micros: f"{datetime.fromtimestamp(micros / 1e6, zone):%H:%M:%S}",
    }
    # Figures are digits of our own making, and there are thousands of them.
    for name, told in figures.items():
        environment.filters[name] = _trusted(told)
    environment.filters |= {
        "counted": lambda number, noun: Markup(shown.counted(number, noun)),
        "words": lambda text: str(text).replace("_", " "),
        "brief": lambda text: shown.shortened(shown.inert(str(text)), 220),
        "short": lambda text: shown.shortened(str(text), 20),
        "sentence": lambda text: str(text)[:1].upper() + str(text)[1:],
        "title_of": lambda category: titles.get(category, category),
    }
    return environment


def _trusted(told: Callable[[Any], str]) -> Callable[[Any], Markup]:
    return lambda value: Markup(told(value).replace("<", "&lt;"))


def _printed(value: Any) -> Any:
    if value is None:
        return ""
    return shown.inert(value) if type(value) is str else value
