"""The tables `remedies`, `remedy_tracking` and `cluster_estimates`, from rows of the mart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any

import duckdb

from waste_assets.clusters import estimates
from waste_assets.clusters.applied import Applied
from waste_assets.clusters.estimates import Estimate, Frequency, frequencies
from waste_assets.clusters.finding import Finding
from waste_assets.clusters.remedies.catalogue import remedy_of
from waste_assets.clusters.remedies.ranking import Basis, ProjectFacts, Ranked, ranked
from waste_assets.clusters.tracking import Span, Tracked, track

#: Kinds of keys that are counted; see occurrences.sql.
KINDS = ("cause", "cluster", "rule")
Rows = list[dict[str, Any]]
_ROWS = 2_000


def remedies(
    con: duckdb.DuckDBPyConnection, applied: Sequence[Applied], *, names: bool
) -> tuple[Rows, Rows]:
    """The rows of `remedies` and of `remedy_tracking`.

    `names`: what only one project has may be named.
    """
    basis = _basis(con, names=names)
    told = ranked(_findings(con), basis)
    tracked = _tracked(con, applied) if applied else []
    by_remedy: dict[str, list[Tracked]] = defaultdict(list)
    for one in tracked:
        by_remedy[one.applied.remedy_id].append(one)
    return (
        [_remedy_row(rank, one, by_remedy[one.remedy_id]) for rank, one in enumerate(told, 1)],
        [_tracking_row(one) for one in tracked],
    )


def cluster_estimates(con: duckdb.DuckDBPyConnection) -> Rows:
    """The rows of `cluster_estimates`; a sample has as many sessions as the top."""
    return [
        estimate_row(kind, one)
        for kind in KINDS
        for one in counted(con, kind, estimates.TOP_N, estimates.TOP_N)
    ]


def counted(
    con: duckdb.DuckDBPyConnection, kind: str, top_n: int, sample: int, seed: int = 0
) -> list[Frequency]:
    """How often each thing of a kind happened, the most frequent first.

    Reads `session_usage` and `occurrences`.
    """
    costs = con.execute("SELECT session_id, coalesce(usd, 0) FROM session_usage").fetchall()
    happened = con.execute(
        "SELECT session_id, key, times FROM occurrences WHERE kind = $1 ORDER BY ALL", [kind]
    ).fetchall()
    return frequencies(dict(costs), happened, top_n, sample, seed)


def estimate_row(kind: str, one: Frequency) -> dict[str, Any]:
    """A frequency as a row."""
    return {
        "kind": kind,
        "cluster_id": one.key,
        "top_n": one.top_sessions,
        "top_occurrences": one.top_occurrences,
        "top_affected": one.top_affected,
        "top_rate": one.top_rate,
        "sessions": one.sessions,
        "occurrences": one.occurrences,
        "affected": one.affected,
        "rate": one.rate,
        "sample_sessions": one.sample_sessions,
        "sample_occurrences": one.sample_occurrences,
        "sample_affected": one.sample_affected,
        **_estimate("estimate", one.estimated_occurrences),
        **_estimate("affected_estimate", one.estimated_affected),
    }


def _estimate(name: str, told: Estimate) -> dict[str, float]:
    prefix = name.removesuffix("estimate")
    return {name: told.value, f"{prefix}low": told.low, f"{prefix}high": told.high}


def _findings(con: duckdb.DuckDBPyConnection) -> Iterator[Finding]:
    """The findings in order; the connection does nothing else until all are taken."""
    columns = ", ".join(field.name for field in fields(Finding))
    cursor = con.execute(f"SELECT {columns} FROM findings")
    while rows := cursor.fetchmany(_ROWS):
        yield from (Finding(*row) for row in rows)


def _basis(con: duckdb.DuckDBPyConnection, *, names: bool) -> Basis:
    (days,) = _row(con, "SELECT coalesce(max(day) - min(day) + 1, 0) FROM daily_usage")
    (hour_cache,) = _row(con, "SELECT usd FROM hour_cache")
    known: dict[str | None, dict[str, list[tuple[int, str]]]] = {}
    for project, kind, name, uses in con.execute("FROM project_facts").fetchall():
        known.setdefault(project, defaultdict(list))[kind].append((-uses, name))
    facts = {project: _facts(kinds) for project, kinds in known.items()}
    return Basis(days, facts, names, hour_cache)


def _facts(kinds: dict[str, list[tuple[int, str]]]) -> ProjectFacts:
    best = {kind: tuple(name for _, name in sorted(told)) for kind, told in kinds.items()}
    first = {kind: names[0] for kind, names in best.items()}
    return ProjectFacts(first.get("system"), first.get("manager"), best.get("folder", ()))


def _row(con: duckdb.DuckDBPyConnection, query: str) -> tuple[Any, ...]:
    row = con.execute(query).fetchone()
    assert row is not None
    return row


def _tracked(con: duckdb.DuckDBPyConnection, applied: Sequence[Applied]) -> list[Tracked]:
    """Each remedy that was applied, before against after.

    Of a remedy for candidates the candidates are counted, of any other what is sure.
    """
    wanted = {one.remedy_id for one in applied}
    sure: dict[str, dict[str, tuple[int, float]]] = {name: {} for name in wanted}
    candidates: dict[str, dict[str, tuple[int, float]]] = {name: {} for name in wanted}
    for finding in _findings(con):
        remedy_id = remedy_of(finding).id
        if remedy_id in wanted:
            kept = (candidates if finding.is_candidate else sure)[remedy_id]
            count, usd = kept.get(finding.session_id, (0, 0.0))
            kept[finding.session_id] = count + 1, usd + finding.usd_high
    spans = [Span(*row) for row in con.execute("FROM session_spans").fetchall()]
    return [track(one, spans, sure[one.remedy_id] or candidates[one.remedy_id]) for one in applied]


def _remedy_row(rank: int, one: Ranked, tracked: list[Tracked]) -> dict[str, Any]:
    row: dict[str, Any] = {field.name: getattr(one, field.name) for field in fields(Ranked)}
    applied = _whole(one, tracked)
    return {
        **row,
        "rank": rank,
        "kind": str(one.kind),
        "status": "open" if applied is None else str(applied.status),
        "applied_on": None if applied is None else applied.applied.on,
    }


def _whole(one: Ranked, tracked: list[Tracked]) -> Tracked | None:
    """What came of a remedy that was applied everywhere; None where it is still to be applied."""
    everywhere = [told for told in tracked if told.applied.project is None]
    if not everywhere and len(tracked) < one.projects:
        return None
    return max(everywhere or tracked, key=lambda told: told.applied.on, default=None)


def _tracking_row(one: Tracked) -> dict[str, Any]:
    row: dict[str, Any] = {
        "remedy_id": one.applied.remedy_id,
        "project": one.applied.project,
        "applied_on": one.applied.on,
        "withdrawn_on": one.applied.withdrawn_on,
        "status": str(one.status),
        "until": one.until,
        "sessions_before": one.sessions_before,
        "sessions_after": one.sessions_after,
        "affected_before": one.affected_before,
        "affected_after": one.affected_after,
    }
    for name, rate in (("occurrences", one.occurrences), ("usd", one.usd)):
        row |= {
            f"{name}_before": rate.before,
            f"{name}_after": rate.after,
            f"{name}_change": rate.change,
            f"{name}_change_low": rate.low,
            f"{name}_change_high": rate.high,
        }
    return row
