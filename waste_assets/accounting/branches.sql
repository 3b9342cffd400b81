-- Lines that may have been written after going back: what they go on from is not what came before
-- them. Which of them are rewinds is found out in rewinds.py.
--
-- Reads   pieces, block_lines (lines.sql), places, chain, broken (turns.sql), all_usage
-- Makes   branches    place of the line, and of what it goes on from
--         branching   all that happens in the conversations that have any

CREATE OR REPLACE TEMP TABLE branches AS
WITH named AS (
    SELECT p.conversation, p.goes_on_from, p.kind = 'user_text' AS is_said, h.place, h.link
    FROM pieces AS p
    JOIN places AS h ON h.row_no = p.row_no
    WHERE p.goes_on_from IS NOT NULL
    UNION ALL
    -- A response stands at its first line.
    SELECT
        p.conversation,
        arg_min(p.goes_on_from, (p.ts, p.transcript_no, p.line_no, p.part)),
        FALSE,
        h.place,
        h.link - 1
    FROM pieces AS p
    JOIN places AS h ON h.conversation = p.conversation AND h.response = p.response
    WHERE p.goes_on_from IS NOT NULL
    GROUP BY p.conversation, h.place, h.link
),
lines AS (
    SELECT row_no, conversation, response, uuid AS goes_on_from
    FROM block_lines
    -- '' is no name: it says that a line goes on from nothing.
    WHERE uuid IN (SELECT goes_on_from FROM named WHERE goes_on_from <> '')
),
known AS (
    SELECT h.conversation, h.goes_on_from, max(h.place) AS place, max(h.link) AS link
    FROM (
        SELECT l.conversation, l.goes_on_from, h.place, h.link
        FROM lines AS l
        JOIN places AS h ON h.row_no = l.row_no
        UNION ALL
        SELECT l.conversation, l.goes_on_from, h.place, h.link
        FROM lines AS l
        JOIN places AS h ON h.conversation = l.conversation AND h.response = l.response
    ) AS h
    GROUP BY ALL
    UNION ALL
    -- From nothing: from before all that happened in the conversation.
    SELECT conversation, '', min(place) - 1, min(link) FILTER (response IS NOT NULL) - 1
    FROM places
    WHERE conversation IN (SELECT conversation FROM named WHERE goes_on_from = '')
    GROUP BY conversation
),
-- A line that holds nothing is not known; who names it first goes on from what came before.
unknown AS (
    SELECT n.conversation, n.goes_on_from, min(n.place) - 1 AS place, arg_min(n.link, n.place) AS link
    FROM named AS n
    ANTI JOIN known AS k
        ON k.conversation = n.conversation AND k.goes_on_from = n.goes_on_from
    GROUP BY ALL
)
SELECT n.conversation, n.place, t.place AS target
FROM named AS n
JOIN (SELECT * FROM known UNION ALL SELECT * FROM unknown) AS t
    ON t.conversation = n.conversation AND t.goes_on_from = n.goes_on_from
WHERE t.place < n.place - 1
    -- Between the two there is a response, or maybe another thing that was said.
    AND (n.link > t.link OR n.is_said);

CREATE OR REPLACE TEMP TABLE branching AS
WITH asked AS (
    SELECT tool_use_id, conversation, min(response) AS response
    FROM block_lines
    WHERE kind = 'tool_use' AND conversation IN (SELECT conversation FROM branches)
    GROUP BY ALL
)
SELECT
    p.conversation,
    p.place,
    p.link,
    coalesce(p.chars, 0) AS chars,
    a.response AS answers,
    coalesce(p.kind = 'user_text', FALSE) AS is_said,
    coalesce(p.kind = 'boundary', FALSE) AS is_boundary,
    b.target,
    p.response,
    coalesce(c.owned, FALSE) AS owned,
    c.epoch_start,
    coalesce(c.prompt_tokens, 0) AS prompt_tokens,
    coalesce(u.read_tokens, 0) AS read_tokens,
    coalesce(u.read_tokens + u.write_5m_tokens + u.write_1h_tokens, 0) AS cached_to,
    coalesce(c.output_tokens, 0) AS output_tokens
FROM places AS p
LEFT JOIN broken AS c ON c.link = p.link AND p.response IS NOT NULL
LEFT JOIN responses AS r ON r.response = p.response
LEFT JOIN all_usage AS u ON u.row_no = r.winner
LEFT JOIN block_lines AS l ON l.row_no = p.row_no
LEFT JOIN asked AS a ON a.tool_use_id = l.tool_use_id AND a.conversation = p.conversation
LEFT JOIN branches AS b ON b.place = p.place
WHERE p.conversation IN (SELECT conversation FROM branches);
