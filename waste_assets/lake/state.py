"""The state database: what must survive, and what spares work.

SQLite in WAL mode by default, Postgres by URL, through SQLAlchemy Core. The catalog of sources
is of the second kind: it says what each source file held when it was last read, and losing it
costs one more reading.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from waste_assets.faults import Fault
from waste_assets.lake.catalog import CatalogEntry
from waste_assets.lake.tables import SCHEMA_VERSION

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
#: Columns in the order of the fields of `CatalogEntry`.
_CATALOG = ("path", "transcript", "size", "mtime_ns", "lines", "pending_bytes", "days")


class StateError(Fault):
    """The data root cannot be used."""


class State:
    """The state database of a data root.

    Raises:
        StateError: the data root was written by a newer version of this project.
    """

    def __init__(self, data_root: Path, url: str | None = None) -> None:
        check_schema(data_root)
        self._engine = sa.create_engine(url or f"sqlite:///{data_root / 'state.db'}")
        if self._engine.dialect.name == "sqlite":
            sa.event.listen(self._engine, "connect", _prepare_sqlite)
        # Another process may be making them at the same moment.
        with self._engine.begin() as connection:
            for table in _metadata.sorted_tables:
                connection.execute(sa.schema.CreateTable(table, if_not_exists=True))

    @property
    def engine(self) -> sa.Engine:
        """The database, for what else is kept in it."""
        return self._engine

    def catalog(self) -> dict[str, CatalogEntry]:
        """What is known of the source files, by path."""
        columns = _source_files.columns
        query = sa.select(*(columns[name] for name in _CATALOG))
        day_of = cache(date.fromisoformat)
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return {
            path: CatalogEntry(
                path,
                transcript,
                size,
                mtime_ns,
                lines,
                pending_bytes,
                {day_of(day): digest for day, digest in json.loads(days).items()},
            )
            for path, transcript, size, mtime_ns, lines, pending_bytes, days in rows
        }

    def remember(self, entries: Iterable[CatalogEntry]) -> None:
        """Record what source files hold; replaces what was known of the same paths."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        rows = [
            {
                "path": entry.path,
                "transcript": entry.transcript,
                "size": entry.size,
                "mtime_ns": entry.mtime_ns,
                "lines": entry.lines,
                "pending_bytes": entry.pending_bytes,
                "days": json.dumps({d.isoformat(): v for d, v in sorted(entry.days.items())}),
                "read_at": now,
            }
            for entry in entries
        ]
        if not rows:
            return
        dialect = postgresql if self._engine.dialect.name == "postgresql" else sqlite
        insert = dialect.insert(_source_files)
        upsert = insert.on_conflict_do_update(
            index_elements=["path"],
            set_={
                c.name: insert.excluded[c.name] for c in _source_files.columns if c.name != "path"
            },
        )
        with self._engine.begin() as connection:
            connection.execute(upsert, rows)

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()


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
            mark.write_text(f"{SCHEMA_VERSION}\n")
            return
    except OSError as error:
        raise StateError(
            f"{data_root} cannot be used as the data root ({error.strerror}): choose another "
            "with --data-root, or allow this user to write there."
        ) from error
    if not written.isdigit():
        raise StateError(
            f"{mark} does not hold a version number: restore it, or use another --data-root."
        )
    if int(written) > SCHEMA_VERSION:
        raise StateError(
            f"{data_root} was written by a newer waste-assets (schema {written}, this one knows "
            f"{SCHEMA_VERSION}): update waste-assets, or use another --data-root."
        )


def _prepare_sqlite(connection: object, _record: object) -> None:
    cursor = connection.cursor()  # type: ignore[attr-defined]
    # Another process may be writing: wait for it, never fail.
    cursor.execute("PRAGMA busy_timeout = 60000")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.close()
