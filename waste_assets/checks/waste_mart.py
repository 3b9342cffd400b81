"""waste_mart: what is published is what the lake holds, to the token and to 1e-6 USD."""

from collections.abc import Iterator
from datetime import date

import dagster as dg
import duckdb as database
from dagster_duckdb import DuckDBResource

from waste_assets.checks.check import Check, Suite
from waste_assets.checks.suite import results, specs
from waste_assets.lake.tables import LINE_COUNTS, PARSED_TURNS, Table
from waste_assets.mart.tables import COVERAGE, DAILY_USAGE, MART_TABLES, SESSION_USAGE
from waste_assets.resources.data_root import DataRoot

_ASSET = "waste_mart"
_REPUBLISH = "materialise waste_mart again, and report a bug if that does not help"
_COUNTED = (
    "responses",
    "input_tokens",
    "write_5m_tokens",
    "write_1h_tokens",
    "read_tokens",
    "output_tokens",
    "billed_extra_tokens",
)


def _unlike_the_lake(table: Table, key: str) -> str:
    """Totals by `key` that differ between a published table and the lake."""
    counts = ", ".join(f"sum({name})::BIGINT AS {name}" for name in _COUNTED)
    sums = f"{counts}, coalesce(sum(usd), 0) AS usd"
    differing = "\n    OR ".join(f"m.{name} IS DISTINCT FROM l.{name}" for name in _COUNTED)
    shown = ", ".join(
        f"m.{name} AS published_{name}, l.{name} AS lake_{name}" for name in (*_COUNTED, "usd")
    )
    day = "" if key == "day" else "NULL::DATE AS day, "
    return f"""
WITH published AS (
    SELECT {key}, {sums}
    FROM bi.{table.name}
    GROUP BY {key}
),
lake AS (
    SELECT {key}, {sums}
    FROM lake_usage
    GROUP BY {key}
)
SELECT {day}coalesce(m.{key}, l.{key}) AS {key}, {shown}
FROM published AS m
FULL JOIN lake AS l ON l.{key} = m.{key}
WHERE {differing}
    OR abs(m.usd - l.usd) > 1e-6
"""


def _repeated_keys() -> str:
    """Keys of published tables that more than one row has."""
    return "\nUNION ALL BY NAME\n".join(
        f"""SELECT
    {"day" if "day" in table.key else "NULL::DATE"} AS day,
    '{table.name}' AS table_name,
    concat_ws(', ', {", ".join(f"coalesce({name}::VARCHAR, 'NULL')" for name in table.key)}) AS key,
    count(*) AS times
FROM bi.{table.name}
GROUP BY {", ".join(table.key)}
HAVING count(*) > 1"""
        for table in MART_TABLES
    )


def _rows_of_all() -> str:
    listed = " UNION ALL ".join(f"SELECT NULL::DATE AS day FROM bi.{t.name}" for t in MART_TABLES)
    return f"({listed})"


def _unlike_the_twin() -> str:
    """Rows that only one of a published table and its Parquet file has."""
    return "\nUNION ALL BY NAME\n".join(
        f"""SELECT NULL::DATE AS day, '{table.name}' AS table_name, place, row_text
FROM (
    (SELECT 'database only' AS place, t::VARCHAR AS row_text FROM (
        FROM bi.{table.name} EXCEPT ALL FROM twin_{table.name}) AS t)
    UNION ALL
    (SELECT 'Parquet only', t::VARCHAR FROM (
        FROM twin_{table.name} EXCEPT ALL FROM bi.{table.name}) AS t)
)"""
        for table in MART_TABLES
    )


_UNCOVERED = f"""
WITH answered AS (
    SELECT
        day, sum(responses) AS responses, sum(lower_bound_responses) AS lower_bound_responses,
        sum(unpriced_responses) AS unpriced_responses
    FROM lake_usage
    GROUP BY day
)
SELECT
    day,
    h.lines AS archived_lines,
    c.lines AS covered_lines,
    c.decoded_lines,
    c.quarantined_lines,
    coalesce(a.responses, 0) AS lake_responses,
    c.responses AS covered_responses
FROM held AS h
FULL JOIN bi.{COVERAGE.name} AS c USING (day)
LEFT JOIN answered AS a USING (day)
WHERE h.lines IS DISTINCT FROM c.lines
    OR h.files IS DISTINCT FROM c.files
    OR c.lines <> c.decoded_lines + c.quarantined_lines
    OR c.responses <> coalesce(a.responses, 0)
    OR c.lower_bound_responses <> coalesce(a.lower_bound_responses, 0)
    OR c.unpriced_responses <> coalesce(a.unpriced_responses, 0)
"""


_LAKE_USAGE = f"""
CREATE TEMP TABLE lake_usage AS
SELECT
    day, session_id, count(*) AS responses,
    count(*) FILTER (NOT usage_final) AS lower_bound_responses,
    count(*) FILTER (usd IS NULL) AS unpriced_responses,
    {", ".join(f"sum({name}) AS {name}" for name in _COUNTED[1:])},
    sum(usd) AS usd
FROM parsed_turns
GROUP BY day, session_id
"""


def _attach(con: database.DuckDBPyConnection, data_root: DataRoot, days: list[date]) -> None:
    """Read the turns once, and make the published database and its Parquet twins readable."""
    con.execute(_LAKE_USAGE)
    path = str(data_root.bi / "waste.duckdb").replace("'", "''")
    con.execute(f"ATTACH IF NOT EXISTS '{path}' AS bi (READ_ONLY)")
    for table in MART_TABLES:
        twin = str(data_root.bi / f"{table.name}.parquet").replace("'", "''")
        con.execute(f"CREATE TEMP VIEW twin_{table.name} AS FROM read_parquet('{twin}')")


SUITE = Suite(
    "waste_mart",
    checks=(
        Check(
            _ASSET,
            "days_equal_lake",
            "The totals of each day equal the lake's: tokens exactly, money to 1e-6 USD.",
            f"(SELECT DISTINCT day FROM bi.{DAILY_USAGE.name})",
            _unlike_the_lake(DAILY_USAGE, "day"),
            "days",
            "have other totals than the lake",
            _REPUBLISH,
        ),
        Check(
            _ASSET,
            "sessions_equal_lake",
            "The totals of each session equal the lake's: tokens exactly, money to 1e-6 USD.",
            f"(SELECT NULL::DATE AS day FROM bi.{SESSION_USAGE.name})",
            _unlike_the_lake(SESSION_USAGE, "session_id"),
            "sessions",
            "have other totals than the lake",
            _REPUBLISH,
        ),
        Check(
            _ASSET,
            "keys_unique",
            "Every published table has one row a key.",
            _rows_of_all(),
            _repeated_keys(),
            "published rows",
            "share their key with another row",
            _REPUBLISH,
        ),
        Check(
            _ASSET,
            "coverage_complete",
            "Every archived day is covered, with its lines, files and responses as in the lake.",
            "held",
            _UNCOVERED,
            "days",
            "are not covered, or with other counts than the lake's",
            "materialise parsed_turns of these days and then waste_mart",
        ),
        Check(
            _ASSET,
            "parquet_twins_equal",
            "Every published table and its Parquet file hold the same rows.",
            _rows_of_all(),
            _unlike_the_twin(),
            "published rows",
            "stand in only one of the database and the Parquet files",
            _REPUBLISH,
        ),
    ),
    tables=(PARSED_TURNS, LINE_COUNTS),
    prepare=_attach,
    whole=True,
)


@dg.multi_asset_check(name="waste_mart_checks", specs=specs(SUITE), can_subset=True)
def waste_mart_checks(
    context: dg.AssetCheckExecutionContext, data_root: DataRoot, duckdb: DuckDBResource
) -> Iterator[dg.AssetCheckResult]:
    """The published database against the whole lake."""
    with duckdb.get_connection() as con:
        yield from results(SUITE, context, data_root, con)
