"""Turning objects into pages: templates, what they may call, and the gate that texts go through."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from datetime import date, datetime, tzinfo
from functools import cache
from typing import Any

import jinja2
from markupsafe import Markup

from waste_assets.report import shown
from waste_assets.report.categories import categories

_PLAIN_NAME = re.compile(r"[a-z0-9_][a-z0-9_-]{0,99}\Z")


def file_name(session_id: str) -> str:
    """The name of a session's page: its id, where that can be a name on any file system."""
    if _PLAIN_NAME.match(session_id):
        return f"{session_id}.html"
    return hashlib.sha256(session_id.encode("utf-8", "surrogatepass")).hexdigest()[:32] + ".html"


def page(template: str, zone: tzinfo, inputs: str, **values: Any) -> str:
    """A page from its template. `inputs` is the identity of what it is made from."""
    css, digest = _style()
    made = _environment(zone).get_template(template)
    text = made.render(style=Markup(css), style_hash=digest, inputs=inputs, **values)
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
        "day": in_words,
        "short_day": in_few_words,
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
        "lines": lambda text: Markup("\n").join(map(_line, str(text).splitlines())),
        "argument": lambda text: shown.argument(str(text)),
        "short": lambda text: shown.shortened(str(text), 20),
        "sentence": lambda text: str(text)[:1].upper() + str(text)[1:],
        "title_of": lambda category: titles.get(category, category),
    }
    return environment


def _trusted(told: Callable[[Any], str]) -> Callable[[Any], Markup]:
    return lambda value: Markup(told(value).replace("<", "&lt;"))


def _line(text: str) -> str:
    """A line of something to copy, with its indentation."""
    told = text.lstrip(" ")
    return " " * (len(text) - len(told)) + shown.inert(told)


def _printed(value: Any) -> Any:
    if value is None:
        return ""
    return shown.inert(value) if type(value) is str else value


def in_words(value: str | date) -> str:
    """A day as people write it."""
    day = date.fromisoformat(value) if isinstance(value, str) else value
    return f"{day.day} {day:%B %Y}"


def in_few_words(value: str | date) -> str:
    """A day as a column of a table has room for it."""
    day = date.fromisoformat(value) if isinstance(value, str) else value
    return f"{day.day} {day:%b %Y}"


def part(key: str, name: str, value: float, of: float) -> dict[str, Any]:
    """A part of a whole, as templates draw it: its colour is that of its key."""
    # A rest of sums of floats may be less than nothing by a hair.
    value = max(value, 0.0)
    return {"key": key, "name": name, "value": value, "told": shown.usd(value), "share": value / of}


def round_usd(value: float) -> str:
    """An amount on an axis, with as many decimals as it needs."""
    if value == 0:
        return "$0"
    if value >= 1 and abs(value - round(value)) < 1e-9:
        return f"${value:,.0f}"
    return f"${value:,.2f}" if value >= 0.01 else f"${value:.2g}"
