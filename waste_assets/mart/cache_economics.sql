-- What caching saved and what it cost, by day, project and model.
--
-- Reads   usage                mart.sql
--         flags, shown_project waste.sql: `cache_write` knows the rebuilds and the unread writes
-- Makes   cache_economics, cache_rebuilds
--
-- Money is added as decimals, as in mart.sql.

CREATE TABLE cache_rebuilds AS
SELECT
    day,
    project,
    model,
    cause,
    tier,
    count(*) AS rebuilds,
    sum(tokens)::BIGINT AS tokens,
    sum(usd_direct::DECIMAL(38, 15))::DOUBLE AS usd
FROM flags
WHERE category = 'cache_write' AND starts_with(rule, 'rebuild_')
GROUP BY ALL
ORDER BY ALL;

CREATE TABLE cache_economics AS
WITH spent AS (
    SELECT
        day,
        shown_project(project) AS project,
        model,
        sum(responses)::BIGINT AS responses,
        sum(unpriced_responses)::BIGINT AS unpriced_responses,
        sum(input_tokens)::BIGINT AS input_tokens,
        sum(write_5m_tokens)::BIGINT AS write_5m_tokens,
        sum(write_1h_tokens)::BIGINT AS write_1h_tokens,
        sum(read_tokens)::BIGINT AS read_tokens,
        sum(usd)::DOUBLE AS usd,
        sum(usd_read)::DOUBLE AS usd_read,
        sum(usd_write)::DOUBLE AS usd_write,
        sum(usd_uncached)::DOUBLE AS usd_uncached
    FROM usage
    GROUP BY ALL
),
lost AS (
    SELECT
        day,
        project,
        model,
        count(*) FILTER (rule <> 'unread') AS rebuilds,
        sum(tokens) FILTER (rule <> 'unread') AS rebuilt_tokens,
        sum(usd_direct::DECIMAL(38, 15)) FILTER (rule <> 'unread') AS usd_rebuilt,
        sum(tokens) FILTER (rule = 'unread') AS unread_tokens,
        sum(usd_direct::DECIMAL(38, 15)) FILTER (rule = 'unread') AS usd_unread
    FROM flags
    WHERE category = 'cache_write' AND (starts_with(rule, 'rebuild_') OR rule = 'unread')
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
    coalesce(l.rebuilds, 0) AS rebuilds,
    coalesce(l.rebuilt_tokens, 0)::BIGINT AS rebuilt_tokens,
    coalesce(l.usd_rebuilt, 0)::DOUBLE AS usd_rebuilt,
    coalesce(l.unread_tokens, 0)::BIGINT AS unread_tokens,
    coalesce(l.usd_unread, 0)::DOUBLE AS usd_unread
FROM spent AS s
LEFT JOIN lost AS l
    ON l.day = s.day
    AND l.project IS NOT DISTINCT FROM s.project
    AND l.model IS NOT DISTINCT FROM s.model
ORDER BY s.day, s.project, s.model;
