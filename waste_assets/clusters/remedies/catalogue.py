"""Which remedy a finding leads to: every finding leads to one."""

from __future__ import annotations

import re

from waste_assets.clusters.finding import Finding
from waste_assets.clusters.remedies.failures import BY_CAUSE, BY_CAUSE_RULE, OTHER, REPEATED
from waste_assets.clusters.remedies.remedy import Remedy
from waste_assets.clusters.remedies.rules import (
    BIG_COMMANDS,
    BIG_MCP,
    BIG_READS,
    BIG_RESULTS,
    BY_RULE,
    HOUR_CACHE,
    INJECTED,
    REMINDERS,
)

#: What an hour's cache would have outlived; as `cache_write` words it.
_WITHIN_AN_HOUR = re.compile(r"\b(\d+) min(?: \d+ s)? idle, and the cache is kept for five minutes")


def remedy_of(finding: Finding) -> Remedy:
    """The remedy of a finding."""
    if finding.category == "retry_error":
        if finding.rule == "repeated":
            return REPEATED
        of_rule = BY_CAUSE_RULE.get(finding.known_by or "")
        return of_rule or BY_CAUSE.get(finding.cause or "", OTHER)
    if finding.rule == "duplicate":
        return INJECTED.get(finding.cause or "", REMINDERS)
    if finding.rule == "big_result":
        return _of_big_result(finding.tool_name or "")
    if finding.rule == "rebuild_idle":
        idle = _WITHIN_AN_HOUR.search(finding.evidence)
        if idle and int(idle[1]) < 60:
            return HOUR_CACHE
    return BY_RULE.get((finding.category, finding.rule), OTHER)


def catalogue() -> dict[str, Remedy]:
    """Every remedy by its id.

    Raises:
        ValueError: two remedies have the same id.
    """
    listed = [
        *BY_RULE.values(),
        *BY_CAUSE_RULE.values(),
        *BY_CAUSE.values(),
        *INJECTED.values(),
        *(BIG_COMMANDS, BIG_MCP, BIG_READS, BIG_RESULTS, HOUR_CACHE, OTHER, REMINDERS, REPEATED),
    ]
    found: dict[str, Remedy] = {}
    for remedy in listed:
        if found.setdefault(remedy.id, remedy) is not remedy:
            raise ValueError(f"two remedies are called {remedy.id!r}")
    return found


def _of_big_result(tool: str) -> Remedy:
    if tool in ("Bash", "PowerShell"):
        return BIG_COMMANDS
    if tool.startswith("mcp__"):
        return BIG_MCP
    return BIG_READS if tool == "Read" else BIG_RESULTS
