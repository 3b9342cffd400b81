"""Lakes that change from one publication to the next, without an audit in between."""

from __future__ import annotations

import random
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from waste_assets.lake.lake import Lake
from waste_assets.lake.tables import PARSED_TURNS
from waste_assets.mart.beside import NOTHING, Beside
from waste_assets.mart.publications import current
from waste_assets.mart.publish import publish
from waste_assets.mart.tables import MART_TABLES
from waste_assets.sample import generate
from waste_assets_tests.support import Audit

TODAY = date(2026, 11, 22)
#: What a day is made of: all sessions, every second one, or nothing at all.
WHOLE, HALF = "whole", "half"
Days = Mapping[date, str | None]


Rows = dict[str, list[tuple[Any, ...]]]


@dataclass(frozen=True)
class Lakes:
    """Two lakes over the same days: of all sessions, and of half of them."""

    folder: Path
    whole: Lake
    half: Lake
    #: What is published of them, from nothing, by days and what is beside.
    _fresh: dict[str, Rows] = field(default_factory=dict)

    @classmethod
    def make(cls, folder: Path, sessions: int, days: int) -> Lakes:
        """Generate and account for them."""
        whole, half = Audit(folder / WHOLE), Audit(folder / HALF)
        generate(
            whole.source, sessions=sessions, days=days, end=date(2026, 9, 14), seed=5, plants=0.5
        )
        for number, path in enumerate(sorted(whole.source.rglob("*.jsonl"))):
            if number % 2:
                copy = half.source / path.relative_to(whole.source)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, copy)
        whole.run()
        half.run()
        return cls(folder, whole.lake, half.lake)

    def from_nothing(self, days: Days, beside: Beside = NOTHING) -> Rows:
        """The rows of every table, published of these days where nothing was before."""
        key = f"{sorted((day, what) for day, what in days.items() if what)} {beside.identity}"
        if key not in self._fresh:
            place = self.folder / f"fresh{len(self._fresh)}"
            self.lay_out(Lake(place / "lake"), {}, days)
            publish(Lake(place / "lake"), place / "bi", TODAY, beside)
            self._fresh[key] = rows(place / "bi")
        return self._fresh[key]

    @property
    def days(self) -> list[date]:
        """The days of the larger one."""
        return self.whole.days(PARSED_TURNS)

    def lay_out(self, lake: Lake, before: Days, wanted: Days) -> None:
        """Let the days of `lake` be as wanted; days that are so already are not touched."""
        for day in self.days:
            if before.get(day) == wanted.get(day):
                continue
            for table in lake.root.glob(f"*/day={day}"):
                shutil.rmtree(table)
            if what := wanted.get(day):
                source = self.whole.root if what == WHOLE else self.half.root
                for table in source.glob(f"*/day={day}"):
                    shutil.copytree(table, lake.root / table.relative_to(source))

    def another(self, before: Days, chance: random.Random) -> Days:
        """As before, but for one to three days."""
        days = dict(before)
        for day in chance.sample(self.days, chance.randint(1, 3)):
            days[day] = chance.choice([one for one in (WHOLE, HALF, None) if one != days.get(day)])
        return days


def rows(bi: Path) -> Rows:
    """The rows of every published table, in order."""
    with duckdb.connect(str(bi / "waste.duckdb"), read_only=True) as con:
        return {
            table.name: con.execute(f"SELECT * FROM {table.name}").fetchall()
            for table in MART_TABLES
        }


def files_of(bi: Path) -> set[str]:
    """The names in a publication, hidden ones too."""
    return {path.name for path in current(bi).iterdir()}
