"""The clusters of a lake as people ask for them: now or as of a day, their parts, likely twins."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from importlib.resources import files
from math import sqrt

import duckdb

from waste_assets.clusters.catalogue import grams
from waste_assets.clusters.registry import Alias, ClusterFault
from waste_assets.clusters.shown import shown
from waste_assets.lake.cluster_names import Title
from waste_assets.lake.lake import Lake
from waste_assets.lake.state import State
from waste_assets.lake.tables import FAILURE_CLUSTERS

#: Templates at least so alike are proposed to be one problem,
ALIKE = 0.6
_SAYS_NOTHING = re.compile(r"(exit code -?\d+|<\w+>|\W)*")
#: among so many of the largest clusters.
COMPARED = 1_000


@dataclass(frozen=True)
class Listed:
    """A cluster."""

    cluster_id: str
    title: str
    template: str
    cause: str
    fault: str
    occurrences: int
    sessions: int
    projects: int
    first_day: date
    last_day: date
    #: USD.
    usd: float
    #: Who has given the title; without a name the rules have.
    title_by: str = "automatic"


@dataclass(frozen=True)
class Part:
    """A message of a cluster."""

    cluster_id: str
    fingerprint_id: str
    template: str
    occurrences: int


@dataclass(frozen=True)
class Proposal:
    """Two clusters that may be one problem."""

    from_id: str
    to_id: str
    similarity: float
    from_template: str
    to_template: str
    from_occurrences: int
    to_occurrences: int


def listed(
    lake: Lake,
    state: State,
    as_of: date | None = None,
    titles: Mapping[str, Title] | None = None,
) -> list[Listed]:
    """The clusters, most frequent first; `as_of`: with the days and the decisions up to a day.

    `titles` of clusters take the place of those made from the rules.
    """
    with _opened(lake, state, as_of) as con:
        query = files("waste_assets.clusters").joinpath("listing.sql").read_text("utf-8")
        found = [Listed(*row) for row in con.execute(query).fetchall()]
    called = titles or {}
    return [
        replace(one, title=called[one.cluster_id].title, title_by=called[one.cluster_id].by)
        if one.cluster_id in called
        else one
        for one in found
    ]


def parts(lake: Lake, state: State, cluster_id: str, as_of: date | None = None) -> list[Part]:
    """The messages of a cluster, by the clusters that they were first in.

    Raises:
        ClusterFault: there is no such cluster.
    """
    with _opened(lake, state, as_of) as con:
        rows = con.execute(
            """
            SELECT own_id, fingerprint_id, template, count(*) AS occurrences
            FROM calls
            WHERE cluster_id = $cluster
            GROUP BY ALL
            ORDER BY occurrences DESC, own_id, fingerprint_id
            """,
            {"cluster": cluster_id},
        ).fetchall()
    if not rows:
        raise ClusterFault(
            f"There is no cluster {cluster_id} here: `waste-assets clusters list` shows them."
        )
    return [Part(*row) for row in rows]


def proposals(found: Sequence[Listed]) -> list[Proposal]:
    """Pairs of alike messages with one fault, the most alike first; nothing is applied."""
    # What says nothing is like everything that says nothing.
    largest = [one for one in found[:COMPARED] if not _SAYS_NOTHING.fullmatch(one.template)]
    index: dict[str, list[tuple[int, float]]] = defaultdict(list)
    pairs: list[Proposal] = []
    for number, one in enumerate(largest):
        counted = grams(one.template)
        length = sqrt(sum(count * count for count in counted.values()))
        near: dict[int, float] = defaultdict(float)
        for gram, count in counted.items():
            for other, weight in index[gram]:
                near[other] += weight * count / length
            index[gram].append((number, count / length))
        for other, similarity in near.items():
            larger = largest[other]
            if similarity >= ALIKE and larger.fault == one.fault:
                pairs.append(_proposal(one, larger, similarity))
    return sorted(pairs, key=lambda p: (-p.similarity, -p.from_occurrences, p.from_id, p.to_id))


def _proposal(one: Listed, larger: Listed, similarity: float) -> Proposal:
    return Proposal(
        one.cluster_id,
        larger.cluster_id,
        round(similarity, 3),
        one.template,
        larger.template,
        one.occurrences,
        larger.occurrences,
    )


def _opened(lake: Lake, state: State, as_of: date | None) -> duckdb.DuckDBPyConnection:
    """A database with the clustered calls, under the clusters that they are shown under."""
    con = duckdb.connect(":memory:", config={"threads": 1, "memory_limit": "384MB"})
    con.execute("CREATE TABLE names (cluster_id VARCHAR, fingerprint_id VARCHAR, shown_id VARCHAR)")
    if found := shown(lake, state, as_of):
        rows = [(*pair, to) for pair, to in sorted(found.items())]
        con.executemany("INSERT INTO names VALUES (?, ?, ?)", rows)
    days = [day for day in lake.days(FAILURE_CLUSTERS) if as_of is None or day <= as_of]
    source = "read_parquet($parts, hive_partitioning = true, hive_types = {'day': DATE})"
    parts = lake.parts(FAILURE_CLUSTERS, days)
    if not parts:
        con.register("nothing", lake.read(FAILURE_CLUSTERS, []))
        source = "nothing"
    con.execute(
        f"""
        CREATE TABLE calls AS
        SELECT
            coalesce(n.shown_id, f.cluster_id) AS cluster_id, f.cluster_id AS own_id,
            fingerprint_id, title, template, cause, fault, session_id, project, day, usd
        FROM {source} AS f
        LEFT JOIN names AS n USING (cluster_id, fingerprint_id)
        """,
        {"parts": parts} if parts else {},
    )
    return con


def render(found: Sequence[Listed]) -> str:
    """The clusters as lines of text."""
    lines = [f"{'cluster':<19} {'calls':>6} {'sessions':>8} {'USD':>9}  last seen   what"]
    lines += [
        f"{one.cluster_id:<19} {one.occurrences:>6,} {one.sessions:>8,} {one.usd:>9,.2f}  "
        f"{one.last_day}  {one.title}"
        for one in found
    ]
    return "\n".join(lines)


def render_parts(found: Sequence[Part]) -> str:
    """The messages as lines of text."""
    lines = [f"{'message':<19} {'of cluster':<19} {'calls':>6}  what it says"]
    lines += [
        f"{one.fingerprint_id:<19} {one.cluster_id:<19} {one.occurrences:>6,}  {one.template}"
        for one in found
    ]
    return "\n".join(lines)


def render_proposals(found: Sequence[Proposal]) -> str:
    """The pairs as lines of text, each with what to type."""
    lines = []
    for one in found:
        lines += [
            f'waste-assets clusters merge {one.from_id} {one.to_id} --why "..."   '
            f"alike {one.similarity:.2f}",
            f"    {one.from_occurrences:>6,}  {one.from_template}",
            f"    {one.to_occurrences:>6,}  {one.to_template}",
        ]
    return "\n".join(lines) or "No two clusters are alike."


def render_history(found: Sequence[Alias]) -> str:
    """The decisions as lines of text."""
    return "\n".join(
        f"{one.at[:19]}  {one.kind:<5}  {one.from_id} -> {one.to_id}  "
        f"{' '.join((*one.members, f'[{one.decided_by}]'))}  {one.why}"
        for one in found
    )
