-- Ledger and flags in force: what the rules say, and in its place, for sessions in which a
-- judgement has decided something, what follows from it.
--
-- Reads   rules_ledger, rules_flags, judged_ledger, judged_flags, haiku_labels   (the lake)
--         shown_project
-- Makes   token_ledger, heuristic_flags                 (as all that follows reads them)
--         labels, waste_judged
--         audit_sample                                  (for the quality of the rules)

CREATE TEMP TABLE judged_responses AS
SELECT DISTINCT day, session_id, response_id FROM judged_ledger;

CREATE TEMP TABLE judged_sessions AS
SELECT DISTINCT day, session_id FROM judged_responses;

-- By response, so that whatever has been added to a session since it was judged is not lost.
CREATE TEMP VIEW token_ledger AS
SELECT * FROM rules_ledger ANTI JOIN judged_responses USING (day, response_id)
UNION ALL BY NAME
SELECT * FROM judged_ledger;

CREATE TEMP VIEW heuristic_flags AS
SELECT * FROM rules_flags ANTI JOIN judged_sessions USING (day, session_id)
UNION ALL BY NAME
SELECT * FROM judged_flags;

CREATE TABLE labels AS
SELECT day, * EXCLUDE (day) REPLACE (shown_project(project) AS project)
FROM haiku_labels;

CREATE TABLE waste_judged AS
SELECT
    day,
    category,
    coalesce(r.usd_direct, 0) AS rules_usd_direct,
    coalesce(r.usd_avoidable, 0) AS rules_usd_avoidable,
    coalesce(r.usd_candidate, 0) AS rules_usd_candidate,
    coalesce(j.usd_direct, 0) AS usd_direct,
    coalesce(j.usd_avoidable, 0) AS usd_avoidable,
    coalesce(j.usd_candidate, 0) AS usd_candidate
FROM (
    SELECT
        day,
        category,
        (sum(usd::DECIMAL(38, 15)) - sum(usd_candidate::DECIMAL(38, 15)))::DOUBLE AS usd_direct,
        sum(usd_avoidable::DECIMAL(38, 15))::DOUBLE AS usd_avoidable,
        sum(usd_candidate::DECIMAL(38, 15))::DOUBLE AS usd_candidate
    FROM rules_ledger
    GROUP BY day, category
) AS r
FULL JOIN (
    SELECT
        day,
        category,
        (sum(usd::DECIMAL(38, 15)) - sum(usd_candidate::DECIMAL(38, 15)))::DOUBLE AS usd_direct,
        sum(usd_avoidable::DECIMAL(38, 15))::DOUBLE AS usd_avoidable,
        sum(usd_candidate::DECIMAL(38, 15))::DOUBLE AS usd_candidate
    FROM token_ledger
    GROUP BY day, category
) AS j USING (day, category)
ORDER BY day, category;

-- One judgement a response: a person's before the model's. Answers of this machine count only
-- where there are no others at all.
CREATE TEMP VIEW audit_sample AS
SELECT subject_id AS response_id, session_id, stratum, weight, rule_label, label
FROM haiku_labels
WHERE task = 'audit'
    AND labeler_kind <> 'rule'
    AND status = 'answered'
    AND synthetic <= (
        SELECT bool_and(synthetic) FROM haiku_labels
        WHERE labeler_kind = 'llm' AND status = 'answered'
    ) IS NOT FALSE
QUALIFY row_number() OVER (PARTITION BY subject_id ORDER BY labeler_kind <> 'human', day) = 1
ORDER BY response_id;
