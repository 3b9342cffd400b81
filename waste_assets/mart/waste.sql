-- What was wasted, why calls failed, and the flags.
--
-- Reads   token_ledger, heuristic_flags, failed_calls   (views over the lake)
--         shown_project
-- Makes   daily_waste, session_waste, flags, failures
--         owned, failed, session_faults                 (for the other scripts and the shares)
--
-- Money is added as decimals, as in mart.sql.

CREATE TEMP TABLE owned AS
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
FROM token_ledger
GROUP BY ALL;

CREATE TABLE daily_waste AS
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
GROUP BY ALL
ORDER BY ALL;

CREATE TABLE session_waste AS
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

-- In the order of the lake.
CREATE TABLE flags AS
SELECT day, * EXCLUDE (day) REPLACE (shown_project(project) AS project)
FROM heuristic_flags;

CREATE TEMP TABLE failed AS
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

CREATE TABLE failures AS
SELECT
    day,
    shown_project(project) AS project,
    cause,
    fault,
    tool_name,
    sum(calls)::BIGINT AS calls,
    sum(usd)::DOUBLE AS usd
FROM failed
GROUP BY ALL
ORDER BY ALL;

CREATE TEMP VIEW session_faults AS
SELECT session_id, fault, sum(calls)::BIGINT AS calls, sum(usd)::DOUBLE AS usd
FROM failed
WHERE fault IN ('infrastructure', 'harness', 'model')
GROUP BY session_id, fault
ORDER BY session_id, fault;
