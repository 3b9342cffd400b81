"""Rows of the line tables under construction, and columns of the archive as plain values."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from waste_assets.lake.tables import Column, Table
from waste_assets.transcripts.plain_values import text_digest

#: Bytes, and characters. Ids and names that are longer, as none that means anything is, stand with
#: their beginning and a digest: what groups, joins and lists them holds many at a time.
_LONGEST, _BEGINNING = 4_096, 1_000
#: The column that is no name: JSON, which is read again.
_WHOLE = "iterations"


class Rows:
    """Rows of one table: tuples, and columns as soon as there are many, which take less memory."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._rows: list[tuple[Any, ...]] = []
        self._columns: list[pa.Table] = []
        self.add = self._rows.append

    def __len__(self) -> int:
        return len(self._rows)

    def cut(self, length: int) -> None:
        """Drop the tuples after the first `length`."""
        del self._rows[length:]

    def pack(self, at_least: int) -> None:
        """Turn the tuples into columns, where there are so many."""
        if len(self._rows) >= at_least:
            arrays = [
                _array(values, column)
                for values, column in zip(
                    zip(*self._rows, strict=True), self._table.columns, strict=True
                )
            ]
            self._columns.append(pa.Table.from_arrays(arrays, schema=self._table.schema))
            self._rows.clear()

    def table(self) -> pa.Table:
        """The rows as an Arrow table of the table's schema."""
        self.pack(1)
        whole = pa.concat_tables([self._table.schema.empty_table(), *self._columns])
        # Where one part ends and the next begins is chance, and would show in the file.
        return whole.combine_chunks()


def lines_of(column: pa.ChunkedArray) -> Iterator[memoryview]:
    """The bytes of each line, where they are."""
    for chunk in column.chunks:
        bounds = np.frombuffer(chunk.buffers()[1], np.int64)[
            chunk.offset : chunk.offset + len(chunk) + 1
        ].tolist()
        data = memoryview(chunk.buffers()[2] or b"")
        for start, end in pairwise(bounds):
            yield data[start:end]


def labels_of(column: pa.ChunkedArray) -> list[Any]:
    """A column with few different values as a list of values that share their strings."""
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    values: list[Any] = []
    for chunk in column.chunks:
        names = [*chunk.dictionary.to_pylist(), None]
        codes = chunk.indices.fill_null(len(names) - 1).to_numpy(zero_copy_only=False)
        values += [names[code] for code in codes.tolist()]
    return values


def _array(values: Sequence[Any], column: Column) -> pa.Array:
    if pa.types.is_timestamp(column.type):
        return pa.array(array("q", values)).cast(column.type)
    made = pa.array(values, column.type)
    if column.type != pa.string() or column.name == _WHOLE:
        return made
    longest = pc.max(pc.binary_length(made)).as_py() or 0
    return made if longest <= _LONGEST else pa.array(map(_shortened, values), column.type)


def _shortened(text: str | None) -> str | None:
    if text is None or len(text.encode("utf-8", "surrogatepass")) <= _LONGEST:
        return text
    return f"{text[:_BEGINNING]}…{text_digest(text)}"
