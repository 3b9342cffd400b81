-- What caching saved and what it cost, by day, project and model.
--
-- Reads   turns   rows of parsed_turns
--         flags   rows of heuristic_flags: `cache_write` knows the rebuilds and the unread writes
-- Makes   cache_economics, cache_rebuilds
--
-- Sums of money are sums of ordered lists, so that they are the same every time.

CREATE OR REPLACE TEMP TABLE cache_rebuilds AS
SELECT
    day,
    project,
    model,
    cause,
    tier,
    count(*) AS rebuilds,
    sum(tokens)::BIGINT AS tokens,
    list_sum(list(usd_direct ORDER BY flag_id)) AS usd
FROM flags
WHERE category = 'cache_write' AND starts_with(rule, 'rebuild_')
GROUP BY ALL
ORDER BY ALL;

CREATE OR REPLACE TEMP TABLE cache_economics AS
WITH billed AS (
    SELECT
        *,
        -- The counted prompt at the input rate; searches, output and what other runs inside the
        -- response were billed stay as they are.
        usd
            + (
                read_tokens * (rate_input - rate_read)
                + write_5m_tokens * (rate_input - rate_write_5m)
                + write_1h_tokens * (rate_input - rate_write_1h)
            ) / 1e6 AS usd_uncached
    FROM turns
),
spent AS (
    SELECT
        day,
        project,
        model,
        count(*) AS responses,
        count(*) FILTER (usd IS NULL) AS unpriced_responses,
        sum(input_tokens)::BIGINT AS input_tokens,
        sum(write_5m_tokens)::BIGINT AS write_5m_tokens,
        sum(write_1h_tokens)::BIGINT AS write_1h_tokens,
        sum(read_tokens)::BIGINT AS read_tokens,
        list_sum(list(usd ORDER BY response_id)) AS usd,
        list_sum(list(usd_read ORDER BY response_id)) AS usd_read,
        list_sum(list(usd_write_5m + usd_write_1h ORDER BY response_id)) AS usd_write,
        list_sum(list(usd_uncached ORDER BY response_id)) AS usd_uncached
    FROM billed
    GROUP BY ALL
),
rebuilt AS (
    SELECT
        day, project, model,
        sum(rebuilds)::BIGINT AS rebuilds,
        sum(tokens)::BIGINT AS rebuilt_tokens,
        list_sum(list(usd ORDER BY cause, tier)) AS usd_rebuilt
    FROM cache_rebuilds
    GROUP BY ALL
),
unread AS (
    SELECT
        day, project, model,
        sum(tokens)::BIGINT AS unread_tokens,
        list_sum(list(usd_direct ORDER BY flag_id)) AS usd_unread
    FROM flags
    WHERE category = 'cache_write' AND rule = 'unread'
    GROUP BY ALL
)
SELECT
    s.*,
    s.usd_read / nullif(s.usd, 0) AS read_share_of_usd,
    s.usd_write / nullif(s.usd, 0) AS write_share_of_usd,
    (s.usd_read + s.usd_write) / nullif(s.usd, 0) AS cache_share_of_usd,
    s.read_tokens
        / nullif(s.input_tokens + s.write_5m_tokens + s.write_1h_tokens + s.read_tokens, 0)
        AS read_share_of_prompt,
    coalesce(r.rebuilds, 0) AS rebuilds,
    coalesce(r.rebuilt_tokens, 0) AS rebuilt_tokens,
    coalesce(r.usd_rebuilt, 0) AS usd_rebuilt,
    coalesce(u.unread_tokens, 0) AS unread_tokens,
    coalesce(u.usd_unread, 0) AS usd_unread
FROM spent AS s
LEFT JOIN rebuilt AS r
    ON r.day = s.day
    AND r.project IS NOT DISTINCT FROM s.project
    AND r.model IS NOT DISTINCT FROM s.model
LEFT JOIN unread AS u
    ON u.day = s.day
    AND u.project IS NOT DISTINCT FROM s.project
    AND u.model IS NOT DISTINCT FROM s.model
ORDER BY s.day, s.project, s.model;
