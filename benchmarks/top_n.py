"""What an audit of the dearest sessions alone would have missed.

For each cause, cluster of failures and rule of waste: how often it happens in the N dearest
sessions, in all of them, and as a sample of any size tells, with its 95 % interval. `times` is the
rate among all sessions over the rate among the dearest: far above 1 is what such an audit is blind
to. Counts over unlike numbers of sessions are not to be compared; rates are.

Clusters are told by their titles, as the rules make them: merges and splits do not count here.

The estimator is that of waste_assets/clusters/estimates.py: sessions in fifths by cost, drawn in
proportion, expansion estimator with finite population correction (Cochran 1977).
"""

from __future__ import annotations

import argparse
import sys
from importlib.resources import files
from pathlib import Path

import duckdb

from waste_assets.clusters.estimates import TOP_N, Estimate, Frequency
from waste_assets.lake.lake import Lake
from waste_assets.lake.tables import FAILED_CALLS, FAILURE_CLUSTERS
from waste_assets.mart.estimates import KINDS, counted, design


def measured(data_root: Path, top_n: int, sample: int, seed: int) -> dict[str, list[Frequency]]:
    """The frequencies of each kind in an audited data root."""
    lake = Lake(data_root / "lake")
    with duckdb.connect(":memory:") as con:
        con.execute(f"ATTACH '{data_root / 'bi' / 'waste.duckdb'}' AS bi (READ_ONLY)")
        for table in ("session_usage", "flags"):
            con.execute(f"CREATE VIEW {table} AS FROM bi.{table}")
        for view, columns, table in (
            ("failed", "*, 1 AS calls", FAILED_CALLS),
            ("clustered", "session_id, title AS cluster_id", FAILURE_CLUSTERS),
        ):
            parts = ", ".join(f"'{part}'" for part in lake.parts(table))
            con.execute(f"CREATE VIEW {view} AS SELECT {columns} FROM read_parquet([{parts}])")
        con.execute(files("waste_assets.mart").joinpath("occurrences.sql").read_text("utf-8"))
        drawn = design(con, top_n, sample, seed)
        return {kind: counted(con, kind, drawn) for kind in KINDS}


def row(one: Frequency) -> str:
    """A line of the table."""
    times = f"{one.rate / one.top_rate:.1f}" if one.top_occurrences else "missed"
    return (
        f"{one.key:38}{one.top_occurrences:>7,}{one.top_affected:>7,}{one.top_rate:>8.3f}"
        f"{one.occurrences:>9,}{one.affected:>8,}{one.rate:>8.3f}{times:>8}"
        f"{interval(one.estimated_occurrences):>24}{interval(one.estimated_affected):>24}"
    )


def interval(told: Estimate) -> str:
    """An estimate with its ends."""
    return f"{told.value:,.0f} ({told.low:,.0f} to {told.high:,.0f})"


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data_root", type=Path, help="a data root that has been audited")
    parser.add_argument("--top", type=int, default=TOP_N, help="how many of the dearest sessions")
    parser.add_argument("--sample", type=int, default=TOP_N, help="how many sessions to sample")
    parser.add_argument("--seed", type=int, default=0, help="which sample")
    parser.add_argument("--kind", choices=KINDS, help="only these")
    given = parser.parse_args()
    if not (given.data_root / "bi" / "waste.duckdb").exists():
        print(f"{given.data_root} holds no account: run `waste-assets audit` first.")
        return 2
    found = measured(given.data_root, given.top, given.sample, given.seed)
    for kind, frequencies in found.items():
        if given.kind in (None, kind) and frequencies:
            first = frequencies[0]
            print(
                f"{kind} (dearest {first.top_sessions:,} of {first.sessions:,} sessions, sample of "
                f"{first.sample_sessions:,})"
            )
            print(
                f"{'':38}{'top n':>7}{'sess.':>7}{'rate':>8}{'all':>9}{'sess.':>8}{'rate':>8}"
                f"{'times':>8}{'estimate':>24}{'sessions':>24}"
            )
            print("\n".join(row(one) for one in frequencies), end="\n\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
