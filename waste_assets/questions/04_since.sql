-- What changed since I fixed something?
--
-- Waste of each category as a share of the bill, in the 28 days before a day and since then. The day
-- is `SET VARIABLE since = DATE '2026-11-01'`; without one, that on which a remedy was last applied,
-- and where none was, the last seven days. What single remedies brought, with intervals, stands in
-- the table remedy_tracking.
WITH chosen AS (
    SELECT coalesce(
        getvariable('since')::DATE,
        (SELECT max(applied_on) FROM remedy_tracking WHERE withdrawn_on IS NULL),
        (SELECT max(day) - 6 FROM daily_usage)
    ) AS since
),
days AS (
    SELECT w.*, w.day >= c.since AS is_since, c.since
    FROM daily_waste AS w, chosen AS c
    WHERE w.day >= c.since - 28
),
bills AS (
    SELECT
        sum(usd) FILTER (NOT is_since) AS usd_before,
        sum(usd) FILTER (is_since) AS usd_since
    FROM days
)
SELECT
    d.since,
    d.category,
    coalesce(sum(d.usd_avoidable) FILTER (NOT d.is_since), 0) AS usd_wasted_before,
    coalesce(sum(d.usd_avoidable) FILTER (d.is_since), 0) AS usd_wasted_since,
    usd_wasted_before / nullif(any_value(b.usd_before), 0) AS share_before,
    usd_wasted_since / nullif(any_value(b.usd_since), 0) AS share_since,
    share_since - share_before AS share_change
FROM days AS d, bills AS b
WHERE d.category <> 'productive'
GROUP BY d.since, d.category
ORDER BY share_change, d.category;
