-- What entered the prompt of each response, and how large it is.
--
-- The provider's own counts measure it. Between two responses of an epoch the prompt grows by
-- exactly what came in: the output of the first, whose size the provider counted as well, and
-- the results and texts after it, which share the rest by characters.
--
-- Reads   responses, places, placed (turns.sql), pieces (lines.sql)
-- Makes   context_blocks

CREATE OR REPLACE TEMP TABLE targets AS
SELECT
    p.*,
    p.epoch_start IS NULL OR p.epoch_start = 'inherited' AS continues,
    -- What the prompt already held: an epoch that began elsewhere inherits it.
    CASE WHEN p.epoch_start IS NULL OR p.epoch_start = 'inherited'
        THEN p.previous_prompt_tokens ELSE 0 END AS held_tokens,
    -- The output has the size that the provider counted, unless the prompt grew by less (the
    -- thinking in it was dropped) or its end was never recorded.
    CASE WHEN before.stop_reason IS NOT NULL AND before.output_tokens > 0
            AND before.output_tokens <= p.prompt_tokens - p.previous_prompt_tokens
        THEN before.output_tokens END AS counted_output
FROM placed AS p
JOIN responses AS r ON r.response = p.response
LEFT JOIN responses AS before ON before.response = p.previous_response
WHERE p.owned AND r.wanted;

-- The pieces that entered with each response; the output of the response before comes first.
CREATE OR REPLACE TEMP TABLE entering AS
SELECT
    t.response,
    min(o.block) AS block,
    0 AS piece_order,
    greatest(sum(o.chars), 1)::BIGINT AS chars,
    TRUE AS is_output
FROM targets AS t
JOIN pieces AS o ON o.response = t.previous_response AND o.conversation = t.conversation
WHERE t.continues AND o.kind IN ('output_text', 'thinking', 'tool_use')
GROUP BY t.response
UNION ALL
SELECT t.response, p.block, p.place, greatest(i.chars, 1), FALSE
FROM targets AS t
JOIN places AS p ON p.conversation = t.conversation AND p.next_response = t.response
JOIN pieces AS i ON i.block = p.block
-- What a compaction swept away does not enter any more.
WHERE NOT p.is_boundary AND p.place > coalesce(t.boundary, 0);

CREATE OR REPLACE TEMP TABLE sized AS
WITH weighed AS (
    SELECT
        e.*,
        t.prompt_tokens - t.held_tokens AS growth,
        t.continues,
        t.counted_output,
        -- Running sums keep the parts adding up to the whole.
        sum(e.chars) OVER before AS chars_to,
        sum(CASE WHEN e.is_output THEN 0 ELSE e.chars END) OVER before AS other_to,
        sum(e.chars) OVER whole AS chars_all,
        sum(CASE WHEN e.is_output THEN 0 ELSE e.chars END) OVER whole AS other_all,
        count(*) OVER whole AS pieces,
        bool_or(e.is_output) OVER whole AND t.counted_output IS NOT NULL AS output_counts
    FROM entering AS e
    JOIN targets AS t USING (response)
    WINDOW
        whole AS (PARTITION BY e.response),
        before AS (
            PARTITION BY e.response ORDER BY e.piece_order, e.block ROWS UNBOUNDED PRECEDING
        )
)
SELECT
    response,
    block,
    piece_order,
    is_output,
    chars,
    CASE
        -- A new epoch shows the size of all it holds at once: the text is estimated at four
        -- characters a token, and the base is the rest.
        WHEN NOT continues AND chars_all <= growth * 4
            THEN (chars_to + 3) // 4 - (chars_to - chars + 3) // 4
        WHEN output_counts AND is_output AND pieces = 1 AND growth - counted_output <= 32 THEN growth
        WHEN output_counts AND is_output THEN counted_output
        WHEN output_counts
            THEN (growth - counted_output) * other_to // other_all
                - (growth - counted_output) * (other_to - chars) // other_all
        ELSE growth * chars_to // chars_all - growth * (chars_to - chars) // chars_all
    END::BIGINT AS tokens,
    CASE
        WHEN NOT continues THEN 'estimated'
        WHEN output_counts AND (is_output OR pieces = 2) THEN 'measured'
        WHEN pieces = 1 THEN 'measured'
        ELSE 'apportioned'
    END AS basis
FROM weighed;

CREATE OR REPLACE TEMP TABLE context_blocks AS
WITH sums AS (
    SELECT
        t.response,
        t.prompt_tokens,
        t.held_tokens,
        t.continues,
        t.epoch_start,
        coalesce(sum(s.tokens), 0)::BIGINT AS tokens,
        count(s.block) AS pieces
    FROM targets AS t
    LEFT JOIN sized AS s USING (response)
    GROUP BY ALL
),
all_blocks AS (
    SELECT
        response,
        NULL::INTEGER AS block,
        -1 AS piece_order,
        'base' AS kind,
        CASE WHEN continues OR pieces = 0 THEN 'measured' ELSE 'estimated' END AS basis,
        CASE WHEN continues THEN held_tokens ELSE prompt_tokens - tokens END AS tokens,
        NULL::BIGINT AS chars
    FROM sums
    WHERE epoch_start IS NOT NULL
    UNION ALL
    SELECT response, block, piece_order, CASE WHEN is_output THEN 'output' END, basis, tokens, chars
    FROM sized
    UNION ALL
    -- Growth that nothing in the transcript explains.
    SELECT response, NULL, 2147483647, 'unseen', 'measured', prompt_tokens - held_tokens - tokens, NULL
    FROM sums
    WHERE continues AND prompt_tokens - held_tokens > tokens
),
positioned AS (
    SELECT
        *,
        row_number() OVER prompt - 1 AS block_no,
        sum(tokens) OVER prompt AS tokens_to
    FROM all_blocks
    WINDOW prompt AS (
        PARTITION BY response ORDER BY piece_order, block ROWS UNBOUNDED PRECEDING
    )
)
SELECT
    r.day,
    b.response,
    b.block_no::INTEGER AS block_no,
    r.conversation,
    t.epoch,
    t.epoch_position,
    r.ts,
    coalesce(b.kind, p.kind) AS kind,
    CASE
        WHEN b.kind = 'base' AND t.continues THEN 'inherited'
        WHEN b.kind IS NULL THEN p.subtype
    END AS subtype,
    b.basis,
    b.tokens,
    -- An epoch's first response shows its base, the others begin where the one before ended.
    ((CASE WHEN t.epoch_start IS NULL THEN t.held_tokens ELSE 0 END) + b.tokens_to - b.tokens)::BIGINT
        AS start_token,
    ((CASE WHEN t.epoch_start IS NULL THEN t.held_tokens ELSE 0 END) + b.tokens_to)::BIGINT
        AS end_token,
    b.chars,
    CASE WHEN b.kind IS NULL THEN p.content_hash END AS content_hash,
    CASE WHEN b.kind IS NULL THEN p.tool_use_id END AS tool_use_id,
    CASE WHEN b.kind = 'output' THEN t.previous_response END AS source_response,
    p.transcript_no,
    p.line_no
FROM positioned AS b
JOIN targets AS t USING (response)
JOIN responses AS r ON r.response = b.response
LEFT JOIN pieces AS p ON p.block = b.block;
