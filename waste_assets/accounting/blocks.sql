-- What entered the prompt of each response, how large it is and where it lies.
--
-- Reads   targets, sized (sizes.sql)
-- Makes   context_blocks      each with its line, where it has one

CREATE OR REPLACE TEMP TABLE context_blocks AS
WITH held AS (
    SELECT
        t.response,
        t.prompt_tokens,
        t.continues,
        t.previous_response,
        t.epoch_start IS NOT NULL AS has_base,
        coalesce(s.pieces, 0) AS pieces,
        -- An epoch's first response shows its base, the others begin where the one before ended.
        CASE WHEN t.continues THEN t.held_tokens ELSE t.prompt_tokens - coalesce(s.tokens, 0) END
            AS base_tokens,
        base_tokens + coalesce(s.tokens, 0) AS end_token
    FROM targets AS t
    LEFT JOIN (
        SELECT response, count(*) AS pieces, sum(tokens)::BIGINT AS tokens
        FROM sized
        GROUP BY response
    ) AS s USING (response)
)
SELECT
    response,
    0 AS block_no,
    'base' AS kind,
    CASE WHEN continues THEN 'inherited' END AS subtype,
    CASE WHEN continues OR pieces = 0 THEN 'measured' ELSE 'estimated' END AS basis,
    base_tokens AS tokens,
    base_tokens AS end_token,
    NULL AS chars,
    NULL AS source_response,
    NULL AS row_no
FROM held
WHERE has_base
UNION ALL
SELECT
    h.response,
    s.piece - 1 + h.has_base::INTEGER,
    s.kind,
    NULL,
    s.basis,
    s.tokens,
    h.base_tokens + s.end_token,
    s.chars,
    CASE WHEN s.kind = 'output' THEN h.previous_response END,
    s.row_no
FROM sized AS s
JOIN held AS h USING (response)
UNION ALL
-- Growth that nothing in the transcript explains.
SELECT
    response, pieces + has_base::INTEGER, 'unseen', NULL, 'measured', prompt_tokens - end_token,
    prompt_tokens, NULL, NULL, NULL
FROM held
WHERE continues AND prompt_tokens > end_token;
