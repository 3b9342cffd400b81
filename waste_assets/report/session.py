"""A session, told turn by turn: what each response cost, who owns it, and what the cache did."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from waste_assets.faults import Fault
from waste_assets.lake.lake import Lake
from waste_assets.lake.quoting import listed
from waste_assets.lake.tables import (
    JUDGED_LEDGER,
    PARSED_TURNS,
    TOKEN_LEDGER,
    TOOL_CALLS,
    Table,
)
from waste_assets.report.categories import categories
from waste_assets.report.rows import rows
from waste_assets.transcripts.call_facts import TARGET_CHARS
from waste_assets.transcripts.days import FIRST_DAY


class NoSuchSession(Fault):
    """No session, or several; the message says what there is."""


def find_session(bi: Path, given: str) -> str:
    """The id of the session whose id is, or begins with, what is given.

    Raises:
        NoSuchSession: none has it, or several.
        duckdb.Error: nothing has been published there.
    """
    with duckdb.connect(str(bi / "waste.duckdb"), read_only=True) as con:
        found = [
            row["session_id"]
            for row in rows(
                con,
                "SELECT session_id FROM session_usage WHERE starts_with(session_id, $given) "
                "ORDER BY session_id",
                {"given": given},
            )
        ]
    if given in found:
        return given
    if len(found) != 1:
        shown = ", ".join(found[:5]) + (", …" if len(found) > 5 else "")
        raise NoSuchSession(
            f"{given!r} means {len(found)} sessions ({shown}): give more of the id."
            if found
            else f"No session {given!r} has been accounted for: run an audit first?"
        )
    return str(found[0])


def told_sessions(lake: Lake, bi: Path, session_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Each of these sessions by its id, as an object.

    Returns:
        `session_id`, `project`, `first_us` and `last_us` (microseconds since 1970), `models`,
        `responses`, `subagents`, `usd`; `usd_direct`, `usd_avoidable` and `usd_candidate` of
        waste; `owners`, what each category has of the bill; `turns` in the order of time, each
        with its tokens by kind, `owners`, what of it was `wasted` and the dearest `owner` of that,
        `calls`, and its place (`transcript`, `line_no`);
        `flags`, dearest first, each with its `turn` (from 1); and `cache`: hits and rebuilds.
        Amounts are in USD.

    Raises:
        duckdb.Error: nothing has been published there, or a partition cannot be read.
    """
    with duckdb.connect(str(bi / "waste.duckdb"), read_only=True) as con:
        # As many files as there are days: one thread opens them faster than two.
        con.execute("SET threads = 1; SET parquet_metadata_cache = true")
        con.execute("CREATE TEMP TABLE asked AS SELECT unnest($ids) AS session_id", {"ids": [
            *session_ids
        ]})  # fmt: skip
        heads = rows(con, _HEADS)
        days = _days(con)
        for table in (PARSED_TURNS, TOKEN_LEDGER, JUDGED_LEDGER, TOOL_CALLS):
            _view(con, lake, table, days)
        turns = _by_session(rows(con, _TURNS))
        flags = _by_session(rows(con, _FLAGS))
    return {
        head["session_id"]: _told(head, turns[head["session_id"]], flags[head["session_id"]])
        for head in heads
    }


def _days(con: duckdb.DuckDBPyConnection) -> list[date]:
    """Days on which the sessions may have turns: none is further from UTC than a day."""
    found: set[date] = set()
    for row in rows(con, _SPANS):
        first, last = (
            datetime.fromtimestamp(row[name] / 1e6, UTC).date() for name in ("first_us", "last_us")
        )
        days = (first + timedelta(days=n) for n in range(-1, (last - first).days + 2))
        found |= {max(day, FIRST_DAY) for day in days}
    return sorted(found)


def _view(con: duckdb.DuckDBPyConnection, lake: Lake, table: Table, days: list[date]) -> None:
    parts = lake.parts(table, days)
    if not parts:
        # Nothing has been built: an empty table of the same columns.
        con.register(table.name, table.schema.empty_table())
        return
    con.execute(
        f"CREATE TEMP VIEW {table.name} AS SELECT * FROM read_parquet({listed(parts)}) "
        "SEMI JOIN asked USING (session_id)"
    )


_SPANS = """
SELECT epoch_us(first_ts) AS first_us, epoch_us(last_ts) AS last_us
FROM session_usage
JOIN asked USING (session_id)
WHERE first_ts IS NOT NULL
"""
_HEADS = """
SELECT
    session_id, project, epoch_us(first_ts) AS first_us, epoch_us(last_ts) AS last_us,
    responses, lower_bound_responses, unpriced_responses, subagents, usd
FROM session_usage
JOIN asked USING (session_id)
ORDER BY session_id
"""
# The ledger with judgements, where there are any: as the publication counts.
_TURNS = """
WITH in_force AS (
    SELECT response_id, category, usd, usd_avoidable, usd_candidate
    FROM token_ledger
    ANTI JOIN judged_ledger USING (response_id)
    UNION ALL
    SELECT response_id, category, usd, usd_avoidable, usd_candidate FROM judged_ledger
),
owned AS (
    SELECT
        response_id,
        list(
            {
                category: category,
                usd: usd,
                usd_direct: usd - usd_candidate,
                usd_avoidable: usd_avoidable,
                usd_candidate: usd_candidate
            }
            ORDER BY category
        ) FILTER (usd > 0 OR usd_avoidable > 0) AS owners
    FROM in_force
    GROUP BY response_id
),
called AS (
    SELECT
        response_id,
        list({tool: tool_name, target: target, outcome: outcome} ORDER BY ts, tool_use_id)
            AS calls
    FROM tool_calls
    GROUP BY response_id
)
SELECT
    t.session_id, t.response_id, t.agent, epoch_us(t.ts) AS ts_us, t.model, t.stop_reason,
    t.usage_final, t.input_tokens, t.write_5m_tokens + t.write_1h_tokens AS write_tokens,
    t.read_tokens, t.output_tokens, t.prompt_tokens, t.epoch_start, t.usd, t.transcript,
    t.line_no, coalesce(o.owners, []) AS owners, coalesce(c.calls, []) AS calls
FROM parsed_turns AS t
LEFT JOIN owned AS o USING (response_id)
LEFT JOIN called AS c USING (response_id)
ORDER BY t.session_id, t.ts, t.response_id
"""
_FLAGS = """
SELECT
    session_id, flag_id, category, rule, tier, basis, cause, fault, evidence, response_id, agent,
    tool_name, target, transcript, line_no, tokens, usd_direct, usd_avoidable, usd_owned
FROM flags
JOIN asked USING (session_id)
ORDER BY session_id, tier = 'candidate', usd_avoidable DESC, flag_id
"""


def _by_session(found: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    grouped: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in found:
        grouped[row.pop("session_id")].append(row)
    return grouped


def _told(
    head: dict[str, Any], turns: list[dict[str, Any]], flags: list[dict[str, Any]]
) -> dict[str, Any]:
    for number, turn in enumerate(turns, 1):
        turn["turn"] = number
        wasted = {
            owner["category"]: owner["usd_avoidable"] or 0.0
            for owner in turn["owners"]
            if owner["category"] != "productive"
        }
        turn["wasted"] = sum(wasted.values())
        turn["owner"] = max(wasted, key=lambda one: wasted[one], default="productive")
        for call in turn["calls"]:
            call["target"] = _whole_words(call["target"])
    numbers = {turn["response_id"]: turn["turn"] for turn in turns}
    for flag in flags:
        flag["turn"] = numbers.get(flag["response_id"])
    owners = _owners(turns)
    return {
        **head,
        "models": sorted({turn["model"] for turn in turns if turn["model"]}),
        **{
            name: sum(row[name] for row in owners if row["category"] != "productive")
            for name in ("usd_direct", "usd_avoidable", "usd_candidate")
        },
        "owners": owners,
        "turns": turns,
        "flags": flags,
        "cache": _cache(turns, flags),
    }


def _owners(turns: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What each category has of the bill of some turns: together they are the bill."""
    names = ("usd", "usd_direct", "usd_avoidable", "usd_candidate")
    sums = {one.name: dict.fromkeys(names, 0.0) for one in categories()}
    for turn in turns:
        for owner in turn["owners"]:
            for name in names:
                sums[owner["category"]][name] += owner[name] or 0.0
    return [{"category": category, **amounts} for category, amounts in sums.items()]


def _cache(turns: list[dict[str, Any]], flags: list[dict[str, Any]]) -> dict[str, Any]:
    prompt = sum(t["input_tokens"] + t["write_tokens"] + t["read_tokens"] for t in turns)
    rebuilds = [flag for flag in flags if flag["rule"].startswith("rebuild_")]
    return {
        "hits": sum(turn["read_tokens"] > 0 for turn in turns),
        "read_tokens": sum(turn["read_tokens"] for turn in turns),
        "write_tokens": sum(turn["write_tokens"] for turn in turns),
        "read_share_of_prompt": sum(t["read_tokens"] for t in turns) / prompt if prompt else None,
        "rebuilds": len(rebuilds),
        "rebuilt_tokens": sum(flag["tokens"] for flag in rebuilds),
        "usd_rebuilt": sum(flag["usd_direct"] for flag in rebuilds),
    }


def _whole_words(target: str | None) -> str | None:
    """A target without what its cut may have left of a last word: half a secret has no mark."""
    if target is None or len(target) < TARGET_CHARS:
        return target
    return target.rpartition(" ")[0] + "…"
