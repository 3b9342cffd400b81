-- From usage lines to responses, and the order of all that happens in a conversation.
--
-- Reads   usage_lines, extents, pieces (lines.sql)
--         response_days   the day of each quarter of an hour that occurs, and whether it is wanted
--         last_iterations the prompt of the last run, where there are several in a response
-- Makes   responses, places, broken

-- A response stands once in each conversation that shows it, at its first line there.
CREATE OR REPLACE TEMP TABLE appearances AS
SELECT
    response,
    conversation,
    min({ts: ts, transcript_no: transcript_no, line_no: line_no, part: part}) AS first_line
FROM usage_lines
GROUP BY response, conversation;

-- What was billed is that of one whole line, the winner.
CREATE OR REPLACE TEMP TABLE responses AS
SELECT
    e.response,
    e.winner,
    e.origin,
    o.conversation,
    o.transcript_no,
    o.line_no,
    e.first_ts AS ts,
    e.last_ts,
    e.has_request_id,
    e.from_progress,
    e.lines,
    a.conversations,
    e.usage_conflict,
    d.day,
    d.wanted,
    -- With several runs inside a response the top level sums them; the context is the last one's.
    coalesce(i.prompt_tokens, w.prompt_tokens) AS prompt_tokens,
    w.output_tokens,
    w.prompt_tokens + w.output_tokens AS tokens,
    w.is_final
FROM extents AS e
JOIN usage_lines AS w ON w.row_no = e.winner
JOIN usage_lines AS o ON o.row_no = e.origin
JOIN (
    SELECT response, count(*)::INTEGER AS conversations FROM appearances GROUP BY response
) AS a ON a.response = e.response
JOIN response_days AS d ON d.quarter = epoch_us(e.first_ts) // 900000000
LEFT JOIN last_iterations AS i ON i.response = e.response;

-- Everything that happens in a conversation, in order; conversations follow one another. `link` is
-- the number of the response, or of the last one before: a piece enters with the next link, if
-- that belongs to the same conversation.
CREATE OR REPLACE TEMP TABLE places AS
WITH happenings AS (
    SELECT
        conversation, unnest(first_line), -1 AS block_no,
        response, NULL AS row_no, NULL AS kind, NULL AS chars
    FROM appearances
    UNION ALL
    SELECT
        conversation, ts, transcript_no, line_no, part, block_no,
        NULL, row_no, kind, chars
    FROM pieces
    WHERE kind NOT IN ('output_text', 'thinking', 'tool_use')
)
SELECT
    conversation, response, row_no, kind, chars,
    row_number() OVER happened::INTEGER AS place,
    count(response) OVER (happened ROWS UNBOUNDED PRECEDING)::INTEGER AS link
FROM happenings
WINDOW happened AS (
    ORDER BY conversation, ts, transcript_no, line_no, part, block_no, row_no
);

-- The responses of each conversation in order, copies included.
CREATE OR REPLACE TEMP TABLE chain AS
SELECT
    p.link,
    p.conversation,
    p.response,
    r.conversation = p.conversation AS owned,
    r.wanted,
    r.prompt_tokens,
    r.output_tokens,
    r.is_final
FROM places AS p
JOIN responses AS r USING (response);

-- Each response with the one before it in time, and why its context may begin anew.
CREATE OR REPLACE TEMP TABLE broken AS
WITH boundaries AS (
    SELECT conversation, link + 1 AS link, max(place) AS boundary
    FROM places
    WHERE kind = 'boundary'
    GROUP BY ALL
)
SELECT
    c.*,
    b.boundary,
    before.response AS previous_response,
    before.prompt_tokens AS previous_prompt_tokens,
    -- The size of the output before, as far as the provider counted it to its end.
    CASE WHEN before.is_final THEN before.output_tokens END AS previous_output_tokens,
    CASE
        WHEN before.response IS NULL THEN 'first'
        WHEN b.boundary IS NOT NULL THEN 'compaction'
        WHEN c.prompt_tokens < before.prompt_tokens THEN 'shrink'
        WHEN c.owned AND NOT before.owned THEN 'inherited'
    END AS epoch_start
FROM chain AS c
LEFT JOIN chain AS before ON before.link = c.link - 1 AND before.conversation = c.conversation
LEFT JOIN boundaries AS b ON b.link = c.link AND b.conversation = c.conversation;
