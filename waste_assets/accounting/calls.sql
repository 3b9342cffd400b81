-- Tool calls and what came back.
--
-- Reads   responses (turns.sql), block_lines, transcript_days (lines.sql)
-- Makes   tool_calls      each call with its line and that of its result

CREATE OR REPLACE TEMP TABLE tool_calls AS
WITH calls AS (
    -- Each call once, as its owner recorded it.
    SELECT
        b.tool_use_id,
        b.response,
        arg_min(
            b.row_no,
            (
                b.conversation <> r.conversation, b.from_progress,
                b.ts, b.transcript_no, b.line_no, b.part, b.block_no, b.row_no
            )
        ) AS row_no
    FROM block_lines AS b
    JOIN responses AS r USING (response)
    WHERE b.kind = 'tool_use' AND b.tool_use_id IS NOT NULL AND r.wanted
    GROUP BY b.tool_use_id, b.response
),
-- A result counts up to the next day on which its transcript went on: whatever comes later
-- would make a day's rows depend on how many days are at hand.
recorded AS (
    SELECT
        k.tool_use_id,
        k.response,
        k.row_no,
        c.conversation,
        c.ts,
        c.tool_name,
        coalesce(n.next_day, c.day) AS last_day
    FROM calls AS k
    JOIN block_lines AS c ON c.row_no = k.row_no
    LEFT JOIN transcript_days AS n ON n.transcript_no = c.transcript_no AND n.day = c.day
),
results AS (
    SELECT
        c.row_no,
        arg_min(
            b.row_no,
            (
                b.conversation <> c.conversation, b.from_progress,
                b.ts, b.transcript_no, b.line_no, b.part, b.block_no, b.row_no
            )
        ) AS result_row_no
    FROM recorded AS c
    JOIN block_lines AS b ON b.kind = 'tool_result' AND b.tool_use_id = c.tool_use_id
    WHERE b.day <= c.last_day
    GROUP BY c.row_no
)
SELECT
    c.tool_use_id,
    c.response,
    c.row_no,
    c.ts,
    c.tool_name,
    b.row_no AS result_row_no,
    b.is_error,
    b.web_searches
FROM recorded AS c
LEFT JOIN results AS r USING (row_no)
LEFT JOIN block_lines AS b ON b.row_no = r.result_row_no;
