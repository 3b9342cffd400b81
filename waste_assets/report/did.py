"""What a response did, in a line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from waste_assets.report.shown import inert, shortened


def did(calls: Sequence[dict[str, Any]], chars: int) -> str:
    """The first of its calls with what it was about, and how many more; '' where it called none."""
    if not calls:
        return ""
    first = calls[0]
    told = f"{inert(first['tool'])} {_fitting(inert(first['target'] or ''), chars)}".strip()
    failed = sum(call["outcome"] == "error" for call in calls)
    more = [
        *([f"and {len(calls) - 1} more"] if len(calls) > 1 else []),
        *([f"{failed} failed" if len(calls) > 1 else "failed"] if failed else []),
    ]
    return told + (f" ({', '.join(more)})" if more else "")


def _fitting(text: str, chars: int) -> str:
    """What fits of a target: of a path its end, which says more than the beginning."""
    if len(text) <= chars:
        return text
    is_path = " " not in text and ("/" in text or "\\" in text)
    return "…" + text[1 - chars :] if is_path else shortened(text, chars)
