"""The tables `remedies` and `remedy_tracking`, from rows of the mart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import duckdb

from waste_assets.clusters.applied import Applied
from waste_assets.clusters.finding import Finding
from waste_assets.clusters.remedies.catalogue import catalogue
from waste_assets.clusters.remedies.ranking import (
    Addressed,
    Basis,
    ProjectFacts,
    Ranked,
    led_to,
    ranked,
)
from waste_assets.clusters.remedies.rules import HOUR_CACHE
from waste_assets.clusters.tracking import Span, Tracked, track

Rows = list[dict[str, Any]]


def remedies(
    con: duckdb.DuckDBPyConnection, applied: Sequence[Applied], *, names: bool
) -> tuple[Rows, Rows]:
    """The rows of `remedies` and of `remedy_tracking`.

    `names`: what only one project has may be named.
    """
    basis = _basis(con, names=names)
    told = ranked(_addressed(con, basis), basis)
    tracked = _tracked(con, applied) if applied else []
    by_remedy: dict[str, list[Tracked]] = defaultdict(list)
    for one in tracked:
        by_remedy[one.applied.remedy_id].append(one)
    return (
        [_remedy_row(rank, one, by_remedy[one.remedy_id]) for rank, one in enumerate(told, 1)],
        [_tracking_row(one) for one in tracked],
    )


def _addressed(con: duckdb.DuckDBPyConnection, basis: Basis) -> list[Addressed]:
    """What each remedy addresses."""
    _led(con, basis)
    known = catalogue()
    dearest = {one.flag_id: one for one in _dearest(con)}
    groups = {
        remedy_id: Addressed(known[remedy_id], dearest[flag_id], *sums)
        for remedy_id, flag_id, *sums in con.execute(_ADDRESSED).fetchall()
    }
    for remedy_id, project, usd in con.execute(_BY_PROJECT).fetchall():
        groups[remedy_id].projects[project] = usd
    for remedy_id, word, *told in con.execute(_BY_WORD).fetchall():
        groups[remedy_id].names.add(word, *told)
    return list(groups.values())


def _led(con: duckdb.DuckDBPyConnection, basis: Basis) -> None:
    """Make `led`: the findings, each with the remedy that it leads to now."""
    (saved,) = _row(con, f"{_SAVED} WHERE remedy_id = '{HOUR_CACHE.id}'")
    instead = "".join(
        f" WHEN '{one}' THEN '{other}'"
        for one, other in led_to(saved, basis.hour_cache_usd).items()
    )
    remedy = f"CASE remedy_id{instead} ELSE remedy_id END" if instead else "remedy_id"
    con.execute(f"CREATE TEMP VIEW led AS SELECT * REPLACE ({remedy} AS remedy_id) FROM findings")


def _dearest(con: duckdb.DuckDBPyConnection) -> list[Finding]:
    """Of each remedy the finding to look at first."""
    columns = ", ".join(field.name for field in fields(Finding))
    return [Finding(*row) for row in con.execute(f"SELECT {columns} FROM ({_DEAREST})").fetchall()]


# Sums of decimals: they are the same in whatever order.
_SUM = "coalesce(sum({}::DECIMAL(38, 15)){}, 0)::DOUBLE"
_SURE, _MAYBE = " FILTER (NOT is_candidate)", " FILTER (is_candidate)"
_SAVED = f"SELECT {_SUM.format('usd_low', _SURE)} FROM findings"
# Sure amounts before those of candidates; of equal ones the last id.
_FIRST = "arg_max({what}, (NOT is_candidate, usd_high, flag_id))"
_ADDRESSED = f"""
SELECT
    remedy_id,
    {_FIRST.format(what="flag_id")} AS dearest,
    count(*){_SURE},
    count(*){_MAYBE},
    count(DISTINCT session_id),
    min(day),
    max(day),
    {_SUM.format("usd_low", _SURE)},
    {_SUM.format("usd_high", _SURE)},
    {_SUM.format("usd_low", _MAYBE)}
FROM led
GROUP BY remedy_id
ORDER BY remedy_id
"""
_BY_PROJECT = f"""
SELECT remedy_id, project, {_SUM.format("usd_high", "")} FROM led GROUP BY remedy_id, project
ORDER BY ALL
"""
# No project is one, too.
_BY_WORD = f"""
SELECT
    remedy_id, word, {_SUM.format("usd_high", "")}, count(*),
    count(DISTINCT project) + max((project IS NULL)::INTEGER)
FROM led
WHERE word IS NOT NULL
GROUP BY remedy_id, word
ORDER BY remedy_id, word
"""
_DEAREST = f"""
SELECT
    f.* EXCLUDE (tier), n.cluster_id, n.is_candidate, n.usd_low, n.usd_high
FROM (
    SELECT {_FIRST.format(what="day")} AS day, {_FIRST.format(what="flag_id")} AS flag_id
    FROM led
    GROUP BY remedy_id
)
JOIN findings AS n USING (day, flag_id)
JOIN flags AS f USING (day, flag_id)
"""


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
    counted = con.execute(_COUNTED, [sorted(wanted)]).fetchall()
    for remedy_id, is_candidate, session_id, count, usd in counted:
        (candidates if is_candidate else sure)[remedy_id][session_id] = count, usd
    spans = [Span(*row) for row in con.execute("FROM session_spans").fetchall()]
    return [track(one, spans, sure[one.remedy_id] or candidates[one.remedy_id]) for one in applied]


_COUNTED = f"""
SELECT remedy_id, is_candidate, session_id, count(*), {_SUM.format("usd_high", "")}
FROM findings
WHERE remedy_id IN (SELECT unnest($1::VARCHAR[]))
GROUP BY remedy_id, is_candidate, session_id
"""


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
