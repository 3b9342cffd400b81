"""Dagster's SQLite event log, with a batch of events stored in one transaction.

Dagster's own class opens a connection and commits for every single event, and a run over a year
of days has thousands: minutes, where this takes seconds. Tables, files and queries are its own;
only how often it connects is changed.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

import dagster as dg
import sqlalchemy as sa
from dagster._core.events import ASSET_EVENTS
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import ConfigurableClassData
from sqlalchemy.pool import NullPool


def _kind(event: EventLogEntry) -> tuple[bool, str]:
    return event.is_dagster_event and event.dagster_event_type in ASSET_EVENTS, event.run_id


_INDEX = "index"
#: How many events of a step Dagster hands over at once; see dagster._core.instance.
BATCH_VARIABLE, BATCH_SIZE = "DAGSTER_EVENT_BATCH_SIZE", "500"


class BatchedSqliteEventLogStorage(SqliteEventLogStorage):
    """`SqliteEventLogStorage` that keeps its engines, and a batch in one transaction.

    `base_dir` is `$DAGSTER_HOME/history/runs` unless it is given.
    """

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        os.environ.setdefault(BATCH_VARIABLE, BATCH_SIZE)
        self._engines: dict[str, sa.Engine] = {}
        self._open: dict[str, sa.Connection] = {}
        self._has_index_columns = False
        super().__init__(base_dir, inst_data)
        # Within a batch the same thread comes back for the connections that it holds.
        self._db_lock = threading.RLock()  # type: ignore[assignment]

    @classmethod
    def config_type(cls) -> Any:
        """As Dagster's own, but `base_dir` may be left out."""
        return {"base_dir": dg.Field(dg.StringSource, is_required=False)}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> BatchedSqliteEventLogStorage:
        """Made by Dagster from `dagster.yaml`."""
        home = os.environ.get("DAGSTER_HOME", "")
        base_dir = config_value.get("base_dir") or str(Path(home, "history", "runs"))
        return cls(base_dir, inst_data)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[sa.Connection]:
        with self._db_lock:
            if held := self._open.get(shard):
                yield held
                return
            engine = self._engines.get(shard)
            if engine is None:
                if len(self._engines) > 64:
                    self._engines.clear()
                engine = self._engines[shard] = sa.create_engine(
                    self.conn_string_for_shard(shard),
                    poolclass=NullPool,
                    connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS},
                )
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.connect() as connection, connection.begin():
                yield connection

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store the events as `store_event` would, in order, in one transaction a database."""
        with self._db_lock, ExitStack() as stack:
            for shard in (_INDEX, *sorted({event.run_id for event in events})):
                if shard not in self._open:
                    connection = stack.enter_context(self._connect(shard))
                    stack.callback(self._open.pop, shard)
                    self._open[shard] = connection
            for (is_asset, run_id), group in groupby(events, key=_kind):
                if is_asset:
                    self._store_asset_events(run_id, list(group))
                else:
                    for event in group:
                        self.store_event(event)

    def _store_asset_events(self, run_id: str, events: list[EventLogEntry]) -> None:
        """Store events about assets; of each asset only the last ones say where it stands."""
        rows = [self._event_to_row(event) for event in events]
        self._open[run_id].execute(SqlEventLogStorageTable.insert(), rows)
        index = self._open[_INDEX]
        insert = SqlEventLogStorageTable.insert()
        ids = [index.execute(insert, row).lastrowid for row in rows]
        self._store_asset_event_tags(index, events, ids)
        last = {
            (event.get_dagster_event().asset_key, event.dagster_event_type): (event, event_id)
            for event, event_id in zip(events, ids, strict=True)
        }
        for event, event_id in last.values():
            self._store_asset_event(index, event, event_id)

    def _has_asset_key_index_cols_on_connection(self, conn: sa.Connection) -> bool:
        # Once there, columns do not go away; Dagster asks for every event.
        if not self._has_index_columns:
            self._has_index_columns = super()._has_asset_key_index_cols_on_connection(conn)
        return self._has_index_columns
