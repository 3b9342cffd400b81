"""audit_report: one page that a person opens."""

import os

import dagster as dg

from waste_assets.assets.described import OWNERS
from waste_assets.assets.waste_mart import waste_mart
from waste_assets.mart.publications import current
from waste_assets.partitions import PUBLISH_POOL
from waste_assets.redaction.errors import quotes_no_secret
from waste_assets.report.serve import ADDRESS
from waste_assets.report.site import write_report
from waste_assets.resources.data_root import DataRoot

#: Where `waste-assets ui` shows the report; empty where something else runs Dagster.
_ADDRESS = os.environ.get(ADDRESS, "")


@dg.asset(
    description=(f"**[Open the report]({_ADDRESS})**\n\n" if _ADDRESS else "")
    + "The report: one HTML page that stands alone, and a page for each of the most "
    "wasteful sessions. Made from the BI database and the turns of these sessions, without a "
    "script and without a network.",
    deps=[waste_mart],
    group_name="publish",
    pool=PUBLISH_POOL,
    kinds={"html"},
    owners=OWNERS,
    code_version="2",
    metadata={"report": dg.MetadataValue.url(_ADDRESS)} if _ADDRESS else None,
)
@quotes_no_secret
def audit_report(
    context: dg.AssetExecutionContext, data_root: DataRoot
) -> dg.MaterializeResult[None]:
    """Write `report/index.html` and `report/sessions/`."""
    written = write_report(
        data_root.lake, current(data_root.bi), data_root.report, data_root.calendar
    )
    waste = written.told["waste"]
    figures = {
        "spent_usd": waste["usd_spent"],
        "wasted_usd_low": waste["usd_direct"],
        "wasted_usd_high": waste["usd_avoidable"],
        "candidates_usd": waste["usd_candidate"],
    }
    return dg.MaterializeResult(
        metadata={
            **{name: round(value, 6) for name, value in figures.items()},
            "bytes": written.bytes,
            "session_pages": written.sessions,
            "session_bytes": written.session_bytes,
            "path": dg.MetadataValue.path(str(written.index)),
        }
    )
