"""The catalog of sources: what each source file held when it was last read.

It spares work, and no more: losing it costs one more reading of all files.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa

from waste_assets.lake.catalog import CatalogEntry, row_of
from waste_assets.lake.known_files import CHUNK, KnownFiles
from waste_assets.lake.state import State

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
_marks = sa.Table(
    "marks",
    _metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)
#: Columns in the order of `row_of`, which is that of the fields of `CatalogEntry`.
_COLUMNS = ("path", "transcript", "size", "mtime_ns", "lines", "pending_bytes", "days")
#: The mark that is another one after each change of the catalog.
_MARK = "catalog"

#: The catalog that this process has read or written last, by its mark.
_last: tuple[str, KnownFiles] = ("", KnownFiles())


class SourceCatalog:
    """The catalog of a state database.

    Raises:
        StateError: the database has tables of these names that no version has written.
    """

    def __init__(self, state: State) -> None:
        state.create(_metadata)
        self._state = state

    def read(self) -> KnownFiles:
        """What is known of the source files.

        It is read where it is not the one that this process has read or written last.
        """
        global _last
        # Before the rows: they may be newer than their mark, never older.
        mark = self._mark()
        last, known = _last
        if not mark or mark != last:
            known = KnownFiles(self._chunks())
            _last = mark, known
        return known

    def record(self, entries: Iterable[CatalogEntry]) -> None:
        """Record what source files hold; replaces what was known of the same paths."""
        global _last
        now = datetime.now(UTC).isoformat(timespec="seconds")
        told = list(entries)
        if not told:
            return
        upsert = self._state.upsert(_source_files)
        with self._changing() as (connection, mark, known):
            for start in range(0, len(told), CHUNK):
                rows = map(row_of, told[start : start + CHUNK])
                connection.execute(
                    upsert, [dict(zip(_COLUMNS, row, strict=True), read_at=now) for row in rows]
                )
        if known is not None:
            _last = mark, known.updated(told)

    def forget(self, is_gone: Callable[[str, Iterable[date]], bool]) -> None:
        """Forget the source files of which this is true, by their transcript and their days."""
        paths = [
            path
            for chunk in self._chunks()
            for path, transcript, *_, days in chunk
            if is_gone(transcript, map(date.fromisoformat, json.loads(days)))
        ]
        with self._changing() as (connection, _, _):
            if self._state.is_sqlite:
                connection.exec_driver_sql("PRAGMA secure_delete = ON")
            for path in paths:
                row = _source_files.columns.path == path
                connection.execute(_source_files.delete().where(row))

    def _mark(self) -> str:
        """Empty where nothing was ever recorded."""
        columns = _marks.columns
        with self._state.reading() as connection:
            query = sa.select(columns.value).where(columns.name == _MARK)
            return connection.execute(query).scalar() or ""

    @contextmanager
    def _changing(self) -> Iterator[tuple[sa.Connection, str, KnownFiles | None]]:
        """A transaction that changes the catalog; the mark that it has from then on, and what it
        was before, where this process knows that."""
        columns, mark = _marks.columns, secrets.token_hex(8)
        last, known = _last
        with self._state.engine.begin() as connection:
            # First of all: on Postgres it waits for others that are about to do the same.
            changed = connection.execute(
                _marks.update()
                .where(columns.name == _MARK, columns.value == last)
                .values(value=mark)
            )
            if not changed.rowcount:
                connection.execute(self._state.upsert(_marks), {"name": _MARK, "value": mark})
            yield connection, mark, known if changed.rowcount else None

    def _chunks(self) -> Iterator[list[tuple[Any, ...]]]:
        """The rows of the catalog, so many at once that it matters little what each takes."""
        query = sa.select(*(_source_files.columns[name] for name in _COLUMNS))
        with self._state.engine.connect().execution_options(yield_per=CHUNK) as connection:
            for rows in connection.execute(query).partitions():
                yield [tuple(row) for row in rows]
