-- Reads   calls   failed calls with the cluster that they are shown under

WITH words AS (
    SELECT cluster_id, own_id, title, template, cause, fault, count(*) AS calls
    FROM calls
    GROUP BY ALL
),
told AS (
    SELECT
        cluster_id,
        arg_min(title, (own_id <> cluster_id, -calls, title)) AS title,
        arg_min(template, (-calls, template)) AS template,
        arg_min(cause, (-calls, cause, fault)) AS cause,
        arg_min(fault, (-calls, cause, fault)) AS fault
    FROM words
    GROUP BY cluster_id
)
SELECT
    cluster_id,
    any_value(t.title) AS title,
    any_value(t.template) AS template,
    any_value(t.cause) AS cause,
    any_value(t.fault) AS fault,
    count(*) AS occurrences,
    count(DISTINCT c.session_id) AS sessions,
    count(DISTINCT c.project) AS projects,
    min(c.day) AS first_day,
    max(c.day) AS last_day,
    sum(c.usd::DECIMAL(38, 15))::DOUBLE AS usd
FROM calls AS c
JOIN told AS t USING (cluster_id)
GROUP BY cluster_id
ORDER BY occurrences DESC, cluster_id
