-- What the estimates are made of, in Python.
--
-- Reads   failed_calls, heuristic_flags   (views over the lake)
-- Makes   occurrences

-- How often each thing happened in a session: failures that are a fault, by family and by the rule
-- that knew them, and certain and likely findings of other kinds. Calls that were cancelled because
-- one beside them failed have no cause of their own.
CREATE TEMP TABLE occurrences AS
SELECT session_id, 'cause' AS kind, cause AS key, count(*) AS times
FROM failed_calls
WHERE fault NOT IN ('feedback', 'user') AND cause <> 'sibling_cancelled'
GROUP BY ALL
UNION ALL
SELECT
    session_id,
    'cluster' AS kind,
    coalesce(regexp_replace(cause_rule, '@.*', ''), cause) AS key,
    count(*) AS times
FROM failed_calls
WHERE fault NOT IN ('feedback', 'user') AND cause <> 'sibling_cancelled'
GROUP BY ALL
UNION ALL
SELECT session_id, 'rule' AS kind, category || '/' || rule AS key, count(*) AS times
FROM heuristic_flags
WHERE tier <> 'candidate' AND category NOT IN ('retry_error', 'dead_end')
GROUP BY ALL
ORDER BY ALL;
