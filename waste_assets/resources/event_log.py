"""Dagster's SQLite event log, with a batch of events stored in one transaction.

Dagster's own class opens a connection and commits for every single event, and a run over a year
of days has thousands: minutes, where this takes a second. Tables, files, rows and queries are its
own; only how often it connects, and how it comes to the rows, is changed.
"""

from __future__ import annotations

import json
import os
import secrets
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

import dagster as dg
import sqlalchemy as sa
from dagster._core.definitions.partitions.subset import PartitionsSubset
from dagster._core.events import (
    ASSET_EVENTS,
    AssetMaterializationPlannedData,
    DagsterEventType,
    StepMaterializationData,
)
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.event_log.schema import (
    SqlEventLogStorageMetadata,
    SqlEventLogStorageTable,
)
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import ConfigurableClassData
from sqlalchemy.pool import QueuePool

from waste_assets.privacy import keep_private
from waste_assets.resources.redacted_events import redacted

_INDEX = "index"
_PLANNED = DagsterEventType.ASSET_MATERIALIZATION_PLANNED.value
#: Databases that are kept open.
_KEPT = 64
#: How many events of a step Dagster hands over at once; see dagster._core.instance.
BATCH_VARIABLE, BATCH_SIZE = "DAGSTER_EVENT_BATCH_SIZE", "500"


class BatchedSqliteEventLogStorage(SqliteEventLogStorage):
    """`SqliteEventLogStorage` that keeps its connections, and a batch in one transaction.

    `base_dir` is `$DAGSTER_HOME/history/runs` unless it is given.
    """

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        os.environ.setdefault(BATCH_VARIABLE, BATCH_SIZE)
        # Every process of Dagster's that writes below its home opens this first or soon.
        keep_private()
        self._engines: dict[str, sa.Engine] = {}
        self._open: dict[str, sa.Connection] = {}
        self._tables: set[str] = set()
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

    @property
    def supports_partition_subset_in_asset_materialization_planned_events(self) -> bool:
        """Dagster tells of a whole range in one event; here it becomes an event a partition."""
        return True

    @contextmanager
    def _connect(self, shard: str) -> Iterator[sa.Connection]:
        with self._db_lock:
            if held := self._open.get(shard):
                yield held
                return
            engine = self._engines.get(shard)
            if engine is None:
                if len(self._engines) > _KEPT:
                    self._close()
                engine = self._engines[shard] = self._engine(shard)
            if shard not in self._initialized_dbs:
                if shard == _INDEX or not self._create(shard):
                    self._initdb(engine, for_index_shard=shard == _INDEX)
                self._initialized_dbs.add(shard)
            with engine.connect() as connection, connection.begin():
                yield connection

    def _engine(self, shard: str) -> sa.Engine:
        # The connection stays open: closing the last one of a database writes its log back, to
        # the disk. The lock sees to it that one thread at a time has it.
        engine = sa.create_engine(
            self.conn_string_for_shard(shard),
            poolclass=QueuePool,
            pool_size=1,
            connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
        )
        sa.event.listen(engine, "connect", _prepare)
        return engine

    def _close(self) -> None:
        for engine in self._engines.values():
            engine.dispose()
        self._engines.clear()

    def dispose(self) -> None:
        """Let go of the databases."""
        super().dispose()
        with self._db_lock:
            self._close()

    def _create(self, shard: str) -> bool:
        """Make the database of a new run; False where there is one.

        Made in memory and put in place whole, in the place of twenty commits and a walk through
        all migrations for each run. It has the revision of the index, which is beside it.
        """
        place = Path(self.path_for_shard(shard))
        if place.exists():
            return False
        with self._connect(_INDEX) as index:
            revisions = index.execute(sa.text("SELECT version_num FROM alembic_version")).all()
        memory = sa.create_engine("sqlite://")
        temporary = place.with_name(f".{place.name}.{os.getpid()}.{secrets.token_hex(4)}")
        try:
            with memory.connect() as made, closing(sqlite3.connect(temporary)) as stored:
                SqlEventLogStorageMetadata.create_all(made)
                made.execute(
                    sa.text("CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY)")
                )
                for (revision,) in revisions:
                    made.execute(
                        sa.text("INSERT INTO alembic_version VALUES (:revision)"),
                        {"revision": revision},
                    )
                made.commit()
                made.connection.dbapi_connection.backup(stored)  # type: ignore[union-attr]
                stored.execute("PRAGMA journal_mode = WAL")
            os.link(temporary, place)
        except FileExistsError:
            return False
        finally:
            memory.dispose()
            temporary.unlink(missing_ok=True)
        return True

    def has_table(self, table_name: str) -> bool:
        """Whether the index has the table; once there, tables do not go away."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def store_event(self, event: EventLogEntry) -> None:
        """Store one event; one about a range of partitions as one about each of them."""
        if _planned_range(event):
            self.store_event_batch([event])
        else:
            super().store_event(redacted(event))

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
                    self._store_asset_events(run_id, [redacted(event) for event in group])
                else:
                    for event in group:
                        self.store_event(event)

    def _store_asset_events(self, run_id: str, events: list[EventLogEntry]) -> None:
        """Store events about assets; of each asset only the last ones say where it stands."""
        events = [one for event in events for one in _of_each_partition(event)]
        as_row = _Rows(self)
        rows = [as_row(event) for event in events]
        insert = SqlEventLogStorageTable.insert()
        self._open[run_id].execute(insert, rows)
        index = self._open[_INDEX]
        # The first one takes the write lock: ids are consecutive until the transaction ends.
        first = index.execute(insert, rows[0]).lastrowid
        if rows[1:]:
            index.execute(insert, rows[1:])
        ids = range(first, first + len(rows))
        if any(row["dagster_event_type"] != _PLANNED for row in rows):
            self._store_asset_event_tags(index, events, ids)
        last = {
            (row["asset_key"], row["dagster_event_type"]): (event, id_)
            for row, event, id_ in zip(rows, events, ids, strict=True)
        }
        for event, id_ in last.values():
            self._store_asset_event(index, event, id_)

    def _has_asset_key_index_cols_on_connection(self, conn: sa.Connection) -> bool:
        # Once there, columns do not go away; Dagster asks for every event.
        if not self._has_index_columns:
            self._has_index_columns = super()._has_asset_key_index_cols_on_connection(conn)
        return self._has_index_columns


class _Rows:
    """Rows of the event table.

    A run over a range has an event for each of its partitions, and most of them differ in the
    partition and the time alone: their text is that of the one before, with these two exchanged.
    """

    def __init__(self, storage: SqliteEventLogStorage) -> None:
        self._storage = storage
        # Neither occurs in an event.
        self._marks = secrets.token_hex(8), secrets.randbits(30) + 0.5
        self._before: EventLogEntry | None = None
        self._alike: EventLogEntry | None = None
        self._row: dict[str, Any] = {}

    def __call__(self, event: EventLogEntry) -> dict[str, Any]:
        """The row of one event about an asset."""
        shape = self._shape(event)
        if shape is None:
            return self._storage._event_to_row(event)
        if shape != self._alike:
            row = self._storage._event_to_row(event)
            if shape != self._before:
                self._before = shape
                return row
            template = self._storage._event_to_row(shape)
            if self._filled(template, event) != row:
                return row
            self._alike, self._row = shape, template
        return self._filled(self._row, event)

    def _shape(self, event: EventLogEntry) -> EventLogEntry | None:
        """The event with marks for its partition and time."""
        partition, timestamp = self._marks
        happened = event.get_dagster_event()
        about = happened.event_specific_data
        if happened.partition is None:
            return None
        if isinstance(about, StepMaterializationData):
            marked = about.materialization._replace(partition=partition)
            about = about._replace(materialization=marked)
        elif isinstance(about, AssetMaterializationPlannedData):
            about = about._replace(partition=partition)
        else:
            return None
        return event._replace(
            timestamp=timestamp, dagster_event=happened._replace(event_specific_data=about)
        )

    def _filled(self, row: dict[str, Any], event: EventLogEntry) -> dict[str, Any]:
        partition = event.get_dagster_event().partition
        mark, timestamp = self._marks
        text = row["event"].replace(mark, json.dumps(partition)[1:-1])
        return {
            **row,
            "event": text.replace(repr(timestamp), repr(event.timestamp)),
            "timestamp": self._storage._event_insert_timestamp(event),  # type: ignore[no-untyped-call]
            "partition": partition,
        }


def _kind(event: EventLogEntry) -> tuple[bool, str]:
    return event.is_dagster_event and event.dagster_event_type in ASSET_EVENTS, event.run_id


def _planned_range(event: EventLogEntry) -> PartitionsSubset[str] | None:
    about = event.dagster_event and event.dagster_event.event_specific_data
    return about.partitions_subset if isinstance(about, AssetMaterializationPlannedData) else None


def _of_each_partition(event: EventLogEntry) -> list[EventLogEntry]:
    """The event, or where it plans a range one for each partition, as Dagster itself does it."""
    partitions = _planned_range(event)
    if partitions is None:
        return [event]
    happened = event.get_dagster_event()
    asset = happened.asset_materialization_planned_data.asset_key
    return [
        event._replace(
            dagster_event=happened._replace(
                event_specific_data=AssetMaterializationPlannedData(asset, partition)
            )
        )
        for partition in partitions.get_partition_keys()
    ]


def _prepare(connection: sqlite3.Connection, _record: object) -> None:
    # A power failure may cost the last events; a killed process costs nothing.
    connection.execute("PRAGMA synchronous = NORMAL")
