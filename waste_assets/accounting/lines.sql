-- The lines that may matter, numbered: names become integers whose order is that of the names,
-- because sorting and joining half a million long names is most of the work otherwise.
--
-- Reads   all_usage, all_blocks     rows of line_usage and line_blocks, with their day
--         named_transcript_days     for each transcript and day the next one on which it goes on
--         wanted_days
-- Makes   conversations, transcripts, transcript_days, response_names, usage_lines, block_lines,
--         pieces

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

UPDATE all_usage SET response_id = s.first_id
FROM same_responses AS s WHERE all_usage.response_id = s.response_id;

UPDATE all_blocks SET response_id = s.first_id
FROM same_responses AS s WHERE all_blocks.response_id = s.response_id;

CREATE OR REPLACE TEMP TABLE active AS
SELECT DISTINCT session_id, agent
FROM all_usage
WHERE day IN (SELECT day FROM wanted_days);

-- The responses of the active conversations, wherever their lines and copies stand.
CREATE OR REPLACE TEMP TABLE response_names AS
SELECT response_id, row_number() OVER (ORDER BY response_id)::INTEGER AS response
FROM (
    SELECT DISTINCT response_id
    FROM all_usage
    JOIN active USING (session_id, agent)
);

CREATE OR REPLACE TEMP TABLE conversations AS
SELECT session_id, agent, row_number() OVER (ORDER BY session_id, agent)::INTEGER AS conversation
FROM (
    SELECT DISTINCT session_id, agent
    FROM all_usage
    JOIN response_names USING (response_id)
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

-- Numbering narrow rows and joining the wide ones to them moves far less than sorting wide rows.
--
-- `line` is the order of preference for what a response was billed: a progress line's copy loses
-- to any other, a placeholder to a final row, a smaller output to a larger one.
-- `origin` is the order of preference for whom the response belongs to: a line that says it was
-- copied does so only where there is no other, and the earliest wins. A resumed session's copies
-- bear the same times and no mark: the original is the one that did not go on.
CREATE OR REPLACE TEMP TABLE usage_lines AS
WITH numbered AS (
    SELECT
        u.rowid AS row_no,
        r.response,
        c.conversation,
        t.transcript_no,
        row_number() OVER (
            ORDER BY
                u.from_progress, u.stop_reason IS NULL, u.output_tokens DESC, u.is_sidechain,
                u.ts DESC, u.uuid DESC NULLS LAST, t.transcript_no, u.line_no, u.part
        )::INTEGER AS line,
        row_number() OVER (
            ORDER BY
                u.is_copy, u.ts, u.from_progress, u.is_sidechain, d.last_ts,
                d.next_day NULLS FIRST, c.conversation, t.transcript_no, u.line_no, u.part
        )::INTEGER AS origin
    FROM all_usage AS u
    JOIN response_names AS r USING (response_id)
    JOIN conversations AS c USING (session_id, agent)
    JOIN transcripts AS t USING (transcript)
    JOIN transcript_days AS d ON d.transcript_no = t.transcript_no AND d.day = u.day
)
SELECT u.* EXCLUDE (session_id, agent, transcript, response_id), n.* EXCLUDE (row_no)
FROM numbered AS n
JOIN all_usage AS u ON u.rowid = n.row_no;

CREATE OR REPLACE TEMP TABLE block_lines AS
WITH numbered AS (
    SELECT
        b.rowid AS row_no,
        r.response,
        c.conversation,
        t.transcript_no,
        row_number() OVER (
            ORDER BY b.ts, t.transcript_no, b.line_no, b.part, b.block_no
        )::INTEGER AS block
    FROM all_blocks AS b
    JOIN conversations AS c USING (session_id, agent)
    JOIN transcripts AS t USING (transcript)
    LEFT JOIN response_names AS r USING (response_id)
)
SELECT b.* EXCLUDE (session_id, agent, transcript, response_id), n.* EXCLUDE (row_no)
FROM numbered AS n
JOIN all_blocks AS b ON b.rowid = n.row_no;

-- Content, each piece once a conversation: a line that stands in several transcripts of one
-- session counts where it stands first, and progress lines only where there is nothing else.
CREATE OR REPLACE TEMP TABLE pieces AS
WITH known AS (
    SELECT
        *,
        try_cast(uuid AS UUID) AS line_uuid,
        from_progress AND NOT bool_and(from_progress) OVER (PARTITION BY conversation) AS is_echo
    FROM (
        SELECT block, conversation, transcript_no, line_no, part, block_no, kind, uuid, from_progress
        FROM block_lines
    )
),
kept AS (
    SELECT min(block) AS block
    FROM known
    WHERE NOT is_echo
    GROUP BY
        conversation, line_uuid, block_no, kind,
        CASE WHEN line_uuid IS NULL THEN transcript_no END,
        CASE WHEN line_uuid IS NULL THEN line_no END,
        CASE WHEN line_uuid IS NULL THEN part END
)
SELECT
    block, conversation, transcript_no, line_no, part, block_no, ts, kind, subtype, response,
    chars, content_hash, tool_use_id
FROM block_lines
WHERE block IN (SELECT block FROM kept);
