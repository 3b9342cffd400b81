-- Of each session: what it used, who owns its bill, and what Claude Code itself counted.
--
-- Reads   usage, owned, costs, failed   (the facts of days)
--         shown_project
-- Fills   session_usage, session_waste, cost_reconciliation, meta
-- Makes   session_faults                (for the shares)

INSERT INTO session_usage
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
    sum(usd)::DOUBLE AS usd,
    coalesce(sum(responses) FILTER (agent <> 'main'), 0)::BIGINT AS subagent_responses,
    sum(usd) FILTER (agent <> 'main')::DOUBLE AS subagent_usd
FROM usage
GROUP BY session_id
ORDER BY session_id;

INSERT INTO session_waste
SELECT
    session_id,
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
GROUP BY session_id, category
ORDER BY session_id, category;

-- A `cost-state` line counts from the start of its process: the last one of each process stands
-- for it, and a session is the sum of its processes.
INSERT INTO cost_reconciliation
WITH last_states AS (
    SELECT *
    FROM costs
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

CREATE TEMP VIEW session_faults AS
SELECT session_id, fault, sum(calls)::BIGINT AS calls, sum(usd)::DOUBLE AS usd
FROM failed
WHERE fault IN ('infrastructure', 'harness', 'model')
GROUP BY session_id, fault
ORDER BY session_id, fault;

INSERT INTO meta SELECT key, value FROM facts ORDER BY key;
