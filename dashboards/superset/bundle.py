"""The dashboard as one zip that Superset imports.

    python dashboards/superset/bundle.py DATABASE ZIP

DATABASE is the path of `waste.duckdb` as the machine that runs Superset sees it. Superset's own
export repeats every column of every table, numbers what it names and draws the layout as a tree.
All that is made here from the few files beside this one, and the columns from
`waste_assets/mart/tables.py`. Equal files, equal zip.
"""

from __future__ import annotations

import argparse
import io
import uuid
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from waste_assets.lake.tables import Column
from waste_assets.mart.tables import MART_TABLES

FOLDER = Path(__file__).parent
#: Names that are unique in any Superset follow from it.
_SPACE = uuid.UUID("5d2f0f43-7f43-5f0f-9d3c-5a2a7e0c6b11")
_VERSION = "1.0.0"
_TABLES = {table.name: table for table in MART_TABLES}
_GRID = 12
_CLEAR = {"background": "BACKGROUND_TRANSPARENT"}

Yaml = dict[str, Any]


@dataclass(frozen=True)
class Dataset:
    """What charts ask: a table, or a query over some; its columns with type and meaning."""

    name: str
    description: str
    #: NULL for a table.
    sql: str | None
    #: The column that the filter by days acts on; None: it does not.
    time: str | None
    columns: Mapping[str, tuple[str, str]]
    labels: Mapping[str, str]
    metrics: tuple[Yaml, ...]


@dataclass(frozen=True)
class Chart:
    """One chart: what it asks, how it is drawn and how large."""

    number: int
    name: str
    description: str
    type: str
    dataset: Dataset
    params: Yaml
    width: int
    height: int


@dataclass(frozen=True)
class Section:
    """A heading or a text, and below it rows of charts."""

    title: str | None
    text: str | None
    rows: tuple[tuple[Chart, ...], ...]


# --- what the files say --------------------------------------------------------------------


def datasets() -> dict[str, Dataset]:
    """The datasets by name.

    Raises:
        KeyError: one names a table that is not published.
    """
    read = (_dataset(_yaml(path)) for path in sorted((FOLDER / "datasets").glob("*.yaml")))
    return {one.name: one for one in read}


def sections(of: Mapping[str, Dataset]) -> list[Section]:
    """The sections in their order, over these datasets."""
    number = 0
    found = []
    for path in sorted((FOLDER / "sections").glob("*.yaml")):
        told = _yaml(path)
        rows = []
        for row in told["rows"]:
            charts = []
            for chart in row["charts"]:
                number += 1
                charts.append(_chart(chart, number, row["height"], of[chart["dataset"]]))
            rows.append(tuple(charts))
        found.append(Section(told.get("title"), told.get("text"), tuple(rows)))
    return found


def _dataset(told: Yaml) -> Dataset:
    names = [told["table"]] if "table" in told else told["tables"]
    columns = {
        column.name: (_type(column), _meaning(column))
        for name in names
        for column in _TABLES[name].columns
    }
    if "sql" in told:
        # A query gives fewer columns than its tables have: those with a label, and its own.
        own = {name: (kind, text) for name, (kind, text) in told.get("columns", {}).items()}
        labelled = told.get("labels", {})
        columns = {n: c for n, c in columns.items() if n in labelled and n not in own} | own
    return Dataset(
        told.get("name", names[0] if names else ""),
        told["description"] if "description" in told else _TABLES[names[0]].description,
        told.get("sql"),
        told.get("time"),
        columns,
        told.get("labels", {}),
        tuple(told.get("metrics", ())),
    )


def _chart(told: Yaml, number: int, height: int, dataset: Dataset) -> Chart:
    params = dict(told["params"])
    filters = list(params.get("adhoc_filters", ()))
    if dataset.time is not None:
        # What the filter by days takes the place of.
        filters.append(
            {
                "clause": "WHERE",
                "expressionType": "SIMPLE",
                "subject": dataset.time,
                "operator": "TEMPORAL_RANGE",
                "comparator": "No filter",
            }
        )
    params["adhoc_filters"] = filters
    description = told.get("description", "")
    return Chart(
        number, told["name"], description, told["type"], dataset, params, told["width"], height
    )


def _yaml(path: Path) -> Yaml:
    told: Yaml = yaml.safe_load(path.read_text("utf-8"))
    return told


def _meaning(column: Column) -> str:
    return f"{column.description} ({column.unit})" if column.unit else column.description


def _type(column: Column) -> str:
    """The type as DuckDB calls it."""
    for is_one, name in (
        (pa.types.is_boolean, "BOOLEAN"),
        (pa.types.is_integer, "BIGINT"),
        (pa.types.is_floating, "DOUBLE"),
        (pa.types.is_date, "DATE"),
        (pa.types.is_timestamp, "TIMESTAMP WITH TIME ZONE"),
        (pa.types.is_list, "VARCHAR[]"),
    ):
        if is_one(column.type):
            return name
    return "VARCHAR"


# --- what Superset reads -------------------------------------------------------------------


def files(database: Path) -> dict[str, Yaml]:
    """The files of the zip by name."""
    made: dict[str, Yaml] = {
        # No time of day: equal files, equal zip.
        "metadata.yaml": {
            "version": _VERSION,
            "type": "Dashboard",
            "timestamp": "2026-01-01T00:00:00+00:00",
        },
        "databases/waste_assets.yaml": {
            **_yaml(FOLDER / "database.yaml"),
            "sqlalchemy_uri": _address(database),
            "uuid": _id("database"),
            "version": _VERSION,
        },
    }
    found = datasets()
    for one in found.values():
        made[f"datasets/waste_assets/{one.name}.yaml"] = _dataset_file(one)
    told = sections(found)
    charts = [chart for section in told for row in section.rows for chart in row]
    for chart in charts:
        made[f"charts/{chart.number:02}.yaml"] = _chart_file(chart)
    made["dashboards/waste.yaml"] = _dashboard_file(told, charts)
    return made


def bundle(database: Path) -> bytes:
    """The zip, for a Superset that sees the BI database at this path."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, told in files(database).items():
            text = yaml.safe_dump(told, sort_keys=False, allow_unicode=True, width=100)
            packed.writestr(zipfile.ZipInfo(f"waste_assets/{name}"), text)
    return whole.getvalue()


def _address(database: Path) -> str:
    # SQLAlchemy takes the path as it stands, up to where options would begin.
    if "?" in str(database):
        raise ValueError(f"{database}: Superset cannot be told of a path with a question mark.")
    return f"duckdb:///{database}"


def _id(*names: str) -> str:
    return str(uuid.uuid5(_SPACE, "/".join(names)))


def _dataset_file(one: Dataset) -> Yaml:
    return {
        "table_name": one.name,
        "main_dttm_col": one.time,
        "description": one.description,
        "schema": "main",
        "sql": one.sql,
        "filter_select_enabled": True,
        "uuid": _id("dataset", one.name),
        "database_uuid": _id("database"),
        "version": _VERSION,
        "columns": [
            {
                "column_name": name,
                "verbose_name": one.labels.get(name),
                "description": meaning,
                "type": kind,
                "is_dttm": kind == "DATE" or kind.startswith("TIMESTAMP"),
                "groupby": True,
                "filterable": True,
                "is_active": True,
            }
            for name, (kind, meaning) in one.columns.items()
        ],
        "metrics": [
            {
                "metric_name": metric["name"],
                "verbose_name": metric["label"],
                "expression": metric["expression"],
                "description": metric["description"],
                "d3format": metric.get("d3format"),
            }
            for metric in one.metrics
        ],
    }


def _chart_file(chart: Chart) -> Yaml:
    return {
        "slice_name": chart.name,
        "description": chart.description or None,
        "viz_type": chart.type,
        "params": {"viz_type": chart.type, **_defaults(chart.type), **chart.params},
        "uuid": _id("chart", chart.name),
        "dataset_uuid": _id("dataset", chart.dataset.name),
        "version": _VERSION,
    }


def _defaults(kind: str) -> Yaml:
    if kind == "big_number_total":
        return {"header_font_size": 0.5, "subheader_font_size": 0.15}
    if kind == "table":
        return {
            # Names come from transcripts: they are text, whatever they look like.
            "allow_render_html": False,
            "show_cell_bars": False,
            "color_pn": False,
            "table_timestamp_format": "%Y-%m-%d",
        }
    return {
        "color_scheme": "supersetColors",
        "rich_tooltip": True,
        "row_limit": 10_000,
        "show_legend": True,
        "legendType": "scroll",
        "legendOrientation": "top",
        "truncateXAxis": False,
    }


def _dashboard_file(told: list[Section], charts: list[Chart]) -> Yaml:
    about = _yaml(FOLDER / "dashboard.yaml")
    return {
        "dashboard_title": about["title"],
        "description": about["description"],
        "slug": about["slug"],
        "published": True,
        "css": "",
        "uuid": _id("dashboard"),
        "version": _VERSION,
        "position": _layout(about["title"], told),
        "metadata": {
            "color_scheme": "supersetColors",
            "label_colors": about["colors"],
            "cross_filters_enabled": True,
            "refresh_frequency": 0,
            "expanded_slices": {},
            "timed_refresh_immune_slices": [],
            "native_filter_configuration": [
                _filter(number, one, charts) for number, one in enumerate(about["filters"], 1)
            ],
        },
    }


def _filter(number: int, one: Yaml, charts: list[Chart]) -> Yaml:
    column = one.get("column")
    target: Yaml = {}
    if column:
        target = {"column": {"name": column}, "datasetUuid": _id("dataset", one["dataset"])}
    return {
        "id": f"NATIVE_FILTER-{number}",
        "name": one["name"],
        "filterType": one["type"],
        "type": "NATIVE_FILTER",
        "targets": [target],
        "controlValues": {"multiSelect": True, "enableEmptyFilter": False} if column else {},
        "defaultDataMask": {"extraFormData": {}, "filterState": {}, "ownState": {}},
        "cascadeParentIds": [],
        "scope": {
            "rootPath": ["ROOT_ID"],
            "excluded": [chart.number for chart in charts if not narrows(column, chart.dataset)],
        },
    }


def narrows(column: str | None, dataset: Dataset) -> bool:
    """Whether a filter by this column (None: by days) acts on a dataset."""
    return dataset.time is not None if column is None else column in dataset.columns


def _layout(title: str, told: list[Section]) -> Yaml:
    """The tree of what stands where: headings, and rows of texts and charts, below each other."""
    position: Yaml = {
        "DASHBOARD_VERSION_KEY": "v2",
        "ROOT_ID": {"id": "ROOT_ID", "type": "ROOT", "children": ["GRID_ID"]},
        "HEADER_ID": {"id": "HEADER_ID", "type": "HEADER", "meta": {"text": title}},
    }

    def put(kind: str, name: str, parents: list[str], meta: Yaml) -> str:
        one = f"{kind}-{name}"
        position[one] = {"id": one, "type": kind, "children": [], "parents": parents, "meta": meta}
        return one

    top = ["ROOT_ID", "GRID_ID"]
    position["GRID_ID"] = {"id": "GRID_ID", "type": "GRID", "children": [], "parents": top[:1]}
    grid: list[str] = position["GRID_ID"]["children"]
    for number, section in enumerate(told, 1):
        if section.title:
            heading = {"text": section.title, "headerSize": "MEDIUM_HEADER", **_CLEAR}
            grid.append(put("HEADER", str(number), top, heading))
        if section.text:
            grid.append(row := put("ROW", f"{number}-text", top, _CLEAR))
            text = {"code": section.text, "width": _GRID, "height": 9}
            position[row]["children"] = [put("MARKDOWN", str(number), [*top, row], text)]
        for line, charts in enumerate(section.rows, 1):
            grid.append(row := put("ROW", f"{number}-{line}", top, _CLEAR))
            position[row]["children"] = [
                put("CHART", str(chart.number), [*top, row], _placed(chart)) for chart in charts
            ]
    return position


def _placed(chart: Chart) -> Yaml:
    return {
        "chartId": chart.number,
        "uuid": _id("chart", chart.name),
        "sliceName": chart.name,
        "width": chart.width,
        "height": chart.height,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="The dashboard as one zip that Superset imports.")
    parser.add_argument("database", type=Path, help="waste.duckdb, as Superset sees it")
    parser.add_argument("zip", type=Path, help="where the zip goes")
    told = parser.parse_args()
    told.zip.write_bytes(bundle(told.database.absolute()))


if __name__ == "__main__":
    main()
