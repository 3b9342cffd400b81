"""Under which cluster each failure of the lake is shown, after what was decided."""

from __future__ import annotations

from datetime import date

import duckdb

from waste_assets.clusters.registry import Pair, Registry, resolve
from waste_assets.clusters.titles import questions, titles
from waste_assets.labels.labelling import Labelling
from waste_assets.lake.cluster_names import ClusterNames, Title
from waste_assets.lake.lake import Lake
from waste_assets.lake.state import State
from waste_assets.lake.tables import FAILURE_CLUSTERS


def pairs(lake: Lake) -> list[Pair]:
    """The clusters of the lake with the fingerprints that they hold."""
    parts = lake.parts(FAILURE_CLUSTERS)
    if not parts:
        return []
    with duckdb.connect(":memory:", config={"threads": 1, "memory_limit": "256MB"}) as con:
        return con.execute(
            "SELECT DISTINCT cluster_id, fingerprint_id FROM read_parquet($parts) ORDER BY ALL",
            {"parts": parts},
        ).fetchall()


def shown(lake: Lake, state: State, as_of: date | None = None) -> dict[Pair, str]:
    """Under which cluster failures are shown, where it is another than their own.

    Of now, or as it was known at the end of a day (UTC).
    """
    aliases = Registry(state).aliases(as_of)
    # Most lakes have none, and then nothing has to be read.
    public = resolve(aliases, pairs(lake)) if aliases else {}
    return {pair: to for pair, to in public.items() if to != pair[0]}


def names(
    lake: Lake, state: State, labelling: Labelling | None = None, *, show_examples: bool = False
) -> ClusterNames:
    """What the publication is told; clusters are called as `labelling` has called them."""
    found = shown(lake, state)
    called: dict[str, Title] = {}
    # Most lakes have no answer, either.
    if labelling is not None and labelling.answers.version():
        called = titles(questions(lake, found, show_examples=show_examples), labelling)
    return ClusterNames(found, called, show_examples)
