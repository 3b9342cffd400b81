-- Which sessions should I look at?
--
-- The twenty that wasted most (high estimate), with their largest category. `waste-assets report
-- --session ID` tells one turn by turn.
WITH wasted AS (
    SELECT
        session_id,
        sum(usd_direct) AS usd_wasted_low,
        sum(usd_avoidable) AS usd_wasted_high,
        arg_max(category, (usd_avoidable, category)) AS most_of_it
    FROM session_waste
    WHERE category <> 'productive'
    GROUP BY session_id
)
SELECT
    w.session_id,
    s.project,
    s.first_ts::DATE AS day,
    s.responses,
    s.usd,
    w.usd_wasted_low,
    w.usd_wasted_high,
    w.usd_wasted_high / nullif(s.usd, 0) AS share_wasted,
    w.most_of_it
FROM wasted AS w
JOIN session_usage AS s USING (session_id)
WHERE w.usd_wasted_high > 0
ORDER BY w.usd_wasted_high DESC, w.session_id
LIMIT 20;
