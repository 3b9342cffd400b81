-- What would it cost without caching?
--
-- By model, over all days: the bill, its parts for cache reads and writes, the same bill with every
-- prompt token at the input rate, and what caching saved.
SELECT
    model,
    sum(usd) AS usd,
    sum(usd_read) / nullif(sum(usd), 0) AS share_reads,
    sum(usd_write) / nullif(sum(usd), 0) AS share_writes,
    (sum(usd_read) + sum(usd_write)) / nullif(sum(usd), 0) AS share_cache,
    sum(usd_uncached) AS usd_without_caching,
    sum(usd_uncached) - sum(usd) AS usd_saved,
    sum(rebuilds)::BIGINT AS rebuilds,
    sum(usd_rebuilt) AS usd_rebuilt
FROM cache_economics
GROUP BY model
ORDER BY usd DESC NULLS LAST, model;
