"""heuristic_flags, token_ledger, failed_calls and text_sizes: what was waste, and what it cost."""

from collections.abc import Iterator

import dagster as dg
from dagster_duckdb import DuckDBResource

from waste_assets.assets.described import OWNERS, Figures, day_figures, table_metadata
from waste_assets.assets.gates import TURNS, after
from waste_assets.detectors import flags
from waste_assets.lake.tables import (
    CONTEXT_BLOCKS,
    FAILED_CALLS,
    FLAG_TABLES,
    HEURISTIC_FLAGS,
    PARSED_TURNS,
    TEXT_SIZES,
    TOKEN_LEDGER,
    TOOL_CALLS,
    Table,
)
from waste_assets.partitions import around, backfills, daily, days_of
from waste_assets.progress import Task
from waste_assets.redaction.errors import quotes_no_secret
from waste_assets.resources.data_root import DataRoot
from waste_assets.resources.workers import Workers


def _spec(table: Table) -> dg.AssetSpec:
    return dg.AssetSpec(
        table.name,
        description=table.description,
        deps=[
            *(
                dg.AssetDep(upstream.name, partition_mapping=around)
                for upstream in (PARSED_TURNS, TOOL_CALLS, CONTEXT_BLOCKS)
            ),
            *after(TURNS),
        ],
        group_name="waste",
        kinds={"python", "parquet"},
        owners=OWNERS,
        code_version=flags.rules(),
        metadata=table_metadata(table),
    )


@dg.multi_asset(
    name="heuristic_flags",
    specs=[_spec(table) for table in FLAG_TABLES],
    partitions_def=daily,
    backfill_policy=backfills,
)
@quotes_no_secret
def heuristic_flags(
    context: dg.AssetExecutionContext,
    data_root: DataRoot,
    duckdb: DuckDBResource,
    workers: Workers,
) -> Iterator[dg.MaterializeResult[None]]:
    """Look through the sessions of these days, and give every token an owner."""
    lake, days = data_root.lake, days_of(context.partition_keys)
    flags.build(
        lake,
        days,
        data_root.detector_settings,
        workers.processes,
        watch=lambda label, total: Task(label, total).advance,
    )
    with duckdb.get_connection() as con:
        told = {figures.table: day_figures(con, lake, days, figures) for figures in _FIGURES}
    for table in FLAG_TABLES:
        for day, figures in told[table].items():
            context.add_asset_metadata(figures, asset_key=table.name, partition_key=day.isoformat())
        yield dg.MaterializeResult(asset_key=table.name)


_FIGURES = (
    Figures(
        HEURISTIC_FLAGS,
        """
        SELECT
            day,
            count(*) AS "dagster/partition_row_count",
            count(*) AS flags,
            count(*) FILTER (tier = 'candidate') AS candidates,
            round(coalesce(sum(usd_owned) FILTER (tier <> 'candidate'), 0), 6) AS wasted_usd_low
        FROM {source}
        GROUP BY day
        """,
        """
        SELECT
            day, category, rule, tier, count(*) AS flags, round(sum(usd_direct), 4) AS usd_direct,
            round(sum(usd_avoidable), 4) AS usd_avoidable
        FROM {source}
        GROUP BY ALL
        ORDER BY day, usd_direct DESC, category, rule, tier
        """,
    ),
    Figures(
        TOKEN_LEDGER,
        """
        SELECT
            day,
            count(*) AS "dagster/partition_row_count",
            round(coalesce(sum(usd), 0), 6) AS usd,
            round(coalesce(sum(usd - usd_candidate) FILTER (category <> 'productive'), 0), 6)
                AS wasted_usd,
            round(coalesce(
                sum(usd - usd_candidate) FILTER (category <> 'productive') / nullif(sum(usd), 0), 0
            ), 6) AS wasted_share
        FROM {source}
        GROUP BY day
        """,
        """
        SELECT
            day, category, count(*) AS responses, round(sum(usd), 4) AS usd,
            round(sum(usd_candidate), 4) AS usd_candidate,
            round(sum(usd_avoidable), 4) AS usd_avoidable
        FROM {source}
        GROUP BY day, category
        ORDER BY day, usd DESC NULLS LAST, category
        """,
    ),
    Figures(
        FAILED_CALLS,
        """
        SELECT
            day,
            count(*) AS "dagster/partition_row_count",
            count(*) FILTER (fault = 'feedback') AS feedback,
            count(*) FILTER (fault <> 'feedback') AS failures,
            count(*) FILTER (cause_rule IS NULL) AS of_unknown_cause,
            round(sum(usd), 6) AS usd
        FROM {source}
        GROUP BY day
        """,
        """
        SELECT day, cause, fault, count(*) AS calls, round(sum(usd), 4) AS usd
        FROM {source}
        GROUP BY day, cause, fault
        ORDER BY day, calls DESC, cause, fault
        """,
    ),
    Figures(
        TEXT_SIZES,
        """
        SELECT
            day,
            count(*) AS "dagster/partition_row_count",
            sum(all_tokens)::BIGINT AS tokens,
            sum(blocks)::BIGINT AS measured_blocks
        FROM {source}
        GROUP BY day
        """,
        """
        SELECT
            day, model, text_kind, sum(blocks)::BIGINT AS blocks,
            round(sum(tokens) / nullif(sum(chars), 0), 4) AS tokens_per_char
        FROM {source}
        GROUP BY day, model, text_kind
        ORDER BY day, blocks DESC, model, text_kind
        """,
    ),
)
