"""failure_clusters and cluster_summaries: which problem each failed call is an occurrence of."""

from collections.abc import Iterator

import dagster as dg
from dagster_duckdb import DuckDBResource

from waste_assets.assets.described import OWNERS, Figures, day_figures, table_metadata
from waste_assets.clusters import stage
from waste_assets.clusters.migration import migrate
from waste_assets.clusters.registry import Registry
from waste_assets.lake.tables import (
    CLUSTER_SUMMARIES,
    CLUSTER_TABLES,
    FAILED_CALLS,
    FAILURE_CLUSTERS,
    HEURISTIC_FLAGS,
    TOKEN_LEDGER,
    TOOL_CALLS,
    Table,
)
from waste_assets.partitions import backfills, daily, days_of
from waste_assets.progress import Task
from waste_assets.redaction.errors import quotes_no_secret
from waste_assets.resources.data_root import DataRoot
from waste_assets.resources.workers import Workers


def _spec(table: Table) -> dg.AssetSpec:
    return dg.AssetSpec(
        table.name,
        description=table.description,
        deps=[one.name for one in (FAILED_CALLS, HEURISTIC_FLAGS, TOKEN_LEDGER, TOOL_CALLS)],
        group_name="clusters",
        kinds={"python", "parquet"},
        owners=OWNERS,
        code_version=stage.rules(),
        metadata=table_metadata(table),
    )


@dg.multi_asset(
    name="cluster_summaries",
    specs=[_spec(table) for table in CLUSTER_TABLES],
    partitions_def=daily,
    backfill_policy=backfills,
)
@quotes_no_secret
def cluster_summaries(
    context: dg.AssetExecutionContext,
    data_root: DataRoot,
    duckdb: DuckDBResource,
    workers: Workers,
) -> Iterator[dg.MaterializeResult[None]]:
    """Find to which problem each failed call of these days belongs, and sum up."""
    lake, days = data_root.lake, days_of(context.partition_keys)
    state = data_root.state()
    try:
        # Before any day is written by other rules than those that the ids are known by.
        migrate(lake, Registry(state))
    finally:
        state.close()
    stage.build(
        lake, days, workers.processes, watch=lambda label, total: Task(label, total).advance
    )
    with duckdb.get_connection() as con:
        told = {figures.table: day_figures(con, lake, days, figures) for figures in _FIGURES}
    for table in CLUSTER_TABLES:
        for day, figures in told[table].items():
            context.add_asset_metadata(figures, asset_key=table.name, partition_key=day.isoformat())
        yield dg.MaterializeResult(asset_key=table.name)


_FIGURES = (
    Figures(
        FAILURE_CLUSTERS,
        """
        SELECT
            day,
            count(*) AS "dagster/partition_row_count",
            count(DISTINCT cluster_id) AS clusters,
            count(DISTINCT fingerprint_id) AS messages,
            round(coalesce(sum(usd), 0), 6) AS usd
        FROM {source}
        GROUP BY day
        """,
        """
        SELECT day, template, count(*) AS calls, count(DISTINCT session_id) AS sessions
        FROM {source}
        GROUP BY day, template
        ORDER BY day, calls DESC, template
        """,
    ),
    Figures(
        CLUSTER_SUMMARIES,
        """
        SELECT
            day,
            count(*) AS "dagster/partition_row_count",
            sum(occurrences)::BIGINT AS failed_calls,
            max(occurrences) AS largest,
            round(coalesce(sum(usd_direct), 0), 6) AS wasted_usd_low,
            round(coalesce(sum(usd_avoidable), 0), 6) AS wasted_usd_high
        FROM {source}
        GROUP BY day
        """,
        """
        SELECT day, title, fault, occurrences, sessions, round(usd, 4) AS usd
        FROM {source}
        ORDER BY day, occurrences DESC, cluster_id
        """,
    ),
)
