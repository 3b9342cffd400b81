-- The tables that go by day: what stands in them before the day `cut` is left as it is.
--
-- Reads   usage, owned, kinds, ruled, failed, clustered, counted        (the facts of days)
--         rules_flags, judged_flags, judged_ledger, haiku_labels        (the lake, from `cut` on)
--         shown_project
-- Fills   daily_usage, daily_waste, token_ledger_daily, flags, labels, waste_judged, failures,
--         cluster_days, cache_rebuilds, cache_economics, coverage

INSERT INTO daily_usage
SELECT
    day,
    shown_project(project) AS project,
    model,
    sum(responses)::BIGINT AS responses,
    sum(lower_bound_responses)::BIGINT AS lower_bound_responses,
    sum(unpriced_responses)::BIGINT AS unpriced_responses,
    sum(input_tokens)::BIGINT AS input_tokens,
    sum(write_5m_tokens)::BIGINT AS write_5m_tokens,
    sum(write_1h_tokens)::BIGINT AS write_1h_tokens,
    sum(read_tokens)::BIGINT AS read_tokens,
    sum(output_tokens)::BIGINT AS output_tokens,
    sum(billed_extra_tokens)::BIGINT AS billed_extra_tokens,
    sum(usd)::DOUBLE AS usd
FROM usage
WHERE day >= getvariable('cut')
GROUP BY ALL
ORDER BY ALL;

INSERT INTO daily_waste
SELECT
    day,
    shown_project(project) AS project,
    model,
    category,
    sum(responses)::BIGINT AS responses,
    sum(input_tokens)::BIGINT AS input_tokens,
    sum(write_5m_tokens)::BIGINT AS write_5m_tokens,
    sum(write_1h_tokens)::BIGINT AS write_1h_tokens,
    sum(read_tokens)::BIGINT AS read_tokens,
    sum(output_tokens)::BIGINT AS output_tokens,
    sum(usd)::DOUBLE AS usd,
    (sum(usd) - sum(usd_candidate))::DOUBLE AS usd_direct,
    sum(usd_avoidable)::DOUBLE AS usd_avoidable,
    sum(usd_candidate)::DOUBLE AS usd_candidate
FROM owned
WHERE day >= getvariable('cut')
GROUP BY ALL
ORDER BY ALL;

INSERT INTO token_ledger_daily
SELECT day, category, token_kind, tokens::BIGINT AS tokens, usd::DOUBLE AS usd
FROM kinds
WHERE day >= getvariable('cut')
ORDER BY ALL;

-- Flags in force; of a session in which a judgement has decided something, those that follow from
-- it. In the order of the lake.
INSERT INTO flags
WITH judged_sessions AS (SELECT DISTINCT day, session_id FROM judged_ledger)
SELECT day, * EXCLUDE (day, is_judged, row_no) REPLACE (shown_project(project) AS project)
FROM (
    SELECT *, false AS is_judged
    FROM rules_flags
    ANTI JOIN judged_sessions USING (day, session_id)
    UNION ALL BY NAME
    SELECT *, true AS is_judged
    FROM judged_flags
)
ORDER BY day, is_judged, row_no;

INSERT INTO labels
SELECT day, * EXCLUDE (day, row_no) REPLACE (shown_project(project) AS project)
FROM haiku_labels
ORDER BY day, row_no;

INSERT INTO waste_judged
SELECT
    day,
    category,
    coalesce(r.usd - r.usd_candidate, 0)::DOUBLE AS rules_usd_direct,
    coalesce(r.usd_avoidable, 0)::DOUBLE AS rules_usd_avoidable,
    coalesce(r.usd_candidate, 0)::DOUBLE AS rules_usd_candidate,
    coalesce(j.usd - j.usd_candidate, 0)::DOUBLE AS usd_direct,
    coalesce(j.usd_avoidable, 0)::DOUBLE AS usd_avoidable,
    coalesce(j.usd_candidate, 0)::DOUBLE AS usd_candidate
FROM (FROM ruled WHERE day >= getvariable('cut')) AS r
FULL JOIN (
    SELECT
        day,
        category,
        sum(usd) AS usd,
        sum(usd_avoidable) AS usd_avoidable,
        sum(usd_candidate) AS usd_candidate
    FROM owned
    WHERE day >= getvariable('cut')
    GROUP BY day, category
) AS j USING (day, category)
ORDER BY day, category;

INSERT INTO failures
SELECT
    day,
    shown_project(project) AS project,
    cause,
    fault,
    tool_name,
    sum(calls)::BIGINT AS calls,
    sum(usd)::DOUBLE AS usd
FROM failed
WHERE day >= getvariable('cut')
GROUP BY ALL
ORDER BY ALL;

-- A day of its own to begin with: people may decide anew what is one problem.
INSERT INTO cluster_days
SELECT
    day,
    cluster_id,
    count(*) AS occurrences,
    count(DISTINCT session_id) AS sessions,
    sum(tokens)::BIGINT AS tokens,
    sum(usd)::DOUBLE AS usd,
    sum(usd_direct)::DOUBLE AS usd_direct,
    sum(usd_avoidable)::DOUBLE AS usd_avoidable
FROM clustered
WHERE day >= getvariable('cut_clusters')
GROUP BY day, cluster_id
ORDER BY day, cluster_id;

-- What caching saved and what it cost: `cache_write` knows the rebuilds and the unread writes.
INSERT INTO cache_rebuilds
SELECT
    day,
    project,
    model,
    cause,
    tier,
    count(*) AS rebuilds,
    sum(tokens)::BIGINT AS tokens,
    sum(usd_direct::DECIMAL(38, 15))::DOUBLE AS usd
FROM flags
WHERE day >= getvariable('cut') AND category = 'cache_write' AND starts_with(rule, 'rebuild_')
GROUP BY ALL
ORDER BY ALL;

INSERT INTO cache_economics
WITH spent AS (
    SELECT
        day,
        shown_project(project) AS project,
        model,
        sum(responses)::BIGINT AS responses,
        sum(unpriced_responses)::BIGINT AS unpriced_responses,
        sum(input_tokens)::BIGINT AS input_tokens,
        sum(write_5m_tokens)::BIGINT AS write_5m_tokens,
        sum(write_1h_tokens)::BIGINT AS write_1h_tokens,
        sum(read_tokens)::BIGINT AS read_tokens,
        sum(usd)::DOUBLE AS usd,
        sum(usd_read)::DOUBLE AS usd_read,
        sum(usd_write)::DOUBLE AS usd_write,
        sum(usd_uncached)::DOUBLE AS usd_uncached
    FROM usage
    WHERE day >= getvariable('cut')
    GROUP BY ALL
),
lost AS (
    SELECT
        day,
        project,
        model,
        count(*) FILTER (rule <> 'unread') AS rebuilds,
        sum(tokens) FILTER (rule <> 'unread') AS rebuilt_tokens,
        sum(usd_direct::DECIMAL(38, 15)) FILTER (rule <> 'unread') AS usd_rebuilt,
        sum(tokens) FILTER (rule = 'unread') AS unread_tokens,
        sum(usd_direct::DECIMAL(38, 15)) FILTER (rule = 'unread') AS usd_unread
    FROM flags
    WHERE day >= getvariable('cut')
        AND category = 'cache_write'
        AND (starts_with(rule, 'rebuild_') OR rule = 'unread')
    GROUP BY ALL
)
SELECT
    s.*,
    s.usd_read / nullif(s.usd, 0) AS read_share_of_usd,
    s.usd_write / nullif(s.usd, 0) AS write_share_of_usd,
    (s.usd_read + s.usd_write) / nullif(s.usd, 0) AS cache_share_of_usd,
    s.read_tokens
        / nullif(s.input_tokens + s.write_5m_tokens + s.write_1h_tokens + s.read_tokens, 0)
        AS read_share_of_prompt,
    coalesce(l.rebuilds, 0) AS rebuilds,
    coalesce(l.rebuilt_tokens, 0)::BIGINT AS rebuilt_tokens,
    coalesce(l.usd_rebuilt, 0)::DOUBLE AS usd_rebuilt,
    coalesce(l.unread_tokens, 0)::BIGINT AS unread_tokens,
    coalesce(l.usd_unread, 0)::DOUBLE AS usd_unread
FROM spent AS s
LEFT JOIN lost AS l
    ON l.day = s.day
    AND l.project IS NOT DISTINCT FROM s.project
    AND l.model IS NOT DISTINCT FROM s.model
ORDER BY s.day, s.project, s.model;

INSERT INTO coverage
WITH answered AS (
    SELECT
        day,
        sum(responses)::BIGINT AS responses,
        sum(lower_bound_responses)::BIGINT AS lower_bound_responses,
        sum(unpriced_responses)::BIGINT AS unpriced_responses,
        count(DISTINCT session_id) AS sessions
    FROM usage
    WHERE day >= getvariable('cut')
    GROUP BY day
),
subjects AS (
    SELECT
        day,
        task,
        subject_id,
        -- There is one at most; what this machine made up counts as none.
        max(labeler_kind) FILTER (in_force AND NOT synthetic AND status = 'answered') AS labeled_by
    FROM labels
    WHERE day >= getvariable('cut')
    GROUP BY day, task, subject_id
),
labeled AS (
    SELECT
        day,
        count(*) FILTER (labeled_by = 'rule') AS by_rules,
        count(*) FILTER (labeled_by = 'llm') AS by_model,
        count(*) FILTER (labeled_by = 'human') AS by_people,
        count(*) FILTER (labeled_by IS NULL) AS by_nobody
    FROM subjects
    GROUP BY day
)
SELECT
    c.day,
    c.transcripts,
    c.lines,
    c.decoded_lines,
    c.repaired_lines,
    c.quarantined_lines,
    c.files,
    coalesce(a.responses, 0) AS responses,
    coalesce(a.lower_bound_responses, 0) AS lower_bound_responses,
    coalesce(a.unpriced_responses, 0) AS unpriced_responses,
    coalesce(a.sessions, 0) AS sessions,
    coalesce(l.by_rules, 0) AS labeled_by_rules,
    coalesce(l.by_model, 0) AS labeled_by_model,
    coalesce(l.by_people, 0) AS labeled_by_people,
    coalesce(l.by_nobody, 0) AS labeled_by_nobody
FROM counted AS c
LEFT JOIN answered AS a USING (day)
LEFT JOIN labeled AS l USING (day)
WHERE c.day >= getvariable('cut')
ORDER BY c.day;
