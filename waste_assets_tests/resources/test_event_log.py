"""The event log holds what Dagster's own would hold, to the row."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from waste_assets.automation import range_tags
from waste_assets.partitions import backfills, daily, days_of

OURS = """
telemetry: {enabled: false}
event_log_storage:
  module: waste_assets.resources.event_log
  class: BatchedSqliteEventLogStorage
"""
THEIRS = "telemetry: {enabled: false}"
DAYS = [f"2026-09-{day:02}" for day in range(1, 31)]
#: Fields that differ from run to run.
PASSING = ("timestamp", "run_id", "pid", "storage_id")


@dg.multi_asset(
    name="some",
    specs=[dg.AssetSpec(name, code_version="1") for name in ("one", "two")],
    partitions_def=daily,
    backfill_policy=backfills,
)
def some(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
    for number, day in enumerate(days_of(context.partition_keys)):
        if number % 7 == 3:
            context.add_asset_metadata(
                {"rows": number, "said": "\u201cé\u201d\n"}, asset_key="one", partition_key=str(day)
            )
    yield dg.MaterializeResult(asset_key="one", metadata={"of all days": 1.5})
    yield dg.MaterializeResult(asset_key="two")


@dg.asset(deps=["two"], code_version="1")
def whole() -> None:
    pass


@dg.asset_check(asset="two")
def good() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


JOB = dg.Definitions(
    assets=[some, whole],
    asset_checks=[good],
    jobs=[dg.define_asset_job("job", partitions_def=daily)],
    executor=dg.in_process_executor,
).resolve_job_def("job")


@pytest.fixture(scope="module", params=["a range", "one day"])
def homes(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[tuple[Path, str]]]:
    """The same run recorded by Dagster's own event log, and by ours: home and run id."""
    days = (DAYS[0], DAYS[-1] if request.param == "a range" else DAYS[0])
    made = []
    with pytest.MonkeyPatch.context() as patch:
        for config in (THEIRS, OURS):
            home = tmp_path_factory.mktemp("home")
            (home / "dagster.yaml").write_text(config)
            patch.setenv("DAGSTER_HOME", str(home))
            with dg.DagsterInstance.from_config(str(home)) as instance:
                tags = range_tags(*(days_of([day])[0] for day in days))
                result = JOB.execute_in_process(instance=instance, tags=tags)
                made.append((home, result.run_id))
        yield made


def events(home: Path, shard: str) -> list[tuple[Any, ...]]:
    """The rows of a database, without what differs from run to run."""
    with sqlite3.connect(home / "history" / "runs" / f"{shard}.db") as con:
        rows = con.execute(
            "SELECT dagster_event_type, step_key, asset_key, partition, event FROM event_logs "
            "ORDER BY id"
        ).fetchall()
    return [(*row, lasting(json.loads(event))) for *row, event in rows]


def lasting(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: lasting(v) for k, v in value.items() if k not in PASSING}
    if isinstance(value, list):
        return [lasting(one) for one in value]
    return value


def about_assets(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return [row for row in rows if (row[0] or "").startswith("ASSET_")]


def test_every_partition_has_the_events_that_dagster_gives_it(
    homes: list[tuple[Path, str]],
) -> None:
    theirs, ours = (about_assets(events(home, "index")) for home, _ in homes)
    assert len(theirs) > 5
    assert ours == theirs
    theirs, ours = (about_assets(events(home, run)) for home, run in homes)
    assert ours == theirs


def test_the_database_of_a_run_has_the_shape_that_dagster_gives_it(
    homes: list[tuple[Path, str]],
) -> None:
    shapes = []
    for home, run in homes:
        with sqlite3.connect(home / "history" / "runs" / f"{run}.db") as con:
            tables = con.execute("SELECT type, name, tbl_name FROM sqlite_master").fetchall()
            revision = con.execute("SELECT version_num FROM alembic_version").fetchall()
            (mode,) = con.execute("PRAGMA journal_mode").fetchone()
        shapes.append((sorted(tables), revision, mode))
    assert shapes[0] == shapes[1]


def test_tags_point_at_their_events(homes: list[tuple[Path, str]]) -> None:
    told = []
    for home, _ in homes:
        with sqlite3.connect(home / "history" / "runs" / "index.db") as con:
            told.append(
                con.execute(
                    "SELECT e.asset_key, e.partition, t.key FROM asset_event_tags AS t "
                    "JOIN event_logs AS e ON e.id = t.event_id "
                    "WHERE e.asset_key = t.asset_key ORDER BY 1, 2, 3"
                ).fetchall()
            )
    assert told[0] == told[1] != []


def test_dagster_sees_the_same_partitions(homes: list[tuple[Path, str]]) -> None:
    seen = []
    with pytest.MonkeyPatch.context() as patch:
        for home, _ in homes:
            patch.setenv("DAGSTER_HOME", str(home))
            with dg.DagsterInstance.from_config(str(home)) as instance:
                last = instance.get_latest_materialization_event(dg.AssetKey("one"))
                assert last
                assert last.asset_materialization
                seen.append(
                    (
                        instance.get_materialized_partitions(dg.AssetKey("one")),
                        last.asset_materialization.partition,
                        set(instance.all_asset_keys()),
                    )
                )
    assert seen[0] == seen[1]
