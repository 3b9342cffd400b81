"""parsed_turns, with tool_calls, context_blocks and quarantined_lines: what the lines say."""

from collections.abc import Iterator

import dagster as dg
from dagster_duckdb import DuckDBResource

from waste_assets.accounting import turns
from waste_assets.assets.described import OWNERS, Figures, day_figures, table_metadata
from waste_assets.assets.gates import ARCHIVE, after
from waste_assets.lake.tables import (
    CONTEXT_BLOCKS,
    LINE_COUNTS,
    PARSED_TURNS,
    QUARANTINED_LINES,
    RAW_SESSIONS,
    TOOL_CALLS,
    Table,
)
from waste_assets.partitions import around, backfills, daily, days_of
from waste_assets.progress import Task
from waste_assets.redaction.errors import quotes_no_secret
from waste_assets.resources.data_root import DataRoot
from waste_assets.resources.workers import Workers

TABLES = (PARSED_TURNS, TOOL_CALLS, CONTEXT_BLOCKS, QUARANTINED_LINES)


def _spec(table: Table) -> dg.AssetSpec:
    return dg.AssetSpec(
        table.name,
        description=table.description,
        deps=[dg.AssetDep(RAW_SESSIONS.name, partition_mapping=around), *after(ARCHIVE)],
        group_name="turns",
        kinds={"duckdb", "parquet"},
        owners=OWNERS,
        code_version=turns.RULES,
        metadata=table_metadata(table),
    )


@dg.multi_asset(
    name="parsed_turns",
    specs=[_spec(table) for table in TABLES],
    partitions_def=daily,
    backfill_policy=backfills,
)
@quotes_no_secret
def parsed_turns(
    context: dg.AssetExecutionContext,
    data_root: DataRoot,
    duckdb: DuckDBResource,
    workers: Workers,
) -> Iterator[dg.MaterializeResult[None]]:
    """Read the archived lines of these days and account for every billed token."""
    lake, days = data_root.lake, days_of(context.partition_keys)
    turns.build(
        lake,
        days,
        data_root.calendar,
        workers.processes,
        watch=lambda label, total: Task(label, total).advance,
    )
    with duckdb.get_connection() as con:
        told = {figures.table: day_figures(con, lake, days, figures) for figures in _FIGURES}
    for table in TABLES:
        for day, figures in told[table].items():
            context.add_asset_metadata(figures, asset_key=table.name, partition_key=day.isoformat())
        yield dg.MaterializeResult(asset_key=table.name)


_TURN_FIGURES = """
SELECT
    day,
    count(*) AS "dagster/partition_row_count",
    count(*) AS responses,
    count(DISTINCT session_id) AS sessions,
    sum(prompt_tokens + output_tokens)::BIGINT AS tokens,
    sum(output_tokens)::BIGINT AS output_tokens,
    round(coalesce(sum(usd), 0), 6) AS usd,
    count(*) FILTER (usd IS NULL) AS unpriced_responses,
    count(*) FILTER (NOT usage_final) AS lower_bound_responses,
    round(sum(read_tokens) / greatest(sum(prompt_tokens), 1), 4)::DOUBLE AS cache_read_share
FROM {source}
GROUP BY day
"""
_CALL_FIGURES = """
SELECT
    day,
    count(*) AS "dagster/partition_row_count",
    count(*) AS calls,
    count(*) FILTER (outcome = 'error') AS failed_calls,
    count(*) FILTER (outcome = 'no_result') AS calls_without_result,
    count(DISTINCT tool_name) AS tools
FROM {source}
GROUP BY day
"""
_BLOCK_FIGURES = """
SELECT
    day,
    count(*) AS "dagster/partition_row_count",
    sum(tokens)::BIGINT AS tokens_entered,
    round(sum(tokens) FILTER (basis = 'measured') / greatest(sum(tokens), 1), 4)::DOUBLE
        AS measured_share
FROM {source}
GROUP BY day
"""
_QUARANTINE_FIGURES = """
SELECT
    day,
    sum(quarantined)::BIGINT AS "dagster/partition_row_count",
    sum(lines)::BIGINT AS lines,
    sum(decoded)::BIGINT AS decoded_lines,
    sum(repaired)::BIGINT AS repaired_lines,
    sum(quarantined)::BIGINT AS quarantined_lines
FROM {source}
GROUP BY day
"""
_BY_MODEL = """
SELECT
    day, model, count(*) AS responses, sum(prompt_tokens)::BIGINT AS prompt_tokens,
    sum(output_tokens)::BIGINT AS output_tokens, round(sum(usd), 4) AS usd
FROM {source}
GROUP BY day, model
ORDER BY day, usd DESC NULLS LAST, model
"""
_BY_TOOL = """
SELECT
    day, tool_name AS tool, count(*) AS calls, count(*) FILTER (outcome = 'error') AS failed,
    sum(result_chars)::BIGINT AS result_characters
FROM {source}
GROUP BY day, tool_name
ORDER BY day, calls DESC, tool
"""
_BY_KIND = """
SELECT day, kind, basis, count(*) AS blocks, sum(tokens)::BIGINT AS tokens
FROM {source}
GROUP BY day, kind, basis
ORDER BY day, tokens DESC, kind, basis
"""
_QUARANTINED = """
SELECT day, reason, transcript, line_no, bytes FROM {source} ORDER BY day, transcript, line_no
"""
_FIGURES = (
    Figures(PARSED_TURNS, _TURN_FIGURES, _BY_MODEL),
    Figures(TOOL_CALLS, _CALL_FIGURES, _BY_TOOL),
    Figures(CONTEXT_BLOCKS, _BLOCK_FIGURES, _BY_KIND),
    Figures(QUARANTINED_LINES, _QUARANTINE_FIGURES, _QUARANTINED, counted=LINE_COUNTS),
)
