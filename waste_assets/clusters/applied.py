"""Which remedies people say they have applied: in the state database, append-only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa

from waste_assets.lake.state import State

_metadata = sa.MetaData()
_applied = sa.Table(
    "applied_remedies",
    _metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("remedy_id", sa.Text, nullable=False),
    sa.Column("project", sa.Text),
    sa.Column("is_withdrawn", sa.Boolean, nullable=False),
    sa.Column("on_day", sa.Text, nullable=False),
    sa.Column("recorded_at", sa.Text, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Applied:
    """A remedy that is applied, everywhere or in one project, or was until it was withdrawn."""

    remedy_id: str
    #: As the published tables show it; None: everywhere.
    project: str | None
    on: date
    withdrawn_on: date | None = None


class AppliedRemedies:
    """The record of a data root; nothing in it is ever changed, but projects can be forgotten."""

    def __init__(self, state: State) -> None:
        state.create(_metadata)
        self._engine = state.engine

    def record(
        self, remedy_id: str, on: date, project: str | None = None, *, withdrawn: bool = False
    ) -> None:
        """Note that a remedy was applied, or withdrawn, on a day."""
        row = {
            "remedy_id": remedy_id,
            "project": project,
            "is_withdrawn": withdrawn,
            "on_day": on.isoformat(),
            "recorded_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        with self._engine.begin() as connection:
            connection.execute(sa.insert(_applied).values(row))

    def all(self) -> list[Applied]:
        """Every remedy that was ever applied, as it was noted last, by id and project."""
        columns = _applied.columns
        query = sa.select(
            columns.remedy_id, columns.project, columns.is_withdrawn, columns.on_day
        ).order_by(columns.id)
        with self._engine.connect() as connection:
            return _latest([tuple(row) for row in connection.execute(query)])

    def projects(self) -> set[str]:
        """The projects that something is noted of."""
        query = sa.select(_applied.c.project).where(_applied.c.project.is_not(None)).distinct()
        with self._engine.connect() as connection:
            return set(connection.scalars(query))

    def forget(self, projects: set[str]) -> None:
        """Delete what is noted of these projects."""
        with self._engine.begin() as connection:
            connection.execute(sa.delete(_applied).where(_applied.c.project.in_(projects)))


def _latest(rows: Iterable[tuple[Any, ...]]) -> list[Applied]:
    """What counts of the record: the last time that each was applied, and its end."""
    latest: dict[tuple[str, str | None], Applied] = {}
    for remedy_id, project, is_withdrawn, on_day in rows:
        key, day = (remedy_id, project), date.fromisoformat(on_day)
        if not is_withdrawn:
            latest[key] = Applied(remedy_id, project, day)
        elif key in latest:
            latest[key] = Applied(remedy_id, project, latest[key].on, day)
    return [latest[key] for key in sorted(latest, key=lambda key: (key[0], key[1] or ""))]
