"""haiku_labels and what follows from it: who says what, and that the bills still add up."""

from collections.abc import Iterator
from datetime import date

import dagster as dg
import duckdb as database
import pyarrow as pa
from dagster_duckdb import DuckDBResource

from waste_assets.checks.bill import unbalanced
from waste_assets.checks.check import Check, Suite
from waste_assets.checks.suite import results, specs
from waste_assets.labels.judged import keys_of
from waste_assets.labels.registry import tasks
from waste_assets.labels.tasks.dead_end import CONFIRMS
from waste_assets.lake.tables import (
    FAILED_CALLS,
    HAIKU_LABELS,
    HEURISTIC_FLAGS,
    JUDGED_FLAGS,
    JUDGED_LEDGER,
    PARSED_TURNS,
)
from waste_assets.resources.data_root import DataRoot

_REBUILD = "materialise haiku_labels of these days again, and report a bug if it stays"
_SHOWN = "day, task, subject_id, labeler_kind, labeler_id, status, label"
_SENT = (
    "prompt_version", "question_key", "answered_at", "input_tokens", "write_tokens", "read_tokens",
    "output_tokens", "answer_usd",
)  # fmt: skip
_RETURNED = ("model_returned", "request_id")
_CHOICES = ", ".join(f"('{t.name}', '{c}')" for t in tasks().values() for c in t.choices)
_CONFIRMS = ", ".join(f"'{label}'" for label in sorted(CONFIRMS))
_UNDECIDED = ", ".join(f"'{label}'" for label in sorted(tasks()["dead_end"].undecided))

_REPEATED = """
SELECT day, task, subject_id, labeler_kind, count(*) AS times
FROM haiku_labels
GROUP BY day, task, subject_id, labeler_kind
HAVING count(*) > 1
"""
_UNPROVEN = f"""
SELECT {_SHOWN}, {", ".join((*_SENT, *_RETURNED))}, synthetic
FROM haiku_labels
WHERE labeler_kind NOT IN ('rule', 'llm', 'human')
    OR labeler_kind = 'llm' AND ({" OR ".join(f"{name} IS NULL" for name in _SENT)})
    OR labeler_kind = 'llm' AND status IN ('answered', 'withheld')
        AND ({" OR ".join(f"{name} IS NULL" for name in _RETURNED)})
    OR labeler_kind <> 'llm' AND (
        synthetic
        OR {" OR ".join(f"{name} IS NOT NULL" for name in (*_SENT[2:], *_RETURNED))}
    )
"""
# Every answer that is shown was given: the store has it, under the same request.
_UNPAID = f"""
SELECT {_SHOWN}, question_key, request_id
FROM haiku_labels AS l
WHERE labeler_kind = 'llm'
    AND NOT EXISTS (
        SELECT 1 FROM kept_answers AS k
        WHERE k.key = l.question_key AND k.request_id IS NOT DISTINCT FROM l.request_id
    )
"""
_TWO_IN_FORCE = """
SELECT day, task, subject_id, count(*) FILTER (in_force) AS in_force,
    bool_or(in_force AND (status <> 'answered' OR label IS NULL)) AS without_answer
FROM haiku_labels
GROUP BY day, task, subject_id
HAVING count(*) FILTER (in_force) > 1 OR without_answer
"""
# A figure that mixes the two is worth nothing: the days of the lesser kind are named.
_MIXED = f"""
SELECT {_SHOWN}, synthetic
FROM haiku_labels
WHERE in_force AND labeler_kind = 'llm' AND synthetic
    AND EXISTS (
        SELECT 1 FROM every_haiku_labels AS e
        WHERE e.in_force AND e.labeler_kind = 'llm' AND NOT e.synthetic
    )
"""
_UNKNOWN_LABELS = f"""
SELECT {_SHOWN}
FROM haiku_labels
WHERE labeler_kind IN ('llm', 'human') AND status IN ('answered', 'withheld')
    AND (task, coalesce(label, '')) NOT IN (VALUES {_CHOICES})
"""
_LEFT_OUT = """
SELECT f.day, 'flag' AS subject_kind, f.flag_id AS subject_id, 1 AS of_flags, 0 AS of_labels
FROM heuristic_flags AS f
ANTI JOIN haiku_labels AS l
    ON l.day = f.day AND l.task = 'dead_end' AND l.subject_id = f.flag_id
        AND l.labeler_kind = 'rule'
WHERE f.basis = 'judged later'
UNION ALL BY NAME
SELECT
    coalesce(f.day, l.day) AS day, 'failure' AS subject_kind, NULL AS subject_id,
    coalesce(f.calls, 0) AS of_flags, coalesce(l.calls, 0) AS of_labels
FROM (SELECT day, count(*) AS calls FROM failed_calls GROUP BY day) AS f
FULL JOIN (
    SELECT day, sum(calls)::BIGINT AS calls
    FROM haiku_labels
    WHERE task = 'failure_cause' AND labeler_kind = 'rule'
    GROUP BY day
) AS l USING (day)
WHERE coalesce(f.calls, 0) <> coalesce(l.calls, 0)
"""
# What counts of a flag's labels, and what became of the flag.
_NOT_FOLLOWED = f"""
SELECT l.day, l.task, l.subject_id, l.labeler_kind, l.label, j.tier, j.basis
FROM haiku_labels AS l
LEFT JOIN judged_flags AS j ON j.day = l.day AND j.flag_id = l.subject_id
WHERE l.task = 'dead_end' AND l.in_force AND l.labeler_kind <> 'rule'
    AND l.label NOT IN ({_UNDECIDED})
    AND l.subject_id IN (SELECT flag_id FROM heuristic_flags WHERE basis = 'judged later')
    AND (
        l.label IN ({_CONFIRMS}) AND (j.tier = 'likely' AND j.basis = 'judged') IS NOT TRUE
        OR l.label NOT IN ({_CONFIRMS}) AND j.flag_id IS NOT NULL
    )
UNION ALL BY NAME
SELECT j.day, 'dead_end' AS task, j.flag_id AS subject_id, j.tier, j.basis
FROM judged_flags AS j
WHERE j.basis = 'judged' AND NOT EXISTS (
    SELECT 1 FROM haiku_labels AS l
    WHERE l.day = j.day AND l.subject_id = j.flag_id AND l.in_force AND l.labeler_kind <> 'rule'
        AND l.label IN ({_CONFIRMS})
)
"""
_DISORDERED = """
SELECT day, flag_id, category, rule, tokens, usd_owned, usd_direct, usd_avoidable
FROM judged_flags
WHERE tokens < 0
    OR usd_owned < -1e-9
    OR usd_owned > usd_direct + 1e-9
    OR usd_direct > usd_avoidable + 1e-9
    OR NOT isfinite(usd_avoidable)
"""
_FAILED_REQUESTS = f"""
SELECT {_SHOWN}, request_id
FROM haiku_labels
WHERE labeler_kind = 'llm' AND status NOT IN ('answered', 'withheld')
"""


def _answers(con: database.DuckDBPyConnection, data_root: DataRoot, days: list[date]) -> None:
    """The answers that the store has to the questions of these days."""
    keys = {key for of_day in keys_of(data_root.lake, days).values() for key in of_day}
    with data_root.labelling() as labelling:
        kept = labelling.answers.answers(keys)
    told = pa.table(
        {
            "key": pa.array([*kept], pa.string()),
            "request_id": pa.array([one.request_id for one in kept.values()], pa.string()),
        }
    )
    con.register("arrow_answers", told)
    con.execute("CREATE OR REPLACE TEMP TABLE kept_answers AS SELECT * FROM arrow_answers")
    con.unregister("arrow_answers")


_LLM = "(SELECT * FROM haiku_labels WHERE labeler_kind = 'llm')"

SUITE = Suite(
    "haiku_labels",
    checks=(
        Check(
            HAIKU_LABELS.name,
            "labels_unique",
            "Every labeler says one thing about a subject.",
            "haiku_labels",
            _REPEATED,
            "labels",
            "stand there more than once",
            _REBUILD,
        ),
        Check(
            HAIKU_LABELS.name,
            "provenance_complete",
            "An answer of the model says which model, request and prompt it is from and what it "
            "cost; what rules and people say has none of it.",
            "haiku_labels",
            _UNPROVEN,
            "labels",
            "do not say where they come from",
            _REBUILD,
        ),
        Check(
            HAIKU_LABELS.name,
            "answers_kept",
            "Every answer shown is kept in the state database, under the same request.",
            _LLM,
            _UNPAID,
            "answers",
            "are not in the state database",
            "restore state.db from its backup, or materialise haiku_labels of these days",
        ),
        Check(
            HAIKU_LABELS.name,
            "one_in_force",
            "At most one label of a subject counts, and it is an answer.",
            "haiku_labels",
            _TWO_IN_FORCE,
            "subjects",
            "have several labels that count, or one without an answer",
            _REBUILD,
        ),
        Check(
            HAIKU_LABELS.name,
            "synthetic_apart",
            "Answers of this machine and of the provider never count side by side.",
            _LLM,
            _MIXED,
            "answers",
            "are synthetic and count beside real ones",
            "materialise haiku_labels of these days with the settings of the real ones",
        ),
        Check(
            HAIKU_LABELS.name,
            "labels_known",
            "Every label is one that its task knows.",
            "haiku_labels",
            _UNKNOWN_LABELS,
            "labels",
            "are none that their task knows",
            _REBUILD,
        ),
        Check(
            HAIKU_LABELS.name,
            "subjects_complete",
            "Every flag that needs judgement is there, and every failed call is counted.",
            "heuristic_flags",
            _LEFT_OUT,
            "flags and failures",
            "are not among what is to be judged",
            _REBUILD,
        ),
        Check(
            HAIKU_LABELS.name,
            "requests_answered",
            "The model answers nearly always.",
            _LLM,
            _FAILED_REQUESTS,
            "requests",
            "were refused, cut off, invalid or not served",
            "look at their status in haiku_labels; those not served are asked again",
            blocking=False,
            allowed_share=0.05,
            from_rows=20,
        ),
        Check(
            JUDGED_LEDGER.name,
            "judged_ledger_adds_up",
            "With judgements, too, the categories of a response add up to its bill: tokens "
            "exactly, money to 1e-9 USD.",
            "(SELECT DISTINCT day, response_id FROM judged_ledger)",
            unbalanced("judged_ledger", "LEFT"),
            "responses",
            "have categories that do not add up to the bill",
            _REBUILD,
        ),
        Check(
            JUDGED_FLAGS.name,
            "judgements_followed",
            "A confirmed candidate is likely, a rejected one is gone, and nothing else is judged.",
            "judged_flags",
            _NOT_FOLLOWED,
            "flags",
            "are not as they were judged",
            _REBUILD,
        ),
        Check(
            JUDGED_FLAGS.name,
            "judged_amounts_in_order",
            "Owned is at most direct, and direct at most avoidable.",
            "judged_flags",
            _DISORDERED,
            "flags",
            "have amounts out of order",
            _REBUILD,
        ),
    ),
    tables=(
        PARSED_TURNS,
        HEURISTIC_FLAGS,
        FAILED_CALLS,
        HAIKU_LABELS,
        JUDGED_FLAGS,
        JUDGED_LEDGER,
    ),
    every=(HAIKU_LABELS,),
    prepare=_answers,
)


@dg.multi_asset_check(name="haiku_labels_checks", specs=specs(SUITE), can_subset=True)
def haiku_labels_checks(
    context: dg.AssetCheckExecutionContext, data_root: DataRoot, duckdb: DuckDBResource
) -> Iterator[dg.AssetCheckResult]:
    """The labels of the run's days, and what follows from them."""
    with duckdb.get_connection() as con:
        yield from results(SUITE, context, data_root, con)
