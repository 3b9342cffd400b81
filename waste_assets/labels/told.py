"""What asking and picking up did, and what was spent, in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from waste_assets.labels.asking import Asked, Collected
from waste_assets.labels.spend import Figures


def asked_lines(asked: Asked) -> Iterator[str]:
    """What an asking did."""
    yield (
        f"{asked.questions:,} questions: {asked.cached:,} answered before, {asked.in_flight:,} "
        f"under way, {asked.submitted:,} sent in batches, {asked.direct:,} asked at once, "
        f"{asked.deferred:,} left out for lack of money, {asked.unsent + asked.withheld:,} not "
        "sent."
    )
    if asked.submitted or asked.direct:
        yield f"At the most ${asked.reserved_usd:.4f}; the budget has ${asked.left_usd:.4f} left."
    if asked.submitted:
        yield "Pick the answers up with `waste-assets labels collect`, in minutes or in days."
    if asked.synthetic:
        yield "Asked of this machine, not of the provider: the answers are worth nothing."


def collected_lines(collected: Collected) -> Iterator[str]:
    """What picking up did."""
    outcomes = ", ".join(f"{n:,} {outcome}" for outcome, n in sorted(collected.outcomes.items()))
    yield (
        f"{collected.batches:,} batches picked up ({outcomes or 'nothing new'}), "
        f"{collected.waiting:,} at work. Spent: ${collected.usd:.4f}."
    )
    if collected.found_again:
        yield f"{collected.found_again:,} batches whose response was lost are found again."
    if collected.never_arrived:
        yield f"{collected.never_arrived:,} sendings never arrived: their questions are open again."
    if collected.elsewhere:
        yield f"{collected.elsewhere:,} batches are at another address than this one."


def spend_lines(rows: list[tuple[dict[str, Any], Figures]]) -> Iterator[str]:
    """The ledger by month, task, model and tier."""
    head = ("month", "task", "model", "tier", "requests", "answered", "open", "USD", "at most USD")
    table = [
        (
            group["month"],
            group["task"],
            group["model"] + (" (made up)" if group["is_synthetic"] else ""),
            group["tier"],
            f"{figures.requests:,}",
            f"{figures.answered:,}",
            f"{figures.in_flight:,}",
            f"{figures.usd:.4f}",
            f"{figures.settled_reserved_usd + figures.open_usd:.4f}",
        )
        for group, figures in rows
    ]
    widths = [max(len(row[n]) for row in (head, *table)) for n in range(len(head))]
    for row in (head, *table):
        cells = [
            cell.ljust(width) if n < 4 else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()
