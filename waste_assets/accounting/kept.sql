-- What a rewind kept: all up to the last piece that entered before what was abandoned.
--
-- Reads   threaded (rewinds.py), sized: of the responses with which it had entered
-- Changes placed

UPDATE placed
SET previous_prompt_tokens = least(kept.tokens, placed.prompt_tokens)
FROM (
    SELECT
        t.link,
        any_value(w.previous_prompt_tokens) + coalesce(max(s.end_token), 0) AS tokens
    FROM threaded AS t
    JOIN placed AS w ON w.link = t.kept_with
    LEFT JOIN sized AS s ON s.response = w.response AND s.place <= t.kept_to
    GROUP BY t.link
) AS kept
WHERE kept.link = placed.link;
