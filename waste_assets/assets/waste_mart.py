"""waste_mart: the BI database, published whole."""

from datetime import UTC, datetime

import dagster as dg
import duckdb

from waste_assets.assets.described import OWNERS, column_schema, records, small_table
from waste_assets.lake.tables import (
    CLUSTER_TABLES,
    FLAG_TABLES,
    LABEL_TABLES,
    PARSED_TURNS,
    QUARANTINED_LINES,
)
from waste_assets.mart.beside import beside
from waste_assets.mart.publish import publish
from waste_assets.mart.tables import DAILY_USAGE, MART_TABLES
from waste_assets.partitions import PUBLISH_POOL, is_sliced
from waste_assets.redaction.errors import quotes_no_secret
from waste_assets.resources.data_root import DataRoot
from waste_assets.resources.haiku import Haiku
from waste_assets.resources.workers import Workers
from waste_assets.team.stages import await_others

_WASTE = tuple(table.name for table in (*FLAG_TABLES, *LABEL_TABLES, *CLUSTER_TABLES))


@dg.asset(
    description="The BI database: "
    + "; ".join(f"`{table.name}`: {table.description[:-1]}" for table in MART_TABLES)
    + ". Built from all days and put in place at once.",
    deps=[
        dg.AssetDep(name, partition_mapping=dg.AllPartitionMapping())
        for name in (PARSED_TURNS.name, QUARANTINED_LINES.name, *_WASTE)
    ],
    group_name="publish",
    pool=PUBLISH_POOL,
    kinds={"duckdb"},
    owners=OWNERS,
    code_version="1",
    metadata={"dagster/column_schema": column_schema(DAILY_USAGE)},
)
@quotes_no_secret
def waste_mart(
    context: dg.AssetExecutionContext, data_root: DataRoot, haiku: Haiku, workers: Workers
) -> dg.MaterializeResult[None]:
    """Publish `bi/waste.duckdb` and its Parquet twins."""
    if is_sliced:
        await_others(context.instance, context.run)
    # The database needs memory, and nobody needs them any more.
    workers.processes.rest()
    lake, state = data_root.lake, data_root.state()
    try:
        with data_root.labelling(haiku) as labelling:
            known = beside(
                lake,
                state,
                labelling,
                names=data_root.names,
                show_examples=data_root.show_examples,
            )
    finally:
        state.close()
    publish(lake, data_root.bi, data_root.calendar.day_at(datetime.now(UTC)), known)
    with duckdb.connect(str(data_root.bi / "waste.duckdb"), read_only=True) as con:
        (totals,) = records(con.execute(_TOTALS))
        (wasted,) = records(con.execute(_WASTED))
        categories = records(con.execute(_CATEGORIES))
        months = records(con.execute(_MONTHS))
        remedies = records(con.execute(_REMEDIES))
    return dg.MaterializeResult(
        metadata={
            **{name: value for name, value in (totals | wasted).items() if value is not None},
            "categories": small_table(categories),
            "months": small_table(months),
            "remedies": small_table(remedies),
            "path": dg.MetadataValue.path(str(data_root.bi / "waste.duckdb")),
        }
    )


_TOTALS = """
SELECT
    count(*) AS "dagster/row_count",
    count(DISTINCT day) AS days,
    sum(responses)::BIGINT AS responses,
    sum(input_tokens + write_5m_tokens + write_1h_tokens + read_tokens + output_tokens)::BIGINT
        AS tokens,
    round(sum(usd), 6) AS usd,
    sum(unpriced_responses)::BIGINT AS unpriced_responses,
    sum(lower_bound_responses)::BIGINT AS lower_bound_responses
FROM daily_usage
"""
_WASTED = """
SELECT
    round(sum(usd_direct), 6) AS wasted_usd_low,
    round(sum(usd_avoidable), 6) AS wasted_usd_high,
    round(sum(usd_candidate), 6) AS candidates_usd
FROM daily_waste
WHERE category <> 'productive'
"""
_CATEGORIES = """
SELECT
    category, sum(responses)::BIGINT AS responses, round(sum(usd_direct), 4) AS usd_direct,
    round(sum(usd_avoidable), 4) AS usd_avoidable, round(sum(usd_candidate), 4) AS usd_candidate
FROM daily_waste
GROUP BY category
ORDER BY usd_avoidable DESC NULLS LAST, category
"""
_REMEDIES = """
SELECT
    rank, remedy_id, what, place, change, status, round(usd_month_low, 2) AS usd_month_low,
    round(usd_month_high, 2) AS usd_month_high
FROM remedies
ORDER BY rank
LIMIT 10
"""
_MONTHS = """
SELECT
    strftime(day, '%Y-%m') AS month, sum(responses)::BIGINT AS responses,
    sum(output_tokens)::BIGINT AS output_tokens, round(sum(usd), 2) AS usd
FROM daily_usage
GROUP BY month
ORDER BY month DESC
LIMIT 12
"""
