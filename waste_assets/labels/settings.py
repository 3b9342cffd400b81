"""How labels are asked for: read from the environment, as all settings are. Imports nothing heavy.

Sending is opt-in twice: there must be a key, and a budget. The key is read where it is used and
kept nowhere.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from waste_assets.labels.question import Judge

PROVIDER = "https://api.anthropic.com"
KEY = "ANTHROPIC_API_KEY"
MODEL = "WASTE_ASSETS_LABEL_MODEL"
EFFORT = "WASTE_ASSETS_LABEL_EFFORT"
BASE_URL = "WASTE_ASSETS_LABEL_BASE_URL"
MAX_USD = "WASTE_ASSETS_LABEL_MAX_USD"
MONTH_USD = "WASTE_ASSETS_LABEL_MONTH_USD"
DIRECT_BELOW = "WASTE_ASSETS_LABEL_DIRECT_BELOW"


@dataclass(frozen=True)
class LabelSettings:
    """Who judges, where, and for how much."""

    model: str = "claude-haiku-5-5"
    #: low, medium or high.
    effort: str = "low"
    base_url: str = PROVIDER
    #: What a run may spend, USD; at 0 nothing is sent.
    max_usd: float = 0.0
    #: What all runs of a calendar month (UTC) may spend, USD; None: no limit but each run's.
    month_usd: float | None = None
    #: Fewer new questions than this are asked at once, at twice the price of a batch.
    direct_below: int = 0

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> LabelSettings:
        """Read the settings.

        Raises:
            ValueError: an amount or a number is none.
        """
        return cls(
            environ.get(MODEL) or cls.model,
            environ.get(EFFORT) or cls.effort,
            environ.get(BASE_URL) or cls.base_url,
            _usd(environ, MAX_USD) or 0.0,
            _usd(environ, MONTH_USD),
            _count(environ, DIRECT_BELOW),
        )

    def to_environment(self) -> dict[str, str]:
        """The variables that give another process these settings."""
        return {
            MODEL: self.model,
            EFFORT: self.effort,
            BASE_URL: self.base_url,
            MAX_USD: repr(self.max_usd),
            MONTH_USD: "" if self.month_usd is None else repr(self.month_usd),
            DIRECT_BELOW: str(self.direct_below),
        }

    @property
    def judge(self) -> Judge:
        """The judge that these settings name."""
        from waste_assets.labels.question import Judge

        return Judge(self.model, self.effort)

    def why_off(self, environ: Mapping[str, str] = os.environ) -> str | None:
        """Why nothing is sent, in one sentence; None where a key and a budget are given."""
        if not environ.get(KEY, "").strip():
            return f"No label is asked for: set {KEY} and a budget to have them."
        if self.max_usd <= 0:
            return f"No label is asked for: give a budget with --max-usd, or {MAX_USD}."
        return None


def _usd(environ: Mapping[str, str], name: str) -> float | None:
    given = environ.get(name, "").strip()
    if not given:
        return None
    try:
        usd = float(given)
    except ValueError:
        usd = math.nan
    if not 0 <= usd < math.inf:
        raise ValueError(f"{name} is {given!r}: give an amount in USD, or leave it out.")
    return usd


def _count(environ: Mapping[str, str], name: str) -> int:
    given = environ.get(name, "").strip() or "0"
    if not given.isdecimal():
        raise ValueError(f"{name} is {given!r}: give a number of questions, or leave it out.")
    return int(given)
