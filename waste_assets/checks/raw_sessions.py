"""raw_sessions: the archive holds what its footers say, each line once, on its own day."""

from collections.abc import Iterator

import dagster as dg
from dagster_duckdb import DuckDBResource

from waste_assets.checks.check import Check, Suite
from waste_assets.checks.suite import results, specs
from waste_assets.lake.tables import RAW_SESSIONS
from waste_assets.resources.data_root import DataRoot

_ASSET = RAW_SESSIONS.name

_FOOTERS = """
WITH found AS (
    SELECT
        day,
        count(*) FILTER (kind = 'line') AS lines_found,
        count(*) FILTER (kind <> 'line') AS files_found
    FROM raw_sessions
    GROUP BY day
)
SELECT
    day,
    coalesce(lines_found, 0) AS lines_found,
    lines AS lines_in_footer,
    coalesce(files_found, 0) AS files_found,
    files AS files_in_footer
FROM (SELECT * FROM held SEMI JOIN days_at_hand USING (day))
LEFT JOIN found USING (day)
WHERE coalesce(lines_found, 0) <> lines OR coalesce(files_found, 0) <> files
"""
_UNIDENTIFIED = """
SELECT day, transcript, line_no, kind, path
FROM raw_sessions
WHERE coalesce(transcript, '') = ''
    OR line_no IS NULL
    OR coalesce(kind, '') NOT IN ('line', 'file')
    OR (kind = 'line' AND line_no < 1)
    OR (kind = 'file' AND line_no <> 0)
"""
# A line with a timestamp of its own lies on that day, whatever its type; one without takes the
# day of the line before it, and nothing can be said of it here.
_OTHER_DAY = """
SELECT day, transcript, line_no, type, ts
FROM raw_sessions
JOIN day_bounds USING (day)
WHERE epoch_us(ts) < starts_us OR epoch_us(ts) >= ends_us
"""
# Two contents may share a line number (a file was rewritten); only where numbers meet are the
# bytes compared.
_TWICE = """
WITH meeting AS (
    SELECT day, transcript, line_no
    FROM raw_sessions
    GROUP BY day, transcript, line_no
    HAVING count(*) > 1
)
SELECT day, transcript, line_no, count(*) AS times, any_value(octet_length(raw)) AS bytes
FROM raw_sessions
SEMI JOIN meeting USING (day, transcript, line_no)
GROUP BY day, transcript, line_no, md5(raw)
HAVING count(*) > 1
"""

SUITE = Suite(
    "raw_sessions",
    checks=(
        Check(
            _ASSET,
            "rows_match_footer",
            "Each partition holds as many lines and files as its footer says.",
            "(SELECT day FROM held SEMI JOIN days_at_hand USING (day))",
            _FOOTERS,
            "partitions",
            "hold other rows than their footer says",
            "something else than the archive has written these files, so put back a backup of "
            "them, or delete them and materialise raw_sessions of these days from the sources",
        ),
        Check(
            _ASSET,
            "lines_identified",
            "Every line has a transcript and a line number from 1, every file the number 0.",
            "raw_sessions",
            _UNIDENTIFIED,
            "rows",
            "have no transcript or no valid line number",
            "delete the partitions of these days, if the sources still hold them, and "
            "materialise raw_sessions again",
        ),
        Check(
            _ASSET,
            "timestamps_in_day",
            "Every line that has a timestamp lies on the day of it, in the data root's time zone.",
            "raw_sessions WHERE ts IS NOT NULL",
            _OTHER_DAY,
            "lines with a timestamp",
            "lie on another day than their own",
            "check that the time zone is the one that this data root was made with, "
            "or archive into a new data root",
        ),
        Check(
            _ASSET,
            "lines_unique",
            "No line of a transcript stands twice in its partition.",
            "raw_sessions",
            _TWICE,
            "rows",
            "stand there more than once (same transcript, line number and bytes)",
            "delete the partitions of these days, if the sources still hold them, and "
            "materialise raw_sessions again",
        ),
    ),
    tables=(RAW_SESSIONS,),
)


@dg.multi_asset_check(name="raw_sessions_checks", specs=specs(SUITE), can_subset=True)
def raw_sessions_checks(
    context: dg.AssetCheckExecutionContext, data_root: DataRoot, duckdb: DuckDBResource
) -> Iterator[dg.AssetCheckResult]:
    """The archive of the run's days."""
    with duckdb.get_connection() as con:
        yield from results(SUITE, context, data_root, con)
