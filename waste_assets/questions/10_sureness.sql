-- How sure are the figures?
--
-- What they rest on: lines read and set aside, responses without a price or with a lower bound, how
-- far low and high estimate of waste are apart, what only candidates claim, and who has judged.
WITH read AS (
    SELECT
        sum(lines)::BIGINT AS lines,
        sum(quarantined_lines)::BIGINT AS quarantined,
        sum(sessions)::BIGINT AS session_days,
        sum(responses)::BIGINT AS responses,
        sum(unpriced_responses)::BIGINT AS unpriced,
        sum(lower_bound_responses)::BIGINT AS lower_bounds,
        sum(labeled_by_rules)::BIGINT AS by_rules,
        sum(labeled_by_model)::BIGINT AS by_model,
        sum(labeled_by_people)::BIGINT AS by_people,
        sum(labeled_by_nobody)::BIGINT AS by_nobody
    FROM coverage
),
owned AS (
    SELECT
        sum(usd) AS usd,
        sum(usd_direct) FILTER (category <> 'productive') AS low,
        sum(usd_avoidable) FILTER (category <> 'productive') AS high,
        sum(usd_candidate) AS candidates
    FROM daily_waste
),
told AS (
    SELECT unnest([
        (1, 'lines read', r.lines - r.quarantined, r.lines, NULL::DOUBLE),
        (2, 'lines set aside', r.quarantined, r.lines, NULL),
        (3, 'responses with a price', r.responses - r.unpriced, r.responses, o.usd),
        (4, 'responses whose output is a lower bound', r.lower_bounds, r.responses, NULL),
        (5, 'waste, low', NULL, NULL, o.low),
        (6, 'waste, high', NULL, NULL, o.high),
        (7, 'claimed by candidates alone, in no headline', NULL, NULL, o.candidates),
        (8, 'to be judged, and judged by rules', r.by_rules, b.n, NULL),
        (9, 'to be judged, and judged by a model', r.by_model, b.n, NULL),
        (10, 'to be judged, and judged by people', r.by_people, b.n, NULL),
        (11, 'to be judged, and judged by nobody', r.by_nobody, b.n, NULL)
    ]) AS one
    FROM read AS r, owned AS o,
        LATERAL (SELECT r.by_rules + r.by_model + r.by_people + r.by_nobody AS n) AS b
)
SELECT
    one[2] AS measure,
    one[3]::BIGINT AS number,
    one[4]::BIGINT AS of_all,
    one[3] / nullif(one[4], 0) AS share,
    one[5]::DOUBLE AS usd
FROM told
ORDER BY one[1];
