-- What the estimates are made of, in Python.
--
-- Reads   failed, clustered   (the facts of days)
--         flags
-- Makes   occurrences

-- How often each thing happened in a session: failures that are a fault, by family; all failures,
-- by problem, as `clusters` counts them; and certain and likely findings of other kinds. Calls that
-- were cancelled because one beside them failed have no cause of their own.
CREATE TEMP TABLE occurrences AS
SELECT session_id, 'cause' AS kind, cause AS key, sum(calls)::BIGINT AS times
FROM failed
WHERE fault NOT IN ('feedback', 'user') AND cause <> 'sibling_cancelled'
GROUP BY ALL
UNION ALL
SELECT session_id, 'cluster', cluster_id, count(*)
FROM clustered
GROUP BY session_id, cluster_id
UNION ALL
SELECT session_id, 'rule', category || '/' || rule, count(*)
FROM flags
WHERE tier <> 'candidate' AND category NOT IN ('retry_error', 'dead_end')
GROUP BY ALL;
