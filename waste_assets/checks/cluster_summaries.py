"""failure_clusters, cluster_summaries: each failed call in one cluster, and the sums hold."""

from collections.abc import Iterator

import dagster as dg
from dagster_duckdb import DuckDBResource

from waste_assets.checks.check import Check, Suite
from waste_assets.checks.suite import results, specs
from waste_assets.lake.tables import CLUSTER_SUMMARIES, FAILED_CALLS, FAILURE_CLUSTERS
from waste_assets.resources.data_root import DataRoot

_REBUILD = "materialise cluster_summaries of these days again, and report a bug if it stays"

_NOT_IN_ONE = """
SELECT coalesce(f.day, c.day) AS day, tool_use_id, response_id, c.clusters,
    f.transcript, f.line_no
FROM failed_calls AS f
FULL JOIN (
    SELECT day, tool_use_id, response_id, count(*) AS clusters
    FROM failure_clusters
    GROUP BY ALL
) AS c USING (day, tool_use_id, response_id)
WHERE f.tool_use_id IS NULL OR c.clusters IS DISTINCT FROM 1
"""
_UNLIKE_CALLS = """
SELECT coalesce(s.day, c.day) AS day, cluster_id, s.title, s.occurrences, c.calls,
    s.sessions, c.sessions AS counted_sessions, s.usd, c.usd AS counted_usd
FROM cluster_summaries AS s
FULL JOIN (
    SELECT day, cluster_id, count(*) AS calls, count(DISTINCT session_id) AS sessions,
        sum(tokens)::BIGINT AS tokens, sum(usd) AS usd, sum(usd_direct) AS usd_direct,
        sum(usd_avoidable) AS usd_avoidable
    FROM failure_clusters
    GROUP BY day, cluster_id
) AS c USING (day, cluster_id)
WHERE s.occurrences IS DISTINCT FROM c.calls
    OR s.sessions IS DISTINCT FROM c.sessions
    OR s.tokens IS DISTINCT FROM c.tokens
    OR NOT abs(s.usd - c.usd) <= 1e-9
    OR NOT abs(s.usd_direct - c.usd_direct) <= 1e-9
    OR NOT abs(s.usd_avoidable - c.usd_avoidable) <= 1e-9
"""
# Of the calls' own columns, of those that are counted: a failed call costs what the ledger says.
_UNLIKE_LEDGER = """
SELECT f.day, f.tool_use_id, f.usd, c.usd AS clustered_usd, c.usd_direct, c.usd_avoidable
FROM failed_calls AS f
JOIN failure_clusters AS c USING (day, tool_use_id, response_id)
WHERE f.usd <> c.usd
    OR f.tokens <> c.tokens
    OR c.usd_direct < -1e-9
    OR c.usd_avoidable < c.usd_direct - 1e-9
"""
_WITHOUT_MEANING = r"""
SELECT day, cluster_id, fingerprint_id, template, title, tool_use_id, transcript, line_no
FROM failure_clusters
WHERE NOT regexp_full_match(cluster_id, 'c\d+-[0-9a-f]{16}')
    OR NOT regexp_full_match(fingerprint_id, 'f\d+-[0-9a-f]{16}')
    OR trim(title) = ''
    OR (cluster_id, title) NOT IN (
        SELECT (cluster_id, min(title)) FROM failure_clusters GROUP BY cluster_id
    )
    OR (fingerprint_id, template) NOT IN (
        SELECT (fingerprint_id, min(template)) FROM failure_clusters GROUP BY fingerprint_id
    )
"""

SUITE = Suite(
    "cluster_summaries",
    checks=(
        Check(
            FAILURE_CLUSTERS.name,
            "calls_clustered",
            "Every failed call is in exactly one cluster.",
            "failed_calls",
            _NOT_IN_ONE,
            "failed calls",
            "are in no cluster, in several, or in one without having failed",
            _REBUILD,
        ),
        Check(
            FAILURE_CLUSTERS.name,
            "ids_resolve",
            "An id names one problem and one message, and nothing else has it.",
            "failure_clusters",
            _WITHOUT_MEANING,
            "failed calls",
            "have an id that is none, or that names two things",
            _REBUILD,
        ),
        Check(
            FAILURE_CLUSTERS.name,
            "costs_as_in_ledger",
            "A call costs what the ledger says, and avoidable is at least direct.",
            "failure_clusters",
            _UNLIKE_LEDGER,
            "failed calls",
            "have other costs than in failed_calls, or amounts out of order",
            _REBUILD,
        ),
        Check(
            CLUSTER_SUMMARIES.name,
            "counts_equal_calls",
            "The clusters of a day count its failed calls: each once, money to 1e-9 USD.",
            "cluster_summaries",
            _UNLIKE_CALLS,
            "clusters",
            "have other sums than their calls",
            _REBUILD,
        ),
    ),
    tables=(FAILED_CALLS, FAILURE_CLUSTERS, CLUSTER_SUMMARIES),
)


@dg.multi_asset_check(name="cluster_summaries_checks", specs=specs(SUITE), can_subset=True)
def cluster_summaries_checks(
    context: dg.AssetCheckExecutionContext, data_root: DataRoot, duckdb: DuckDBResource
) -> Iterator[dg.AssetCheckResult]:
    """The clusters of the run's days."""
    with duckdb.get_connection() as con:
        yield from results(SUITE, context, data_root, con)
