"""The state database: what must survive, and what spares work.

SQLite in WAL mode by default, Postgres by URL, through SQLAlchemy Core. The catalog of sources
is of the second kind: it says what each source file held when it was last read, and losing it
costs one more reading. Answers that were paid for are of the first; their tables are defined
where they are used, and made with `State.create`.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from waste_assets.faults import Fault
from waste_assets.lake.catalog import CatalogEntry, row_of
from waste_assets.lake.disk import DiskFault, blamed
from waste_assets.lake.known_files import CHUNK, KnownFiles
from waste_assets.lake.place import STATE
from waste_assets.lake.tables import SCHEMA_VERSION
from waste_assets.lake.whole import write_whole
from waste_assets.privacy import tighten

_metadata = sa.MetaData()

_source_files = sa.Table(
    "source_files",
    _metadata,
    sa.Column("path", sa.Text, primary_key=True),
    sa.Column("transcript", sa.Text, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("mtime_ns", sa.BigInteger, nullable=False),
    sa.Column("lines", sa.BigInteger, nullable=False),
    sa.Column("pending_bytes", sa.BigInteger, nullable=False),
    sa.Column("days", sa.Text, nullable=False),
    sa.Column("read_at", sa.Text, nullable=False),
)
_sent_alerts = sa.Table(
    "sent_alerts",
    _metadata,
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("period", sa.Text, primary_key=True),
    sa.Column("sent_at", sa.Text, nullable=False),
)
_marks = sa.Table(
    "marks",
    _metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)
#: Columns in the order of `row_of`, which is that of the fields of `CatalogEntry`.
_CATALOG = ("path", "transcript", "size", "mtime_ns", "lines", "pending_bytes", "days")
#: A lock of Postgres, by name; it goes with the transaction, and so with the process.
_LOCK_UNTIL_COMMIT = sa.text("SELECT pg_advisory_xact_lock(hashtext('waste_assets/' || :name))")
#: The mark that is another one after each change of the catalog.
_CATALOG_MARK = "catalog"
#: For how long SQLite waits for another process that writes.
_PATIENCE_S = 60


#: The catalog that this process has read or written last, by its mark.
_last_catalog: tuple[str, KnownFiles] = ("", KnownFiles())


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
            self.create(_metadata)
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

    def catalog(self) -> KnownFiles:
        """What is known of the source files.

        It is read where it is not the one that this process has read or written last.
        """
        global _last_catalog
        # Before the rows: they may be newer than their mark, never older.
        mark = self._catalog_mark()
        last, known = _last_catalog
        if not mark or mark != last:
            known = KnownFiles(self._chunks())
            _last_catalog = mark, known
        return known

    def _catalog_mark(self) -> str:
        """Empty where nothing was ever recorded."""
        columns = _marks.columns
        with self.reading() as connection:
            query = sa.select(columns.value).where(columns.name == _CATALOG_MARK)
            return connection.execute(query).scalar() or ""

    @contextmanager
    def _changing_catalog(self) -> Iterator[tuple[sa.Connection, str, KnownFiles | None]]:
        """A transaction that changes the catalog; the mark that it has from then on, and what it
        was before, where this process knows that."""
        columns, mark = _marks.columns, secrets.token_hex(8)
        last, known = _last_catalog
        with self._engine.begin() as connection:
            # First of all: on Postgres it waits for others that are about to do the same.
            changed = connection.execute(
                _marks.update()
                .where(columns.name == _CATALOG_MARK, columns.value == last)
                .values(value=mark)
            )
            if not changed.rowcount:
                row = {"name": _CATALOG_MARK, "value": mark}
                connection.execute(self.upsert(_marks), row)
            yield connection, mark, known if changed.rowcount else None

    def _chunks(self) -> Iterator[list[tuple[Any, ...]]]:
        """The rows of the catalog, so many at once that it matters little what each takes."""
        columns = _source_files.columns
        query = sa.select(*(columns[name] for name in _CATALOG))
        with self._engine.connect().execution_options(yield_per=CHUNK) as connection:
            for rows in connection.execute(query).partitions():
                yield [tuple(row) for row in rows]

    def remember(self, entries: Iterable[CatalogEntry]) -> None:
        """Record what source files hold; replaces what was known of the same paths."""
        global _last_catalog
        now = datetime.now(UTC).isoformat(timespec="seconds")
        told = list(entries)
        if not told:
            return
        upsert = self.upsert(_source_files)
        with self._changing_catalog() as (connection, mark, known):
            for start in range(0, len(told), CHUNK):
                rows = map(row_of, told[start : start + CHUNK])
                connection.execute(
                    upsert, [dict(zip(_CATALOG, row, strict=True), read_at=now) for row in rows]
                )
        if known is not None:
            _last_catalog = mark, known.updated(told)

    def forget_files(self, is_gone: Callable[[str, Iterable[date]], bool]) -> None:
        """Forget the source files of which this is true, by their transcript and their days."""
        paths = [
            path
            for chunk in self._chunks()
            for path, transcript, *_, days in chunk
            if is_gone(transcript, map(date.fromisoformat, json.loads(days)))
        ]
        with self._changing_catalog() as (connection, _, _):
            if self.is_sqlite:
                connection.exec_driver_sql("PRAGMA secure_delete = ON")
            for path in paths:
                row = _source_files.columns.path == path
                connection.execute(_source_files.delete().where(row))

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

    def claim_alert(self, kind: str, period: str) -> bool:
        """Whether it is for the caller to send this alert: nobody has, and nobody else will."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        row = _sent_alerts.insert().values(kind=kind, period=period, sent_at=now)
        try:
            with self._engine.begin() as connection:
                connection.execute(row)
        except sa.exc.IntegrityError:
            return False
        return True

    def release_alert(self, kind: str, period: str) -> None:
        """The alert that was claimed could not be sent: somebody may try again."""
        columns = _sent_alerts.columns
        with self._engine.begin() as connection:
            connection.execute(
                _sent_alerts.delete().where(columns.kind == kind, columns.period == period)
            )

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
