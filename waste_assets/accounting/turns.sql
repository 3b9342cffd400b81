-- From usage lines to responses: one row each, with its place in its conversation.
--
-- Reads   usage_lines   rows of line_usage that may matter, with the day of their partition
--         block_lines   rows of line_blocks of the same conversations
--         response_days the day of each quarter of an hour that occurs
--         wanted_days   the days to build
-- Makes   responses, placed, places

-- One row a response. The winner is one whole row: it says what was billed. A progress line's
-- copy loses to any other, a placeholder to a final row, and a smaller output to a larger one.
CREATE OR REPLACE TEMP TABLE winners AS
SELECT *
FROM usage_lines
QUALIFY row_number() OVER (
    PARTITION BY response_id
    ORDER BY
        from_progress,
        stop_reason IS NULL,
        output_tokens DESC,
        is_sidechain,
        ts DESC,
        uuid DESC NULLS LAST,
        transcript,
        line_no,
        part
) = 1;

-- The earliest line says to whom and to which day the response belongs; a line that says it was
-- copied does so only where there is no other.
CREATE OR REPLACE TEMP TABLE origins AS
SELECT response_id, session_id, agent, transcript, line_no, project
FROM usage_lines
QUALIFY row_number() OVER (
    PARTITION BY response_id
    ORDER BY is_copy, ts, from_progress, session_id, agent, transcript, line_no, part
) = 1;

CREATE OR REPLACE TEMP TABLE extents AS
SELECT
    response_id,
    min(ts) AS first_ts,
    max(ts) AS last_ts,
    bool_or(request_id IS NOT NULL) AS has_request_id,
    bool_and(from_progress) AS from_progress,
    count(*)::INTEGER AS lines,
    count(DISTINCT session_id)::INTEGER AS sessions,
    count(DISTINCT input_tokens + write_5m_tokens + write_1h_tokens + read_tokens) > 1
        AS usage_conflict
FROM usage_lines
GROUP BY response_id;

CREATE OR REPLACE TEMP TABLE responses AS
SELECT
    w.* EXCLUDE (
        session_id, agent, transcript, line_no, project, ts, from_progress, part, uuid, is_copy,
        day
    ),
    o.session_id,
    o.agent,
    o.transcript,
    o.line_no,
    o.project,
    e.first_ts AS ts,
    e.last_ts,
    e.has_request_id,
    e.from_progress,
    e.lines,
    e.sessions,
    e.usage_conflict,
    d.day,
    d.day IN (SELECT day FROM wanted_days) AS wanted,
    -- With several runs inside a response the top level sums them; the context is the last one's.
    coalesce(
        i.prompt_tokens,
        w.input_tokens + w.write_5m_tokens + w.write_1h_tokens + w.read_tokens
    ) AS prompt_tokens
FROM winners AS w
JOIN origins AS o USING (response_id)
JOIN extents AS e USING (response_id)
JOIN response_days AS d ON d.quarter = epoch_us(e.first_ts) // 900000000
LEFT JOIN last_iterations AS i USING (response_id);

-- Content, each piece once a conversation: a line that stands in several transcripts of one
-- session counts where it stands first, and progress lines only where there is nothing else.
CREATE OR REPLACE TEMP TABLE pieces AS
SELECT *
FROM block_lines
QUALIFY
    from_progress = min(from_progress) OVER (PARTITION BY session_id, agent)
    AND row_number() OVER (
        PARTITION BY session_id, agent, coalesce(uuid, transcript || ':' || line_no || ':' || part),
            block_no, kind
        ORDER BY ts, transcript, line_no, part
    ) = 1;

-- Everything that happens in a conversation, in order. A response happens at its first line.
CREATE OR REPLACE TEMP TABLE places AS
WITH happenings AS (
    SELECT
        session_id, agent, min(ts) AS ts, arg_min(transcript, (ts, transcript, line_no)) AS transcript,
        arg_min(line_no, (ts, transcript, line_no)) AS line_no, 0::SMALLINT AS part,
        -1::SMALLINT AS block_no, response_id AS here, NULL::VARCHAR AS kind
    FROM usage_lines
    GROUP BY session_id, agent, response_id
    UNION ALL
    SELECT session_id, agent, ts, transcript, line_no, part, block_no, NULL, kind
    FROM pieces
    WHERE kind NOT IN ('output_text', 'thinking', 'tool_use')
)
SELECT
    *,
    row_number() OVER conversation AS place,
    -- The response that a piece enters with is the next one.
    first_value(here IGNORE NULLS) OVER (
        conversation ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
    ) AS next_response
FROM happenings
WINDOW conversation AS (
    PARTITION BY session_id, agent ORDER BY ts, transcript, line_no, part, block_no, kind
);

-- The responses of each conversation, copies included, with the one before.
CREATE OR REPLACE TEMP TABLE chain AS
SELECT
    p.session_id,
    p.agent,
    p.place,
    p.here AS response_id,
    r.prompt_tokens,
    r.session_id = p.session_id AND r.agent = p.agent AS owned,
    lag(p.here) OVER conversation AS previous_response_id,
    lag(r.prompt_tokens) OVER conversation AS previous_prompt_tokens,
    lag(r.session_id = p.session_id AND r.agent = p.agent) OVER conversation AS previous_owned,
    lag(p.place) OVER conversation AS previous_place
FROM places AS p
JOIN responses AS r ON r.response_id = p.here
WINDOW conversation AS (PARTITION BY p.session_id, p.agent ORDER BY p.place);

CREATE OR REPLACE TEMP TABLE breaks AS
SELECT
    c.session_id,
    c.agent,
    c.response_id,
    CASE
        WHEN c.previous_response_id IS NULL THEN 'first'
        WHEN b.place IS NOT NULL THEN 'compaction'
        WHEN c.prompt_tokens < c.previous_prompt_tokens THEN 'shrink'
        WHEN c.owned AND NOT c.previous_owned THEN 'inherited'
    END AS epoch_start,
    b.place AS boundary
FROM chain AS c
LEFT JOIN (
    SELECT session_id, agent, next_response, max(place) AS place
    FROM places
    WHERE kind = 'boundary'
    GROUP BY ALL
) AS b
    ON b.session_id = c.session_id AND b.agent = c.agent AND b.next_response = c.response_id;

CREATE OR REPLACE TEMP TABLE placed AS
WITH numbered AS (
    SELECT
        c.*,
        b.epoch_start,
        b.boundary,
        count(b.epoch_start) OVER conversation AS epoch_no
    FROM chain AS c
    JOIN breaks AS b USING (session_id, agent, response_id)
    WINDOW conversation AS (PARTITION BY c.session_id, c.agent ORDER BY c.place)
)
SELECT
    * EXCLUDE (epoch_no),
    first_value(response_id) OVER epoch AS epoch,
    (row_number() OVER epoch - 1)::INTEGER AS epoch_position
FROM numbered
WINDOW epoch AS (PARTITION BY session_id, agent, epoch_no ORDER BY place);
