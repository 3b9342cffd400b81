-- Tool calls and what came back.
--
-- Reads   responses (turns.sql), block_lines, transcript_days
-- Makes   tool_calls

CREATE OR REPLACE TEMP TABLE tool_calls AS
WITH calls AS (
    SELECT b.*, r.session_id AS owner_session, r.agent AS owner_agent, r.project, r.day AS on_day
    FROM block_lines AS b
    JOIN responses AS r USING (response_id)
    WHERE b.kind = 'tool_use' AND b.tool_use_id IS NOT NULL AND r.wanted
    QUALIFY row_number() OVER (
        PARTITION BY b.tool_use_id, b.response_id
        ORDER BY
            b.session_id <> r.session_id OR b.agent <> r.agent,
            b.from_progress, b.ts, b.transcript, b.line_no, b.part, b.block_no
    ) = 1
),
-- A result counts up to the next day on which its transcript went on: whatever comes later
-- would make a day's rows depend on how many days are at hand.
results AS (
    SELECT c.tool_use_id, c.response_id, b.*
    FROM calls AS c
    JOIN block_lines AS b ON b.kind = 'tool_result' AND b.tool_use_id = c.tool_use_id
    LEFT JOIN transcript_days AS n ON n.transcript = c.transcript AND n.day = c.day
    WHERE b.day <= coalesce(n.next_day, c.day)
    QUALIFY row_number() OVER (
        PARTITION BY c.tool_use_id, c.response_id
        ORDER BY
            b.session_id <> c.session_id OR b.agent <> c.agent,
            b.from_progress, b.ts, b.transcript, b.line_no, b.part, b.block_no
    ) = 1
)
SELECT
    c.on_day AS day,
    c.tool_use_id,
    c.response_id,
    c.owner_session AS session_id,
    c.owner_agent AS agent,
    c.project,
    c.ts,
    coalesce(c.tool_name, 'unnamed') AS tool_name,
    c.target,
    c.input_hash,
    c.chars AS input_chars,
    CASE WHEN r.kind IS NULL THEN 'no_result' WHEN r.is_error THEN 'error' ELSE 'ok' END AS outcome,
    r.ts AS result_ts,
    r.chars AS result_chars,
    r.content_hash AS result_hash,
    r.error_text,
    r.denial,
    r.subagent,
    r.subagent_tokens,
    c.transcript,
    c.line_no,
    r.transcript AS result_transcript,
    r.line_no AS result_line_no,
    r.web_searches
FROM calls AS c
LEFT JOIN results AS r USING (tool_use_id, response_id);
