-- Why calls fail, counted over all days: one row a problem.
--
-- Reads   clustered, usage           (the facts of days)
--         cluster_titles             (cluster_id, title, summary, given_by)
--         facts                      'show_examples'
-- Fills   clusters
--
-- Money is added as decimals; of equally frequent values the first in the alphabet is taken.

-- The most frequent of each, for a cluster may hold several.
CREATE TEMP TABLE cluster_words AS
WITH templates AS (
    SELECT cluster_id, arg_min(template, (-calls, template)) AS template
    FROM (SELECT cluster_id, template, count(*) AS calls FROM clustered GROUP BY ALL)
    GROUP BY cluster_id
),
titles AS (
    -- Its own title before that of what was merged into it.
    SELECT cluster_id, arg_min(title, (own_id <> cluster_id, -calls, title)) AS title
    FROM (SELECT cluster_id, own_id, title, count(*) AS calls FROM clustered GROUP BY ALL)
    GROUP BY cluster_id
),
causes AS (
    SELECT
        cluster_id,
        arg_min(cause, (-calls, cause, fault)) AS cause,
        arg_min(fault, (-calls, cause, fault)) AS fault
    FROM (SELECT cluster_id, cause, fault, count(*) AS calls FROM clustered GROUP BY ALL)
    GROUP BY cluster_id
),
tools AS (
    SELECT cluster_id, arg_min(tool_name, (-calls, tool_name)) AS tool_name
    FROM (SELECT cluster_id, tool_name, count(*) AS calls FROM clustered GROUP BY ALL)
    GROUP BY cluster_id
)
SELECT *
FROM templates
JOIN titles USING (cluster_id)
JOIN causes USING (cluster_id)
JOIN tools USING (cluster_id);

-- Sessions are what is independent of one another: the trend compares the share of sessions that
-- met the problem in the last 28 days of the data with the share in the 28 days before.
CREATE TEMP TABLE cluster_periods AS
WITH last AS (
    SELECT max(day) AS day FROM usage
),
active AS (
    SELECT
        count(DISTINCT session_id) FILTER (u.day > l.day - 28) AS recent,
        count(DISTINCT session_id) FILTER (u.day <= l.day - 28 AND u.day > l.day - 56) AS earlier
    FROM usage AS u, last AS l
),
met AS (
    SELECT
        cluster_id,
        count(DISTINCT session_id) FILTER (c.day > l.day - 28) AS recent,
        count(DISTINCT session_id) FILTER (c.day <= l.day - 28 AND c.day > l.day - 56) AS earlier
    FROM clustered AS c, last AS l
    GROUP BY cluster_id
)
SELECT
    cluster_id,
    m.recent AS sessions_28d,
    m.earlier AS sessions_before,
    a.recent AS active_28d,
    a.earlier AS active_before,
    -- With a half added to each count, so that a problem that is new or gone has a figure, too.
    CASE WHEN a.recent > 0 AND a.earlier > 0
        THEN ln((m.recent + 0.5) / (a.recent + 0.5)) - ln((m.earlier + 0.5) / (a.earlier + 0.5))
    END AS log_trend,
    sqrt(greatest(
        1 / (m.recent + 0.5) - 1 / (a.recent + 0.5) + 1 / (m.earlier + 0.5)
            - 1 / (a.earlier + 0.5),
        0
    )) AS spread
FROM met AS m, active AS a;

INSERT INTO clusters
WITH sums AS (
    SELECT
        cluster_id,
        count(*) AS occurrences,
        count(DISTINCT session_id) AS sessions,
        count(DISTINCT project) AS projects,
        count(DISTINCT person) AS people,
        count(DISTINCT day) AS days,
        min(ts) AS first_ts,
        max(ts) AS last_ts,
        sum(tokens)::BIGINT AS tokens,
        sum(usd) AS usd,
        sum(usd_direct)::DOUBLE AS usd_direct,
        sum(usd_avoidable)::DOUBLE AS usd_avoidable,
        -- Of those that have something to show. A list of all would be as long as the history.
        arg_min(place, (example_rank, place), 3) AS places,
        arg_min(example, (example_rank, place), 3) AS examples
    FROM clustered
    GROUP BY cluster_id
),
bill AS (
    SELECT sum(usd) AS usd FROM usage
)
SELECT
    s.cluster_id,
    coalesce(t.title, w.title) AS title,
    coalesce(t.given_by, 'automatic') AS title_by,
    coalesce(
        t.summary,
        s.occurrences || ' failed call' || CASE WHEN s.occurrences = 1 THEN '' ELSE 's' END
            || ', most of ' || w.tool_name || ', in ' || s.sessions || ' session'
            || CASE WHEN s.sessions = 1 THEN '' ELSE 's' END
            || CASE WHEN w.template = '' THEN '; the results say nothing'
                ELSE '; most often: ' || rtrim(w.template, ' .:') END
            || '.'
    ) AS summary,
    w.template,
    w.cause,
    w.fault,
    w.tool_name,
    s.occurrences,
    s.sessions,
    s.projects,
    s.people,
    s.days,
    s.first_ts,
    s.last_ts,
    s.tokens,
    s.usd::DOUBLE AS usd,
    s.usd_direct,
    s.usd_avoidable,
    CASE WHEN b.usd > 0 THEN (s.usd / b.usd)::DOUBLE END AS usd_share,
    p.sessions_28d,
    p.sessions_before,
    p.active_28d,
    p.active_before,
    exp(p.log_trend) AS trend,
    exp(p.log_trend - 1.959963984540054 * p.spread) AS trend_low,
    exp(p.log_trend + 1.959963984540054 * p.spread) AS trend_high,
    s.projects < 2 OR s.people < 2 AS is_private,
    s.places AS example_places,
    CASE
        WHEN s.projects >= 2 AND s.people >= 2
            OR (SELECT value = 'true' FROM facts WHERE key = 'show_examples')
        THEN coalesce(s.examples, [])
    END AS examples
FROM sums AS s
JOIN cluster_words AS w USING (cluster_id)
JOIN cluster_periods AS p USING (cluster_id)
LEFT JOIN cluster_titles AS t USING (cluster_id)
CROSS JOIN bill AS b
ORDER BY s.occurrences DESC, s.cluster_id;
