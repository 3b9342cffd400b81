"""Reading the questions, and asking the published database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb

from waste_assets.faults import Fault
from waste_assets.report.rows import rows
from waste_assets.report.shown import count, inert, percent, usd


@dataclass(frozen=True)
class Question:
    """A question that people ask, and the SQL that answers it."""

    #: What it is called: `latest_day`.
    name: str
    #: The question, in words.
    text: str
    #: DuckDB SQL over `bi/waste.duckdb`, with what it means as a comment.
    sql: str


class NoSuchQuestion(Fault):
    """There is no question of that name; the message says which there are."""


def questions() -> list[Question]:
    """All questions, in order."""
    found = []
    for place in sorted(files("waste_assets.questions").iterdir(), key=lambda one: one.name):
        if place.name.endswith(".sql"):
            sql = place.read_text("utf-8")
            name = place.name.removesuffix(".sql").split("_", 1)[1]
            found.append(Question(name, sql.splitlines()[0].removeprefix("-- "), sql))
    return found


def question(name: str) -> Question:
    """The question of that name.

    Raises:
        NoSuchQuestion: there is none.
    """
    known = {one.name: one for one in questions()}
    if name not in known:
        raise NoSuchQuestion(f"There is no question {name!r}: there are {', '.join(known)}.")
    return known[name]


def answer(bi: Path, asked: Question, since: date | None = None) -> list[dict[str, Any]]:
    """The rows that answer a question; `since` is the day of those that compare with before.

    Raises:
        Fault: nothing has been published there, or by a version that knew less.
    """
    try:
        with duckdb.connect(str(bi / "waste.duckdb"), read_only=True) as con:
            if since is not None:
                con.execute(f"SET VARIABLE since = DATE '{since}'")
            return rows(con, asked.sql)
    except (duckdb.IOException, duckdb.CatalogException, duckdb.BinderException) as error:
        raise Fault(f"No answer in {bi.parent}: run `waste-assets audit` first.") from error


def render(told: Sequence[dict[str, Any]]) -> str:
    """The rows as columns of text; amounts in USD, shares in percent, other numbers as they are."""
    if not told:
        return "Nothing."
    names = list(told[0])
    cells = [[_cell(name, row[name]) for name in names] for row in told]
    heads = [name.replace("_", " ") for name in names]
    widths = [max(map(len, column)) for column in zip(heads, *cells, strict=True)]
    right = [all(isinstance(row[n], int | float | None) for row in told) for n in names]
    lines = [
        "  ".join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in [heads, *cells]
    ]
    return "\n".join(lines)


def _cell(name: str, value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, float):
        return count(value) if isinstance(value, int) else inert(str(value))
    if name.startswith("usd"):
        return usd(value) if value >= 0 else f"-{usd(-value)}"
    if name.startswith("share"):
        return percent(value) if value >= 0 else f"{100 * value:.1f} %"
    return f"{value:.3g}"
