"""The table `cluster_estimates`, from rows of the mart."""

from __future__ import annotations

from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from waste_assets.clusters import estimates
from waste_assets.clusters.estimates import Design, Estimate, Frequency

#: Kinds of keys that are counted; see occurrences.sql.
KINDS = ("cause", "cluster", "rule")


def cluster_estimates(con: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """The rows of `cluster_estimates`; a sample has as many sessions as the top."""
    drawn = design(con, estimates.TOP_N, estimates.TOP_N)
    return [estimate_row(kind, one) for kind in KINDS for one in counted(con, kind, drawn)]


def design(con: duckdb.DuckDBPyConnection, top_n: int, sample: int, seed: int = 0) -> Design:
    """Which sessions are the dearest, and which are drawn; reads `session_usage`."""
    costs = con.execute("SELECT session_id, coalesce(usd, 0) FROM session_usage").fetchall()
    return Design.of(dict(costs), top_n, sample, seed)


def counted(con: duckdb.DuckDBPyConnection, kind: str, drawn: Design) -> list[Frequency]:
    """How often each thing of a kind happened, the most frequent first; reads `occurrences`."""
    names = pa.array(drawn.sessions, pa.string())
    con.register("places", pa.table({"session_id": names, "place": np.arange(len(names))}))
    happened = con.sql(_HAPPENED, params=[kind]).to_arrow_table()
    con.unregister("places")
    found: list[tuple[str, npt.NDArray[np.int64], npt.NDArray[np.int64]]] = []
    for part in happened.to_batches():
        place, times = (field.to_numpy() for field in part["sessions"].flatten().flatten())
        ends = (part["sessions"].offsets.to_numpy() - part["sessions"].offsets[0].as_py())[1:-1]
        columns = np.split(place, ends), np.split(times, ends)
        found += zip(part["key"].to_pylist(), *columns, strict=True)
    return estimates.counted(drawn, found)


_HAPPENED = """
SELECT key, list({'place': place, 'times': times}) AS sessions
FROM (
    SELECT key, place, sum(times)::BIGINT AS times
    FROM occurrences
    JOIN places USING (session_id)
    WHERE kind = $1
    GROUP BY key, place
)
GROUP BY key
ORDER BY key
"""


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
