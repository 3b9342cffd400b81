-- What does a subagent cost?
--
-- Sessions by how many subagents answered in them: what these were billed in all and each, their
-- part of the bill, and what of the bill was overhead of starting them (high estimate).
WITH overhead AS (
    SELECT session_id, usd_avoidable AS usd_overhead
    FROM session_waste
    WHERE category = 'subagent_overhead'
)
SELECT
    CASE
        WHEN s.subagents = 0 THEN 'none'
        WHEN s.subagents = 1 THEN '1'
        WHEN s.subagents <= 5 THEN '2 to 5'
        ELSE 'more'
    END AS subagents_of_session,
    count(*) AS sessions,
    sum(s.subagents)::BIGINT AS subagents,
    sum(s.usd) AS usd,
    sum(s.subagent_usd) AS usd_of_subagents,
    sum(s.subagent_usd) / nullif(sum(s.subagents), 0) AS usd_each,
    sum(s.subagent_usd) / nullif(sum(s.usd), 0) AS share_of_subagents,
    coalesce(sum(o.usd_overhead), 0) AS usd_overhead
FROM session_usage AS s
LEFT JOIN overhead AS o USING (session_id)
GROUP BY subagents_of_session
ORDER BY min(s.subagents);
