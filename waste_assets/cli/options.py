"""Options that several commands take."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import click

data_root = click.option(
    "--data-root",
    type=click.Path(path_type=Path),
    envvar="WASTE_ASSETS_DATA",
    default=Path("data"),
    show_default=True,
    help="Where everything is kept.",
)
time_zone = click.option(
    "--time-zone",
    envvar="WASTE_ASSETS_TIMEZONE",
    default="UTC",
    show_default=True,
    help="Zone whose calendar days are counted.",
)
max_usd = click.option(
    "--max-usd",
    type=click.FloatRange(min=0, max=1_000_000),
    help="What labels may cost, USD; without a budget none is asked for.",
)


def day(moment: datetime | None) -> date | None:
    """The calendar day of an option that names one; None where it was not given."""
    return moment.date() if moment else None
