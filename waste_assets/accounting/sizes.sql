-- How large each piece is that entered the prompt of a response.
--
-- The provider's own counts measure it. Between two responses of an epoch the prompt grows by
-- exactly what came in: the output of the first, whose size the provider counted as well, and
-- the results and texts after it, which share the rest by characters.
--
-- Reads   sizing: those of `placed` that are wanted now; places (turns.sql), pieces (lines.sql)
-- Makes   targets, sized

CREATE OR REPLACE TEMP TABLE targets AS
SELECT
    conversation,
    response,
    link,
    previous_response,
    epoch_start,
    prompt_tokens,
    coalesce(boundary, 0) AS boundary,
    takes_output,
    epoch_start IS NULL OR epoch_start = 'inherited' AS continues,
    -- What the prompt already held: an epoch that began elsewhere inherits it.
    CASE WHEN epoch_start IS NULL OR epoch_start = 'inherited'
        THEN previous_prompt_tokens ELSE 0 END AS held_tokens,
    -- The output has the size that the provider counted, unless the prompt grew by less (the
    -- thinking in it was dropped) or its end was never recorded.
    CASE WHEN takes_output AND previous_output_tokens > 0
            AND previous_output_tokens <= prompt_tokens - previous_prompt_tokens
        THEN previous_output_tokens END AS counted_output
FROM sizing;

-- The pieces that entered with each response; the output of the response before comes first.
-- `weight` is what shares the growth: the characters, unless the provider counted the tokens.
CREATE OR REPLACE TEMP TABLE entering AS
SELECT
    t.response,
    arg_min(
        o.row_no, (o.ts, o.transcript_no, o.line_no, o.part, o.block_no, o.row_no)
    ) AS row_no,
    0 AS place,
    'output' AS kind,
    greatest(sum(o.chars), 1)::BIGINT AS chars,
    CASE WHEN any_value(t.counted_output) IS NULL THEN greatest(sum(o.chars), 1) ELSE 0 END::BIGINT
        AS weight
FROM targets AS t
JOIN pieces AS o ON o.response = t.previous_response AND o.conversation = t.conversation
WHERE t.continues AND t.takes_output AND o.kind IN ('output_text', 'thinking', 'tool_use')
GROUP BY t.response
UNION ALL
SELECT
    t.response, p.row_no, p.place, p.kind, greatest(p.chars, 1) AS chars, greatest(p.chars, 1)
FROM targets AS t
JOIN places AS p ON p.link = t.link - 1 AND p.conversation = t.conversation
-- What a compaction swept away does not enter any more.
WHERE p.row_no IS NOT NULL AND p.kind <> 'boundary' AND p.place > t.boundary;

CREATE OR REPLACE TEMP TABLE sized AS
WITH totals AS (
    SELECT
        response,
        count(*) AS pieces,
        sum(weight) AS weight_all,
        bool_or(kind = 'output') AS has_output
    FROM entering
    GROUP BY response
),
grown AS (
    SELECT
        t.response,
        s.pieces,
        s.weight_all,
        t.continues,
        t.prompt_tokens - t.held_tokens AS growth,
        -- NULL where there is no output, or no count of it.
        CASE WHEN s.has_output THEN t.counted_output END AS counted,
        CASE WHEN counted IS NULL THEN 0
            WHEN s.pieces = 1 AND growth - counted <= 32 THEN growth
            ELSE counted END AS output_tokens
    FROM totals AS s
    JOIN targets AS t USING (response)
),
-- Running sums keep the parts adding up to the whole.
summed AS (
    SELECT
        *,
        row_number() OVER entered AS piece,
        sum(weight) OVER entered AS weight_to
    FROM entering
    WINDOW entered AS (PARTITION BY response ORDER BY place ROWS UNBOUNDED PRECEDING)
),
shared AS (
    SELECT
        *,
        CASE
            -- A new epoch shows the size of all it holds at once: the text is estimated at four
            -- characters a token, and the base is the rest.
            WHEN NOT continues AND weight_all <= growth * 4 THEN (weight_to + 3) // 4
            ELSE (growth - output_tokens) * weight_to // greatest(weight_all, 1)
        END AS share_to,
        CASE
            WHEN NOT continues AND weight_all <= growth * 4 THEN (weight_to - weight + 3) // 4
            ELSE (growth - output_tokens) * (weight_to - weight) // greatest(weight_all, 1)
        END AS share_before
    FROM summed
    JOIN grown USING (response)
)
SELECT
    response,
    row_no,
    place,
    kind,
    piece,
    chars,
    (share_to - share_before + CASE WHEN kind = 'output' THEN output_tokens ELSE 0 END)::BIGINT
        AS tokens,
    -- Counted from the end of what the prompt held before.
    (output_tokens + share_to)::BIGINT AS end_token,
    CASE
        WHEN NOT continues THEN 'estimated'
        WHEN pieces = 1 THEN 'measured'
        WHEN counted IS NOT NULL AND (kind = 'output' OR pieces = 2) THEN 'measured'
        ELSE 'apportioned'
    END AS basis
FROM shared;
