"""`productive`: the rest.

What no finding owns of a response's bill is productive, so that the nine categories add up to it.
Nothing detects this one: the ledger makes it (accounting/ledger.py). It is no praise; it only
says that no rule found anything.
"""

from __future__ import annotations

from waste_assets.accounting.ledger import PRODUCTIVE

CATEGORY = PRODUCTIVE
