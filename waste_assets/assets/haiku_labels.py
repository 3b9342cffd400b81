"""haiku_labels, judged_flags and judged_ledger: what rules cannot tell, and what answers change."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import dagster as dg
from dagster_duckdb import DuckDBResource

from waste_assets.assets.described import OWNERS, Figures, day_figures, table_metadata
from waste_assets.assets.gates import FLAGS, after
from waste_assets.detectors.flags import Active
from waste_assets.labels import judged, labelling, spend
from waste_assets.lake.tables import (
    CONTEXT_BLOCKS,
    FAILED_CALLS,
    HAIKU_LABELS,
    HEURISTIC_FLAGS,
    JUDGED_FLAGS,
    JUDGED_LEDGER,
    LABEL_TABLES,
    PARSED_TURNS,
    RAW_SESSIONS,
    TOKEN_LEDGER,
    TOOL_CALLS,
    Table,
)
from waste_assets.partitions import LABELS_POOL, around, backfills, daily, days_of
from waste_assets.redaction.errors import quotes_no_secret
from waste_assets.resources.data_root import DataRoot
from waste_assets.resources.haiku import Haiku
from waste_assets.resources.titles import ask_titles
from waste_assets.resources.workers import Workers
from waste_assets.team.stages import name_of

_READ = (
    RAW_SESSIONS,
    PARSED_TURNS,
    TOOL_CALLS,
    CONTEXT_BLOCKS,
    HEURISTIC_FLAGS,
    TOKEN_LEDGER,
    FAILED_CALLS,
)


def _spec(table: Table) -> dg.AssetSpec:
    return dg.AssetSpec(
        table.name,
        description=table.description,
        deps=[
            *(dg.AssetDep(upstream.name, partition_mapping=around) for upstream in _READ),
            *after(FLAGS),
        ],
        group_name="labels",
        kinds={"python", "parquet"},
        owners=OWNERS,
        code_version=labelling.rules(),
        metadata=table_metadata(table),
    )


@dg.multi_asset(
    name="haiku_labels",
    specs=[_spec(table) for table in LABEL_TABLES],
    partitions_def=daily,
    pool=LABELS_POOL,
    backfill_policy=backfills,
)
@quotes_no_secret
def haiku_labels(
    context: dg.AssetExecutionContext,
    data_root: DataRoot,
    duckdb: DuckDBResource,
    haiku: Haiku,
    workers: Workers,
) -> Iterator[dg.MaterializeResult[None]]:
    """Ask about these days what can be asked, and write down what is known."""
    lake, days, name = data_root.lake, days_of(context.partition_keys), name_of(context.run)
    with data_root.labelling(haiku, name) as given:
        judged.build(lake, days, data_root.detector_settings, given, workers.processes)
    # After the questions about the days, for the budget is theirs first.
    ask_titles(data_root, haiku, name)
    with duckdb.get_connection() as con:
        told = {figures.table: day_figures(con, lake, days, figures) for figures in _FIGURES}
    for day, spent in _spent(data_root, haiku, name, days).items():
        told[HAIKU_LABELS].setdefault(day, {}).update(spent)
    for table in LABEL_TABLES:
        for day, figures in told[table].items():
            context.add_asset_metadata(figures, asset_key=table.name, partition_key=day.isoformat())
        yield dg.MaterializeResult(asset_key=table.name)


def _spent(
    data_root: DataRoot, haiku: Haiku, run_id: str, days: list[date]
) -> dict[date, dict[str, Any]]:
    """What was spent on behalf of each day, and what the budget still has."""
    active = Active.of(data_root.lake)
    with data_root.label_store() as store:
        left = None
        if haiku.why_off is None:
            budget, now = haiku.budget(run_id), datetime.now(UTC)
            left = spend.left(store, budget, synthetic=haiku.is_synthetic, now=now)
        any_asked = spend.figures(store, days=days).requests > 0
        return {
            day: (spend.figures(store, days=[day]) if any_asked else spend.Figures()).metadata(
                sessions=len(active.sessions(day)), left_usd=left
            )
            for day in days
            if day in active.versions
        }


_FIGURES = (
    Figures(
        HAIKU_LABELS,
        """
        SELECT
            day,
            count(*) AS "dagster/partition_row_count",
            count(DISTINCT (task, subject_id)) AS subjects,
            count(DISTINCT question_key) AS asked,
            count(*) FILTER (in_force AND labeler_kind = 'rule') AS by_rules,
            count(*) FILTER (in_force AND labeler_kind = 'llm' AND NOT synthetic) AS by_llm,
            count(*) FILTER (in_force AND labeler_kind = 'human') AS by_people,
            count(*) FILTER (synthetic) AS synthetic,
            count(DISTINCT (task, subject_id)) - count(*) FILTER (in_force) AS needs_judgement
        FROM {source}
        GROUP BY day
        """,
        """
        SELECT
            day, task, labeler_kind, status, label, count(*) AS labels,
            sum(calls)::BIGINT AS calls, round(sum(usd), 4) AS usd
        FROM {source}
        GROUP BY ALL
        ORDER BY day, labels DESC, task, labeler_kind, status, label
        """,
    ),
    Figures(
        JUDGED_FLAGS,
        """
        SELECT
            day,
            count(*) AS "dagster/partition_row_count",
            count(*) FILTER (basis = 'judged') AS confirmed,
            round(coalesce(sum(usd_owned) FILTER (basis = 'judged'), 0), 6) AS confirmed_usd
        FROM {source}
        GROUP BY day
        """,
        """
        SELECT day, category, rule, tier, basis, count(*) AS flags
        FROM {source}
        GROUP BY ALL
        ORDER BY day, flags DESC, category, rule, tier, basis
        """,
    ),
    Figures(
        JUDGED_LEDGER,
        """
        SELECT
            day,
            count(*) AS "dagster/partition_row_count",
            count(DISTINCT session_id) AS sessions,
            round(coalesce(sum(usd), 0), 6) AS usd
        FROM {source}
        GROUP BY day
        """,
        """
        SELECT day, category, count(*) AS responses, round(sum(usd), 4) AS usd
        FROM {source}
        GROUP BY day, category
        ORDER BY day, usd DESC NULLS LAST, category
        """,
    ),
)
