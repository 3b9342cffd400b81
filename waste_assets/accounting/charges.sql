-- What each response is billed for: one charge, or one for each billed run inside it.
--
-- Reads   responses (turns.sql), tool_calls (calls.sql), all_usage, billed_iterations
-- Makes   charges

CREATE OR REPLACE TEMP TABLE charges AS
WITH searched AS (
    -- A search that ran beside the response is known only from its result.
    SELECT response, sum(web_searches)::BIGINT AS web_searches
    FROM tool_calls
    WHERE web_searches > 0
    GROUP BY response
),
wanted AS (
    SELECT
        r.response,
        (r.ts AT TIME ZONE 'UTC')::DATE AS priced_on,
        w.model,
        w.speed,
        w.inference_geo,
        w.service_tier,
        w.input_tokens,
        w.write_5m_tokens,
        w.write_1h_tokens,
        w.read_tokens,
        w.output_tokens,
        CASE WHEN w.web_search_requests > 0 THEN w.web_search_requests
            ELSE coalesce(s.web_searches, 0) END AS searches
    FROM responses AS r
    JOIN all_usage AS w ON w.row_no = r.winner
    LEFT JOIN searched AS s USING (response)
    WHERE r.wanted
)
SELECT
    response, 0 AS iteration, model, priced_on, speed, inference_geo, service_tier,
    input_tokens, write_5m_tokens, write_1h_tokens, read_tokens, output_tokens,
    searches AS web_search_requests
FROM wanted
ANTI JOIN billed_iterations USING (response)
UNION ALL
SELECT
    w.response, i.iteration, coalesce(i.model, w.model), w.priced_on, w.speed, w.inference_geo,
    w.service_tier, i.input_tokens, i.write_5m_tokens, i.write_1h_tokens, i.read_tokens,
    i.output_tokens,
    CASE WHEN i.iteration = min(i.iteration) OVER (PARTITION BY i.response)
        THEN w.searches ELSE 0 END
FROM billed_iterations AS i
JOIN wanted AS w USING (response);
