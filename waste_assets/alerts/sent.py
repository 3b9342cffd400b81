"""Which alerts were sent: in the state database, each kind once for a period."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa

from waste_assets.lake.state import State

_metadata = sa.MetaData()
_sent = sa.Table(
    "sent_alerts",
    _metadata,
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("period", sa.Text, primary_key=True),
    sa.Column("sent_at", sa.Text, nullable=False),
)


class SentAlerts:
    """The record of a data root, which all processes share."""

    def __init__(self, state: State) -> None:
        state.create(_metadata)
        self._engine = state.engine

    def claim(self, kind: str, period: str) -> bool:
        """Whether it is for the caller to send this alert: nobody has, and nobody else will."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        row = _sent.insert().values(kind=kind, period=period, sent_at=now)
        try:
            with self._engine.begin() as connection:
                connection.execute(row)
        except sa.exc.IntegrityError:
            return False
        return True

    def release(self, kind: str, period: str) -> None:
        """The alert that was claimed could not be sent: somebody may try again."""
        columns = _sent.columns
        row = (columns.kind == kind) & (columns.period == period)
        with self._engine.begin() as connection:
            connection.execute(_sent.delete().where(row))
