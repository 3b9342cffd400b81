"""A flag as the remedies see it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Finding:
    """One flag, with its part of the ledger: no dollar is in two findings."""

    flag_id: str
    #: The problem that its first failed call is an occurrence of, else the category and its rule.
    cluster_id: str
    category: str
    rule: str
    is_candidate: bool
    #: Cause family of a failure, or the cause of a cache rebuild or kind of an injected text.
    cause: str | None
    cause_rule: str | None
    session_id: str
    #: Working directory, its home as `~`.
    project: str | None
    day: date
    tool_name: str | None
    #: What it is about, without secrets.
    target: str | None
    evidence: str
    transcript: str
    line_no: int
    #: What the flag owns, USD.
    usd_low: float
    #: And its part of the rest of responses that held nothing but wasted calls, USD.
    usd_high: float

    @property
    def known_by(self) -> str | None:
        """The rule that knew the cause, without its version: a changed pattern is the same rule."""
        return self.cause_rule.partition("@")[0] if self.cause_rule else None
