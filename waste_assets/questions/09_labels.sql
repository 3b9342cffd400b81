-- What do labels cost, and what did they find?
--
-- By kind of question: how many were asked and what that cost (`made up`: this machine answered, no
-- model), which labels are in force and by whom, how many they are, and what these calls cost. Below
-- that, what judgements changed of the published waste (high estimate).
SELECT 'asked' AS part, task, CASE WHEN is_synthetic THEN 'made up' ELSE host END AS by_whom,
    outcome AS label, count(*) AS labels, coalesce(sum(usd), 0) AS usd
FROM label_spend
GROUP BY ALL
UNION ALL
SELECT 'in force', task, labeler_kind, label, count(*), sum(usd)
FROM labels
WHERE in_force AND label IS NOT NULL
GROUP BY ALL
UNION ALL
SELECT 'nobody knows', task, NULL, NULL, count(*), sum(usd)
FROM (
    SELECT task, subject_id, day, max(usd) AS usd
    FROM labels
    GROUP BY ALL
    HAVING NOT bool_or(in_force)
)
GROUP BY task
UNION ALL
SELECT 'waste changed', NULL, NULL, category, NULL, sum(usd_avoidable - rules_usd_avoidable)
FROM waste_judged
WHERE category <> 'productive'
GROUP BY category
HAVING abs(sum(usd_avoidable - rules_usd_avoidable)) > 1e-9
ORDER BY part, task, labels DESC, by_whom, label;
