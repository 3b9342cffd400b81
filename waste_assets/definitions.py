"""The one Definitions object: assets, checks, jobs, schedules, sensors, resources."""

from __future__ import annotations

from dataclasses import asdict

import dagster as dg
from dagster_duckdb import DuckDBResource

from waste_assets.assets.audit_report import audit_report
from waste_assets.assets.cluster_summaries import cluster_summaries
from waste_assets.assets.gates import GATES
from waste_assets.assets.haiku_labels import haiku_labels
from waste_assets.assets.heuristic_flags import heuristic_flags
from waste_assets.assets.parsed_turns import parsed_turns
from waste_assets.assets.raw_sessions import raw_sessions
from waste_assets.assets.waste_mart import waste_mart
from waste_assets.automation import (
    audit_job,
    changed_transcripts,
    collect_labels,
    collect_labels_job,
    daily_audit,
    labels_job,
    publish_job,
)
from waste_assets.checks import ASSET_CHECKS, WATCHES
from waste_assets.privacy import keep_private
from waste_assets.resources.data_root import DataRoot
from waste_assets.resources.haiku import Haiku
from waste_assets.resources.transcript_source import TranscriptSource
from waste_assets.resources.workers import Workers
from waste_assets.settings import Settings


def definitions(settings: Settings, run: str = "") -> dg.Definitions:
    """Everything, for one data root and its sources.

    Runs under the name of one `run` share what labels may cost.
    """
    return dg.Definitions(
        assets=[
            raw_sessions,
            parsed_turns,
            heuristic_flags,
            haiku_labels,
            cluster_summaries,
            waste_mart,
            audit_report,
            *GATES,
        ],
        asset_checks=[*ASSET_CHECKS, *WATCHES],
        jobs=[audit_job, labels_job, publish_job, collect_labels_job],
        schedules=[daily_audit],
        sensors=[changed_transcripts, collect_labels],
        resources={
            "data_root": DataRoot(
                path=str(settings.data_root),
                lake_url=settings.lake,
                time_zone=settings.time_zone,
                prefix_budget=settings.prefix_budget,
                result_cap=settings.result_cap,
                names=settings.names,
                show_examples=settings.show_examples,
                labels_file=str(settings.labels_file or ""),
                audit_sample=settings.audit_sample,
            ),
            "workers": Workers(count=settings.processes),
            "source": TranscriptSource(roots=[str(root) for root in settings.sources]),
            "haiku": Haiku(**asdict(settings.labels), run=run),
            # In memory: what is written is Parquet, one file a partition, and needs no lock.
            "duckdb": DuckDBResource(
                database=":memory:",
                connection_config={"memory_limit": "384MB", "threads": 2},
            ),
        },
        # The work starts processes of its own; a process a step would only import again.
        executor=dg.in_process_executor,
    )


# Dagster starts this module in processes of its own.
keep_private()
defs = definitions(Settings.from_environment())
