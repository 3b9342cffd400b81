-- The lines that may matter, with integers for names: the order of the integers is that of the
-- names. Half a million rows of long names cost most where they are sorted, joined or copied; so
-- what follows works on narrow rows, and `row_no` leads back to what is published as it stands.
--
-- Reads   all_usage, all_blocks     rows of line_usage and line_blocks, with their day and row_no
--         named_transcript_days     for each transcript and day the next one on which it goes on
--         wanted_days
-- Makes   conversations, transcripts, transcript_days, response_names, usage_lines, extents,
--         block_lines, pieces

-- A gateway's ids are told apart by conversation, so a resumed session seems to have answers of
-- its own. Copied lines keep their uuid: it says which are the same.
CREATE OR REPLACE TEMP TABLE same_responses AS
WITH copied AS (
    SELECT uuid, min(response_id) AS first_id
    FROM all_usage
    WHERE NOT starts_with(response_id, 'msg_') AND uuid IS NOT NULL
    GROUP BY uuid
    HAVING min(response_id) <> max(response_id)
)
SELECT u.response_id, min(c.first_id) AS first_id
FROM all_usage AS u
JOIN copied AS c USING (uuid)
GROUP BY u.response_id
HAVING u.response_id <> min(c.first_id);

CREATE OR REPLACE TEMP TABLE active AS
SELECT DISTINCT session_id, agent
FROM all_usage
WHERE day IN (SELECT day FROM wanted_days);

-- The responses of the active conversations, wherever their lines and copies stand.
CREATE OR REPLACE TEMP TABLE response_names AS
SELECT response_id, row_number() OVER (ORDER BY response_id)::INTEGER AS response
FROM (
    SELECT DISTINCT coalesce(s.first_id, u.response_id) AS response_id
    FROM all_usage AS u
    JOIN active USING (session_id, agent)
    LEFT JOIN same_responses AS s USING (response_id)
);

-- Every id that they go by.
CREATE OR REPLACE TEMP TABLE response_ids AS
SELECT response_id, response
FROM response_names
ANTI JOIN same_responses USING (response_id)
UNION ALL
SELECT s.response_id, n.response
FROM same_responses AS s
JOIN response_names AS n ON n.response_id = s.first_id;

CREATE OR REPLACE TEMP TABLE conversations AS
SELECT session_id, agent, row_number() OVER (ORDER BY session_id, agent)::INTEGER AS conversation
FROM (
    SELECT DISTINCT session_id, agent
    FROM all_usage
    JOIN response_ids USING (response_id)
);

CREATE OR REPLACE TEMP TABLE transcripts AS
SELECT transcript, row_number() OVER (ORDER BY transcript)::INTEGER AS transcript_no
FROM (
    SELECT DISTINCT transcript FROM all_usage
    UNION
    SELECT DISTINCT transcript FROM all_blocks
);

CREATE OR REPLACE TEMP TABLE transcript_days AS
SELECT t.transcript_no, n.day, n.next_day, u.last_ts
FROM named_transcript_days AS n
JOIN transcripts AS t USING (transcript)
LEFT JOIN (
    SELECT transcript, day, max(ts) AS last_ts FROM all_usage GROUP BY ALL
) AS u ON u.transcript = n.transcript AND u.day = n.day;

-- What decides among the lines of a response.
CREATE OR REPLACE TEMP TABLE usage_lines AS
SELECT
    u.row_no,
    r.response,
    c.conversation,
    t.transcript_no,
    u.line_no,
    u.part,
    u.ts,
    u.is_copy,
    u.is_sidechain,
    u.from_progress,
    u.stop_reason IS NOT NULL AS is_final,
    u.request_id IS NOT NULL AS has_request_id,
    u.uuid,
    u.output_tokens,
    u.input_tokens + u.write_5m_tokens + u.write_1h_tokens + u.read_tokens AS prompt_tokens,
    d.last_ts,
    d.next_day
FROM all_usage AS u
JOIN response_ids AS r USING (response_id)
JOIN conversations AS c USING (session_id, agent)
JOIN transcripts AS t USING (transcript)
JOIN transcript_days AS d ON d.transcript_no = t.transcript_no AND d.day = u.day;

-- From lines to responses. A tuple is compared from left to right, FALSE before TRUE; the numbers
-- at its end only see to it that there is never a tie.
--
-- `winner` is the line that says what was billed: a progress line's copy loses to any other, a
-- placeholder to a final row, a smaller output to a larger one.
-- `origin` is the line that says whom the response belongs to: a line that says it was copied does
-- so only where there is no other, and the earliest wins. A resumed session's copies bear the same
-- times and no mark: the original is the one that did not go on.
CREATE OR REPLACE TEMP TABLE extents AS
SELECT
    response,
    arg_max(
        row_no,
        (
            NOT from_progress, is_final, output_tokens, NOT is_sidechain, ts,
            uuid IS NOT NULL, coalesce(uuid, ''), -transcript_no, -line_no, -part, -row_no
        )
    ) AS winner,
    arg_min(
        row_no,
        (
            is_copy, ts, from_progress, is_sidechain, last_ts,
            next_day IS NOT NULL, next_day, conversation, transcript_no, line_no, part, row_no
        )
    ) AS origin,
    min(ts) AS first_ts,
    max(ts) AS last_ts,
    bool_or(has_request_id) AS has_request_id,
    bool_and(from_progress) AS from_progress,
    count(*)::INTEGER AS lines,
    min(prompt_tokens) <> max(prompt_tokens) AS usage_conflict
FROM usage_lines
GROUP BY response;

CREATE OR REPLACE TEMP TABLE block_lines AS
SELECT
    b.row_no,
    r.response,
    c.conversation,
    t.transcript_no,
    b.day,
    b.line_no,
    b.part,
    b.block_no,
    b.ts,
    b.uuid,
    b.goes_on_from,
    b.from_progress,
    b.kind,
    b.tool_use_id,
    b.tool_name,
    b.is_error,
    b.web_searches,
    b.chars
FROM all_blocks AS b
JOIN conversations AS c USING (session_id, agent)
JOIN transcripts AS t USING (transcript)
LEFT JOIN response_ids AS r USING (response_id);

-- Content, each piece once a conversation: progress lines only where there is nothing else, and a
-- line that stands in several transcripts of one session counts where it stands first. Few do; so
-- only those whose uuid is seen twice are looked at closely.
CREATE OR REPLACE TEMP TABLE echoes AS
SELECT row_no
FROM block_lines
WHERE from_progress
    AND conversation IN (SELECT conversation FROM block_lines WHERE NOT from_progress);

INSERT INTO echoes
WITH repeated AS (
    SELECT conversation, uuid, block_no, kind
    FROM block_lines
    GROUP BY ALL
    HAVING count(*) > 1
)
SELECT b.row_no
FROM block_lines AS b
ANTI JOIN echoes AS e ON e.row_no = b.row_no
JOIN repeated AS r
    ON r.conversation = b.conversation
    AND r.uuid IS NOT DISTINCT FROM b.uuid
    AND r.block_no = b.block_no
    AND r.kind = b.kind
QUALIFY row_number() OVER (
    PARTITION BY
        b.conversation, try_cast(b.uuid AS UUID), b.block_no, b.kind,
        -- A line without a uuid is only itself.
        CASE WHEN try_cast(b.uuid AS UUID) IS NULL
            THEN (b.transcript_no, b.line_no, b.part) END
    ORDER BY b.ts, b.transcript_no, b.line_no, b.part, b.row_no
) > 1;

CREATE OR REPLACE TEMP VIEW pieces AS
SELECT * FROM block_lines ANTI JOIN echoes USING (row_no);
