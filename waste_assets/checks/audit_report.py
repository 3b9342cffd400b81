"""audit_report: the pages say what the database says, and lead where they point."""

import re
from collections.abc import Iterator
from datetime import date

import dagster as dg
import duckdb as database
from dagster_duckdb import DuckDBResource

from waste_assets.checks.check import Check, Suite
from waste_assets.checks.suite import results, specs
from waste_assets.lake.quoting import quoted
from waste_assets.report.render import file_name
from waste_assets.resources.data_root import DataRoot

_ASSET = "audit_report"
_AGAIN = "materialise audit_report again, and report a bug if that does not help"
_FIGURE = re.compile(r'<data [^>]*?id="([^"]+)" value="([^"]+)">')
_LINK = re.compile(r'href="(sessions/[^"]+)"')
#: What the head of a session's page may take, characters: its figures stand there.
_HEAD = 32_000


def _read(con: database.DuckDBPyConnection, data_root: DataRoot, days: list[date]) -> None:
    """Read the figures and links of the pages, and make the database readable."""
    folder = data_root.report
    index = (folder / "index.html").read_text("utf-8")
    links = sorted(set(_LINK.findall(index)))
    stated = [("index.html", name, float(value)) for name, value in _FIGURE.findall(index)]
    for link in links:
        if (folder / link).exists():
            with (folder / link).open(encoding="utf-8") as page:
                head = page.read(_HEAD)
            stated += [(link, name, float(value)) for name, value in _FIGURE.findall(head)]
    con.execute("CREATE TEMP TABLE stated (page VARCHAR, figure VARCHAR, usd DOUBLE)")
    if stated:
        con.executemany("INSERT INTO stated VALUES (?, ?, ?)", stated)
    con.execute("CREATE TEMP TABLE links (day DATE, link VARCHAR, leads BOOLEAN)")
    if links:
        con.executemany(
            "INSERT INTO links VALUES (NULL, ?, ?)",
            [(link, (folder / link).exists()) for link in links],
        )
    path = quoted(data_root.bi / "waste.duckdb")
    con.execute(f"ATTACH IF NOT EXISTS '{path}' AS bi (READ_ONLY)")
    con.execute("CREATE TEMP TABLE pages (session_id VARCHAR, page VARCHAR)")
    known = con.execute("SELECT session_id FROM bi.session_usage ORDER BY session_id").fetchall()
    listed = [(one, f"sessions/{file_name(one)}") for (one,) in known]
    listed = [(one, page) for one, page in listed if page in set(links)]
    if listed:
        con.executemany("INSERT INTO pages VALUES (?, ?)", listed)
    con.execute(_PUBLISHED)


# The figures that a page must state, from the database.
_PUBLISHED = """
CREATE TEMP TABLE published AS
WITH wasted AS (SELECT * FROM bi.daily_waste WHERE category <> 'productive')
SELECT 'index.html' AS page, 'spent' AS figure, sum(usd) AS usd FROM bi.daily_usage
UNION ALL SELECT 'index.html', 'wasted-low', sum(usd_direct) FROM wasted
UNION ALL SELECT 'index.html', 'wasted-high', sum(usd_avoidable) FROM wasted
UNION ALL SELECT 'index.html', 'part-candidate', sum(usd_candidate) FROM wasted
UNION ALL
SELECT 'index.html', 'owner-' || category, sum(usd) FROM bi.daily_waste GROUP BY category
UNION ALL SELECT page, 'spent', usd FROM pages JOIN bi.session_usage USING (session_id)
UNION ALL
SELECT page, 'wasted-high', sum(usd_avoidable)
FROM pages
JOIN bi.session_waste USING (session_id)
WHERE category <> 'productive'
GROUP BY page
"""
_COMPARED = """
(
    SELECT NULL::DATE AS day, s.page, s.figure, s.usd AS stated_usd, p.usd AS published_usd
    FROM stated AS s
    JOIN published AS p USING (page, figure)
)
"""
_UNLIKE = f"SELECT * FROM {_COMPARED} WHERE abs(stated_usd - coalesce(published_usd, 0)) > 1e-6"

SUITE = Suite(
    "audit_report",
    checks=(
        Check(
            _ASSET,
            "figures_equal_mart",
            "Every headline figure equals the published database, on each page.",
            _COMPARED,
            _UNLIKE,
            "figures",
            "are not those of the database",
            _AGAIN,
        ),
        Check(
            _ASSET,
            "links_lead_somewhere",
            "Every session that the report links to has its page.",
            "links",
            "SELECT day, link FROM links WHERE NOT leads",
            "links",
            "lead to no page",
            _AGAIN,
        ),
    ),
    tables=(),
    prepare=_read,
    whole=True,
)


@dg.multi_asset_check(name="audit_report_checks", specs=specs(SUITE), can_subset=True)
def audit_report_checks(
    context: dg.AssetCheckExecutionContext, data_root: DataRoot, duckdb: DuckDBResource
) -> Iterator[dg.AssetCheckResult]:
    """The pages against the published database."""
    with duckdb.get_connection() as con:
        yield from results(SUITE, context, data_root, con)
