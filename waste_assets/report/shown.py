"""Text and figures as people see them: no text acts, no secret is left, every figure has a unit."""

from __future__ import annotations

import re
import shlex
from functools import lru_cache
from typing import Any

from waste_assets.inert import without_controls
from waste_assets.redaction import redact

#: Longer texts are cut; `waste-assets show` has the whole line.
_CHARS = 400
_BLANKS = re.compile(r"[ \t\r\n]+")


@lru_cache(maxsize=8192)
def inert(text: str) -> str:
    """A text on one line, without secrets, with `�` for each character that would act."""
    line = _BLANKS.sub(" ", without_controls(redact(text))).strip()
    return shortened(line, _CHARS)


def argument(text: str) -> str:
    """A name as it can be copied into the command line of a shell, whatever it is."""
    return shlex.quote(inert(text))


def shortened(text: str, chars: int) -> str:
    """The beginning of a text."""
    return text if len(text) <= chars else text[: chars - 1].rstrip() + "…"


def usd(value: float | None) -> str:
    """An amount to the cent; what is below half a cent but not nothing is said to be less."""
    if value is None:
        return "unpriced"
    return "<$0.01" if 0 < value < 0.005 else f"${value:,.2f}"


def fine_usd(value: float | None) -> str:
    """The amount of a single response, to a hundredth of a cent."""
    return "unpriced" if value is None else f"${value:,.4f}"


def usd_range(low: float, high: float) -> str:
    """Low to high, or one amount where both are the same."""
    return usd(low) if usd(low) == usd(high) else f"{usd(low)} to {usd(high)}"


def percent(share: float | None) -> str:
    """A share of 1 in percent."""
    if share is None:
        return ""
    return "<0.1 %" if 0 < share < 0.0005 else f"{100 * share:.1f} %"


def count(number: int | None) -> str:
    """A whole number with its thousands apart."""
    return f"{number or 0:,}"


def counted(number: int | None, noun: str) -> str:
    """So many of something."""
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"


def tokens(number: int) -> str:
    """A count of tokens in three or four digits; `--json` has them all."""
    for unit, size in (("B", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= 10 * size or (unit != "k" and number >= size):
            value = number / size
            return f"{value:.{0 if value >= 100 else 1 if value >= 10 else 2}f} {unit}"
    return f"{number:,}"


def duration(seconds: float) -> str:
    """A length of time in its two largest units."""
    minutes, hours, days = seconds / 60, seconds / 3600, seconds / 86_400
    if days >= 2:
        return f"{int(days)} days {int(hours) % 24} h"
    if hours >= 1:
        return f"{int(hours)} h {int(minutes) % 60} min"
    return f"{int(minutes)} min" if minutes >= 1 else f"{int(seconds)} s"


def without_secrets(value: Any) -> Any:
    """The same object, each of its texts redacted: for JSON, which escapes what would act."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {name: without_secrets(one) for name, one in value.items()}
    return [without_secrets(one) for one in value] if isinstance(value, list) else value
