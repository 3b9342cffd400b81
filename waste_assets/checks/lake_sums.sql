-- What the published tables must add up to, of each day of the lake.
--
-- Reads   the lake's tables under their own names, of the days that have changed
--         flags_in_force
--         archived(day, lines, files): what the footers of the archive say of these days
-- Makes   new_lake_usage, new_lake_cache, new_lake_kinds, new_lake_ledger, new_lake_ruled,
--         new_lake_rebuilds, new_lake_failures, new_lake_texts, new_lake_costs, new_held
--
-- They are made in another way than the publication makes what it publishes.

CREATE TEMP VIEW new_lake_usage AS
SELECT
    day,
    session_id,
    count(*) AS responses,
    count(*) FILTER (NOT usage_final) AS lower_bound_responses,
    count(*) FILTER (usd IS NULL) AS unpriced_responses,
    sum(input_tokens) AS input_tokens,
    sum(write_5m_tokens) AS write_5m_tokens,
    sum(write_1h_tokens) AS write_1h_tokens,
    sum(read_tokens) AS read_tokens,
    sum(output_tokens) AS output_tokens,
    sum(billed_extra_tokens) AS billed_extra_tokens,
    sum(usd) AS usd
FROM parsed_turns
GROUP BY day, session_id;

CREATE TEMP VIEW new_lake_cache AS
SELECT
    day,
    model,
    count(*) AS responses,
    sum(read_tokens)::BIGINT AS read_tokens,
    sum(usd) AS usd,
    sum(usd_read) AS usd_read,
    sum(usd_write_5m + usd_write_1h) AS usd_write,
    -- What other runs inside a response were billed is in its amounts, and not in its tokens.
    sum(
        usd
        + (
            read_tokens * (rate_input - rate_read)
            + write_5m_tokens * (rate_input - rate_write_5m)
            + write_1h_tokens * (rate_input - rate_write_1h)
        ) / 1e6
    ) AS usd_uncached
FROM parsed_turns
GROUP BY day, model;

CREATE TEMP VIEW new_lake_kinds AS
FROM (
    SELECT day, 'input' AS token_kind, sum(input_tokens)::BIGINT AS tokens, sum(usd_input) AS usd
    FROM parsed_turns
    GROUP BY day
    UNION ALL
    SELECT day, 'write_5m', sum(write_5m_tokens)::BIGINT, sum(usd_write_5m)
    FROM parsed_turns
    GROUP BY day
    UNION ALL
    SELECT day, 'write_1h', sum(write_1h_tokens)::BIGINT, sum(usd_write_1h)
    FROM parsed_turns
    GROUP BY day
    UNION ALL
    SELECT day, 'read', sum(read_tokens)::BIGINT, sum(usd_read)
    FROM parsed_turns
    GROUP BY day
    UNION ALL
    SELECT day, 'output', sum(output_tokens)::BIGINT, sum(usd_output)
    FROM parsed_turns
    GROUP BY day
)
WHERE tokens <> 0;

-- In force: of responses that a judgement has decided about, what follows from it.
CREATE TEMP VIEW new_lake_ledger AS
SELECT
    day,
    session_id,
    category,
    count(*) AS responses,
    sum(input_tokens) AS input_tokens,
    sum(write_5m_tokens) AS write_5m_tokens,
    sum(write_1h_tokens) AS write_1h_tokens,
    sum(read_tokens) AS read_tokens,
    sum(output_tokens) AS output_tokens,
    sum(usd) AS usd,
    sum(usd_candidate) AS usd_candidate,
    sum(usd_avoidable) AS usd_avoidable
FROM (
    SELECT * FROM token_ledger
    WHERE (day, response_id) NOT IN (SELECT (day, response_id) FROM judged_ledger)
    UNION ALL BY NAME
    SELECT * FROM judged_ledger
)
GROUP BY day, session_id, category;

CREATE TEMP VIEW new_lake_ruled AS
SELECT
    day,
    category,
    sum(usd - usd_candidate) AS rules_usd_direct,
    sum(usd_avoidable) AS rules_usd_avoidable,
    sum(usd_candidate) AS rules_usd_candidate
FROM token_ledger
GROUP BY day, category;

CREATE TEMP VIEW new_lake_rebuilds AS
SELECT
    day, cause, tier, count(*) AS rebuilds, sum(tokens)::BIGINT AS tokens, sum(usd_direct) AS usd
FROM flags_in_force
WHERE category = 'cache_write' AND rule LIKE 'rebuild\_%' ESCAPE '\'
GROUP BY day, cause, tier;

CREATE TEMP VIEW new_lake_failures AS
SELECT day, cause, fault, count(*) AS calls, sum(usd) AS usd
FROM failed_calls
GROUP BY day, cause, fault;

CREATE TEMP VIEW new_lake_texts AS
SELECT
    day, model, text_kind,
    sum(blocks)::BIGINT AS blocks, sum(tokens)::BIGINT AS tokens, sum(chars)::BIGINT AS chars
FROM text_sizes
WHERE blocks > 0
GROUP BY day, model, text_kind;

-- Of each process of a session the last count of the day.
CREATE TEMP VIEW new_lake_costs AS
SELECT
    day, session_id, started_at, model,
    arg_max(output_tokens, line_no) AS output_tokens, arg_max(usd, line_no) AS usd
FROM line_costs
GROUP BY day, session_id, started_at, model;

CREATE TEMP VIEW new_held AS
FROM archived;
