"""When an alert is raised: the month's budget, and waste that jumped."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from waste_assets.alerts.alert import Verdict
from waste_assets.alerts.budget import budget
from waste_assets.alerts.jump import waste_jump
from waste_assets.alerts.settings import AlertSettings
from waste_assets.mart.tables import DAILY_USAGE, DAILY_WASTE, SESSION_USAGE, Table

TODAY = date(2026, 9, 30)
YESTERDAY = TODAY - timedelta(days=1)


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:") as made:
        for table in (DAILY_USAGE, DAILY_WASTE, SESSION_USAGE):
            empty = table.schema.empty_table()
            made.execute(f"CREATE TABLE {table.name} AS FROM empty")
            assert empty.num_rows == 0
        yield made


def add(con: duckdb.DuckDBPyConnection, table: Table, **values: Any) -> None:
    row = pa.Table.from_pylist([values], pa.schema([table.schema.field(name) for name in values]))
    con.execute(f"INSERT INTO {table.name} BY NAME FROM row")
    assert row.num_rows == 1


def spend(
    con: duckdb.DuckDBPyConnection,
    day: date,
    usd: float,
    wasted: float = 0.0,
    sessions: int = 5,
    project: str = "~/shop",
) -> None:
    """A day of the published tables."""
    add(con, DAILY_USAGE, day=day, project=project, usd=usd)
    for category, amount in (("productive", usd - wasted), ("cache_write", wasted)):
        add(con, DAILY_WASTE, day=day, project=project, category=category, usd=amount,
            usd_direct=amount)  # fmt: skip
    for n in range(sessions):
        moment = datetime(day.year, day.month, day.day, 9 + n)
        add(con, SESSION_USAGE, session_id=f"{day}-{n}", first_ts=moment, last_ts=moment)


def month(con: duckdb.DuckDBPyConnection, share: float = 0.1, **options: Any) -> None:
    """Four weeks of $20 a day, of which about `share` was wasted."""
    for n in range(2, 30):
        wobble = 0.02 * (n % 3 - 1)
        spend(con, TODAY - timedelta(days=n), 20, 20 * (share + wobble), **options)


def jump(con: duckdb.DuckDBPyConnection) -> Verdict:
    return waste_jump(con, TODAY)


# --- waste jumped --------------------------------------------------------------------------


def test_a_day_far_above_the_four_weeks_before_it_is_an_alert(
    con: duckdb.DuckDBPyConnection,
) -> None:
    month(con)
    spend(con, YESTERDAY, 20, 8)
    verdict = jump(con)
    assert verdict.is_raised and (verdict.kind, verdict.period) == ("waste_jumped", "2026-09-29")
    assert verdict.message == (
        "Waste jumped on 2026-09-29: 40.0% of $20.00 was wasted, usually 10.0% (median of 28 "
        "days, alert above 16.0%). Most of it: cache_write, $8.00."
    )
    assert verdict.figures == {
        "wasted_share": 0.4, "wasted_usd": 8.0, "spent_usd": 20.0, "sessions": 5,
        "days_before": 28, "usual_share": 0.1, "threshold_share": 0.16, "extra_usd": 6.0,
    }  # fmt: skip


@pytest.mark.parametrize("wasted", [1.0, 2.0, 2.9])
def test_a_day_like_the_others_is_none(con: duckdb.DuckDBPyConnection, wasted: float) -> None:
    month(con)
    spend(con, YESTERDAY, 20, wasted)
    assert not jump(con).is_raised


def test_the_threshold_is_three_deviations_and_half_as_much_again(
    con: duckdb.DuckDBPyConnection,
) -> None:
    month(con, share=0.4)
    # Three deviations are 0.06; half as much again is 0.2.
    spend(con, YESTERDAY, 20, 11.5)
    assert jump(con).figures["threshold_share"] == 0.6 and not jump(con).is_raised


def test_two_noisy_sessions_are_no_alert(con: duckdb.DuckDBPyConnection) -> None:
    month(con)
    spend(con, YESTERDAY, 20, 15, sessions=2)
    assert not jump(con).is_raised and "Too little to judge" in jump(con).message


def test_cents_are_no_alert(con: duckdb.DuckDBPyConnection) -> None:
    month(con)
    spend(con, YESTERDAY, 0.9, 0.9)
    assert not jump(con).is_raised


def test_a_dollar_more_than_usual_is_the_least(con: duckdb.DuckDBPyConnection) -> None:
    month(con)
    spend(con, YESTERDAY, 3, 1.2)
    assert jump(con).figures["extra_usd"] == 0.9 and not jump(con).is_raised


def test_a_first_week_is_no_measure(con: duckdb.DuckDBPyConnection) -> None:
    for n in range(2, 8):
        spend(con, TODAY - timedelta(days=n), 20, 2)
    spend(con, YESTERDAY, 20, 19)
    assert not jump(con).is_raised
    spend(con, TODAY - timedelta(days=8), 20, 2)
    assert jump(con).is_raised


def test_one_wild_day_before_does_not_hide_a_jump(con: duckdb.DuckDBPyConnection) -> None:
    month(con)
    con.execute("DELETE FROM daily_waste WHERE day = '2026-09-20'")
    spend(con, date(2026, 9, 20), 500, 450)
    spend(con, YESTERDAY, 20, 8)
    assert jump(con).is_raised


def test_today_is_not_over_and_last_month_is_no_news(con: duckdb.DuckDBPyConnection) -> None:
    month(con)
    spend(con, YESTERDAY, 20, 2)
    spend(con, TODAY, 20, 20)
    assert not jump(con).is_raised and jump(con).period == "2026-09-29"
    spend(con, TODAY + timedelta(days=1), 20, 20)
    later = waste_jump(con, TODAY + timedelta(days=30))
    assert not later.is_raised and later.message == "No day of the last 7 to judge."


def test_nothing_at_all_is_no_alert(con: duckdb.DuckDBPyConnection) -> None:
    assert not jump(con).is_raised and not budget(con, TODAY, 10).is_raised


# --- the budget ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("usd", "kind"),
    [
        (79, "budget"),
        (80, "budget_80"),
        (99, "budget_80"),
        (100, "budget_100"),
        (3e3, "budget_100"),
    ],
)
def test_a_budget_is_told_of_at_80_and_at_100_percent(
    con: duckdb.DuckDBPyConnection, usd: float, kind: str
) -> None:
    spend(con, date(2026, 8, 31), 500)
    spend(con, TODAY, usd / 2, project="~/a")
    spend(con, YESTERDAY, usd / 2, project="~/b")
    verdict = budget(con, TODAY, 100)
    assert (verdict.kind, verdict.is_raised) == (kind, kind != "budget")
    assert verdict.period == "2026-09" and verdict.figures["spent_usd"] == usd
    assert verdict.projects == {"~/a": usd / 2, "~/b": usd / 2}


def test_without_a_budget_there_is_no_alert(con: duckdb.DuckDBPyConnection) -> None:
    spend(con, TODAY, 1e6)
    assert not budget(con, TODAY, None).is_raised


@pytest.mark.parametrize("given", ["much", "-3", "0", "nan", "inf"])
def test_a_budget_that_is_none_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match=r"WASTE_ASSETS_MONTHLY_USD is .*: give a number"):
        AlertSettings.from_environment({"WASTE_ASSETS_MONTHLY_USD": given})
    assert AlertSettings.from_environment({}) == AlertSettings()
