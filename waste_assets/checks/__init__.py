"""Data-quality suites, one file a stage: what must hold of the data, and what to do if not."""

from waste_assets.checks.audit_report import audit_report_checks
from waste_assets.checks.cluster_summaries import cluster_summaries_checks
from waste_assets.checks.daily_life import alerts, archived_before_cleanup
from waste_assets.checks.haiku_labels import haiku_labels_checks
from waste_assets.checks.heuristic_flags import heuristic_flags_checks
from waste_assets.checks.parsed_turns import parsed_turns_checks
from waste_assets.checks.raw_sessions import raw_sessions_checks
from waste_assets.checks.waste_mart import waste_mart_checks

#: One multi-asset check a stage: one step of a run.
ASSET_CHECKS = [
    raw_sessions_checks,
    parsed_turns_checks,
    heuristic_flags_checks,
    haiku_labels_checks,
    cluster_summaries_checks,
    waste_mart_checks,
    audit_report_checks,
]
#: They stop nothing, and nothing is wrong with the data where they fail: somebody wants to know.
WATCHES = [archived_before_cleanup, alerts]
