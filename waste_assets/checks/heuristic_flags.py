"""heuristic_flags, token_ledger, failed_calls: every token owned once, every flag followable."""

from collections.abc import Iterator

import dagster as dg
from dagster_duckdb import DuckDBResource

from waste_assets.accounting.ledger import CATEGORIES, PRODUCTIVE
from waste_assets.checks.bill import KINDS, unbalanced
from waste_assets.checks.check import Check, Suite
from waste_assets.checks.suite import results, specs
from waste_assets.lake.tables import (
    FAILED_CALLS,
    HEURISTIC_FLAGS,
    PARSED_TURNS,
    TOKEN_LEDGER,
    TOOL_CALLS,
)
from waste_assets.resources.data_root import DataRoot

_REBUILD = "materialise heuristic_flags of these days again, and report a bug if it stays"
_NINE = ", ".join(f"'{category}'" for category in CATEGORIES)

_MORE_THAN_BILLED = f"""
SELECT day, response_id, category, usd, usd_candidate, usd_avoidable,
    {", ".join(f"{kind}_tokens" for kind in KINDS)}
FROM token_ledger
WHERE category NOT IN ({_NINE})
    OR least({", ".join(f"{kind}_tokens" for kind in KINDS)}) < 0
    OR usd < -1e-9
    OR usd_candidate > usd + 1e-9
    OR (category <> '{PRODUCTIVE}' AND usd_avoidable < usd - usd_candidate - 1e-9)
"""
_TWICE_OWNED = """
SELECT day, response_id, category, count(*) AS times
FROM token_ledger
GROUP BY day, response_id, category
HAVING count(*) > 1
"""
_AVOIDABLE_BEYOND_BILL = f"""
SELECT t.day, t.response_id, t.usd, l.usd_avoidable
FROM parsed_turns AS t
JOIN (
    SELECT day, response_id, sum(usd_avoidable) AS usd_avoidable
    FROM token_ledger
    WHERE category <> '{PRODUCTIVE}'
    GROUP BY day, response_id
) AS l USING (day, response_id)
WHERE l.usd_avoidable > t.usd + 1e-9
"""
_SAME_FLAG = """
SELECT day, flag_id, count(*) AS times, min(category) AS category, min(transcript) AS transcript,
    min(line_no) AS line_no
FROM heuristic_flags
GROUP BY day, flag_id
HAVING count(*) > 1
"""
_DISORDERED = """
SELECT day, flag_id, category, rule, tokens, usd_owned, usd_direct, usd_avoidable, transcript,
    line_no
FROM heuristic_flags
WHERE tokens < 0
    OR usd_owned < -1e-9
    OR usd_owned > usd_direct + 1e-9
    OR usd_direct > usd_avoidable + 1e-9
    OR NOT isfinite(usd_avoidable)
"""
_UNFOLLOWABLE = """
SELECT f.day, f.flag_id, f.category, f.rule, f.evidence, f.response_id, f.transcript, f.line_no
FROM heuristic_flags AS f
LEFT JOIN parsed_turns AS t ON t.day = f.day AND t.response_id = f.response_id
WHERE t.response_id IS NULL
    OR trim(f.evidence) = ''
    OR f.line_no < 1
    OR len(f.tool_use_ids) > 0 AND f.tool_use_id IS DISTINCT FROM f.tool_use_ids[1]
    OR f.category = 'retry_error' AND (f.cause IS NULL OR f.fault IS NULL)
"""
_UNKNOWN_FAILURES = """
SELECT c.day, c.tool_use_id, c.tool_name, c.outcome, c.transcript, c.line_no
FROM tool_calls AS c
ANTI JOIN failed_calls AS f
    ON f.day = c.day AND f.tool_use_id = c.tool_use_id AND f.response_id = c.response_id
WHERE c.outcome = 'error'
"""
_RESIDUAL = """
SELECT day, tool_use_id, tool_name, cause, fault, transcript, line_no
FROM failed_calls
WHERE cause_rule IS NULL
"""

SUITE = Suite(
    "heuristic_flags",
    checks=(
        Check(
            TOKEN_LEDGER.name,
            "ledger_adds_up",
            "The categories of a response add up to its bill: tokens exactly, money to 1e-9 USD.",
            "parsed_turns",
            unbalanced("token_ledger", "FULL"),
            "responses",
            "have categories that do not add up to the bill",
            _REBUILD,
        ),
        Check(
            TOKEN_LEDGER.name,
            "shares_within_bill",
            "No category owns less than nothing, or is unknown.",
            "token_ledger",
            _MORE_THAN_BILLED,
            "shares",
            "are negative, out of order or of an unknown category",
            _REBUILD,
        ),
        Check(
            TOKEN_LEDGER.name,
            "shares_unique",
            "A category has one share of a response.",
            "token_ledger",
            _TWICE_OWNED,
            "shares",
            "stand there more than once",
            _REBUILD,
        ),
        Check(
            TOKEN_LEDGER.name,
            "avoidable_within_bill",
            "What could be avoided of a response is no more than its bill.",
            "parsed_turns",
            _AVOIDABLE_BEYOND_BILL,
            "responses",
            "have more to avoid than they cost",
            _REBUILD,
        ),
        Check(
            HEURISTIC_FLAGS.name,
            "flags_unique",
            "Every flag stands there once.",
            "heuristic_flags",
            _SAME_FLAG,
            "flags",
            "stand there more than once",
            _REBUILD,
        ),
        Check(
            HEURISTIC_FLAGS.name,
            "amounts_in_order",
            "Owned is at most direct, and direct at most avoidable.",
            "heuristic_flags",
            _DISORDERED,
            "flags",
            "have amounts out of order",
            _REBUILD,
        ),
        Check(
            HEURISTIC_FLAGS.name,
            "flags_followable",
            "Every flag says why, and leads to a response, its calls and a transcript line.",
            "heuristic_flags",
            _UNFOLLOWABLE,
            "flags",
            "cannot be followed to the transcript",
            _REBUILD,
        ),
        Check(
            FAILED_CALLS.name,
            "failures_complete",
            "Every failed call has a cause and a fault.",
            "tool_calls WHERE outcome = 'error'",
            _UNKNOWN_FAILURES,
            "failed calls",
            "have no row that says why they failed",
            _REBUILD,
        ),
        Check(
            FAILED_CALLS.name,
            "causes_known",
            "Rules know the cause of most failures.",
            "failed_calls",
            _RESIDUAL,
            "failed calls",
            "have a cause that no rule knows",
            "look at their texts, for one with `waste-assets show {place}`, and add a rule to "
            "detectors/causes.py",
            blocking=False,
            allowed_share=0.2,
            from_rows=20,
        ),
    ),
    tables=(PARSED_TURNS, TOOL_CALLS, HEURISTIC_FLAGS, TOKEN_LEDGER, FAILED_CALLS),
)


@dg.multi_asset_check(name="heuristic_flags_checks", specs=specs(SUITE), can_subset=True)
def heuristic_flags_checks(
    context: dg.AssetCheckExecutionContext, data_root: DataRoot, duckdb: DuckDBResource
) -> Iterator[dg.AssetCheckResult]:
    """The flags, the ledger and the failed calls of the run's days."""
    with duckdb.get_connection() as con:
        yield from results(SUITE, context, data_root, con)
