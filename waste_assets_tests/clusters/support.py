"""What the tests of clusters share: findings made by hand."""

from __future__ import annotations

from datetime import date
from itertools import count
from typing import Any

from waste_assets.clusters.finding import Finding

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
