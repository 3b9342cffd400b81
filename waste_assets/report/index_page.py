"""The first page: all that was spent and wasted, and where to look."""

from __future__ import annotations

from datetime import date, tzinfo
from typing import Any

from waste_assets.clusters.remedies.failures import OTHER
from waste_assets.clusters.remedies.rules import BY_RULE
from waste_assets.report import judged, shown, terminal
from waste_assets.report.charts import Chart, Column, Part, stacked
from waste_assets.report.overview import PARTS
from waste_assets.report.render import file_name, in_words, page, part, round_usd

_PART_NAMES = {
    "outright": "outright waste",
    "inefficient": "inefficient use",
    "emptied": "the rest of responses that held only waste",
    "candidate": "candidates, in no headline",
    "rest": "all else",
}
_TEXT_KINDS = ("file", "command_output", "other_result", "user_text", "output")


def index_page(told: dict[str, Any], inputs: str, zone: tzinfo) -> str:
    """The first page, from an `overview`. `inputs` is the identity of what it is made from."""
    waste = told["waste"]
    spent = waste["usd_spent"] or 1.0
    cached = told["cache"]
    read, write = cached["usd_read"] or 0.0, cached["usd_write"] or 0.0
    texts = {(row["model"], row["text_kind"]): row for row in told["texts"]}
    kinds = [kind for kind in _TEXT_KINDS if any(key[1] == kind for key in texts)]
    return page(
        "index.html.j2",
        zone,
        inputs,
        **told
        | {
            "bill": [
                part(name, _PART_NAMES[name], told["parts"][name], spent) for name in PARTS
            ],
            "widest_owner": max(
                (
                    row["usd_avoidable"] + row["usd_candidate"]
                    for row in told["owners"]
                    if row["usd_direct"] is not None
                ),
                default=0.0,
            ),
            "trend_chart": _trend(told["trend"]),
            "failures_told": " ".join(terminal.failures(told["failures"])),
            "judged_told": judged.sentence(told["labels"]),
            "judges": judged.judges(told["labels"]),
            "judged_waste": judged.changed(told["labels"]),
            "rule_quality": [row for row in told["rule_quality"] if row["sampled_responses"]],
            "sessions": [
                row
                | {
                    "usd": row["usd"] or 0.0,
                    "href": f"sessions/{file_name(row['session_id'])}",
                }
                for row in told["sessions"]
            ],
            "cache_parts": [
                part("read", "cache reads", read, spent),
                part("write", "cache writes", write, spent),
                part("rest", "input, output and searches", spent - read - write, spent),
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


def _trend(told: dict[str, Any]) -> Chart:
    period = told["period"]
    return stacked(
        "trend-chart",
        f"What each {period} cost, and what of it was wasted. USD at list prices.",
        [Part(name, _PART_NAMES[name]) for name in PARTS],
        [
            Column(
                _short_day(column["start"], period, len(told["columns"])),
                ("Week of " if period == "week" else "") + in_words(column["start"]),
                [max(column[name], 0.0) for name in PARTS],
            )
            for column in told["columns"]
        ],
        shown.usd,
        round_usd,
    )


def _short_day(day: date, period: str, columns: int) -> str:
    if period == "month" or (period == "week" and columns > 30):
        return f"{day:%b %Y}"
    return f"{day.day} {day:%b}"


def _remedy_of_rebuild(cause: str) -> str:
    told = BY_RULE.get(("cache_write", f"rebuild_{cause}"), OTHER)
    inherent = {
        "compaction": "Nothing: it is the price of a smaller context.",
        "cut": "Nothing, as a rule: a rewind, /clear, or old results dropped.",
        "not_ready": "Nothing: the provider could not read it yet.",
    }
    return inherent.get(cause, told.advice)
