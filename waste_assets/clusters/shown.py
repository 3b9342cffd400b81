"""Under which cluster each failure of the lake is shown, after what was decided."""

from __future__ import annotations

from datetime import date

import duckdb

from waste_assets.clusters.registry import Pair, Registry, resolve
from waste_assets.lake.cluster_names import ClusterNames
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


def names(
    lake: Lake, state: State, *, show_examples: bool = False, as_of: date | None = None
) -> ClusterNames:
    """What the publication is told: of now, or as it was known at the end of a day (UTC)."""
    aliases = Registry(state).aliases(as_of)
    # Most lakes have none, and then nothing has to be read.
    public = resolve(aliases, pairs(lake)) if aliases else {}
    shown = {pair: to for pair, to in public.items() if to != pair[0]}
    return ClusterNames(shown, show_examples=show_examples)
