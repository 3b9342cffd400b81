-- What entered the prompt of each response, and how large it is.
--
-- The provider's own counts measure it. Between two responses of an epoch the prompt grows by
-- exactly what came in: the output of the first, whose size the provider counted as well, and
-- the results and texts after it, which share the rest by characters.
--
-- Reads   responses, placed, places, pieces (turns.sql)
-- Makes   context_blocks

CREATE OR REPLACE TEMP TABLE targets AS
SELECT
    p.*,
    r.ts,
    r.day,
    -- What the prompt already held: an epoch that began elsewhere inherits it.
    CASE WHEN p.epoch_start IS NULL OR p.epoch_start = 'inherited'
        THEN p.previous_prompt_tokens ELSE 0 END AS held_tokens,
    before.output_tokens AS output_tokens,
    before.stop_reason IS NOT NULL AS output_counted
FROM placed AS p
JOIN responses AS r USING (response_id)
LEFT JOIN responses AS before ON before.response_id = p.previous_response_id
WHERE p.owned AND r.wanted;

-- The pieces that entered with each response. Order 0 is the output of the response before.
CREATE OR REPLACE TEMP TABLE entering AS
SELECT
    t.response_id,
    0 AS piece_order,
    'output' AS kind,
    NULL AS subtype,
    greatest(sum(o.chars), 1)::BIGINT AS chars,
    NULL AS tool_use_id,
    t.previous_response_id AS source_response_id,
    min_by(o.transcript, (o.ts, o.transcript, o.line_no)) AS transcript,
    min_by(o.line_no, (o.ts, o.transcript, o.line_no)) AS line_no
FROM targets AS t
JOIN pieces AS o
    ON o.session_id = t.session_id AND o.agent = t.agent
    AND o.response_id = t.previous_response_id
    AND o.kind IN ('output_text', 'thinking', 'tool_use')
WHERE t.epoch_start IS NULL OR t.epoch_start = 'inherited'
GROUP BY t.response_id, t.previous_response_id
UNION ALL
SELECT
    t.response_id,
    p.place - coalesce(t.previous_place, 0) AS piece_order,
    i.kind,
    i.subtype,
    greatest(i.chars, 1) AS chars,
    i.tool_use_id,
    NULL,
    i.transcript,
    i.line_no
FROM targets AS t
JOIN places AS p
    ON p.session_id = t.session_id AND p.agent = t.agent AND p.next_response = t.response_id
JOIN pieces AS i
    ON i.session_id = p.session_id AND i.agent = p.agent AND i.transcript = p.transcript
    AND i.line_no = p.line_no AND i.part = p.part AND i.block_no = p.block_no AND i.kind = p.kind
-- What a compaction swept away does not enter any more.
WHERE p.kind <> 'boundary' AND p.place > coalesce(t.boundary, 0);

CREATE OR REPLACE TEMP TABLE shares AS
SELECT
    t.response_id,
    t.prompt_tokens - t.held_tokens AS growth,
    t.epoch_start IS NULL OR t.epoch_start = 'inherited' AS continues,
    sum(e.chars) FILTER (e.kind <> 'output') AS other_chars,
    count(*) FILTER (e.kind <> 'output') AS others,
    count(*) FILTER (e.kind = 'output') AS outputs,
    any_value(t.output_tokens) AS output_tokens,
    -- The output has the size that the provider counted, unless the prompt grew by less (the
    -- thinking in it was dropped) or its end was never recorded.
    bool_or(t.output_counted AND t.output_tokens > 0)
        AND any_value(t.output_tokens) <= t.prompt_tokens - t.held_tokens AS output_fits
FROM targets AS t
LEFT JOIN entering AS e USING (response_id)
GROUP BY t.response_id, t.prompt_tokens, t.held_tokens, t.epoch_start;

CREATE OR REPLACE TEMP TABLE sized AS
WITH weighed AS (
    SELECT
        e.*,
        s.growth,
        s.continues,
        s.others,
        s.outputs,
        s.output_tokens,
        s.output_fits,
        -- Running sums keep the parts adding up to the whole.
        sum(e.chars) OVER before AS chars_to,
        sum(e.chars) OVER before - e.chars AS chars_from,
        sum(e.chars) OVER (PARTITION BY e.response_id) AS chars_all,
        sum(CASE WHEN e.kind = 'output' THEN 0 ELSE e.chars END) OVER before AS other_to,
        sum(CASE WHEN e.kind = 'output' THEN 0 ELSE e.chars END) OVER (PARTITION BY e.response_id)
            AS other_all
    FROM entering AS e
    JOIN shares AS s USING (response_id)
    WINDOW before AS (
        PARTITION BY e.response_id ORDER BY e.piece_order, e.transcript, e.line_no
        ROWS UNBOUNDED PRECEDING
    )
)
SELECT
    *,
    CASE
        -- A new epoch shows the size of all it holds at once: the text is estimated at four
        -- characters a token, and the base is the rest.
        WHEN NOT continues AND chars_all <= growth * 4 THEN (chars_to + 3) // 4 - (chars_from + 3) // 4
        WHEN NOT continues THEN growth * chars_to // chars_all - growth * chars_from // chars_all
        WHEN growth = 0 THEN 0
        WHEN output_fits AND outputs > 0 AND kind = 'output'
            THEN CASE WHEN others = 0 AND growth - output_tokens <= 32 THEN growth ELSE output_tokens END
        WHEN output_fits AND outputs > 0
            THEN (growth - output_tokens) * other_to // other_all
                - (growth - output_tokens) * (other_to - chars) // other_all
        ELSE growth * chars_to // chars_all - growth * chars_from // chars_all
    END::BIGINT AS tokens,
    CASE
        WHEN NOT continues THEN 'estimated'
        WHEN output_fits AND outputs > 0 AND (kind = 'output' OR others = 1) THEN 'measured'
        WHEN others + outputs = 1 THEN 'measured'
        ELSE 'apportioned'
    END AS basis
FROM weighed;

CREATE OR REPLACE TEMP TABLE context_blocks AS
WITH sums AS (
    SELECT response_id, sum(tokens)::BIGINT AS tokens FROM sized GROUP BY response_id
),
all_blocks AS (
    SELECT
        response_id, -1 AS piece_order, 'base' AS kind,
        CASE t.epoch_start WHEN 'inherited' THEN 'inherited' END AS subtype,
        CASE WHEN t.epoch_start = 'inherited' OR s.tokens IS NULL THEN 'measured' ELSE 'estimated' END
            AS basis,
        CASE WHEN t.epoch_start = 'inherited' THEN t.held_tokens
            ELSE t.prompt_tokens - coalesce(s.tokens, 0) END AS tokens,
        NULL::BIGINT AS chars, NULL::VARCHAR AS tool_use_id, NULL::VARCHAR AS source_response_id,
        NULL::VARCHAR AS transcript, NULL::INTEGER AS line_no
    FROM targets AS t
    LEFT JOIN sums AS s USING (response_id)
    WHERE t.epoch_start IS NOT NULL
    UNION ALL
    SELECT
        response_id, piece_order, kind, subtype, basis, tokens, chars, tool_use_id,
        source_response_id, transcript, line_no
    FROM sized
    UNION ALL
    -- Growth that nothing in the transcript explains.
    SELECT
        response_id, 2147483647, 'unseen', NULL, 'measured',
        t.prompt_tokens - t.held_tokens - coalesce(s.tokens, 0), NULL, NULL, NULL, NULL, NULL
    FROM targets AS t
    LEFT JOIN sums AS s USING (response_id)
    WHERE (t.epoch_start IS NULL OR t.epoch_start = 'inherited')
        AND t.prompt_tokens - t.held_tokens > coalesce(s.tokens, 0)
)
SELECT
    t.day,
    t.response_id,
    (row_number() OVER prompt - 1)::INTEGER AS block_no,
    t.session_id,
    t.agent,
    t.epoch,
    t.epoch_position,
    t.ts,
    b.kind,
    b.subtype,
    b.basis,
    b.tokens,
    (held + sum(b.tokens) OVER prompt - b.tokens)::BIGINT AS start_token,
    (held + sum(b.tokens) OVER prompt)::BIGINT AS end_token,
    b.chars,
    b.tool_use_id,
    b.source_response_id,
    b.transcript,
    b.line_no
FROM all_blocks AS b
JOIN (
    SELECT *, CASE WHEN epoch_start IS NULL THEN held_tokens ELSE 0 END AS held FROM targets
) AS t USING (response_id)
WINDOW prompt AS (
    PARTITION BY b.response_id ORDER BY b.piece_order, b.transcript, b.line_no, b.kind
    ROWS UNBOUNDED PRECEDING
);
