-- What was used, and what the figures rest on.
--
-- Reads   turns, line_counts, line_costs   (views over the lake)
--         facts                            (key, value)
-- Makes   daily_usage, session_usage, coverage, cost_reconciliation, meta
--         usage, shown_project             (for the other scripts)

CREATE TEMP MACRO shown_project(path) AS
    regexp_replace(path, '^(/home/[^/]+|/Users/[^/]+|/root|[A-Za-z]:\\Users\\[^\\]+)', '~');

-- The turns are read once, and all tables are made of these rows. Money is added as decimals:
-- the sum is the same in whatever order, and by whatever stages, it is made.
CREATE TEMP TABLE usage AS
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

CREATE TABLE daily_usage AS
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
GROUP BY ALL
ORDER BY ALL;

CREATE TABLE session_usage AS
SELECT
    session_id,
    shown_project(arg_min(project, (first_ts, project))) AS project,
    min(first_ts) AS first_ts,
    max(last_ts) AS last_ts,
    count(DISTINCT agent) FILTER (agent <> 'main') AS subagents,
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
GROUP BY session_id
ORDER BY session_id;

CREATE TABLE coverage AS
WITH counted AS (
    SELECT
        day,
        count(*) FILTER (lines > 0) AS transcripts,
        sum(lines)::BIGINT AS lines,
        sum(decoded)::BIGINT AS decoded_lines,
        sum(repaired)::BIGINT AS repaired_lines,
        sum(quarantined)::BIGINT AS quarantined_lines,
        sum(files)::BIGINT AS files
    FROM line_counts
    GROUP BY day
),
answered AS (
    SELECT
        day,
        sum(responses)::BIGINT AS responses,
        sum(lower_bound_responses)::BIGINT AS lower_bound_responses,
        sum(unpriced_responses)::BIGINT AS unpriced_responses
    FROM daily_usage
    GROUP BY day
)
SELECT
    c.*,
    coalesce(a.responses, 0) AS responses,
    coalesce(a.lower_bound_responses, 0) AS lower_bound_responses,
    coalesce(a.unpriced_responses, 0) AS unpriced_responses
FROM counted AS c
LEFT JOIN answered AS a USING (day)
ORDER BY c.day;

-- A `cost-state` line counts from the start of its process: the last one of each process stands
-- for it, and a session is the sum of its processes.
CREATE TABLE cost_reconciliation AS
WITH last_states AS (
    SELECT *
    FROM line_costs
    QUALIFY row_number() OVER (
        PARTITION BY session_id, started_at, model ORDER BY day DESC, line_no DESC, transcript
    ) = 1
),
recorded AS (
    SELECT
        session_id,
        list_sum(list(usd ORDER BY started_at, model)) AS recorded_usd,
        sum(output_tokens)::BIGINT AS recorded_output_tokens
    FROM last_states
    GROUP BY session_id
)
SELECT
    r.session_id,
    r.recorded_usd,
    s.usd AS accounted_usd,
    r.recorded_output_tokens,
    s.output_tokens AS accounted_output_tokens,
    r.recorded_usd - coalesce(s.usd, 0) AS unattributed_usd
FROM recorded AS r
LEFT JOIN session_usage AS s USING (session_id)
ORDER BY r.session_id;

CREATE TABLE meta AS SELECT key, value FROM facts ORDER BY key;
