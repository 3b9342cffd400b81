"""The state database: what must survive, and what spares work.

SQLite in WAL mode by default, Postgres by URL, through SQLAlchemy Core. Answers that were paid for
are of the first kind; the catalog of sources, which costs one more reading, of the second. Tables
are defined where they are used, and made with `State.create`.
"""

from __future__ import annotations

import fcntl
import os
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from waste_assets.faults import Fault
from waste_assets.lake.disk import DiskFault, blamed
from waste_assets.lake.place import STATE
from waste_assets.lake.tables import SCHEMA_VERSION
from waste_assets.lake.whole import write_whole
from waste_assets.privacy import tighten

#: A lock of Postgres, by name; it goes with the transaction, and so with the process.
_LOCK_UNTIL_COMMIT = sa.text("SELECT pg_advisory_xact_lock(hashtext('waste_assets/' || :name))")
#: For how long SQLite waits for another process that writes.
_PATIENCE_S = 60


class StateError(Fault):
    """The data root cannot be used."""


class State:
    """The state database of a data root.

    Raises:
        StateError: the data root was written by a newer version of this project.
    """

    def __init__(self, data_root: Path, url: str | None = None) -> None:
        check_schema(data_root)
        self._data_root = data_root
        self._engine = _engine(
            url or os.environ.get(STATE) or f"sqlite:///{data_root / 'state.db'}"
        )
        if self.is_sqlite:
            sa.event.listen(self._engine, "connect", _prepare_sqlite)
        try:
            # A file that is not there yet is made; a server that does not answer is told of now.
            self._engine.connect().close()
        except sa.exc.OperationalError as error:
            if self.is_sqlite:
                raise
            place = self._engine.url.render_as_string(hide_password=True)
            raise StateError(
                f"The state database {place} cannot be used: {error.orig}. Start it, or correct "
                f"{STATE}."
            ) from None

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is a file of the data root; Postgres otherwise."""
        return self._engine.dialect.name == "sqlite"

    def create(self, metadata: sa.MetaData) -> None:
        """Make the tables and indexes that are not there yet."""
        with self._engine.begin() as connection:
            # Another process may be making them at the same moment.
            if not self.is_sqlite:
                connection.execute(_LOCK_UNTIL_COMMIT, {"name": "tables"})
            for table in metadata.sorted_tables:
                connection.execute(sa.schema.CreateTable(table, if_not_exists=True))
                for index in sorted(table.indexes, key=lambda index: str(index.name)):
                    connection.execute(sa.schema.CreateIndex(index, if_not_exists=True))
            if any(_missing(connection, table) for table in metadata.sorted_tables):
                if self.is_sqlite:
                    connection.exec_driver_sql("BEGIN IMMEDIATE")
                for table in metadata.sorted_tables:
                    self._grow(connection, table)

    def _grow(self, connection: sa.Connection, table: sa.Table) -> None:
        """Add the columns that an earlier version did not have yet; its rows stay as they are.

        Tables only ever gain columns, each with a value for the rows that are there: NULL, or
        what its `server_default` says.

        Raises:
            StateError: a column has no such value.
        """
        prepare = connection.dialect.identifier_preparer
        for column in _missing(connection, table):
            if not column.nullable and column.server_default is None:
                raise StateError(
                    f"The state database has a table {table.name} without {column.name}, as no "
                    "version of waste-assets has written it: restore it from a backup, or move it "
                    "away, and what was decided and paid for with it."
                )
            told = sa.schema.CreateColumn(column).compile(dialect=connection.dialect)
            connection.exec_driver_sql(f"ALTER TABLE {prepare.format_table(table)} ADD {told}")

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection to ask with."""
        with self._engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction beside which no other one of these runs, in whatever process.

        What it reads is still so when it ends, and when it has ended it is on the disk.
        """
        with self._engine.connect() as connection:
            if self.is_sqlite:
                connection.exec_driver_sql("PRAGMA synchronous = FULL")
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            else:
                connection.execute(_LOCK_UNTIL_COMMIT, {"name": "writing"})
            yield connection
            connection.commit()

    @contextmanager
    def exclusively(self, name: str) -> Iterator[None]:
        """Only one process at a time is inside; one that dies there lets go.

        Unlike `writing` it holds no transaction, and may take as long as a network does.
        """
        if self.is_sqlite:
            with (self._data_root / f".{name}.lock").open("w") as handle:
                fcntl.flock(handle, fcntl.LOCK_EX)
                yield
            return
        with self._engine.connect() as connection:
            connection.execute(_LOCK_UNTIL_COMMIT, {"name": name})
            yield

    def upsert(self, table: sa.Table) -> Any:
        """An INSERT of the table that replaces a row of the same key."""
        dialect = sqlite if self.is_sqlite else postgresql
        insert = dialect.insert(table)
        keys = [column.name for column in table.primary_key]
        rest = {c.name: insert.excluded[c.name] for c in table.columns if c.name not in keys}
        return insert.on_conflict_do_update(index_elements=keys, set_=rest)

    @property
    def engine(self) -> sa.Engine:
        """For what keeps tables of its own in this database."""
        return self._engine

    def compact(self) -> None:
        """Write the database anew without what was deleted: else its bytes stay on the disk.

        On Postgres this locks the tables that hold text, one after another.
        """
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            if self.is_sqlite:
                connection.exec_driver_sql("VACUUM")
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
                return
            for table in ("source_files", "label_answers"):
                connection.exec_driver_sql(f"VACUUM FULL {table}")

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()


def _engine(url: str) -> sa.Engine:
    """Raises StateError where the URL cannot be used; its password is told to nobody."""
    # psycopg 3, whose name SQLAlchemy has to be given.
    wanted = re.sub(r"^postgres(?:ql)?://", "postgresql+psycopg://", url)
    try:
        return sa.create_engine(wanted, pool_pre_ping=not wanted.startswith("sqlite"))
    except ModuleNotFoundError as error:
        raise StateError(
            f"A state database on Postgres needs {error.name}: install waste-assets with its "
            "extra `team`."
        ) from None
    except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError):
        raise StateError(
            f"{STATE} is no URL of a database: give postgresql://user:password@host/name."
        ) from None


def check_schema(data_root: Path) -> None:
    """Mark a new data root with the schema version, and refuse one of a newer schema.

    Raises:
        StateError: the data root is newer than this code, or its mark cannot be read.
    """
    mark = data_root / "schema_version"
    try:
        data_root.mkdir(parents=True, exist_ok=True)
        written = mark.read_text().strip() if mark.exists() else None
        if written is None:
            write_whole(mark, f"{SCHEMA_VERSION}\n".encode())
            return
    except OSError as error:
        if sentence := blamed(str(error), data_root):
            raise DiskFault(sentence) from error
        raise StateError(
            f"{data_root} cannot be used as the data root ({error.strerror}): choose another "
            "with --data-root, or allow this user to write there."
        ) from error
    if not written.isdigit():
        raise StateError(
            f"{mark} does not hold a version number: restore it, or use another --data-root."
        )
    tighten(data_root)
    if int(written) > SCHEMA_VERSION:
        raise StateError(
            f"{data_root} was written by a newer waste-assets (schema {written}, this one knows "
            f"{SCHEMA_VERSION}): update waste-assets, or use another --data-root."
        )
    if int(written) < SCHEMA_VERSION:
        # Days of older rules are built anew by the next audit. An older version that meets them
        # is to say that it does not know them.
        with suppress(OSError):
            mark.write_text(f"{SCHEMA_VERSION}\n")


def _missing(connection: sa.Connection, table: sa.Table) -> list[sa.Column[Any]]:
    """The columns that the database does not have yet."""
    known = {column["name"] for column in sa.inspect(connection).get_columns(table.name)}
    return [column for column in table.columns if column.name not in known]


def _prepare_sqlite(connection: object, _record: object) -> None:
    cursor = connection.cursor()  # type: ignore[attr-defined]
    # Another process may be writing: wait for it, never fail.
    cursor.execute(f"PRAGMA busy_timeout = {_PATIENCE_S * 1000}")
    _write_ahead(cursor)
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.close()


def _write_ahead(cursor: sqlite3.Cursor) -> None:
    """Set the journal mode, which the file keeps.

    The first of a new file needs it alone, and SQLite tells the second of two at once that it is
    locked, without waiting.
    """
    until = time.monotonic() + _PATIENCE_S
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
        time.sleep(0.02)
