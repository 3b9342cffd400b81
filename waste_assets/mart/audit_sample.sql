-- The sample of responses by which the rules are measured.
--
-- Reads   labels
-- Makes   audit_sample   (for the quality of the rules)

-- One judgement a response: a person's before the model's. Answers of this machine count only
-- where there are no others at all.
CREATE TEMP VIEW audit_sample AS
SELECT subject_id AS response_id, session_id, stratum, weight, rule_label, label
FROM labels
WHERE task = 'audit'
    AND labeler_kind <> 'rule'
    AND status = 'answered'
    AND synthetic <= (
        SELECT bool_and(synthetic) FROM labels
        WHERE labeler_kind = 'llm' AND status = 'answered'
    ) IS NOT FALSE
QUALIFY row_number() OVER (PARTITION BY subject_id ORDER BY labeler_kind <> 'human', day) = 1
ORDER BY response_id;
