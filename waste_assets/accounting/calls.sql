-- Tool calls and what came back.
--
-- Reads   responses (turns.sql), block_lines (lines.sql), transcript_days
-- Makes   tool_calls

CREATE OR REPLACE TEMP TABLE tool_calls AS
WITH calls AS (
    -- Each call once, as its owner recorded it.
    SELECT
        b.tool_use_id,
        b.response,
        arg_min(
            b.block, (b.conversation <> r.conversation, b.from_progress, b.block)
        ) AS block
    FROM block_lines AS b
    JOIN responses AS r USING (response)
    WHERE b.kind = 'tool_use' AND b.tool_use_id IS NOT NULL AND r.wanted
    GROUP BY b.tool_use_id, b.response
),
-- A result counts up to the next day on which its transcript went on: whatever comes later
-- would make a day's rows depend on how many days are at hand.
results AS (
    SELECT
        k.tool_use_id,
        k.response,
        arg_min(
            b.block, (b.conversation <> c.conversation, b.from_progress, b.block)
        ) AS block
    FROM calls AS k
    JOIN block_lines AS c ON c.block = k.block
    JOIN block_lines AS b ON b.kind = 'tool_result' AND b.tool_use_id = k.tool_use_id
    LEFT JOIN transcript_days AS n ON n.transcript_no = c.transcript_no AND n.day = c.day
    WHERE b.day <= coalesce(n.next_day, c.day)
    GROUP BY k.tool_use_id, k.response
)
SELECT
    o.day,
    k.tool_use_id,
    k.response,
    o.conversation,
    o.project,
    c.ts,
    coalesce(c.tool_name, 'unnamed') AS tool_name,
    c.target,
    c.input_hash,
    c.excerpt AS input_text,
    c.chars AS input_chars,
    CASE WHEN b.block IS NULL THEN 'no_result' WHEN b.is_error THEN 'error' ELSE 'ok' END AS outcome,
    b.ts AS result_ts,
    b.chars AS result_chars,
    b.content_hash AS result_hash,
    b.subtype AS result_kind,
    b.excerpt AS result_text,
    b.first_line,
    b.shown_lines,
    -- What was sent says it for a write, what came back for a read.
    coalesce(c.file_lines, b.file_lines) AS file_lines,
    b.added_lines,
    b.removed_lines,
    c.changed_chars,
    b.denial,
    b.subagent,
    b.subagent_tokens,
    c.transcript_no,
    c.line_no,
    b.transcript_no AS result_transcript_no,
    b.line_no AS result_line_no,
    b.web_searches
FROM calls AS k
JOIN block_lines AS c ON c.block = k.block
JOIN responses AS o ON o.response = k.response
LEFT JOIN results AS r ON r.tool_use_id = k.tool_use_id AND r.response = k.response
LEFT JOIN block_lines AS b ON b.block = r.block;
