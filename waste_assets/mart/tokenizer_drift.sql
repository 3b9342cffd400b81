-- Tokens per character by model, week and kind of text, and what another tokenizer would change.
--
-- Reads   texts, usage   (the facts of days)
-- Fills   tokenizer_drift, tokenizer_switch
--
-- Only blocks whose size the provider counted by themselves are looked at. The ratio of sums is
-- the estimate; its error follows from how far each session's blocks are from it, as blocks of one
-- session are alike (delta method over sessions, Student's t).

-- The 97.5 % point of Student's t.
CREATE TEMP MACRO student(freedom) AS
    CASE freedom
        WHEN 1 THEN 12.706
        WHEN 2 THEN 4.303
        ELSE 1.960 + 2.372 / freedom + 2.823 / freedom ** 2 + 2.555 / freedom ** 3
    END;

-- Sums by session: the sums of squares of their errors need nothing else.
CREATE TEMP TABLE session_texts AS
SELECT
    model,
    -- Monday of the ISO week.
    date_trunc('week', day)::DATE AS week,
    text_kind,
    session_id,
    sum(blocks)::BIGINT AS blocks,
    sum(tokens)::BIGINT AS tokens,
    sum(chars)::BIGINT AS chars
FROM texts
WHERE blocks > 0
GROUP BY ALL;

-- `week` is NULL for all weeks together.
CREATE TEMP TABLE ratios AS
WITH grouped AS (
    SELECT model, week, text_kind, session_id, blocks, tokens, chars FROM session_texts
    UNION ALL
    SELECT model, NULL, text_kind, session_id, sum(blocks), sum(tokens), sum(chars)
    FROM session_texts
    GROUP BY model, text_kind, session_id
),
sums AS (
    SELECT
        model, week, text_kind,
        count(*) AS sessions,
        sum(blocks)::BIGINT AS blocks,
        sum(tokens)::BIGINT AS tokens,
        sum(chars)::BIGINT AS chars,
        sum(tokens) / sum(chars) AS ratio,
        -- Sum of (tokens - ratio * chars)², from whole numbers, the same in any order.
        sum(tokens::HUGEINT * tokens) AS tt,
        sum(tokens::HUGEINT * chars) AS tc,
        sum(chars::HUGEINT * chars) AS cc
    FROM grouped
    GROUP BY model, week, text_kind
)
SELECT
    model, week, text_kind, blocks, sessions, tokens, chars, ratio,
    -- NULL for a single session: it says nothing of others.
    CASE WHEN sessions > 1 THEN
        student(sessions - 1)
            * sqrt(greatest(tt - 2 * ratio * tc + ratio ** 2 * cc, 0) * sessions / (sessions - 1))
            / chars
    END AS margin
FROM sums;

INSERT INTO tokenizer_drift
SELECT
    model,
    week,
    text_kind,
    blocks,
    sessions,
    tokens,
    chars,
    ratio AS tokens_per_char,
    -- `greatest` would take 0 for an unknown margin.
    CASE WHEN margin IS NOT NULL THEN greatest(ratio - margin, 0) END AS low,
    ratio + margin AS high
FROM ratios
WHERE week IS NOT NULL
ORDER BY model, week, text_kind;

-- What the sessions of the last thirty days would have cost with the tokenizer of another model,
-- at unchanged prices: their mix of texts, each kind scaled by the ratio of the two tokenizers.
INSERT INTO tokenizer_switch
WITH spent AS (
    SELECT model, sum(usd)::DOUBLE AS usd
    FROM usage
    WHERE day > (SELECT max(day) FROM usage) - 30
    GROUP BY model
),
mix AS (
    SELECT model, text_kind, sum(all_tokens)::BIGINT AS tokens
    FROM texts
    WHERE day > (SELECT max(day) FROM usage) - 30
    GROUP BY model, text_kind
),
pairs AS (
    SELECT
        m.model,
        o.model AS other_model,
        m.text_kind,
        m.tokens,
        o.ratio / r.ratio AS factor,
        -- Relative errors of independent estimates add up as squares.
        o.ratio / r.ratio * sqrt((o.margin / o.ratio) ** 2 + (r.margin / r.ratio) ** 2) AS margin
    FROM mix AS m
    JOIN ratios AS r ON r.model = m.model AND r.text_kind = m.text_kind AND r.week IS NULL
    JOIN ratios AS o ON o.text_kind = m.text_kind AND o.week IS NULL AND o.model <> m.model
    WHERE r.margin IS NOT NULL AND o.margin IS NOT NULL
),
weighed AS (
    SELECT
        model,
        other_model,
        list_sum(list(tokens * factor ORDER BY text_kind)) / sum(tokens) AS factor,
        sqrt(list_sum(list((tokens * margin) ** 2 ORDER BY text_kind))) / sum(tokens) AS margin,
        sum(tokens) AS compared
    FROM pairs
    GROUP BY model, other_model
),
whole AS (SELECT model, sum(tokens) AS tokens FROM mix GROUP BY model)
SELECT
    w.model,
    w.other_model,
    w.compared / a.tokens AS compared_share,
    w.factor,
    greatest(w.factor - w.margin, 0) AS factor_low,
    w.factor + w.margin AS factor_high,
    s.usd,
    s.usd * w.factor AS usd_other,
    s.usd * greatest(w.factor - w.margin, 0) AS usd_other_low,
    s.usd * (w.factor + w.margin) AS usd_other_high
FROM weighed AS w
JOIN whole AS a ON a.model = w.model
JOIN spent AS s ON s.model = w.model
ORDER BY w.model, w.other_model;
