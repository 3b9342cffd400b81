-- The published rows, with their names again.
--
-- Reads   responses, placed (turns.sql), charges, priced, tool_calls, context_blocks,
--         conversations, transcripts, response_names (lines.sql)
-- Makes   published_parsed_turns, published_tool_calls, published_context_blocks

CREATE OR REPLACE TEMP TABLE published_parsed_turns AS
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
    WHERE response IN (SELECT response FROM billed_iterations)
    GROUP BY response
),
-- What a response wrote, as its owner recorded it.
written AS (
    SELECT
        o.response,
        sum(o.chars) FILTER (o.kind = 'output_text')::BIGINT AS text_chars,
        sum(o.chars) FILTER (o.kind = 'thinking')::BIGINT AS thinking_chars,
        bool_or(o.kind = 'thinking') AS has_thinking
    FROM pieces AS o
    JOIN responses AS r ON r.response = o.response AND r.conversation = o.conversation
    WHERE r.wanted AND o.kind IN ('output_text', 'thinking')
    GROUP BY o.response
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
    WHERE response NOT IN (SELECT response FROM billed_iterations)
)
SELECT
    r.day,
    n.response_id,
    r.message_id,
    r.request_id,
    r.has_request_id,
    c.session_id,
    c.agent,
    r.project,
    r.ts,
    r.last_ts,
    r.model,
    r.stop_reason,
    r.stop_reason IS NOT NULL AS usage_final,
    r.from_progress,
    r.lines,
    r.conversations,
    r.usage_conflict,
    r.input_tokens,
    r.write_5m_tokens,
    r.write_1h_tokens,
    r.ttl_known,
    r.read_tokens,
    r.output_tokens,
    r.thinking_tokens,
    b.web_search_requests,
    b.billed_tokens
        - (r.input_tokens + r.write_5m_tokens + r.write_1h_tokens + r.read_tokens + r.output_tokens)
        AS billed_extra_tokens,
    r.speed,
    r.inference_geo,
    r.service_tier,
    r.effort,
    r.miss_reason,
    r.version,
    coalesce(w.text_chars, 0) AS text_chars,
    coalesce(w.thinking_chars, 0) AS thinking_chars,
    coalesce(w.has_thinking, FALSE) AS has_thinking,
    r.prompt_tokens,
    e.response_id AS epoch,
    p.epoch_position,
    p.epoch_start,
    CASE WHEN p.epoch_start IS NULL THEN p.previous_prompt_tokens ELSE 0 END
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
    b.rates.input AS rate_input,
    b.rates.write_5m AS rate_write_5m,
    b.rates.write_1h AS rate_write_1h,
    b.rates.read AS rate_read,
    b.rates.output AS rate_output,
    t.transcript,
    r.line_no
FROM responses AS r
JOIN placed AS p ON p.response = r.response AND p.conversation = r.conversation
JOIN bills AS b ON b.response = r.response
JOIN response_names AS n ON n.response = r.response
JOIN response_names AS e ON e.response = p.epoch
LEFT JOIN written AS w ON w.response = r.response
LEFT JOIN response_names AS q ON q.response = p.previous_response
JOIN conversations AS c ON c.conversation = r.conversation
JOIN transcripts AS t ON t.transcript_no = r.transcript_no
WHERE r.wanted
ORDER BY r.day, r.conversation, r.ts, r.response;

CREATE OR REPLACE TEMP TABLE published_tool_calls AS
SELECT
    k.day,
    k.tool_use_id,
    n.response_id,
    c.session_id,
    c.agent,
    k.* EXCLUDE (
        day, tool_use_id, response, conversation, transcript_no, line_no, result_transcript_no,
        result_line_no, web_searches
    ),
    t.transcript,
    k.line_no,
    u.transcript AS result_transcript,
    k.result_line_no
FROM tool_calls AS k
JOIN response_names AS n USING (response)
JOIN conversations AS c USING (conversation)
JOIN transcripts AS t USING (transcript_no)
LEFT JOIN transcripts AS u ON u.transcript_no = k.result_transcript_no
ORDER BY k.day, k.conversation, k.ts, k.response, k.tool_use_id;

CREATE OR REPLACE TEMP TABLE published_context_blocks AS
SELECT
    b.day,
    n.response_id,
    b.block_no,
    c.session_id,
    c.agent,
    e.response_id AS epoch,
    b.* EXCLUDE (
        day, response, block_no, conversation, epoch, source_response, transcript_no, line_no
    ),
    s.response_id AS source_response_id,
    t.transcript,
    b.line_no
FROM context_blocks AS b
JOIN response_names AS n USING (response)
JOIN response_names AS e ON e.response = b.epoch
JOIN conversations AS c USING (conversation)
LEFT JOIN response_names AS s ON s.response = b.source_response
LEFT JOIN transcripts AS t USING (transcript_no)
ORDER BY b.day, b.conversation, b.ts, b.response, b.block_no;
