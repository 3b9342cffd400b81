"""What the UI shows of a table, made from its definition."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import dagster as dg

from waste_assets.lake.lake import Lake
from waste_assets.lake.tables import Table
from waste_assets.report.shown import inert

OWNERS = ["team:waste-assets"]


def column_schema(table: Table) -> dg.TableSchema:
    """The columns of a table, with types, units and meaning."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                column.name,
                type=str(column.type) + (f" [{column.unit}]" if column.unit else ""),
                description=column.description,
                constraints=dg.TableColumnConstraints(
                    nullable=column.nullable, unique=table.key == (column.name,)
                ),
            )
            for column in table.columns
        ]
    )


def table_metadata(table: Table) -> dict[str, Any]:
    """Definition metadata of an asset that is this table."""
    return {
        "dagster/column_schema": column_schema(table),
        "dagster/table_name": table.name,
        "key": ", ".join(table.key),
    }


def small_table(rows: Sequence[Mapping[str, Any]]) -> dg.MetadataValue:
    """Some rows as a table in the UI; an empty list gives an empty table."""
    return dg.MetadataValue.table(
        [dg.TableRecord({name: _cell(value) for name, value in row.items()}) for row in rows],
        schema=dg.TableSchema(
            columns=[dg.TableColumn(name) for name in (rows[0] if rows else {"nothing": None})]
        ),
    )


def _cell(value: Any) -> str | int | float | bool | None:
    """A value as the UI may show it, and Dagster keep it: no text acts, none holds a secret."""
    if value is None or isinstance(value, int | float | bool):
        return value
    return inert(str(value))


def records(cursor: Any) -> list[dict[str, Any]]:
    """The rows of a finished DuckDB query as dictionaries."""
    names: Iterable[str] = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@dataclass(frozen=True)
class Figures:
    """What is told of each day of a table: numbers that plot, and the rows of a small table.

    Both are queries over `{source}` with a column `day`; the first gives one row a day.
    """

    table: Table
    numbers: str
    most: str
    #: The table that the numbers are counted from, where it is another one.
    counted: Table | None = None


def day_figures(
    con: Any, lake: Lake, days: list[date], figures: Figures
) -> dict[date, dict[str, Any]]:
    """The metadata of each day that the table holds."""
    told = {
        row.pop("day"): row
        for row in _query(con, lake, days, figures.counted or figures.table, figures.numbers)
    }
    most: dict[date, list[dict[str, Any]]] = defaultdict(list)
    for row in _query(con, lake, days, figures.table, figures.most):
        most[row.pop("day")].append(row)
    for day, rows in most.items():
        # Named after what it is by: by_model, by_category.
        told.setdefault(day, {})[f"by_{next(iter(rows[0]))}"] = small_table(rows[:10])
    return told


def _query(
    con: Any, lake: Lake, days: list[date], table: Table, query: str
) -> list[dict[str, Any]]:
    parts = lake.parts(table, days)
    if not parts:
        return []
    source = "read_parquet($parts, hive_partitioning = true, hive_types = {'day': DATE})"
    return records(con.execute(query.format(source=source), {"parts": parts}))
