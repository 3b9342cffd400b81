"""The dashboard's bundle: what it asks is published, and Superset can read it. Without Superset."""

from __future__ import annotations

import io
import json
import re
import subprocess
import zipfile
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from sqlalchemy.engine import make_url

from dashboards.superset import bundle
from waste_assets.mart.tables import MART_TABLES
from waste_assets.sample import generate
from waste_assets_tests.labels.support import spend_something
from waste_assets_tests.support import Audit

ROOT = Path(__file__).parents[2]
DATASETS = bundle.datasets()
CHARTS = [chart for section in bundle.sections(DATASETS) for row in section.rows for chart in row]
#: A path that has to be quoted in an address.
DATABASE = Path("/data of mine/bi/waste.duckdb")


@pytest.fixture(scope="module")
def audit(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    """Generated sessions with waste planted into them, audited and published, with labels paid."""
    made = Audit(tmp_path_factory.mktemp("dashboard"))
    generate(made.source, sessions=16, days=3, end=date(2026, 9, 14), seed=5, plants=0.6)
    made.run()
    spend_something(made.data)
    made.publish()
    return made


# --- what is asked is there ----------------------------------------------------------------


def relation(dataset: bundle.Dataset) -> str:
    """What a query over the dataset reads from, as Superset writes it."""
    return dataset.name if dataset.sql is None else f"({dataset.sql}) AS virtual_table"


@pytest.mark.parametrize("name", sorted(DATASETS))
def test_a_dataset_has_the_columns_and_types_that_are_published(audit: Audit, name: str) -> None:
    dataset = DATASETS[name]
    assert dataset.sql or name in {table.name for table in MART_TABLES}
    found = audit.query(f"DESCRIBE SELECT * FROM {relation(dataset)}")
    assert {n: kind.replace("INTEGER", "BIGINT") for n, kind, *_ in found} == {
        n: kind for n, (kind, _) in dataset.columns.items()
    }
    assert all(meaning for _, meaning in dataset.columns.values())
    assert dataset.description
    assert dataset.labels.keys() <= dataset.columns.keys()
    assert dataset.time is None or dataset.columns[dataset.time][0].startswith(("DATE", "TIME"))


@pytest.mark.parametrize(
    ("name", "metric"), [(d.name, m["name"]) for d in DATASETS.values() for m in d.metrics]
)
def test_a_metric_is_a_figure(audit: Audit, name: str, metric: str) -> None:
    dataset = DATASETS[name]
    (told,) = (one for one in dataset.metrics if one["name"] == metric)
    ((value,),) = audit.query(f"SELECT {told['expression']} FROM {relation(dataset)}")
    assert value is not None
    assert told["label"] and told["description"]
    # Money in dollars, shares in percent.
    if "USD" in told["description"]:
        assert told["d3format"].startswith("$")
    if " over " in told["description"] and "over days" not in told["description"]:
        assert told["d3format"].endswith("%")


def asked(chart: bundle.Chart) -> str:
    """The chart's query, as Superset writes it; fails where it names what the dataset has not."""
    params, dataset = chart.params, chart.dataset
    metrics = {one["name"]: one["expression"] for one in dataset.metrics}
    columns = [params["x_axis"]] if "x_axis" in params else []
    columns += params.get("groupby", []) + params.get("all_columns", [])
    named = params.get("metrics", []) + ([params["metric"]] if "metric" in params else [])
    selected = [f'"{name}"' for name in columns]
    selected += [f'{metrics[name]} AS "{name}"' for name in named]
    assert selected and set(columns) <= dataset.columns.keys()
    assert set(params.get("column_config", {})) <= {*columns, *named}
    where, having = [], []
    for one in params["adhoc_filters"]:
        if one["expressionType"] == "SQL":
            (where if one["clause"] == "WHERE" else having).append(one["sqlExpression"])
    order = [json.loads(one) for one in params.get("order_by_cols", [])]
    assert {name for name, _ in order} <= {*columns, *named}
    if "timeseries_limit_metric" in params:
        order.append([metrics[params["timeseries_limit_metric"]], False])
    if "x_axis_sort" in params:
        assert params["x_axis_sort"] in {params["x_axis"], *named}
    return " ".join(
        [
            f"SELECT {', '.join(selected)} FROM {relation(dataset)}",
            "WHERE " + " AND ".join(f"({one})" for one in where) if where else "",
            f"GROUP BY {', '.join(map(str, range(1, len(columns) + 1)))}"
            if columns and named
            else "",
            "HAVING " + " AND ".join(f"({one})" for one in having) if having else "",
            "ORDER BY " + ", ".join(f"{name} {'ASC' if up else 'DESC'}" for name, up in order)
            if order
            else "",
            f"LIMIT {params.get('row_limit', 10_000)}",
        ]
    )


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.name)
def test_a_chart_shows_something(audit: Audit, chart: bundle.Chart) -> None:
    rows = audit.query(asked(chart))
    assert rows
    assert any(value is not None for row in rows for value in row)


def test_the_charts_tell_one_story(audit: Audit) -> None:
    """What one chart says of the whole is what the others say of its parts."""
    by_name = {chart.name: chart for chart in CHARTS}

    def total(name: str, column: int) -> float:
        rows = audit.query(asked(by_name[name]))
        assert len(rows) < by_name[name].params.get("row_limit", 10_000)
        return float(sum(row[column] or 0 for row in rows))

    ((spent,),) = audit.query("SELECT sum(usd) FROM daily_usage")
    assert total("Spent", 0) == pytest.approx(spent)
    low, high = total("Wasted, low", 0), total("Wasted, high", 0)
    assert 0 < low < high < spent
    assert total("Share, high", 0) == pytest.approx(high / spent)
    assert total("Waste by day and category", 2) == pytest.approx(high)
    for name in ("Waste by category", "Waste by project"):
        assert (total(name, 1), total(name, 2)) == (pytest.approx(high), pytest.approx(low))
    assert total("Projects and models", 2) == pytest.approx(spent)
    columns = by_name["Most wasteful sessions"].params["all_columns"]
    for column, whole in (("usd", spent), ("usd_low", low), ("usd_high", high)):
        assert total("Most wasteful sessions", columns.index(column)) == pytest.approx(whole)
    assert total("Label spend", 0) > 0


def test_no_figure_stands_in_the_files() -> None:
    for path in (bundle.FOLDER / "sections").glob("*.yaml"):
        for text in re.findall(r"(?:name|description|text):\s*(.+)", path.read_text("utf-8")):
            assert not re.search(r"\$ ?\d|\d ?%", text), (path.name, text)


# --- what Superset reads -------------------------------------------------------------------


@pytest.fixture(scope="module")
def packed() -> dict[str, Any]:
    """The files of the zip by their names below its one folder."""
    with zipfile.ZipFile(io.BytesIO(bundle.bundle(DATABASE))) as whole:
        names = whole.namelist()
        assert {name.split("/")[0] for name in names} == {"waste_assets"}
        return {name.split("/", 1)[1]: yaml.safe_load(whole.read(name)) for name in names}


def of(packed: dict[str, Any], folder: str) -> list[dict[str, Any]]:
    return [told for name, told in packed.items() if name.startswith(f"{folder}/")]


def test_equal_files_make_an_equal_zip() -> None:
    assert bundle.bundle(DATABASE) == bundle.bundle(DATABASE)


def test_the_zip_has_what_an_import_asks_for(packed: dict[str, Any]) -> None:
    assert packed["metadata.yaml"]["type"] == "Dashboard"
    (database,) = of(packed, "databases")
    address = make_url(database["sqlalchemy_uri"])
    assert (address.drivername, address.database) == ("duckdb", str(DATABASE))
    found = of(packed, "datasets")
    charts = of(packed, "charts")
    (dashboard,) = of(packed, "dashboards")
    assert len(charts) == len(CHARTS)
    everything = [database, *found, *charts, dashboard]
    assert all(one["version"] == "1.0.0" for one in everything)
    assert len({one["uuid"] for one in everything}) == len(everything)
    assert {one["database_uuid"] for one in found} == {database["uuid"]}
    filters = dashboard["metadata"]["native_filter_configuration"]
    targets = {target.get("datasetUuid") for one in filters for target in one["targets"]}
    asked_ = {one["dataset_uuid"] for one in charts} | targets - {None}
    assert asked_ == {one["uuid"] for one in found}


def test_names_from_transcripts_are_shown_as_text(packed: dict[str, Any]) -> None:
    tables = [one["params"] for one in of(packed, "charts") if one["viz_type"] == "table"]
    # Superset draws as HTML what looks like it, unless it is told not to.
    assert tables and all(one["allow_render_html"] is False for one in tables)


def test_the_database_is_opened_for_reading_and_its_answers_are_not_kept(
    packed: dict[str, Any], audit: Audit
) -> None:
    (database,) = of(packed, "databases")
    arguments = database["extra"]["engine_params"]["connect_args"]
    with (
        duckdb.connect(str(audit.bi / "waste.duckdb"), **arguments) as con,
        pytest.raises(duckdb.InvalidInputException, match="read-only"),
    ):
        con.execute("DELETE FROM meta")
    assert database["cache_timeout"] == -1
    assert not any(database[f"allow_{name}"] for name in ("dml", "ctas", "cvas", "csv_upload"))


def test_every_chart_stands_in_the_layout_once_and_every_row_is_full(
    packed: dict[str, Any],
) -> None:
    (dashboard,) = of(packed, "dashboards")
    position = dashboard["position"]
    nodes = {key: one for key, one in position.items() if isinstance(one, dict)}
    placed = [one for one in nodes.values() if one["type"] == "CHART"]
    assert sorted(one["meta"]["uuid"] for one in placed) == sorted(
        one["uuid"] for one in of(packed, "charts")
    )
    children = [child for one in nodes.values() for child in one.get("children", ())]
    assert sorted(children) == sorted(nodes.keys() - {"ROOT_ID", "HEADER_ID"})
    for one in nodes.values():
        assert all(one["id"] in nodes[child]["parents"] for child in one.get("children", ()))
        if one["type"] == "ROW":
            assert sum(nodes[child]["meta"]["width"] for child in one["children"]) == 12


def test_a_filter_acts_where_its_column_is(packed: dict[str, Any]) -> None:
    (dashboard,) = of(packed, "dashboards")
    found = {one["uuid"]: one for one in of(packed, "datasets")}
    days, project, model = dashboard["metadata"]["native_filter_configuration"]
    for one, column in ((project, "project"), (model, "model")):
        (target,) = one["targets"]
        assert target["column"]["name"] == column
        columns = found[target["datasetUuid"]]["columns"]
        assert column in {each["column_name"] for each in columns}
        assert set(one["scope"]["excluded"]) == {
            chart.number for chart in CHARTS if column not in chart.dataset.columns
        }
    assert set(days["scope"]["excluded"]) == {c.number for c in CHARTS if not c.dataset.time}
    # Whatever is no standing of today can be narrowed to days.
    whole = {chart.dataset.name for chart in CHARTS if not chart.dataset.time}
    assert whole == {"remedies", "problems", "publication"}


# --- what people type ----------------------------------------------------------------------


def test_where_nothing_is_published_it_says_what_to_do(tmp_path: Path) -> None:
    done = subprocess.run(
        [bundle.FOLDER / "run.sh", tmp_path], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert "waste-assets audit" in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_path_that_cannot_be_an_address_is_refused() -> None:
    with pytest.raises(ValueError, match="question mark"):
        bundle.files(Path("/what?/waste.duckdb"))


def test_the_picture_of_the_docs_is_small() -> None:
    assert (ROOT / "docs" / "img" / "superset.png").stat().st_size < 300_000
