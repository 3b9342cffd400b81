"""A flag as the remedies see it, and the cluster that it belongs to.

Everything here is made of plain rows, so that whatever groups failures by cause can give the key.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

#: Categories whose flags are about calls that failed.
FAILURES = frozenset(["retry_error", "dead_end"])


@dataclass(frozen=True, slots=True)
class Finding:
    """One flag, with its part of the ledger: no dollar is in two findings."""

    flag_id: str
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
    def cluster_id(self) -> str:
        """The cluster that it is counted in."""
        return cluster_of(self.category, self.rule, self.cause, self.cause_rule)


def cluster_of(category: str, rule: str, cause: str | None, cause_rule: str | None) -> str:
    """The cluster of a finding: that of the failure, else the category and its rule."""
    if category in FAILURES and cause is not None:
        return failure_cluster(cause, cause_rule)
    return f"{category}/{rule}"


def failure_cluster(cause: str, cause_rule: str | None) -> str:
    """The cluster of a failed call: the rule that knew the cause, or the family alone.

    A changed pattern is the same cluster: the version of the rule is no part of it.
    """
    return cause_rule.partition("@")[0] if cause_rule else cause
