"""parsed_turns and the tables beside it: every line and token accounted for, once, in its place."""

from collections.abc import Iterator
from datetime import date

import dagster as dg
import duckdb as database
import pyarrow as pa
from dagster_duckdb import DuckDBResource

from waste_assets.accounting import turns
from waste_assets.checks.check import Check, Suite
from waste_assets.checks.suite import results, specs
from waste_assets.lake.tables import (
    CONTEXT_BLOCKS,
    LINE_BLOCKS,
    LINE_COUNTS,
    LINE_USAGE,
    PARSED_TURNS,
    QUARANTINED_LINES,
    RAW_SESSIONS,
    TOOL_CALLS,
)
from waste_assets.resources.data_root import DataRoot

_REBUILD = "materialise parsed_turns of these days again, and report a bug if that does not help"

# These two look at all days. They are looked for once a run, before the rest.
_FOUND_TWICE = """
SELECT t.day, t.response_id, o.day AS other_day, t.transcript, t.line_no
FROM parsed_turns AS t
JOIN every_parsed_turns AS o ON o.response_id = t.response_id AND o.day <> t.day
UNION ALL
SELECT day, response_id, day, min(transcript), min(line_no)
FROM parsed_turns
GROUP BY day, response_id
HAVING count(*) > 1
"""
# A response is missed on the day of its first line, wherever its other lines stand.
_FOUND_LOST = """
WITH lost AS (
    SELECT DISTINCT day, response_id
    FROM line_usage
    ANTI JOIN every_parsed_turns USING (response_id)
),
first_lines AS (
    SELECT response_id, min(ts) AS ts, arg_min(transcript, ts) AS transcript,
        arg_min(line_no, ts) AS line_no
    FROM every_line_usage
    SEMI JOIN lost USING (response_id)
    GROUP BY response_id
)
SELECT l.day, l.response_id, f.ts, b.day AS first_day, f.transcript, f.line_no
FROM lost AS l
JOIN first_lines AS f USING (response_id)
LEFT JOIN day_bounds AS b ON epoch_us(f.ts) >= b.starts_us AND epoch_us(f.ts) < b.ends_us
"""
# A response that moved to another day still stands on its old one until that is built anew, too.
_TWICE = """
SELECT *
FROM found_twice
SEMI JOIN days_at_hand USING (day)
WHERE other_day = day
    OR (day NOT IN (FROM awaiting_rebuild) AND other_day NOT IN (FROM awaiting_rebuild))
"""
_LOST = """
SELECT *
FROM found_lost
SEMI JOIN days_at_hand USING (day)
WHERE first_day IS NULL OR first_day NOT IN (FROM awaiting_rebuild)
"""
_NEGATIVE = """
SELECT
    day, response_id, transcript, line_no, input_tokens, write_5m_tokens, write_1h_tokens,
    read_tokens, output_tokens, thinking_tokens, billed_extra_tokens, prompt_tokens,
    previous_prompt_tokens, web_search_requests
FROM parsed_turns
WHERE least(
    input_tokens, write_5m_tokens, write_1h_tokens, read_tokens, output_tokens,
    coalesce(thinking_tokens, 0), prompt_tokens, previous_prompt_tokens, web_search_requests
) < 0
    -- What was declined is not billed: the top level may count it all the same.
    OR input_tokens + write_5m_tokens + write_1h_tokens + read_tokens + output_tokens
        + billed_extra_tokens < 0
"""
_OTHER_DAY = """
SELECT day, response_id, ts, transcript, line_no
FROM parsed_turns
JOIN day_bounds USING (day)
WHERE epoch_us(ts) < starts_us OR epoch_us(ts) >= ends_us
"""
_UNACCOUNTED = """
WITH archived AS (
    SELECT
        day, transcript, count(*) FILTER (kind = 'line') AS archived_lines,
        count(*) FILTER (kind <> 'line') AS archived_files
    FROM raw_sessions
    GROUP BY day, transcript
),
set_aside AS (
    SELECT day, transcript, count(*) AS quarantine_rows
    FROM quarantined_lines
    GROUP BY day, transcript
)
SELECT
    day, transcript, archived_lines, lines AS counted_lines, decoded, quarantined,
    coalesce(quarantine_rows, 0) AS quarantine_rows, archived_files, files AS counted_files
FROM archived
FULL JOIN line_counts USING (day, transcript)
LEFT JOIN set_aside USING (day, transcript)
WHERE archived_lines IS DISTINCT FROM lines
    OR archived_files IS DISTINCT FROM files
    OR lines <> decoded + quarantined
    OR quarantined <> coalesce(quarantine_rows, 0)
"""
_WRONG_SUMS = """
SELECT
    day, response_id, transcript, line_no, model, usd,
    usd_input + usd_write_5m + usd_write_1h + usd_read + usd_output + usd_web_search AS parts_usd
FROM parsed_turns
WHERE abs(usd - parts_usd) > 1e-9
    OR (usd IS NULL) <> (parts_usd IS NULL)
    OR NOT coalesce(isfinite(usd), true)
    OR least(usd_input, usd_write_5m, usd_write_1h, usd_read, usd_output, usd_web_search) < 0
"""
_UNPRICED = """
SELECT day, model, response_id, transcript, line_no, prompt_tokens, output_tokens
FROM parsed_turns
WHERE usd IS NULL
"""
_CONFLICTS = """
SELECT day, response_id, transcript, line_no, lines, model
FROM parsed_turns
WHERE usage_conflict
"""
# Since 2.1.98 every line of a main transcript has its final usage; older versions and subagents
# often never write it, which says nothing about the data at hand.
_PROMISED_FINAL = """
parsed_turns
WHERE agent = 'main'
    AND list_transform(string_split(version, '.'), lambda part: try_cast(part AS INTEGER))
        >= [2, 1, 98]
"""
_NOT_FINAL = f"""
SELECT day, response_id, transcript, line_no, version, model
FROM {_PROMISED_FINAL} AND NOT usage_final
"""
_STRAY_CALLS = """
SELECT day, tool_use_id, response_id, tool_name, transcript, line_no
FROM tool_calls AS c
ANTI JOIN parsed_turns AS t USING (day, response_id)
"""
_UNLINKED = """
SELECT
    day, tool_use_id, outcome, result_transcript, result_line_no, result_chars, transcript, line_no
FROM tool_calls
WHERE outcome NOT IN ('ok', 'error', 'no_result')
    OR (outcome = 'no_result') <> (result_line_no IS NULL)
    OR (outcome = 'no_result') <> (result_transcript IS NULL)
    OR (outcome = 'no_result') <> (result_chars IS NULL)
"""
_NO_CALL = """
SELECT DISTINCT day, tool_use_id, transcript, line_no, session_id
FROM line_blocks
ANTI JOIN every_tool_calls USING (tool_use_id)
WHERE kind = 'tool_result'
"""
_NO_RESULT = """
SELECT day, tool_use_id, tool_name, transcript, line_no, session_id
FROM tool_calls
WHERE outcome = 'no_result'
"""
_WRONG_BLOCK_SUMS = """
WITH blocks AS (
    SELECT day, response_id, sum(tokens) AS block_tokens, max_by(end_token, block_no) AS last_end
    FROM context_blocks
    GROUP BY day, response_id
)
SELECT
    day, response_id, prompt_tokens, previous_prompt_tokens, block_tokens, last_end, transcript,
    line_no
FROM parsed_turns
FULL JOIN blocks USING (day, response_id)
WHERE prompt_tokens IS NULL
    OR prompt_tokens - previous_prompt_tokens <> coalesce(block_tokens, 0)
    OR prompt_tokens <> coalesce(last_end, previous_prompt_tokens)
"""
_GAPS = """
WITH ordered AS (
    SELECT
        *,
        row_number() OVER prompt - 1 AS expected_no,
        coalesce(lag(end_token) OVER prompt, previous_prompt_tokens) AS expected_start
    FROM context_blocks
    JOIN (
        SELECT day, response_id, previous_prompt_tokens FROM parsed_turns
    ) USING (day, response_id)
    WINDOW prompt AS (PARTITION BY day, response_id ORDER BY block_no)
)
SELECT
    day, response_id, block_no, kind, expected_start, start_token, tokens, end_token, transcript,
    line_no
FROM ordered
WHERE block_no <> expected_no OR start_token <> expected_start OR end_token <> start_token + tokens
"""
_NEGATIVE_BLOCKS = """
SELECT day, response_id, block_no, kind, tokens, start_token, chars, transcript, line_no
FROM context_blocks
WHERE tokens < 0 OR start_token < 0 OR chars < 0
"""
_QUARANTINED = "SELECT day, transcript, line_no, reason, bytes, path FROM quarantined_lines"


def _compare_with_all_days(
    con: database.DuckDBPyConnection, data_root: DataRoot, days: list[date]
) -> None:
    """Find what is there twice or not at all, and where it matters what is yet to be rebuilt."""
    con.execute("CREATE OR REPLACE TEMP TABLE awaiting_rebuild (day DATE)")
    con.execute(f"CREATE OR REPLACE TEMP TABLE found_twice AS {_FOUND_TWICE}")
    con.execute(f"CREATE OR REPLACE TEMP TABLE found_lost AS {_FOUND_LOST}")
    found = "SELECT 1 FROM found_twice UNION ALL SELECT 1 FROM found_lost LIMIT 1"
    # All of it: DuckDB would not do anything else before.
    if not con.execute(found).fetchall():
        return
    lake = data_root.lake
    holdings = turns.Holdings.of(lake)
    stale = turns.stale_days(lake, holdings, turns.copies_elsewhere(con, lake, holdings))
    con.register("stale", pa.table({"day": pa.array(sorted(stale), pa.date32())}))
    con.execute("INSERT INTO awaiting_rebuild FROM stale")
    con.unregister("stale")


_TURNS = (
    Check(
        PARSED_TURNS.name,
        "responses_unique",
        "Every response stands on one day only, once.",
        "parsed_turns",
        _TWICE,
        "responses",
        "stand in parsed_turns more than once",
        "materialise parsed_turns of both days again",
    ),
    Check(
        PARSED_TURNS.name,
        "responses_complete",
        "Every response that some line reports has its row.",
        "line_usage",
        _LOST,
        "usage lines",
        "report a response that has no row",
        "materialise raw_sessions and parsed_turns of its first day, shown in the rows; where "
        "none is shown, nothing of the day of its time is archived, so report a bug",
    ),
    Check(
        PARSED_TURNS.name,
        "tokens_not_negative",
        "No count of tokens is negative.",
        "parsed_turns",
        _NEGATIVE,
        "responses",
        "have a negative count",
        _REBUILD,
    ),
    Check(
        PARSED_TURNS.name,
        "timestamps_in_day",
        "Every response lies on the day of its first line, in the data root's time zone.",
        "parsed_turns",
        _OTHER_DAY,
        "responses",
        "lie on another day than their first line",
        "check that the time zone is the one that this data root was made with, or " + _REBUILD,
    ),
    Check(
        PARSED_TURNS.name,
        "lines_accounted",
        "Every archived line was decoded or quarantined: lines in = lines accounted for.",
        "(SELECT DISTINCT day, transcript FROM raw_sessions)",
        _UNACCOUNTED,
        "transcripts",
        "have archived lines that were neither decoded nor quarantined, or were counted twice",
        _REBUILD,
    ),
    Check(
        PARSED_TURNS.name,
        "usd_adds_up",
        "The price of a response is the sum of its parts to 1e-9 USD, and no part is negative.",
        "parsed_turns",
        _WRONG_SUMS,
        "responses",
        "have a price that is not the sum of its parts",
        _REBUILD,
    ),
    Check(
        PARSED_TURNS.name,
        "models_priced",
        "Every model has a price.",
        "parsed_turns",
        _UNPRICED,
        "responses",
        "are of a model without a price and count in no sum of USD",
        "add the models (`{model}` for one) to accounting/prices.csv, or read all sums as lower "
        "bounds",
        blocking=False,
    ),
    Check(
        PARSED_TURNS.name,
        "usage_consistent",
        "The lines of a response agree about its prompt.",
        "parsed_turns",
        _CONFLICTS,
        "responses",
        "have lines that disagree about the size of the prompt",
        "compare their lines, for one with `waste-assets show {place}`: the final line was taken",
        blocking=False,
    ),
    Check(
        PARSED_TURNS.name,
        "usage_final",
        "Main conversations of Claude Code 2.1.98 and later record the final usage.",
        _PROMISED_FINAL,
        _NOT_FINAL,
        "responses of versions that should record it",
        "have no final usage, so that their output is a lower bound",
        "see whether Claude Code was killed on these days or has changed its transcripts",
        blocking=False,
        allowed_share=0.05,
        from_rows=50,
    ),
)
_CALLS = (
    Check(
        TOOL_CALLS.name,
        "calls_of_responses",
        "Every tool call belongs to a response of its day.",
        "tool_calls",
        _STRAY_CALLS,
        "tool calls",
        "belong to no response of their day",
        _REBUILD,
    ),
    Check(
        TOOL_CALLS.name,
        "results_linked",
        "A call has an outcome exactly where it points to the line of its result.",
        "tool_calls",
        _UNLINKED,
        "tool calls",
        "have an outcome without a result, or a result without an outcome",
        _REBUILD,
    ),
    Check(
        TOOL_CALLS.name,
        "results_with_call",
        "Results answer a call that is known.",
        "line_blocks WHERE kind = 'tool_result'",
        _NO_CALL,
        "results",
        "answer a call that stands in no transcript",
        "see whether transcripts of these sessions are missing from the sources",
        blocking=False,
        allowed_share=0.05,
        from_rows=50,
    ),
    Check(
        TOOL_CALLS.name,
        "calls_with_result",
        "Calls have a result, but for the few that were interrupted or still run.",
        "tool_calls",
        _NO_RESULT,
        "tool calls",
        "have no result",
        "see whether their sessions were killed, or transcripts are missing from the sources",
        blocking=False,
        allowed_share=0.05,
        from_rows=50,
    ),
)
_BLOCKS = (
    Check(
        CONTEXT_BLOCKS.name,
        "blocks_add_up",
        "The blocks that entered with a response are as large as its prompt has grown.",
        "parsed_turns",
        _WRONG_BLOCK_SUMS,
        "responses",
        "have blocks that do not add up to the growth of the prompt",
        _REBUILD,
    ),
    Check(
        CONTEXT_BLOCKS.name,
        "blocks_contiguous",
        "The blocks of a prompt follow each other without gap or overlap.",
        "context_blocks",
        _GAPS,
        "blocks",
        "do not begin where the block before them ends",
        _REBUILD,
    ),
    Check(
        CONTEXT_BLOCKS.name,
        "sizes_not_negative",
        "No block has a negative size or place.",
        "context_blocks",
        _NEGATIVE_BLOCKS,
        "blocks",
        "have a negative size or place",
        _REBUILD,
    ),
)
_QUARANTINE = (
    Check(
        QUARANTINED_LINES.name,
        "nothing_quarantined",
        "Every line can be read as a record.",
        "raw_sessions WHERE kind = 'line'",
        _QUARANTINED,
        "lines",
        "could not be read and count for nothing",
        "look at them, for one (`{reason}`) with `waste-assets show {place}`; the archive keeps "
        "them until a later version can read them",
        blocking=False,
    ),
)

SUITE = Suite(
    "parsed_turns",
    checks=(*_TURNS, *_CALLS, *_BLOCKS, *_QUARANTINE),
    tables=(
        RAW_SESSIONS,
        LINE_USAGE,
        LINE_BLOCKS,
        LINE_COUNTS,
        QUARANTINED_LINES,
        PARSED_TURNS,
        TOOL_CALLS,
        CONTEXT_BLOCKS,
    ),
    every=(PARSED_TURNS, TOOL_CALLS, LINE_USAGE),
    prepare=_compare_with_all_days,
)


@dg.multi_asset_check(name="parsed_turns_checks", specs=specs(SUITE), can_subset=True)
def parsed_turns_checks(
    context: dg.AssetCheckExecutionContext, data_root: DataRoot, duckdb: DuckDBResource
) -> Iterator[dg.AssetCheckResult]:
    """The turns, calls, blocks and quarantined lines of the run's days."""
    with duckdb.get_connection() as con:
        yield from results(SUITE, context, data_root, con)
