-- What remedies and their tracking are made of, in Python.
--
-- Reads   usage, owned, clustered, advised, called   (the facts of days)
--         session_usage, flags, shown_project
-- Makes   findings, session_spans, project_facts, hour_cache

-- Each flag with what it owns, and its part of the rest of responses that held nothing but wasted
-- calls. Several flags of a session may ask for the same rest: what the ledger gives them is
-- shared by what they ask for. So the findings of a category add up to what it could have saved.
CREATE TEMP TABLE findings AS
WITH given AS (
    SELECT
        session_id,
        category,
        greatest(sum(usd_avoidable) - (sum(usd) - sum(usd_candidate)), 0)::DOUBLE AS usd_rest
    FROM owned
    GROUP BY session_id, category
),
asked AS (
    SELECT
        session_id,
        category,
        sum(greatest(usd_avoidable - usd_direct, 0)::DECIMAL(38, 15))::DOUBLE AS usd_rest
    FROM flags
    WHERE tier <> 'candidate'
    GROUP BY session_id, category
),
calls AS (
    SELECT
        flag_id,
        session_id,
        agent,
        unnest(tool_use_ids) AS tool_use_id,
        generate_subscripts(tool_use_ids, 1) AS place
    FROM flags
    WHERE category IN ('retry_error', 'dead_end')
),
problems AS (
    -- A flag about several problems is counted in that of the first call that failed.
    SELECT flag_id, arg_min(p.cluster_id, (c.place, p.cluster_id)) AS cluster_id
    FROM calls AS c
    JOIN clustered AS p USING (session_id, agent, tool_use_id)
    GROUP BY flag_id
)
SELECT
    f.flag_id,
    coalesce(p.cluster_id, f.category || '/' || f.rule) AS cluster_id,
    r.remedy_id,
    r.word,
    f.tier = 'candidate' AS is_candidate,
    f.session_id,
    f.project,
    f.day,
    f.usd_owned AS usd_low,
    f.usd_owned + CASE
        WHEN f.tier = 'candidate' THEN 0
        ELSE coalesce(
            greatest(f.usd_avoidable - f.usd_direct, 0) * g.usd_rest / nullif(a.usd_rest, 0), 0
        )
    END AS usd_high
FROM flags AS f
LEFT JOIN advised AS r ON r.day = f.day AND r.flag_id = f.flag_id
LEFT JOIN given AS g ON g.session_id = f.session_id AND g.category = f.category
LEFT JOIN asked AS a ON a.session_id = f.session_id AND a.category = f.category
LEFT JOIN problems AS p ON p.flag_id = f.flag_id;

CREATE TEMP TABLE session_spans AS
SELECT s.session_id, s.project, min(u.day) AS first_day, max(u.day) AS last_day
FROM usage AS u
JOIN session_usage AS s USING (session_id)
GROUP BY s.session_id, s.project
ORDER BY s.session_id;

-- What the calls that went well show of the projects.
CREATE TEMP TABLE project_facts AS
WITH wanted AS (SELECT DISTINCT project FROM usage WHERE project IS NOT NULL)
SELECT shown_project(project) AS project, kind, name, sum(uses)::BIGINT AS uses
FROM called
JOIN wanted USING (project)
GROUP BY ALL
UNION ALL
SELECT
    shown_project(project),
    'system',
    CASE
        WHEN starts_with(project, '/Users/') THEN 'macOS'
        WHEN regexp_matches(project, '^[A-Za-z]:') THEN 'Windows'
        WHEN starts_with(project, '/') THEN 'Linux'
    END AS name,
    1
FROM wanted
WHERE name IS NOT NULL
ORDER BY ALL;

-- What five-minute writes would have cost more with an hour to live: 2 rather than 1.25 times the
-- input, at each model's rates.
CREATE TEMP TABLE hour_cache AS
SELECT
    coalesce(sum(
        usd_write::DOUBLE * 1.25 * write_5m_tokens
        / nullif(1.25 * write_5m_tokens + 2 * write_1h_tokens, 0)
        * (2 / 1.25 - 1)
    ), 0) AS usd
FROM (
    SELECT
        model,
        sum(usd_write) AS usd_write,
        sum(write_5m_tokens)::DOUBLE AS write_5m_tokens,
        sum(write_1h_tokens)::DOUBLE AS write_1h_tokens
    FROM usage
    WHERE usd_write IS NOT NULL
    GROUP BY model
    ORDER BY model
);
