-- From usage lines to responses: one row each, with its place in its conversation.
--
-- Reads   usage_lines, pieces (lines.sql)
--         response_days   the day of each quarter of an hour that occurs
--         last_iterations the prompt of the last run, where there are several in a response
--         wanted_days     the days to build
-- Makes   responses, places, placed

CREATE OR REPLACE TEMP TABLE extents AS
SELECT
    response,
    min(line) AS line,
    min(origin) AS origin,
    min(ts) AS first_ts,
    max(ts) AS last_ts,
    bool_or(request_id IS NOT NULL) AS has_request_id,
    bool_and(from_progress) AS from_progress,
    count(*)::INTEGER AS lines,
    count(DISTINCT conversation)::INTEGER AS conversations,
    min(input_tokens + write_5m_tokens + write_1h_tokens + read_tokens)
        <> max(input_tokens + write_5m_tokens + write_1h_tokens + read_tokens) AS usage_conflict
FROM usage_lines
GROUP BY response;

-- The winner is one whole row: it says what was billed.
CREATE OR REPLACE TEMP TABLE responses AS
SELECT
    w.* EXCLUDE (
        conversation, transcript_no, line_no, project, ts, from_progress, part, uuid, is_copy, day,
        line, origin
    ),
    o.conversation,
    o.transcript_no,
    o.line_no,
    o.project,
    e.first_ts AS ts,
    e.last_ts,
    e.has_request_id,
    e.from_progress,
    e.lines,
    e.conversations,
    e.usage_conflict,
    d.day,
    d.day IN (SELECT day FROM wanted_days) AS wanted,
    -- With several runs inside a response the top level sums them; the context is the last one's.
    coalesce(
        i.prompt_tokens,
        w.input_tokens + w.write_5m_tokens + w.write_1h_tokens + w.read_tokens
    ) AS prompt_tokens
FROM extents AS e
JOIN usage_lines AS w ON w.line = e.line
JOIN usage_lines AS o ON o.origin = e.origin
JOIN response_days AS d ON d.quarter = epoch_us(e.first_ts) // 900000000
LEFT JOIN last_iterations AS i ON i.response = e.response;

-- Everything that happens in a conversation, in order. A response happens at its first line.
CREATE OR REPLACE TEMP TABLE places AS
WITH happenings AS (
    SELECT conversation, ts, transcript_no, line_no, part, -1 AS block_no, response AS here,
        NULL AS block, FALSE AS is_boundary
    FROM usage_lines
    WHERE origin IN (
        SELECT arg_min(origin, (ts, transcript_no, line_no, part))
        FROM usage_lines
        GROUP BY conversation, response
    )
    UNION ALL
    SELECT conversation, ts, transcript_no, line_no, part, block_no, NULL, block, kind = 'boundary'
    FROM pieces
    WHERE kind NOT IN ('output_text', 'thinking', 'tool_use')
),
ordered AS (
    SELECT
        conversation, here, block, is_boundary,
        row_number() OVER (
            ORDER BY conversation, ts, transcript_no, line_no, part, block_no, block
        )::INTEGER AS place
    FROM happenings
)
SELECT
    *,
    -- The response that a piece enters with is the next one.
    first_value(here IGNORE NULLS) OVER (
        PARTITION BY conversation ORDER BY place
        ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
    ) AS next_response
FROM ordered;

-- The responses of each conversation, copies included, with the one before.
CREATE OR REPLACE TEMP TABLE chain AS
SELECT
    p.conversation,
    p.place,
    p.here AS response,
    r.prompt_tokens,
    r.conversation = p.conversation AS owned,
    lag(p.here) OVER following AS previous_response,
    lag(r.prompt_tokens) OVER following AS previous_prompt_tokens,
    lag(r.conversation = p.conversation) OVER following AS previous_owned,
    lag(p.place) OVER following AS previous_place
FROM places AS p
JOIN responses AS r ON r.response = p.here
WINDOW following AS (PARTITION BY p.conversation ORDER BY p.place);

CREATE OR REPLACE TEMP TABLE placed AS
WITH boundaries AS (
    SELECT conversation, next_response AS response, max(place) AS boundary
    FROM places
    WHERE is_boundary
    GROUP BY ALL
),
broken AS (
    SELECT
        c.*,
        b.boundary,
        CASE
            WHEN c.previous_response IS NULL THEN 'first'
            WHEN b.boundary IS NOT NULL THEN 'compaction'
            WHEN c.prompt_tokens < c.previous_prompt_tokens THEN 'shrink'
            WHEN c.owned AND NOT c.previous_owned THEN 'inherited'
        END AS epoch_start
    FROM chain AS c
    LEFT JOIN boundaries AS b USING (conversation, response)
),
numbered AS (
    SELECT
        *,
        max(CASE WHEN epoch_start IS NOT NULL THEN place END) OVER (
            PARTITION BY conversation ORDER BY place ROWS UNBOUNDED PRECEDING
        ) AS epoch_place
    FROM broken
)
SELECT
    * EXCLUDE (epoch_place),
    first_value(response) OVER epoch AS epoch,
    (row_number() OVER epoch - 1)::INTEGER AS epoch_position
FROM numbered
WINDOW epoch AS (PARTITION BY conversation, epoch_place ORDER BY place);
