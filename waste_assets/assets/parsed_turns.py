"""parsed_turns, with tool_calls, context_blocks and quarantined_lines: what the lines say."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from typing import Any

import dagster as dg
from dagster_duckdb import DuckDBResource

from waste_assets.accounting import turns
from waste_assets.assets.described import OWNERS, records, small_table, table_metadata
from waste_assets.lake.lake import Lake
from waste_assets.lake.tables import (
    CONTEXT_BLOCKS,
    LINE_COUNTS,
    PARSED_TURNS,
    QUARANTINED_LINES,
    RAW_SESSIONS,
    TOOL_CALLS,
    Table,
)
from waste_assets.partitions import daily, days_of, neighbours, one_run
from waste_assets.processes import Processes
from waste_assets.progress import Task
from waste_assets.resources.data_root import DataRoot

TABLES = (PARSED_TURNS, TOOL_CALLS, CONTEXT_BLOCKS, QUARANTINED_LINES)


def _spec(table: Table) -> dg.AssetSpec:
    return dg.AssetSpec(
        table.name,
        description=table.description,
        deps=[dg.AssetDep(RAW_SESSIONS.name, partition_mapping=neighbours)],
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
    backfill_policy=one_run,
)
def parsed_turns(
    context: dg.AssetExecutionContext, data_root: DataRoot, duckdb: DuckDBResource
) -> Iterator[dg.MaterializeResult[None]]:
    """Read the archived lines of these days and account for every billed token."""
    lake, days = data_root.lake, days_of(context.partition_keys)
    with Processes() as processes:
        turns.build(
            lake,
            days,
            data_root.calendar,
            processes,
            watch=lambda label, total: Task(label, total).advance,
        )
    with duckdb.get_connection() as con:
        told = _figures(con, lake, days)
    for table in TABLES:
        for day, figures in told[table.name].items():
            context.add_asset_metadata(figures, asset_key=table.name, partition_key=day.isoformat())
        yield dg.MaterializeResult(asset_key=table.name)


def _figures(con: Any, lake: Lake, days: list[date]) -> dict[str, dict[date, dict[str, Any]]]:
    """Metadata of each table and day: plain numbers that plot, and a small table."""
    figures: dict[str, dict[date, dict[str, Any]]] = {
        PARSED_TURNS.name: _per_day(con, lake, days, PARSED_TURNS, _TURN_FIGURES),
        TOOL_CALLS.name: _per_day(con, lake, days, TOOL_CALLS, _CALL_FIGURES),
        CONTEXT_BLOCKS.name: _per_day(con, lake, days, CONTEXT_BLOCKS, _BLOCK_FIGURES),
        QUARANTINED_LINES.name: _per_day(con, lake, days, LINE_COUNTS, _QUARANTINE_FIGURES),
    }
    for name, table, query in (
        (PARSED_TURNS.name, PARSED_TURNS, _BY_MODEL),
        (TOOL_CALLS.name, TOOL_CALLS, _BY_TOOL),
        (CONTEXT_BLOCKS.name, CONTEXT_BLOCKS, _BY_KIND),
        (QUARANTINED_LINES.name, QUARANTINED_LINES, _QUARANTINED),
    ):
        for day, rows in _grouped(con, lake, days, table, query).items():
            figures[name].setdefault(day, {})["most"] = small_table(rows[:10])
    return figures


def _query(
    con: Any, lake: Lake, days: list[date], table: Table, query: str
) -> list[dict[str, Any]]:
    parts = lake.parts(table, days)
    if not parts:
        return []
    source = "read_parquet($parts, hive_partitioning = true, hive_types = {'day': DATE})"
    return records(con.execute(query.format(source=source), {"parts": parts}))


def _per_day(
    con: Any, lake: Lake, days: list[date], table: Table, query: str
) -> dict[date, dict[str, Any]]:
    return {row.pop("day"): row for row in _query(con, lake, days, table, query)}


def _grouped(
    con: Any, lake: Lake, days: list[date], table: Table, query: str
) -> dict[date, list[dict[str, Any]]]:
    grouped: dict[date, list[dict[str, Any]]] = defaultdict(list)
    for row in _query(con, lake, days, table, query):
        grouped[row.pop("day")].append(row)
    return grouped


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
