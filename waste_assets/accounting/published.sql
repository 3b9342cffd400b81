-- The published rows in the order in which they are written. They hold what was found out; for
-- what stands in the lines they name the line, and responses go by their numbers (published.py).
--
-- Reads   responses, placed (turns.sql), priced, billed_iterations, tool_calls, context_blocks
-- Makes   published_parsed_turns, published_tool_calls, published_context_blocks: views, for each
--         of them is read once

-- A response and its place in the order.
CREATE OR REPLACE TEMP TABLE ordered AS
SELECT
    response,
    row_number() OVER (ORDER BY day, conversation, ts, response)::INTEGER AS turn,
    day,
    conversation,
    ts,
    origin
FROM responses
WHERE wanted;

CREATE OR REPLACE TEMP VIEW published_parsed_turns AS
WITH runs AS (
    -- Ordered, so that the sum of floats is the same every time; one unpriced run makes the
    -- whole unpriced.
    SELECT
        response,
        sum(
            input_tokens + write_5m_tokens + write_1h_tokens + read_tokens + output_tokens
        )::BIGINT AS billed_tokens,
        max(web_search_requests) AS web_search_requests,
        list_sum(list(usd_input ORDER BY iteration)) AS usd_input,
        list_sum(list(usd_write_5m ORDER BY iteration)) AS usd_write_5m,
        list_sum(list(usd_write_1h ORDER BY iteration)) AS usd_write_1h,
        list_sum(list(usd_read ORDER BY iteration)) AS usd_read,
        list_sum(list(usd_output ORDER BY iteration)) AS usd_output,
        list_sum(list(usd_web_search ORDER BY iteration)) AS usd_web_search,
        bool_and(usd IS NOT NULL) AS is_priced,
        -- The last run's: what the next tokens of the conversation cost.
        arg_max(priced.rates, iteration) AS rates
    FROM priced
    SEMI JOIN billed_iterations USING (response)
    GROUP BY response
),
bills AS (
    SELECT * FROM runs
    UNION ALL
    SELECT
        response,
        input_tokens + write_5m_tokens + write_1h_tokens + read_tokens + output_tokens,
        web_search_requests, usd_input, usd_write_5m, usd_write_1h, usd_read, usd_output,
        usd_web_search, usd IS NOT NULL, priced.rates
    FROM priced
    ANTI JOIN billed_iterations USING (response)
),
-- What a response wrote, as its owner recorded it.
written AS (
    SELECT
        p.response,
        sum(p.chars) FILTER (p.kind = 'output_text')::BIGINT AS text_chars,
        sum(p.chars) FILTER (p.kind = 'thinking')::BIGINT AS thinking_chars,
        bool_or(p.kind = 'thinking') AS has_thinking
    FROM pieces AS p
    JOIN responses AS r ON r.response = p.response AND r.conversation = p.conversation
    WHERE r.wanted AND p.kind IN ('output_text', 'thinking')
    GROUP BY p.response
)
SELECT
    r.day,
    r.response AS response_id,
    p.epoch,
    p.previous_response AS previous_response_id,
    r.winner,
    r.origin,
    r.has_request_id,
    r.ts,
    r.last_ts,
    r.is_final AS usage_final,
    r.from_progress,
    r.lines,
    r.conversations,
    r.usage_conflict,
    b.web_search_requests,
    b.billed_tokens - r.tokens AS billed_extra_tokens,
    coalesce(w.text_chars, 0) AS text_chars,
    coalesce(w.thinking_chars, 0) AS thinking_chars,
    coalesce(w.has_thinking, FALSE) AS has_thinking,
    r.prompt_tokens,
    p.epoch_position,
    p.epoch_start,
    CASE WHEN p.epoch_start IS NULL THEN p.previous_prompt_tokens ELSE 0 END
        AS previous_prompt_tokens,
    p.is_rewound,
    CASE WHEN b.is_priced THEN b.usd_input END AS usd_input,
    CASE WHEN b.is_priced THEN b.usd_write_5m END AS usd_write_5m,
    CASE WHEN b.is_priced THEN b.usd_write_1h END AS usd_write_1h,
    CASE WHEN b.is_priced THEN b.usd_read END AS usd_read,
    CASE WHEN b.is_priced THEN b.usd_output END AS usd_output,
    CASE WHEN b.is_priced THEN b.usd_web_search END AS usd_web_search,
    CASE WHEN b.is_priced
        THEN b.usd_input + b.usd_write_5m + b.usd_write_1h + b.usd_read + b.usd_output
            + b.usd_web_search
    END AS usd,
    b.rates.input AS rate_input,
    b.rates.write_5m AS rate_write_5m,
    b.rates.write_1h AS rate_write_1h,
    b.rates.read AS rate_read,
    b.rates.output AS rate_output
FROM ordered AS o
JOIN responses AS r USING (response)
JOIN placed AS p USING (response)
JOIN bills AS b USING (response)
LEFT JOIN written AS w USING (response)
ORDER BY o.turn;

CREATE OR REPLACE TEMP VIEW published_tool_calls AS
SELECT
    o.day,
    k.response AS response_id,
    o.origin,
    k.row_no AS call,
    k.result_row_no AS result,
    coalesce(k.tool_name, 'unnamed') AS tool_name,
    CASE WHEN k.result_row_no IS NULL THEN 'no_result' WHEN k.is_error THEN 'error' ELSE 'ok' END
        AS outcome
FROM tool_calls AS k
JOIN ordered AS o USING (response)
ORDER BY o.day, o.conversation, k.ts, k.response, k.tool_use_id;

CREATE OR REPLACE TEMP VIEW published_context_blocks AS
SELECT
    o.day,
    b.response AS response_id,
    p.epoch,
    b.source_response AS source_response_id,
    o.origin,
    b.row_no AS piece,
    CASE WHEN b.kind <> 'output' THEN b.row_no END AS content,
    b.block_no::INTEGER AS block_no,
    p.epoch_position,
    o.ts,
    b.kind,
    b.subtype,
    b.basis,
    b.tokens,
    b.end_token - b.tokens AS start_token,
    b.end_token,
    b.chars
FROM context_blocks AS b
JOIN ordered AS o USING (response)
JOIN placed AS p USING (response)
ORDER BY o.turn, b.block_no;
