"""Where columns, lines and names of a chart stand."""

from __future__ import annotations

from math import fsum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waste_assets.report.charts import Column, Part, stacked, ticks

PARTS = [Part("low", "low"), Part("high", "high")]


def number(percent: str) -> float:
    return float(percent.removesuffix("%"))


@given(st.floats(1e-6, 1e9))
def test_ticks_are_round_few_and_just_above_the_most(most: float) -> None:
    found = ticks(most)
    step = found[1]
    assert found[0] == 0
    assert found[-1] >= most * 0.99999
    assert found[-2] < most
    assert 2 <= len(found) <= 7
    assert f"{step:e}"[0] in "125"


def test_nothing_has_a_scale_too() -> None:
    assert ticks(0) == [0.0, 1.0]
    chart = stacked("c", "nothing", PARTS, [], str)
    assert (chart.slots, chart.rows, chart.names) == ((), (), ())


@given(
    st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1e6)), min_size=1, max_size=300).filter(
        lambda rows: max(map(fsum, rows)) > 1e-3
    )
)
def test_columns_fill_the_width_and_stacks_reach_their_height(
    rows: list[tuple[float, float]],
) -> None:
    columns = [Column(str(n), f"no. {n}", row) for n, row in enumerate(rows)]
    chart = stacked("c", "t", PARTS, columns, lambda v: f"{v:.2f}")
    most = ticks(max(map(fsum, rows)))[-1]
    for n, (row, slot) in enumerate(zip(rows, chart.slots, strict=True)):
        assert number(slot.left) == pytest.approx(100 * n / len(rows), abs=0.01)
        assert number(slot.inner_left) >= number(slot.left)
        assert number(slot.inner_width) <= number(slot.width)
        assert number(slot.top) == pytest.approx(100 - 100 * fsum(row) / most, abs=0.01)
        # One upon the other, from the bottom to the top.
        below = 100.0
        for segment in slot.segments:
            assert number(segment.top) + number(segment.height) == pytest.approx(below, abs=0.11)
            below = number(segment.top)
    assert [number(top) for top, _ in chart.lines] == sorted(
        (number(top) for top, _ in chart.lines), reverse=True
    )
    assert len(chart.names) <= 5
    assert chart.names[0][2] == "0" and chart.names[-1][2] == str(len(rows) - 1)


def test_the_table_says_what_the_columns_show_and_texts_are_escaped() -> None:
    columns = [Column("a", "day <a>", (1.0, 0.0), [("▼", "lost & paid")]), Column("b", "b", (0, 0))]
    chart = stacked("c", "t", PARTS, columns, lambda v: f"${v:.0f}")
    assert [(str(title), list(map(str, values))) for title, values in chart.rows] == [
        ("day &lt;a&gt;", ["$1", "", "$1"]),
        ("b", ["", "", ""]),
    ]
    assert chart.slots[0].title == "day &lt;a&gt;: low $1; lost &amp; paid"
    assert chart.slots[1].title == "b: nothing"
    assert chart.slots[0].marks == ("▼",)
