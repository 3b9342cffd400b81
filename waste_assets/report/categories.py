"""The nine owners of tokens in words, in the order in which the report stacks them."""

from __future__ import annotations

from dataclasses import dataclass

from waste_assets.detectors.registry import detectors


@dataclass(frozen=True, slots=True)
class Category:
    """One owner of tokens."""

    name: str
    #: 'outright', 'inefficient' or 'productive'.
    dimension: str
    title: str
    #: One sentence for somebody who has not read docs/waste.md.
    meaning: str


_WORDS = {
    "retry_error": ("Failed calls", "Calls that failed for no reason of the work, or again."),
    "file_reread": ("Re-reads", "What the context held already was fetched again, unchanged."),
    "dead_end": ("Dead ends", "Attempts on one goal that ended without success."),
    "cache_write": ("Cache rebuilds", "Prompts that had been cached were paid for again."),
    "cache_read": ("Bloated context", "Text carried through many prompts that did not need it."),
    "oververbose_edit": ("Too much said", "More written or fetched than the work needed."),
    "reasoning": ("Idle thinking", "Long thinking before a step that is mechanical."),
    "subagent_overhead": ("Subagents", "Cold starts, and reports that never came or say nothing."),
    "productive": ("Productive", "The rest: no rule found anything. It is no praise."),
}


def categories() -> list[Category]:
    """All nine: outright waste, inefficient use, and the rest."""
    dimensions = {one.category: one.dimension for one in detectors()}
    dimensions["productive"] = "productive"
    order = ("outright", "inefficient", "productive")
    known = [
        # A detector that nobody has found words for goes by its own name.
        Category(name, dimension, *_WORDS.get(name, (name.replace("_", " "), "")))
        for name, dimension in dimensions.items()
    ]
    places = {name: n for n, name in enumerate(_WORDS)}
    known.sort(key=lambda one: (order.index(one.dimension), places.get(one.name, 99), one.name))
    return known
