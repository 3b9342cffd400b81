-- The failed calls of some days with their texts and what flags say of their cost, in their order.
--
-- Reads   failed_calls, tool_calls, heuristic_flags   their rows, with day and row_no
--
-- A flag's cost is shared evenly among the failed calls of the day that it names. What flags own
-- adds up; the rest of responses, which several flags may name, counts once a call: by the first
-- of its flags that has any.

WITH flagged AS (
    -- The list itself goes no further: a flag may name thousands of calls, a row each.
    SELECT
        day,
        row_no AS flag,
        session_id,
        agent,
        category <> 'dead_end' AS is_later,
        usd_owned,
        usd_avoidable - usd_direct AS usd_rest,
        len(tool_use_ids) AS all_calls,
        unnest(tool_use_ids) AS tool_use_id
    FROM heuristic_flags
    WHERE tier <> 'candidate'
),
named AS (
    SELECT
        f.flag,
        f.is_later,
        c.row_no AS call,
        f.usd_owned,
        f.usd_rest,
        count(*) OVER (PARTITION BY f.flag) AS calls,
        f.all_calls
    FROM flagged AS f
    JOIN failed_calls AS c
        ON c.day = f.day
        AND c.tool_use_id = f.tool_use_id
        AND c.session_id = f.session_id
        AND c.agent = f.agent
),
costs AS (
    SELECT
        call,
        list_sum(list(usd_owned / calls ORDER BY flag)) AS usd_owned,
        coalesce(
            arg_min(greatest(usd_rest, 0) / all_calls, (is_later, flag)) FILTER (usd_rest > 0), 0
        ) AS usd_rest
    FROM named
    GROUP BY call
)
SELECT
    f.day,
    f.tool_use_id,
    f.response_id,
    f.session_id,
    f.agent,
    f.project,
    nullif(regexp_extract(
        f.project, '^(/home/[^/]+|/Users/[^/]+|/root|[A-Za-z]:\\Users\\[^\\]+)', 1
    ), '') AS person,
    f.ts,
    f.tool_name,
    f.cause,
    f.fault,
    f.cause_rule,
    f.tokens,
    f.usd,
    coalesce(c.usd_owned, 0) AS usd_direct,
    coalesce(c.usd_owned + c.usd_rest, 0) AS usd_avoidable,
    f.transcript,
    f.line_no,
    f.result_transcript,
    f.result_line_no,
    coalesce(k.input_text, '') AS input_text,
    coalesce(k.result_text, '') AS result_text,
    coalesce(k.result_tail, '') AS result_tail
FROM failed_calls AS f
LEFT JOIN tool_calls AS k
    ON k.day = f.day
    AND k.outcome <> 'ok'
    AND k.tool_use_id = f.tool_use_id
    AND k.response_id = f.response_id
LEFT JOIN costs AS c ON c.call = f.row_no
ORDER BY f.row_no
