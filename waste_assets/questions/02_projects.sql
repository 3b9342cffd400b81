-- Which project costs, and wastes, the most?
--
-- All days. A share is of the project's own bill.
SELECT
    project,
    count(DISTINCT day) AS days,
    sum(usd) AS usd,
    sum(usd) / sum(sum(usd)) OVER () AS share_of_all,
    coalesce(sum(usd_direct) FILTER (category <> 'productive'), 0) AS usd_wasted_low,
    coalesce(sum(usd_avoidable) FILTER (category <> 'productive'), 0) AS usd_wasted_high,
    usd_wasted_high / nullif(sum(usd), 0) AS share_wasted,
    arg_max(category, (usd_avoidable, category)) FILTER (category <> 'productive' AND usd_avoidable > 0)
        AS dearest_waste
FROM daily_waste
GROUP BY project
ORDER BY usd DESC NULLS LAST, project;
