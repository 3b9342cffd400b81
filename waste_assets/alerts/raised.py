"""All rules of alerts over the published database, and their delivery."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb

from waste_assets.alerts.alert import Verdict
from waste_assets.alerts.budget import budget
from waste_assets.alerts.jump import waste_jump
from waste_assets.alerts.settings import AlertSettings
from waste_assets.alerts.webhook import send_new
from waste_assets.lake.state import State


def verdicts(bi: Path, today: date, settings: AlertSettings) -> tuple[Verdict, Verdict]:
    """What the budget and the waste of the last day have to say.

    Raises:
        duckdb.Error: nothing has been published there.
    """
    with duckdb.connect(str(bi / "waste.duckdb"), read_only=True) as con:
        return budget(con, today, settings.monthly_usd), waste_jump(con, today)


def raise_alerts(
    bi: Path, state: State, today: date, settings: AlertSettings
) -> tuple[tuple[Verdict, Verdict], list[str]]:
    """The verdicts; what is new of them is sent. Also why something was not."""
    found = verdicts(bi, today, settings)
    troubles = send_new(found, state, settings.webhook, with_projects=settings.with_projects)
    return found, troubles
