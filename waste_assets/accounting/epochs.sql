-- The wanted responses, each in its own conversation, with the one that it goes on from and the
-- epoch.
--
-- Reads   broken, chain (turns.sql), threaded (rewinds.py)
-- Makes   placed

CREATE OR REPLACE TEMP TABLE placed AS
WITH numbered AS (
    -- Every conversation begins with an epoch, so that none reaches into the next.
    SELECT
        *,
        max(CASE WHEN epoch_start IS NOT NULL THEN link END) OVER (
            ORDER BY link ROWS UNBOUNDED PRECEDING
        ) AS epoch_link
    FROM broken
),
-- Where somebody went back, the tree says what time alone does not.
rethreaded AS (
    SELECT
        t.*,
        c.response AS previous_response,
        c.prompt_tokens AS previous_prompt_tokens,
        CASE WHEN c.is_final THEN c.output_tokens END AS previous_output_tokens
    FROM threaded AS t
    LEFT JOIN chain AS c ON c.link = t.previous
)
SELECT
    n.link,
    n.conversation,
    n.response,
    n.prompt_tokens,
    CASE WHEN t.is_rewound THEN NULL ELSE n.boundary END AS boundary,
    CASE WHEN t.is_rewound THEN t.previous_response ELSE n.previous_response END
        AS previous_response,
    CASE WHEN t.is_rewound THEN t.previous_prompt_tokens ELSE n.previous_prompt_tokens END
        AS previous_prompt_tokens,
    CASE WHEN t.is_rewound THEN t.previous_output_tokens ELSE n.previous_output_tokens END
        AS previous_output_tokens,
    CASE WHEN t.link IS NULL THEN n.epoch_start ELSE t.epoch_start END AS epoch_start,
    first.response AS epoch,
    coalesce(t.epoch_position, n.link - n.epoch_link) AS epoch_position,
    coalesce(t.is_rewound, FALSE) AS is_rewound,
    -- What was kept by a rewind had entered before, the output that it goes on from with it.
    t.kept_with IS NULL AS takes_output
FROM numbered AS n
LEFT JOIN rethreaded AS t ON t.link = n.link
JOIN chain AS first ON first.link = coalesce(t.epoch, n.epoch_link)
WHERE n.owned AND (n.wanted OR n.link IN (SELECT kept_with FROM threaded));
