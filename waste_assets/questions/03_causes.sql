-- Which cause wastes the most?
--
-- Certain and likely flags by category, rule and cause. `usd_owned` adds up to the low estimate of
-- all waste; the rest of what a flag claims belongs to another flag.
SELECT
    category,
    rule,
    cause,
    count(*) AS flags,
    count(DISTINCT session_id) AS sessions,
    sum(usd_owned) AS usd_owned,
    sum(usd_owned) / sum(sum(usd_owned)) OVER () AS share_of_waste,
    arg_max(transcript || ':' || line_no, (usd_owned, flag_id)) AS dearest_at
FROM flags
WHERE tier <> 'candidate'
GROUP BY category, rule, cause
ORDER BY usd_owned DESC, category, rule, cause
LIMIT 20;
