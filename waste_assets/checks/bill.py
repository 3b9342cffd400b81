"""Whether the categories of a response add up to what was billed for it."""

from __future__ import annotations

from typing import Literal

from waste_assets.accounting.ledger import PRODUCTIVE

#: Kinds of tokens, as the columns are named.
KINDS = ("input", "write_5m", "write_1h", "read", "output")


def unbalanced(ledger: str, join: Literal["LEFT", "FULL"]) -> str:
    """A query for the responses whose categories do not add up to their bill.

    `LEFT` asks of the responses that the ledger has, `FULL` of all that were billed too.
    """
    owned = ", ".join(f"sum({kind}_tokens)::BIGINT AS {kind}_owned" for kind in KINDS)
    differs = " OR ".join(f"{kind}_tokens IS DISTINCT FROM {kind}_owned" for kind in KINDS)
    # The bill and its parts are added up in another order: floats agree to 1e-9 USD.
    return f"""
WITH owned AS (
    SELECT
        day, response_id, {owned}, sum(usd) AS usd_owned,
        count(*) FILTER (category = '{PRODUCTIVE}') AS productive_rows
    FROM {ledger}
    GROUP BY day, response_id
)
SELECT
    day, response_id, usd, usd_owned, transcript, line_no,
    {", ".join(f"{kind}_tokens, {kind}_owned" for kind in KINDS)}
FROM owned
{join} JOIN parsed_turns USING (day, response_id)
WHERE productive_rows IS DISTINCT FROM 1
    OR {differs}
    OR (usd IS NULL) <> (usd_owned IS NULL)
    OR abs(usd - usd_owned) > 1e-9
"""
