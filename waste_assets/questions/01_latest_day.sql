-- Where did the money go yesterday?
--
-- The latest day with responses, by project and model. Of each the bill, what of it was wasted (low
-- and high), and the largest category of waste.
WITH latest AS (
    SELECT max(day) AS day FROM daily_usage
),
wasted AS (
    SELECT
        day,
        project,
        model,
        sum(usd_direct) AS usd_wasted_low,
        sum(usd_avoidable) AS usd_wasted_high,
        arg_max(category, (usd_avoidable, category)) FILTER (usd_avoidable > 0) AS most_of_it
    FROM daily_waste
    WHERE category <> 'productive'
    GROUP BY day, project, model
)
SELECT
    u.day,
    u.project,
    u.model,
    u.responses,
    u.usd,
    u.usd / sum(u.usd) OVER () AS share_of_day,
    coalesce(w.usd_wasted_low, 0) AS usd_wasted_low,
    coalesce(w.usd_wasted_high, 0) AS usd_wasted_high,
    w.most_of_it
FROM daily_usage AS u
JOIN latest AS l ON l.day = u.day
LEFT JOIN wasted AS w
    ON w.day = u.day
    AND w.project IS NOT DISTINCT FROM u.project
    AND w.model IS NOT DISTINCT FROM u.model
ORDER BY u.usd DESC NULLS LAST, u.project, u.model;
