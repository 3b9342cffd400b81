-- The published row of each response: its tokens, its price, its place.
--
-- Reads   responses, placed (turns.sql), charges, priced
-- Makes   parsed_turns

CREATE OR REPLACE TEMP TABLE parsed_turns AS
WITH bills AS (
    SELECT
        response_id,
        sum(
            input_tokens + write_5m_tokens + write_1h_tokens + read_tokens + output_tokens
        )::BIGINT AS billed_tokens,
        max(web_search_requests) AS web_search_requests,
        -- Ordered, so that the sum of floats is the same every time; one unpriced run makes the
        -- whole unpriced.
        list_sum(list(usd_input ORDER BY iteration)) AS usd_input,
        list_sum(list(usd_write_5m ORDER BY iteration)) AS usd_write_5m,
        list_sum(list(usd_write_1h ORDER BY iteration)) AS usd_write_1h,
        list_sum(list(usd_read ORDER BY iteration)) AS usd_read,
        list_sum(list(usd_output ORDER BY iteration)) AS usd_output,
        list_sum(list(usd_web_search ORDER BY iteration)) AS usd_web_search,
        bool_and(usd IS NOT NULL) AS is_priced
    FROM priced
    GROUP BY response_id
)
SELECT
    r.day,
    r.response_id,
    r.message_id,
    r.request_id,
    r.has_request_id,
    r.session_id,
    r.agent,
    r.project,
    r.ts,
    r.last_ts,
    r.model,
    r.stop_reason,
    r.stop_reason IS NOT NULL AS usage_final,
    r.from_progress,
    r.lines,
    r.sessions,
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
    r.version,
    r.prompt_tokens,
    p.epoch,
    p.epoch_position,
    p.epoch_start,
    CASE WHEN p.epoch_start IS NULL THEN p.previous_prompt_tokens ELSE 0 END
        AS previous_prompt_tokens,
    p.previous_response_id,
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
    r.transcript,
    r.line_no
FROM responses AS r
JOIN placed AS p
    ON p.response_id = r.response_id AND p.session_id = r.session_id AND p.agent = r.agent
JOIN bills AS b ON b.response_id = r.response_id
WHERE r.wanted;
