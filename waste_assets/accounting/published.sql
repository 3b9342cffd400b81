-- The published rows, with their names again, in the order in which they are written.
--
-- Reads   responses, placed (turns.sql), priced, billed_iterations, tool_calls, context_blocks,
--         response_names (lines.sql), all_usage, all_blocks
-- Makes   published_parsed_turns, published_tool_calls, published_context_blocks: views, for each
--         of them is read once

-- What the rows of all three tables say of their response. `turn` is its place in the order.
CREATE OR REPLACE TEMP TABLE named_turns AS
SELECT
    r.response,
    row_number() OVER (ORDER BY r.day, r.conversation, r.ts, r.response)::INTEGER AS turn,
    r.conversation,
    r.day,
    r.ts,
    n.response_id,
    o.session_id,
    o.agent,
    o.project,
    o.transcript,
    e.response_id AS epoch,
    p.epoch_position,
    p.epoch_start,
    p.previous_response
FROM responses AS r
JOIN placed AS p USING (response)
JOIN all_usage AS o ON o.rowid = r.origin
JOIN response_names AS n ON n.response = r.response
JOIN response_names AS e ON e.response = p.epoch;

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
        bool_and(usd IS NOT NULL) AS is_priced
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
        usd_web_search, usd IS NOT NULL
    FROM priced
    ANTI JOIN billed_iterations USING (response)
)
SELECT
    t.day,
    t.response_id,
    w.message_id,
    w.request_id,
    r.has_request_id,
    t.session_id,
    t.agent,
    t.project,
    t.ts,
    r.last_ts,
    w.model,
    w.stop_reason,
    r.is_final AS usage_final,
    r.from_progress,
    r.lines,
    r.conversations,
    r.usage_conflict,
    w.input_tokens,
    w.write_5m_tokens,
    w.write_1h_tokens,
    w.ttl_known,
    w.read_tokens,
    w.output_tokens,
    w.thinking_tokens,
    b.web_search_requests,
    b.billed_tokens
        - (w.input_tokens + w.write_5m_tokens + w.write_1h_tokens + w.read_tokens + w.output_tokens)
        AS billed_extra_tokens,
    w.speed,
    w.inference_geo,
    w.service_tier,
    w.effort,
    w.version,
    r.prompt_tokens,
    t.epoch,
    t.epoch_position,
    t.epoch_start,
    CASE WHEN t.epoch_start IS NULL THEN p.previous_prompt_tokens ELSE 0 END
        AS previous_prompt_tokens,
    q.response_id AS previous_response_id,
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
    t.transcript,
    r.line_no
FROM named_turns AS t
JOIN responses AS r USING (response)
JOIN placed AS p USING (response)
JOIN bills AS b USING (response)
JOIN all_usage AS w ON w.rowid = r.winner
LEFT JOIN response_names AS q ON q.response = p.previous_response
ORDER BY t.turn;

CREATE OR REPLACE TEMP VIEW published_tool_calls AS
SELECT
    t.day,
    k.tool_use_id,
    t.response_id,
    t.session_id,
    t.agent,
    t.project,
    c.ts,
    coalesce(c.tool_name, 'unnamed') AS tool_name,
    c.target,
    c.input_hash,
    c.chars AS input_chars,
    CASE WHEN k.result_row_no IS NULL THEN 'no_result' WHEN b.is_error THEN 'error' ELSE 'ok' END
        AS outcome,
    b.ts AS result_ts,
    b.chars AS result_chars,
    b.content_hash AS result_hash,
    b.error_text,
    b.denial,
    b.subagent,
    b.subagent_tokens,
    c.transcript,
    c.line_no,
    b.transcript AS result_transcript,
    b.line_no AS result_line_no
FROM tool_calls AS k
JOIN named_turns AS t USING (response)
JOIN all_blocks AS c ON c.rowid = k.row_no
LEFT JOIN all_blocks AS b ON b.rowid = k.result_row_no
ORDER BY t.day, t.conversation, c.ts, k.response, k.tool_use_id;

CREATE OR REPLACE TEMP VIEW published_context_blocks AS
SELECT
    t.day,
    t.response_id,
    b.block_no::INTEGER AS block_no,
    t.session_id,
    t.agent,
    t.epoch,
    t.epoch_position,
    t.ts,
    coalesce(b.kind, p.kind) AS kind,
    CASE WHEN b.kind IS NULL THEN p.subtype ELSE b.subtype END AS subtype,
    b.basis,
    b.tokens,
    b.end_token - b.tokens AS start_token,
    b.end_token,
    b.chars,
    CASE WHEN b.kind IS NULL THEN p.tool_use_id END AS tool_use_id,
    s.response_id AS source_response_id,
    p.transcript,
    p.line_no
FROM context_blocks AS b
JOIN named_turns AS t USING (response)
LEFT JOIN response_names AS s ON s.response = b.source_response
LEFT JOIN all_blocks AS p ON p.rowid = b.row_no
ORDER BY t.turn, b.block_no;
