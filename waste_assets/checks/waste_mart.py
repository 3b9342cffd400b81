"""waste_mart: what is published is what the lake holds, to the token and to 1e-6 USD."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import dagster as dg
import duckdb as database
from dagster_duckdb import DuckDBResource

from waste_assets.checks.check import Check, Suite
from waste_assets.checks.label_spend import CHECKS as LABEL_SPEND_CHECKS
from waste_assets.checks.lake_sums import (
    FLAG_FIELDS,
    LABEL_FIELDS,
    SOURCES,
    attach_sums,
    flags_digest,
    labels_digest,
    show_flags,
)
from waste_assets.checks.mart_equals_lake import CHECKS as MART_EQUALS_LAKE_CHECKS
from waste_assets.checks.suite import results, specs
from waste_assets.lake.quoting import quoted
from waste_assets.lake.tables import HAIKU_LABELS, Table
from waste_assets.mart.publications import DATABASE, current
from waste_assets.mart.tables import (
    CLUSTER_DAYS,
    CLUSTERS,
    COVERAGE,
    DAILY_USAGE,
    DAILY_WASTE,
    FAILURES,
    FLAGS,
    LABELS,
    MART_TABLES,
    REMEDIES,
    SESSION_USAGE,
    SESSION_WASTE,
)
from waste_assets.resources.data_root import DataRoot

_ASSET = "waste_mart"
_REPUBLISH = "materialise waste_mart again, and report a bug if that does not help"
_REBUILD = "materialise heuristic_flags of these days and then waste_mart"
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
    """Rows that only one of a published table and its Parquet file has.

    Rows are compared by their hashes: to sort them out by all their columns takes ten times as
    long. Tables that have as many rows, with the same sum of hashes, stand empty here.
    """
    return "\nUNION ALL BY NAME\n".join(
        f"""SELECT NULL::DATE AS day, '{table.name}' AS table_name, place, row_text
FROM (
    WITH differing AS (
        SELECT hash, sum(published) AS published
        FROM (
            SELECT hash(t) AS hash, 1 AS published FROM unlike_{table.name} AS t
            UNION ALL
            SELECT hash(t), -1 FROM twin_{table.name} AS t
        )
        GROUP BY hash
        HAVING sum(published) <> 0
    )
    SELECT 'database only' AS place, t::VARCHAR AS row_text
    FROM unlike_{table.name} AS t
    JOIN differing ON hash(t) = hash AND published > 0
    UNION ALL
    SELECT 'Parquet only', t::VARCHAR
    FROM twin_{table.name} AS t
    JOIN differing ON hash(t) = hash AND published < 0
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


_OWNED = tuple(name for name in _COUNTED if name != "billed_extra_tokens")
_OWNED_USD = ("usd", "usd_candidate", "usd_avoidable")
# The wholes that the categories of `productive` and waste must add up to.
_UNLIKE_THE_USAGE = f"""
WITH waste AS (
    SELECT
        day, project, model,
        {", ".join(f"sum({name})::BIGINT AS {name}" for name in _OWNED[1:])},
        coalesce(sum(usd), 0) AS usd
    FROM bi.{DAILY_WASTE.name}
    GROUP BY day, project, model
)
SELECT
    coalesce(u.day, w.day) AS day, coalesce(u.project, w.project) AS project,
    coalesce(u.model, w.model) AS model, u.usd AS usage_usd, w.usd AS waste_usd,
    {", ".join(f"u.{name} AS usage_{name}, w.{name} AS waste_{name}" for name in _OWNED[1:])}
FROM bi.{DAILY_USAGE.name} AS u
FULL JOIN waste AS w
    ON w.day = u.day
    AND w.project IS NOT DISTINCT FROM u.project
    AND w.model IS NOT DISTINCT FROM u.model
WHERE {" OR ".join(f"u.{name} IS DISTINCT FROM w.{name}" for name in _OWNED[1:])}
    OR abs(coalesce(u.usd, 0) - w.usd) > 1e-6
"""


def _unlike_the_ledger(table: Table, key: str) -> str:
    """Categories by `key` whose sums differ between a published table and the lake's ledger."""
    sums = ", ".join(
        [
            *(f"sum({name})::BIGINT AS {name}" for name in _OWNED),
            *(f"coalesce(sum({name}), 0) AS {name}" for name in _OWNED_USD),
        ]
    )
    differing = [
        *(f"p.{name} IS DISTINCT FROM l.{name}" for name in _OWNED),
        *(f"abs(p.{name} - l.{name}) > 1e-6" for name in _OWNED_USD),
        "abs(p.usd_direct - (l.usd - l.usd_candidate)) > 1e-6",
    ]
    shown = ", ".join(
        f"p.{name} AS published_{name}, l.{name} AS lake_{name}" for name in (*_OWNED, *_OWNED_USD)
    )
    day = "" if key == "day" else "NULL::DATE AS day, "
    return f"""
WITH published AS (
    SELECT {key}, category, {sums}, coalesce(sum(usd_direct), 0) AS usd_direct
    FROM bi.{table.name}
    GROUP BY {key}, category
),
lake AS (
    SELECT {key}, category, {sums}
    FROM lake_ledger
    GROUP BY {key}, category
)
SELECT {day}coalesce(p.{key}, l.{key}) AS {key}, coalesce(p.category, l.category) AS category,
    {shown}
FROM published AS p
FULL JOIN lake AS l ON l.{key} = p.{key} AND l.category = p.category
WHERE {" OR ".join(differing)}
"""


_UNLIKE_FLAGS = f"""
SELECT
    coalesce(p.day, l.day) AS day, coalesce(p.flag_id, l.flag_id) AS flag_id,
    {", ".join(f"p.{name} AS published_{name}, l.{name} AS lake_{name}" for name in FLAG_FIELDS)}
FROM (
    SELECT day, flag_id, {", ".join(FLAG_FIELDS)} FROM bi.{FLAGS.name} SEMI JOIN unlike USING (day)
) AS p
FULL JOIN flags_in_force AS l
    ON l.day = p.day AND l.flag_id = p.flag_id
WHERE {" OR ".join(f"p.{name} IS DISTINCT FROM l.{name}" for name in FLAG_FIELDS)}
"""
_LABEL_KEY = ("day", *HAIKU_LABELS.key)
_UNLIKE_LABELS = f"""
SELECT
    {", ".join(f"coalesce(p.{name}, l.{name}) AS {name}" for name in _LABEL_KEY)},
    {", ".join(f"p.{name} AS published_{name}, l.{name} AS lake_{name}" for name in LABEL_FIELDS)}
FROM (FROM bi.{LABELS.name} SEMI JOIN unlike USING (day)) AS p
FULL JOIN haiku_labels AS l
    ON {" AND ".join(f"l.{name} = p.{name}" for name in _LABEL_KEY)}
WHERE {" OR ".join(f"p.{name} IS DISTINCT FROM l.{name}" for name in LABEL_FIELDS)}
"""
_UNLIKE_FAILURES = f"""
SELECT
    coalesce(p.day, l.day) AS day, coalesce(p.cause, l.cause) AS cause,
    coalesce(p.fault, l.fault) AS fault,
    p.calls AS published_calls, l.calls AS lake_calls, p.usd AS published_usd, l.usd AS lake_usd
FROM (
    SELECT day, cause, fault, sum(calls)::BIGINT AS calls, sum(usd) AS usd
    FROM bi.{FAILURES.name}
    GROUP BY day, cause, fault
) AS p
FULL JOIN lake_failures AS l ON l.day = p.day AND l.cause = p.cause AND l.fault = p.fault
WHERE p.calls IS DISTINCT FROM l.calls OR abs(p.usd - l.usd) > 1e-6
"""

# What remedies address by category, against what the ledger says of it: no dollar counts twice.
_BEYOND_THE_WASTE = f"""
WITH addressed AS (
    SELECT
        category, sum(usd_low) AS usd_low, sum(usd_high) AS usd_high,
        sum(usd_candidate) AS usd_candidate
    FROM bi.{REMEDIES.name}
    GROUP BY category
),
wasted AS (
    SELECT
        category, coalesce(sum(usd), 0) - coalesce(sum(usd_candidate), 0) AS usd_direct,
        coalesce(sum(usd_avoidable), 0) AS usd_avoidable,
        coalesce(sum(usd_candidate), 0) AS usd_candidate
    FROM lake_ledger
    GROUP BY category
)
SELECT
    NULL::DATE AS day, category, a.usd_low, w.usd_direct, a.usd_high, w.usd_avoidable,
    a.usd_candidate, w.usd_candidate AS ledger_candidate
FROM addressed AS a
LEFT JOIN wasted AS w USING (category)
WHERE a.usd_low > coalesce(w.usd_direct, 0) + 1e-6
    OR a.usd_high > coalesce(w.usd_avoidable, 0) + 1e-6
    OR a.usd_candidate > coalesce(w.usd_candidate, 0) + 1e-6
    OR a.usd_high < a.usd_low - 1e-6
"""
_EMPTY_REMEDIES = f"""
SELECT NULL::DATE AS day, remedy_id, place, change
FROM bi.{REMEDIES.name}
WHERE trim(change) = '' OR trim(place) = '' OR trim(what) = '' OR trim(advice) = ''
"""


def _attach(con: database.DuckDBPyConnection, data_root: DataRoot, days: list[date]) -> None:
    """Make the sums of the lake, the database and its Parquet twins readable."""
    attach_sums(con, data_root, days)
    # One publication, whatever is put in its place meanwhile.
    publication = current(data_root.bi)
    path = quoted(publication / DATABASE)
    con.execute(f"ATTACH IF NOT EXISTS '{path}' AS bi (READ_ONLY)")
    for table in MART_TABLES:
        _show_twins(con, table, publication / f"{table.name}.parquet")
    _show_unlike(con, data_root)


def _show_twins(con: database.DuckDBPyConnection, table: Table, parquet: Path) -> None:
    """Make a table and its Parquet file readable, where they are not alike."""
    here, there = f"bi.{table.name}", f"read_parquet('{quoted(parquet)}')"
    summed = [con.execute(_SUMMED.format(rows=rows)).fetchone() for rows in (here, there)]
    most = " LIMIT 0" if summed[0] == summed[1] else ""
    con.execute(f"CREATE TEMP VIEW unlike_{table.name} AS FROM {here}{most}")
    con.execute(f"CREATE TEMP VIEW twin_{table.name} AS FROM {there}{most}")


_SUMMED = "SELECT count(*), sum(hash(t)) FROM {rows} AS t"


def _show_unlike(con: database.DuckDBPyConnection, data_root: DataRoot) -> None:
    """Find the days whose flags or labels differ from the lake's, and make those rows readable."""
    con.execute(_UNLIKE)
    unlike = con.execute("SELECT day FROM unlike WHERE day IS NOT NULL").fetchall()
    show_flags(con, data_root.lake, [day for (day,) in unlike])


def _other_days(published: str, lake: str) -> str:
    """The days that two digests differ on."""
    return f"""
SELECT coalesce(p.day, l.day) AS day
FROM ({published}) AS p
FULL JOIN {lake} AS l USING (day)
WHERE p.times IS DISTINCT FROM l.times OR p.hashes IS DISTINCT FROM l.hashes
"""


_UNLIKE = f"""
CREATE TEMP TABLE unlike AS
{_other_days(flags_digest(f"bi.{FLAGS.name}"), "lake_flags")}
UNION
{_other_days(labels_digest(f"bi.{LABELS.name}"), "lake_labels")}
"""
_UNLIKE_CLUSTERS = f"""
WITH published AS (
    SELECT day, sum(occurrences)::BIGINT AS calls, sum(usd) AS usd
    FROM bi.{CLUSTER_DAYS.name}
    GROUP BY day
),
failed AS (
    SELECT day, sum(calls)::BIGINT AS calls, sum(usd) AS usd
    FROM lake_failures
    GROUP BY day
)
SELECT day, p.calls AS published_calls, f.calls AS lake_calls, NULL::VARCHAR AS cluster_id
FROM published AS p
FULL JOIN failed AS f USING (day)
WHERE p.calls IS DISTINCT FROM f.calls OR NOT abs(p.usd - f.usd) <= 1e-6
UNION ALL
SELECT NULL::DATE, d.calls, c.occurrences, cluster_id
FROM bi.{CLUSTERS.name} AS c
FULL JOIN (
    SELECT cluster_id, sum(occurrences)::BIGINT AS calls, sum(usd) AS usd
    FROM bi.{CLUSTER_DAYS.name}
    GROUP BY cluster_id
) AS d USING (cluster_id)
WHERE d.calls IS DISTINCT FROM c.occurrences OR NOT abs(d.usd - c.usd) <= 1e-6
"""
_SHOWN_THOUGH_PRIVATE = f"""
SELECT NULL::DATE AS day, cluster_id, title, projects, people, examples
FROM bi.{CLUSTERS.name}
WHERE examples IS NOT NULL
    AND (is_private OR projects < 2 OR people < 2)
    AND (SELECT value FROM bi.meta WHERE key = 'show_examples') <> 'true'
"""

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
            "waste_equals_usage",
            "The categories of a day, project and model add up to its usage: tokens exactly, money "
            "to 1e-6 USD.",
            f"bi.{DAILY_USAGE.name}",
            _UNLIKE_THE_USAGE,
            "bills",
            "are not the sum of their categories",
            _REBUILD,
        ),
        Check(
            _ASSET,
            "waste_days_equal_lake",
            "The categories of each day equal the lake's ledger: tokens exactly, money to 1e-6 "
            "USD.",
            f"(SELECT DISTINCT day, category FROM bi.{DAILY_WASTE.name})",
            _unlike_the_ledger(DAILY_WASTE, "day"),
            "categories of days",
            "have other totals than the lake",
            _REPUBLISH,
        ),
        Check(
            _ASSET,
            "waste_sessions_equal_lake",
            "The categories of each session equal the lake's ledger: tokens exactly, money to 1e-6 "
            "USD.",
            f"(SELECT NULL::DATE AS day FROM bi.{SESSION_WASTE.name})",
            _unlike_the_ledger(SESSION_WASTE, "session_id"),
            "categories of sessions",
            "have other totals than the lake",
            _REPUBLISH,
        ),
        Check(
            _ASSET,
            "flags_equal_lake",
            "Every flag of the lake is published as it is judged, with its amounts, and no other.",
            f"bi.{FLAGS.name}",
            _UNLIKE_FLAGS,
            "flags",
            "are not published as they are in the lake",
            _REPUBLISH,
        ),
        Check(
            _ASSET,
            "failures_equal_lake",
            "The failures of each day, cause and fault equal the lake's failed calls.",
            f"bi.{FAILURES.name}",
            _UNLIKE_FAILURES,
            "failures",
            "have other totals than the lake",
            _REPUBLISH,
        ),
        Check(
            _ASSET,
            "remedies_within_waste",
            "What remedies address is no more than the waste of their category in the lake's "
            "ledger: low, high and candidates, to 1e-6 USD.",
            f"(SELECT DISTINCT NULL::DATE AS day, category FROM bi.{REMEDIES.name})",
            _BEYOND_THE_WASTE,
            "categories",
            "have remedies for more than was wasted",
            _REPUBLISH,
        ),
        Check(
            _ASSET,
            "clusters_equal_lake",
            "The clusters of each day count the lake's failed calls, and add up to all days.",
            f"bi.{CLUSTER_DAYS.name}",
            _UNLIKE_CLUSTERS,
            "clusters",
            "have other totals than the lake's failed calls",
            _REPUBLISH,
        ),
        Check(
            _ASSET,
            "remedies_complete",
            "Every remedy says what to change, and where.",
            f"(SELECT NULL::DATE AS day FROM bi.{REMEDIES.name})",
            _EMPTY_REMEDIES,
            "remedies",
            "lack the change or its place",
            _REPUBLISH,
        ),
        Check(
            _ASSET,
            "small_groups_private",
            "Of a cluster of one project or one home no example is published, unless that is "
            "allowed.",
            f"(SELECT NULL::DATE AS day FROM bi.{CLUSTERS.name})",
            _SHOWN_THOUGH_PRIVATE,
            "clusters",
            "show what the results of one project or one person say",
            _REPUBLISH,
        ),
        Check(
            _ASSET,
            "labels_equal_lake",
            "Every label of the lake is published as it is, and no other.",
            f"bi.{LABELS.name}",
            _UNLIKE_LABELS,
            "labels",
            "are not published as they are in the lake",
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
        *MART_EQUALS_LAKE_CHECKS,
        *LABEL_SPEND_CHECKS,
    ),
    tables=(),
    sums_of=SOURCES,
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
