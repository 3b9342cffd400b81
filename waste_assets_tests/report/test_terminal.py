"""What an audit says: the story in a terminal, and the object that it is told from."""

from __future__ import annotations

from datetime import date
from io import StringIO
from math import fsum
from typing import Any

import pytest
from rich.console import Console

from waste_assets.detectors.registry import detectors
from waste_assets.mart.tables import CACHE_ECONOMICS, FLAGS
from waste_assets.report.account import account
from waste_assets.report.terminal import print_account
from waste_assets.sample import conversation, generate
from waste_assets.transcripts.show import archived_lines
from waste_assets_tests.support import Audit

AROUND: dict[str, Any] = {
    "files": {"found": 40, "read": 40, "being_written": 0, "unreadable": []},
    "checks": {"passed": 9, "failed": []},
}


@pytest.fixture(scope="module")
def audit(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    made = Audit(tmp_path_factory.mktemp("told"))
    generate(made.source, sessions=30, days=12, end=date(2026, 9, 14), seed=5, plants=0.5)
    made.run()
    made.publish()
    return made


@pytest.fixture(scope="module")
def told(audit: Audit) -> dict[str, Any]:
    return account(audit.bi) | AROUND


def printed(told: dict[str, Any], width: int = 120) -> str:
    out = StringIO()
    print_account(told, Console(file=out, width=width))
    return out.getvalue()


def test_the_waste_is_the_sum_of_the_categories(told: dict[str, Any]) -> None:
    waste = told["waste"]
    categories = waste["by_category"]
    assert {row["category"] for row in categories} == {one.category for one in detectors()}
    for name in ("usd_direct", "usd_avoidable", "usd_candidate"):
        assert waste[name] == pytest.approx(fsum(row[name] for row in categories))
        assert waste[name] == pytest.approx(fsum(row[name] for row in waste["by_dimension"]))
    assert waste["usd_spent"] == pytest.approx(told["totals"]["usd"])
    assert 0 < waste["share_direct"] < waste["share_avoidable"] < 1
    assert waste["share_direct"] == pytest.approx(waste["usd_direct"] / waste["usd_spent"])


def test_flags_and_candidates_are_counted_apart(told: dict[str, Any], audit: Audit) -> None:
    flags = audit.published(FLAGS)
    rows = told["waste"]["by_category"]
    candidates = sum(flag["tier"] == "candidate" for flag in flags)
    assert sum(row["candidates"] for row in rows) == told["waste"]["candidates"] == candidates > 0
    assert sum(row["flags"] for row in rows) == len(flags) - candidates > 0


def test_what_to_change_first_is_dearest_first_and_within_its_category(
    told: dict[str, Any],
) -> None:
    first = told["change_first"]
    amounts = [row["usd_avoidable"] for row in first]
    assert len(first) == 3 and amounts == sorted(amounts, reverse=True)
    categories = {row["category"]: row for row in told["waste"]["by_category"]}
    for row in first:
        whole = categories[row["category"]]
        assert 0 < row["usd_direct"] <= row["usd_avoidable"]
        assert row["usd_avoidable"] <= whole["usd_avoidable"] + 1e-9
        assert 0 < row["sessions"] <= row["flags"] <= whole["flags"]


def test_an_example_can_be_opened(told: dict[str, Any], audit: Audit) -> None:
    for row in told["change_first"]:
        (line,) = archived_lines(audit.lake, row["example"])
        assert line.startswith(b"{")
        assert row["evidence"]


def test_the_cache_is_told_three_ways(told: dict[str, Any], audit: Audit) -> None:
    cache, rows = told["cache"], audit.published(CACHE_ECONOMICS)
    usd = fsum(row["usd"] for row in rows)
    assert cache["read_share_of_usd"] == pytest.approx(fsum(r["usd_read"] for r in rows) / usd)
    assert cache["cache_share_of_usd"] == pytest.approx(
        cache["read_share_of_usd"] + cache["write_share_of_usd"]
    )
    assert cache["usd_uncached"] > usd


@pytest.mark.parametrize("width", [80, 120])
def test_the_story_fits_the_terminal(told: dict[str, Any], width: int) -> None:
    text = printed(told, width)
    lines = text.splitlines()
    # What is to be copied is never broken.
    assert all(len(line) <= width or "waste-assets show" in line for line in lines)
    assert len(lines) <= 62
    assert text.count("…") <= text.count("~") + text.count("claude-")
    for row in told["waste"]["by_category"]:
        assert f"{row['category']} " in text
    for row in told["change_first"]:
        assert f"waste-assets show {row['example']}\n" in text
        month = f"${row['usd_month_high']:,.2f} a month"
        assert f"${row['usd_avoidable']:,.2f} ({month}): {row['what']}"[:40] in text
    waste = told["waste"]
    assert f"Wasted: ${waste['usd_direct']:,.2f} to ${waste['usd_avoidable']:,.2f}" in text


def test_the_last_days_are_shown_and_the_rest_summed_up(told: dict[str, Any]) -> None:
    days = [row["day"] for row in told["by_day"]]
    text = printed(told)
    assert len(days) > 7
    assert f"{len(days) - 6} days before" in text
    assert [day for day in days if day in text] == days[-6:]


def test_nothing_at_all_is_said_in_few_words(tmp_path_factory: pytest.TempPathFactory) -> None:
    empty = Audit(tmp_path_factory.mktemp("empty"))
    empty.publish()
    text = printed(account(empty.bi) | AROUND)
    assert "0 responses on 0 days" in text
    assert "Wasted" not in text and "To change first" not in text


def test_what_has_no_price_has_no_waste(tmp_path_factory: pytest.TempPathFactory) -> None:
    audit = Audit(tmp_path_factory.mktemp("free"))
    c = conversation("free", model="some-local-model").user("Go")
    c.read("gone.py", result="<tool_use_error>File does not exist.", is_error=True)
    audit.write(c.say())
    audit.run()
    audit.publish()
    told = account(audit.bi) | AROUND
    assert told["totals"]["usd"] is None and told["waste"]["share_direct"] is None
    assert told["change_first"] == []
    text = printed(told)
    assert "unpriced at the API's list prices" in text and "Wasted" not in text
