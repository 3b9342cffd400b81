"""What alerts need to know, read from the environment where they are raised.

Not one of the settings that results rest on, and not a resource: Dagster's UI shows the
configuration of resources, and the address of a webhook is a secret.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

MONTHLY_USD = "WASTE_ASSETS_MONTHLY_USD"
WEBHOOK = "WASTE_ASSETS_WEBHOOK"
WEBHOOK_PROJECTS = "WASTE_ASSETS_WEBHOOK_PROJECTS"


@dataclass(frozen=True)
class AlertSettings:
    """The budget of a month, and where alerts go."""

    #: None: no budget.
    monthly_usd: float | None = None
    #: None: alerts are shown, and sent nowhere.
    webhook: str | None = field(default=None, repr=False)
    #: Whether names of projects may be sent.
    with_projects: bool = False

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> AlertSettings:
        """Read the settings.

        Raises:
            ValueError: the budget is not a number of dollars above 0.
        """
        given = environ.get(MONTHLY_USD, "").strip()
        monthly_usd = None
        if given:
            try:
                monthly_usd = float(given)
            except ValueError:
                monthly_usd = math.nan
            if not 0 < monthly_usd < math.inf:
                raise ValueError(f"{MONTHLY_USD} is {given!r}: give a number of dollars above 0.")
        return cls(
            monthly_usd,
            environ.get(WEBHOOK, "").strip() or None,
            environ.get(WEBHOOK_PROJECTS, "").strip().lower() in ("1", "true", "yes"),
        )
