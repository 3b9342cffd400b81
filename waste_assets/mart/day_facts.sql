-- The small facts of days from which every table that is published is made.
--
-- Reads   the lake, of the days that have changed; shown_project
-- Makes   new_usage, new_kinds, new_owned, new_ruled, new_failed, new_clustered, new_flags,
--         new_texts, new_called, new_costs, new_counted
--
-- Each row has its day, and follows from that day of the lake alone: so a day is taken out and put
-- in again without a look at the others. Money is added as decimals: the sum is the same in
-- whatever order, and by whatever stages, it is made.

CREATE TEMP VIEW new_usage AS
SELECT
    day,
    session_id,
    agent,
    project,
    model,
    min(ts) AS first_ts,
    max(last_ts) AS last_ts,
    count(*) AS responses,
    count(*) FILTER (NOT usage_final) AS lower_bound_responses,
    count(*) FILTER (usd IS NULL) AS unpriced_responses,
    sum(input_tokens) AS input_tokens,
    sum(write_5m_tokens) AS write_5m_tokens,
    sum(write_1h_tokens) AS write_1h_tokens,
    sum(read_tokens) AS read_tokens,
    sum(output_tokens) AS output_tokens,
    sum(billed_extra_tokens) AS billed_extra_tokens,
    sum(usd::DECIMAL(38, 15)) AS usd,
    sum(usd_read::DECIMAL(38, 15)) AS usd_read,
    sum((usd_write_5m + usd_write_1h)::DECIMAL(38, 15)) AS usd_write,
    -- The counted prompt at the input rate; searches, output and what other runs inside the
    -- response were billed stay as they are.
    sum((
        usd
        + (
            read_tokens * (rate_input - rate_read)
            + write_5m_tokens * (rate_input - rate_write_5m)
            + write_1h_tokens * (rate_input - rate_write_1h)
        ) / 1e6
    )::DECIMAL(38, 15)) AS usd_uncached
FROM turns
GROUP BY ALL;

-- Ledger in force: what the rules say, and in its place, for responses of sessions in which a
-- judgement has decided something, what follows from it. By response, so that whatever has been
-- added to a session since it was judged is not lost.
CREATE TEMP VIEW in_force AS
SELECT * FROM rules_ledger
ANTI JOIN (SELECT DISTINCT day, response_id FROM judged_ledger) USING (day, response_id)
UNION ALL BY NAME
SELECT * FROM judged_ledger;

CREATE TEMP VIEW new_owned AS
SELECT
    day,
    session_id,
    project,
    model,
    category,
    count(*) AS responses,
    sum(input_tokens) AS input_tokens,
    sum(write_5m_tokens) AS write_5m_tokens,
    sum(write_1h_tokens) AS write_1h_tokens,
    sum(read_tokens) AS read_tokens,
    sum(output_tokens) AS output_tokens,
    sum(usd::DECIMAL(38, 15)) AS usd,
    sum(usd_candidate::DECIMAL(38, 15)) AS usd_candidate,
    sum(usd_avoidable::DECIMAL(38, 15)) AS usd_avoidable
FROM in_force
GROUP BY ALL;

-- By kind of token. A share of the ledger has one amount for all its kinds. It is shared out by
-- what they cost: each at its rate; of `cache_write`, which owns the premium alone, at what the
-- rate is above that of a read. Productive work has what is left of each kind.
CREATE TEMP VIEW new_kinds AS
WITH weighed AS (
    SELECT
        l.day,
        l.category,
        l.usd,
        l.input_tokens,
        l.write_5m_tokens,
        l.write_1h_tokens,
        l.read_tokens,
        l.output_tokens,
        CASE WHEN l.category = 'cache_write' THEN t.rate_read ELSE 0 END AS base,
        l.input_tokens * greatest(t.rate_input - base, 0) AS input_weight,
        l.write_5m_tokens * greatest(t.rate_write_5m - base, 0) AS write_5m_weight,
        l.write_1h_tokens * greatest(t.rate_write_1h - base, 0) AS write_1h_weight,
        l.read_tokens * greatest(t.rate_read - base, 0) AS read_weight,
        l.output_tokens * greatest(t.rate_output - base, 0) AS output_weight,
        input_weight + write_5m_weight + write_1h_weight
            + read_weight + output_weight AS weight
    FROM in_force AS l
    JOIN turns AS t USING (day, response_id)
    WHERE l.category <> 'productive'
),
wasted AS (
    SELECT
        day,
        category,
        sum(input_tokens) AS input_tokens,
        sum(write_5m_tokens) AS write_5m_tokens,
        sum(write_1h_tokens) AS write_1h_tokens,
        sum(read_tokens) AS read_tokens,
        sum(output_tokens) AS output_tokens,
        sum((usd * input_weight / greatest(weight, 1e-12))::DECIMAL(38, 15)) AS usd_input,
        sum((usd * write_5m_weight / greatest(weight, 1e-12))::DECIMAL(38, 15)) AS usd_write_5m,
        sum((usd * write_1h_weight / greatest(weight, 1e-12))::DECIMAL(38, 15)) AS usd_write_1h,
        sum((usd * read_weight / greatest(weight, 1e-12))::DECIMAL(38, 15)) AS usd_read,
        sum((usd * output_weight / greatest(weight, 1e-12))::DECIMAL(38, 15)) AS usd_output
    FROM weighed
    GROUP BY day, category
),
taken AS (
    SELECT
        day,
        sum(input_tokens) AS input_tokens,
        sum(write_5m_tokens) AS write_5m_tokens,
        sum(write_1h_tokens) AS write_1h_tokens,
        sum(read_tokens) AS read_tokens,
        sum(output_tokens) AS output_tokens,
        coalesce(sum(usd_input), 0) AS usd_input,
        coalesce(sum(usd_write_5m), 0) AS usd_write_5m,
        coalesce(sum(usd_write_1h), 0) AS usd_write_1h,
        coalesce(sum(usd_read), 0) AS usd_read,
        coalesce(sum(usd_output), 0) AS usd_output
    FROM wasted
    GROUP BY day
),
billed AS (
    SELECT
        day,
        sum(input_tokens) AS input_tokens,
        sum(write_5m_tokens) AS write_5m_tokens,
        sum(write_1h_tokens) AS write_1h_tokens,
        sum(read_tokens) AS read_tokens,
        sum(output_tokens) AS output_tokens,
        sum(billed_extra_tokens) AS other_tokens,
        sum(usd_input::DECIMAL(38, 15)) AS usd_input,
        sum(usd_write_5m::DECIMAL(38, 15)) AS usd_write_5m,
        sum(usd_write_1h::DECIMAL(38, 15)) AS usd_write_1h,
        sum(usd_read::DECIMAL(38, 15)) AS usd_read,
        sum(usd_output::DECIMAL(38, 15)) AS usd_output,
        sum(usd::DECIMAL(38, 15)) AS usd
    FROM turns
    GROUP BY day
),
owned AS (
    SELECT
        day,
        category,
        [
            ('input', input_tokens, usd_input),
            ('write_5m', write_5m_tokens, usd_write_5m),
            ('write_1h', write_1h_tokens, usd_write_1h),
            ('read', read_tokens, usd_read),
            ('output', output_tokens, usd_output)
        ] AS kinds
    FROM wasted
    UNION ALL
    SELECT
        b.day,
        'productive',
        [
            ('input', b.input_tokens - coalesce(t.input_tokens, 0),
                b.usd_input - coalesce(t.usd_input, 0)),
            ('write_5m', b.write_5m_tokens - coalesce(t.write_5m_tokens, 0),
                b.usd_write_5m - coalesce(t.usd_write_5m, 0)),
            ('write_1h', b.write_1h_tokens - coalesce(t.write_1h_tokens, 0),
                b.usd_write_1h - coalesce(t.usd_write_1h, 0)),
            ('read', b.read_tokens - coalesce(t.read_tokens, 0),
                b.usd_read - coalesce(t.usd_read, 0)),
            ('output', b.output_tokens - coalesce(t.output_tokens, 0),
                b.usd_output - coalesce(t.usd_output, 0)),
            -- Searches, and runs inside a response: the bill less the five.
            ('other', b.other_tokens, b.usd - (
                b.usd_input + b.usd_write_5m + b.usd_write_1h
                + b.usd_read + b.usd_output
            ))
        ]
    FROM billed AS b
    LEFT JOIN taken AS t USING (day)
)
SELECT day, category, kind[1] AS token_kind, kind[2] AS tokens, kind[3] AS usd
FROM (SELECT day, category, unnest(kinds) AS kind FROM owned)
WHERE tokens <> 0 OR abs(usd) > 1e-12;

CREATE TEMP VIEW new_ruled AS
SELECT
    day,
    category,
    sum(usd::DECIMAL(38, 15)) AS usd,
    sum(usd_avoidable::DECIMAL(38, 15)) AS usd_avoidable,
    sum(usd_candidate::DECIMAL(38, 15)) AS usd_candidate
FROM rules_ledger
GROUP BY day, category;

CREATE TEMP VIEW new_failed AS
SELECT
    day,
    session_id,
    project,
    cause,
    cause_rule,
    fault,
    tool_name,
    count(*) AS calls,
    sum(usd::DECIMAL(38, 15)) AS usd
FROM failed_calls
GROUP BY ALL;

CREATE TEMP VIEW new_clustered AS
SELECT
    day,
    cluster_id AS own_id,
    fingerprint_id,
    tool_use_id,
    session_id,
    agent,
    project,
    person,
    ts,
    tool_name,
    cause,
    fault,
    title,
    template,
    example,
    example_rank,
    tokens,
    usd::DECIMAL(38, 15) AS usd,
    usd_direct::DECIMAL(38, 15) AS usd_direct,
    usd_avoidable::DECIMAL(38, 15) AS usd_avoidable,
    coalesce(result_transcript, transcript) || ':' || coalesce(result_line_no, line_no) AS place
FROM failure_clusters;

-- What tells to which remedy a flag leads; flags in force, as the publication has them.
CREATE TEMP VIEW new_flags AS
SELECT
    day, flag_id, category, rule, tier = 'candidate' AS is_candidate, cause, cause_rule,
    session_id, shown_project(project) AS project, tool_name, target, evidence, transcript, line_no
FROM (
    SELECT * FROM rules_flags
    ANTI JOIN (SELECT DISTINCT day, session_id FROM judged_ledger) USING (day, session_id)
    UNION ALL BY NAME
    SELECT * FROM judged_flags
);

CREATE TEMP VIEW new_texts AS
SELECT
    day,
    session_id,
    model,
    text_kind,
    sum(all_tokens)::BIGINT AS all_tokens,
    sum(blocks)::BIGINT AS blocks,
    sum(tokens)::BIGINT AS tokens,
    sum(chars)::BIGINT AS chars
FROM text_sizes
GROUP BY ALL;

-- What the calls that went well show of the projects.
CREATE TEMP VIEW new_called AS
WITH called AS (
    SELECT day, project, tool_name, replace(target, '\', '/') AS target
    FROM tool_calls
    WHERE outcome = 'ok' AND project IS NOT NULL
        AND tool_name IN ('Bash', 'Read', 'Edit', 'Write')
),
told AS (
    SELECT
        day,
        project,
        'manager' AS kind,
        regexp_extract(
            target,
            '(?:^|[;&|]\s*)(npm|pnpm|yarn|bun|uv|poetry|pip3?)\s+'
            '(?:install|i|add|run|test|sync|exec|ci)\b',
            1
        ) AS name
    FROM called
    WHERE tool_name = 'Bash'
    UNION ALL
    SELECT
        day,
        project,
        'folder',
        split_part(substr(target, length(project) + 2), '/', 1)
    FROM called
    WHERE tool_name <> 'Bash'
        AND starts_with(target, replace(project, '\', '/') || '/')
        AND contains(substr(target, length(project) + 2), '/')
)
SELECT day, project, kind, name, count(*) AS uses
FROM told
WHERE regexp_full_match(name, '[A-Za-z0-9][\w.-]{0,39}')
GROUP BY ALL;

CREATE TEMP VIEW new_costs AS
SELECT day, session_id, started_at, model, line_no, transcript, usd, output_tokens
FROM line_costs;

CREATE TEMP VIEW new_counted AS
SELECT
    day,
    count(*) FILTER (lines > 0) AS transcripts,
    sum(lines)::BIGINT AS lines,
    sum(decoded)::BIGINT AS decoded_lines,
    sum(repaired)::BIGINT AS repaired_lines,
    sum(quarantined)::BIGINT AS quarantined_lines,
    sum(files)::BIGINT AS files
FROM line_counts
GROUP BY day;
