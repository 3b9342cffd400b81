"""What was judged, by whom, what that changes, and what it cost."""

from __future__ import annotations

from typing import Any

import duckdb

from waste_assets.report.rows import rows
from waste_assets.report.shown import counted, fine_usd, usd_range

#: Who judges, besides rules.
_JUDGES = {"llm": "the model", "human": "people"}


def judged(con: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """Read the labels of the BI database.

    Returns:
        `by_task`, a row for each task, labeler and status, of synthetic answers apart; `waste` by
        category, as rules alone say and with judgements; `spend`, what was paid, with what is
        under way and may cost at most, USD; `undecided`, subjects that no label in force is about.
    """
    return {
        "by_task": rows(con, _BY_TASK),
        "waste": rows(con, f"SELECT category, {_BOTH} FROM waste_judged {_OF_WASTE}"),
        "spend": rows(con, _SPEND)[0],
        "undecided": rows(con, _UNDECIDED)[0]["subjects"],
    }


def judges(labels: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of `by_task` that are no rule's, with `labeler` in words."""
    return [
        row | {"labeler": _JUDGES[row["labeler_kind"]] + (" (made up)" if row["synthetic"] else "")}
        for row in labels["by_task"]
        if row["labeler_kind"] in _JUDGES
    ]


def changed(labels: dict[str, Any]) -> list[dict[str, Any]]:
    """The categories whose waste is another one by judgements."""
    names = ("usd_direct", "usd_avoidable", "usd_candidate")
    return [
        row
        for row in labels["waste"]
        if any(abs(row[name] - row[f"rules_{name}"]) >= 5e-7 for name in names)
    ]


def sentence(labels: dict[str, Any]) -> str | None:
    """All of it in a sentence or three; None where nobody but rules has been asked."""
    spend, found = labels["spend"], judges(labels)
    if not found and not spend["requests"]:
        return None
    told = []
    for labeler in dict.fromkeys(row["labeler"] for row in found):
        theirs = [row for row in found if row["labeler"] == labeler]
        withheld = sum(row["subjects"] for row in theirs if row["status"] == "withheld")
        in_force = sum(row["in_force"] for row in theirs)
        told.append(
            f"{in_force:,} by {labeler}" + (f" ({withheld:,} withheld)" if withheld else "")
        )
    undecided = f"{labels['undecided']:,} undecided"
    return " ".join((
        f"Labels: {', '.join((*told, undecided))}.",
        _change(labels),
        _cost(spend),
    ))  # fmt: skip


def _change(labels: dict[str, Any]) -> str:
    if not changed(labels):
        return "No amount is changed by them."
    sums = {
        name: sum(row[name] for row in labels["waste"])
        for name in ("usd_direct", "usd_avoidable", "rules_usd_direct", "rules_usd_avoidable")
    }
    rules = usd_range(sums["rules_usd_direct"], sums["rules_usd_avoidable"])
    return f"By rules alone waste is {rules}."


def _cost(spend: dict[str, Any]) -> str:
    if not spend["requests"]:
        return "Nothing was asked for money."
    if spend["synthetic"] == spend["requests"]:
        return "The answers of this machine cost nothing."
    under_way = ""
    if spend["in_flight"]:
        to_come = counted(spend["in_flight"], "answer")
        under_way = f", and {to_come} to come at most {fine_usd(spend['open_usd'])}"
    return f"The model cost {fine_usd(spend['usd'])}{under_way}."


_BY_TASK = """
SELECT
    task, labeler_kind, status, synthetic, count(*) AS subjects,
    count(*) FILTER (in_force) AS in_force, sum(calls)::BIGINT AS calls
FROM labels
GROUP BY ALL
ORDER BY ALL
"""
_BOTH = ", ".join(
    f"sum({prefix}usd_{name}) AS {prefix}usd_{name}"
    for name in ("direct", "avoidable", "candidate")
    for prefix in ("rules_", "")
)
_OF_WASTE = "WHERE category <> 'productive' GROUP BY category ORDER BY category"
# What this machine answers costs nothing, though the ledger counts with it.
_SPEND = """
SELECT
    count(*) AS requests,
    count(*) FILTER (is_synthetic) AS synthetic,
    count(*) FILTER (outcome = 'in_flight') AS in_flight,
    coalesce(sum(usd) FILTER (NOT is_synthetic), 0) AS usd,
    coalesce(sum(reserved_usd) FILTER (outcome = 'in_flight' AND NOT is_synthetic), 0) AS open_usd
FROM label_spend
"""
_UNDECIDED = """
SELECT count(*) AS subjects
FROM (SELECT day, task, subject_id FROM labels GROUP BY ALL HAVING NOT bool_or(in_force))
"""
