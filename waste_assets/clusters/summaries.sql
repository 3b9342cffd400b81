-- The clusters of some days: how often, where, at what cost, and three calls to look at.
--
-- Reads   failure_clusters   the rows of these days, with their day
--
-- Money is added as decimals: the sum is the same in whatever order it is made. Of equally
-- frequent values the first in the alphabet is taken.

WITH templates AS (
    SELECT day, cluster_id, arg_min(template, (-calls, template)) AS template
    FROM (SELECT day, cluster_id, template, count(*) AS calls FROM failure_clusters GROUP BY ALL)
    GROUP BY day, cluster_id
),
causes AS (
    SELECT
        day,
        cluster_id,
        arg_min(cause, (-calls, cause, fault)) AS cause,
        arg_min(fault, (-calls, cause, fault)) AS fault
    FROM (SELECT day, cluster_id, cause, fault, count(*) AS calls FROM failure_clusters GROUP BY ALL)
    GROUP BY day, cluster_id
)
SELECT
    f.day,
    f.cluster_id,
    min(f.title) AS title,
    any_value(t.template) AS template,
    any_value(c.cause) AS cause,
    any_value(c.fault) AS fault,
    count(*) AS occurrences,
    count(DISTINCT f.session_id) AS sessions,
    count(DISTINCT f.project) AS projects,
    count(DISTINCT f.person) AS people,
    min(f.ts) AS first_ts,
    max(f.ts) AS last_ts,
    sum(f.tokens)::BIGINT AS tokens,
    sum(f.usd::DECIMAL(38, 15))::DOUBLE AS usd,
    sum(f.usd_direct::DECIMAL(38, 15))::DOUBLE AS usd_direct,
    sum(f.usd_avoidable::DECIMAL(38, 15))::DOUBLE AS usd_avoidable,
    arg_min(f.tool_use_id, (f.example_rank, f.tool_use_id, f.response_id), 3) AS examples
FROM failure_clusters AS f
JOIN templates AS t USING (day, cluster_id)
JOIN causes AS c USING (day, cluster_id)
GROUP BY f.day, f.cluster_id
ORDER BY f.day, f.cluster_id
