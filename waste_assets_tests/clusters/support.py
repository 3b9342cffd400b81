"""What the tests of clusters share: findings made by hand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from itertools import count
from math import fsum
from typing import Any

from waste_assets.clusters.finding import Finding
from waste_assets.clusters.remedies.catalogue import catalogue, remedy_of
from waste_assets.clusters.remedies.ranking import Addressed, led_to
from waste_assets.clusters.remedies.remedy import Remedy
from waste_assets.clusters.remedies.rules import HOUR_CACHE
from waste_assets.clusters.remedies.words import Names

DAY = date(2026, 9, 1)
_numbers = count()


def finding(
    category: str = "file_reread",
    rule: str = "repeated",
    usd: float = 1.0,
    *,
    high: float | None = None,
    **fields: Any,
) -> Finding:
    """A finding that owns `usd`; whatever is not given is like in any other."""
    return Finding(
        **{
            "flag_id": f"{next(_numbers):08}",
            "cluster_id": f"{category}/{rule}",
            "category": category,
            "rule": rule,
            "is_candidate": False,
            "cause": None,
            "cause_rule": None,
            "session_id": "session",
            "project": "~/shop",
            "day": DAY,
            "tool_name": None,
            "target": None,
            "evidence": "because",
            "transcript": "session.jsonl",
            "line_no": 7,
            "usd_low": usd,
            "usd_high": usd if high is None else high,
            **fields,
        }
    )


def failure(cause_rule: str, usd: float = 1.0, **fields: Any) -> Finding:
    """A failed call whose cause a rule knew."""
    cause = cause_rule.partition("/")[0]
    return finding("retry_error", "failed", usd, cause=cause, cause_rule=cause_rule, **fields)


def gathered(findings: Iterable[Finding], hour_cache_usd: float = 0.0) -> list[Addressed]:
    """What each remedy addresses of some findings."""
    groups: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        groups[remedy_of(finding).id].append(finding)
    saved = fsum(one.usd_low for one in groups[HOUR_CACHE.id] if not one.is_candidate)
    for remedy_id, other in led_to(saved, hour_cache_usd).items():
        groups[other] += groups.pop(remedy_id)
    known = catalogue()
    return [_gathered(known[name], group) for name, group in groups.items() if group]


def _gathered(remedy: Remedy, findings: Sequence[Finding]) -> Addressed:
    sure = [one for one in findings if not one.is_candidate]
    maybe = [one for one in findings if one.is_candidate]
    told = Addressed(
        remedy,
        max(findings, key=lambda one: (not one.is_candidate, one.usd_high, one.flag_id)),
        len(sure),
        len(maybe),
        len({one.session_id for one in findings}),
        min(one.day for one in findings),
        max(one.day for one in findings),
        fsum(one.usd_low for one in sure),
        fsum(one.usd_high for one in sure),
        fsum(one.usd_low for one in maybe),
        names=names_of(findings, remedy.words or (lambda one: None)),
    )
    for one in findings:
        told.projects[one.project] = told.projects.get(one.project, 0.0) + one.usd_high
    return told


def names_of(findings: Sequence[Finding], word_of: Callable[[Finding], str | None]) -> Names:
    """What findings are about."""
    named: dict[str, list[Finding]] = defaultdict(list)
    for one in findings:
        word = word_of(one)
        if word is not None:
            named[word].append(one)
    names = Names()
    for word, about in named.items():
        projects = len({one.project for one in about})
        names.add(word, fsum(one.usd_high for one in about), len(about), projects)
    return names
