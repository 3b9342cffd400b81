"""Options that several commands take."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

_Command = TypeVar("_Command", bound=Callable[..., Any])


def _lake_given(_context: click.Context, _option: click.Parameter, given: str | None) -> None:
    # Wherever the data root is opened, by this process or by those that it starts.
    if given:
        os.environ["WASTE_ASSETS_LAKE"] = given


_data_root = click.option(
    "--data-root",
    type=click.Path(path_type=Path),
    envvar="WASTE_ASSETS_DATA",
    default=Path("data"),
    show_default=True,
    help="Where everything is kept.",
)
_lake = click.option(
    "--lake",
    metavar="URL",
    expose_value=False,
    callback=_lake_given,
    help="Where the lake is kept, s3://bucket/prefix; below the data root if not given.",
)


def data_root(command: _Command) -> _Command:
    """Where everything is kept, and the lake where it is elsewhere."""
    return _data_root(_lake(command))


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
