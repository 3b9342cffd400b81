"""What a check is: two queries, the share of faulty rows it allows, and words to act on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import duckdb

from waste_assets.lake.tables import Table
from waste_assets.resources.data_root import DataRoot


@dataclass(frozen=True)
class Check:
    """One thing that must hold of every day of a table."""

    #: Name of the asset that is checked.
    asset: str
    name: str
    #: What holds of good data, as a sentence.
    holds: str
    #: What stands after FROM to get the rows that are looked at, one each, with their `day`.
    checked: str
    #: A query for the rows at fault, with their `day`; the first columns say which they are.
    offending: str
    #: "<n> of <m> <of> <fault>: <remedy>." is what a person reads when the check fails. In braces
    #: the remedy may name columns of `offending`, or `place`, what `waste-assets show` takes: those
    #: of the first of the rows. They stand between backticks: names come from transcripts.
    of: str
    fault: str
    remedy: str
    #: A failure stops what is downstream; otherwise it warns.
    blocking: bool = True
    #: A day fails when a larger share of its rows is at fault,
    allowed_share: float = 0.0
    #: but with fewer rows than these a share means nothing.
    from_rows: int = 1

    @property
    def column(self) -> str:
        """The column of the validated frame that this check is about."""
        return f"{self.asset}_{self.name}" + ("_share" if self.allowed_share else "")

    def measure(self, checked: int, offending: int) -> float | None:
        """What stands in that column for one day; None where the day says nothing."""
        if not self.allowed_share:
            return float(offending)
        return offending / checked if checked >= self.from_rows else None


@dataclass(frozen=True)
class Suite:
    """The checks of one stage, and what their queries read."""

    name: str
    checks: tuple[Check, ...]
    #: Tables that the queries read under their own names: the rows of the days at hand.
    tables: tuple[Table, ...]
    #: Tables that they read as `every_<name>`: the rows of all days.
    every: tuple[Table, ...] = ()
    #: Makes whatever else they read, once, before the first query, for the days of the run.
    prepare: Callable[[duckdb.DuckDBPyConnection, DataRoot, list[date]], None] | None = None
    #: Tables that they read as sums by day, which are kept: see `lake_sums`.
    sums_of: tuple[Table, ...] = ()
    #: The queries compare wholes: all days at once.
    whole: bool = False
