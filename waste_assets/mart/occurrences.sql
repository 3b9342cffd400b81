-- What the estimates are made of, in Python.
--
-- Reads   failed, flags   (waste.sql)
-- Makes   occurrences

-- How often each thing happened in a session: failures that are a fault, by family and by the rule
-- that knew them, and certain and likely findings of other kinds. Calls that were cancelled because
-- one beside them failed have no cause of their own.
CREATE TEMP TABLE occurrences AS
WITH faults AS (
    SELECT
        session_id,
        cause,
        coalesce(regexp_replace(cause_rule, '@.*', ''), cause) AS cluster,
        sum(calls)::BIGINT AS times
    FROM failed
    WHERE fault NOT IN ('feedback', 'user') AND cause <> 'sibling_cancelled'
    GROUP BY ALL
)
SELECT session_id, 'cause' AS kind, cause AS key, sum(times)::BIGINT AS times
FROM faults
GROUP BY ALL
UNION ALL
SELECT session_id, 'cluster', cluster, sum(times)::BIGINT
FROM faults
GROUP BY session_id, cluster
UNION ALL
SELECT session_id, 'rule', category || '/' || rule, count(*)
FROM flags
WHERE tier <> 'candidate' AND category NOT IN ('retry_error', 'dead_end')
GROUP BY ALL
ORDER BY ALL;
