"""What an audit says: the story in a terminal, and the object that it is told from."""

from __future__ import annotations

import re
from datetime import date
from io import StringIO
from math import fsum
from typing import Any

import pytest
from rich.console import Console

from waste_assets.detectors.registry import detectors
from waste_assets.mart.tables import CACHE_ECONOMICS, FLAGS
from waste_assets.report.account import account
from waste_assets.report.terminal import print_account, print_usage
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


@pytest.mark.parametrize("width", [100, 110, 120])
def test_the_story_fits_a_small_window(told: dict[str, Any], width: int, audit: Audit) -> None:
    text = printed(told, width)
    lines = text.splitlines()
    assert all(len(line) <= width for line in lines)
    assert len(lines) <= 25
    assert "…" not in text and "\x1b" not in text
    for row in told["waste"]["by_category"]:
        assert f"{row['category']} " in text
    for row in told["change_first"]:
        month = f"{usd(row['usd_month_high'])} a month"
        assert f"{usd(row['usd_avoidable'])}, {month}: {row['what']}" in text
    waste = told["waste"]
    assert f"Wasted: {usd(waste['usd_direct'])} to {usd(waste['usd_avoidable'])}" in text
    for start in ("Failures: ", "Cache: ", "Coverage: 40 of 40 files", "More: waste-assets report"):
        assert any(line.startswith(start) for line in lines)
    # Each example can be opened by what is printed of it.
    shown = re.findall(r"show (\S+:\d+)\)", text)
    assert len(shown) == len(told["change_first"]) or width < 120
    for place in shown:
        assert len([*archived_lines(audit.lake, place)]) == 1


def test_the_story_fits_the_narrowest_window_too(told: dict[str, Any]) -> None:
    lines = printed(told, 80).splitlines()
    assert len(lines) <= 25 and all(len(line) <= 80 for line in lines)
    for row in told["waste"]["by_category"]:
        # What holds nothing but candidates makes room for the rest.
        assert any(line.startswith(f"{row['category']} ") for line in lines) == (
            row["usd_avoidable"] > 0
        )
    for row in told["change_first"]:
        assert any(row["what"] in line for line in lines)
    # Also with what labels and a check have to say.
    spend = told["labels"]["spend"] | {"requests": 3, "in_flight": 2, "usd": 0.01, "open_usd": 0.2}
    failed = [{"asset": "a", "check": "check_1", "severity": "WARN", "told": "Look at it."}]
    more = {"labels": told["labels"] | {"spend": spend}, "checks": {"passed": 1, "failed": failed}}
    lines = printed(told | more, 80).splitlines()
    assert len(lines) <= 25 and any(line.startswith("Labels: ") for line in lines)


def usd(value: float) -> str:
    return f"${value:,.2f}"


def test_checks_say_what_to_do_and_take_the_place_of_empty_lines(told: dict[str, Any]) -> None:
    failed = [
        {
            "asset": "a",
            "check": f"check_{n}",
            "severity": "WARN",
            "told": "Something is wrong. " * 9 + "Mend it.",
        }
        for n in range(5)
    ]
    checks = {"passed": 1, "failed": failed}
    lines = printed(told | {"checks": checks}).splitlines()
    first = [n for n, line in enumerate(lines) if line.startswith("check_")]
    assert [lines[n][:14] for n in first] == [f"check_{n} warns:" for n in range(3)]
    assert all(lines[n + 1].startswith("   ") and lines[n + 1].endswith("Mend it.") for n in first)
    assert "2 more checks did not pass: --json has them." in lines
    assert len(lines) <= 26 + len(first) and max(map(len, lines)) <= 120
    # One that names something without an end has one all the same.
    endless = [{**failed[0], "told": "a path/" * 200}]
    lines = printed(told | {"checks": {"passed": 1, "failed": endless}}).splitlines()
    assert len(lines) <= 25 + 2 and max(map(len, lines)) <= 120


def test_what_cannot_wait_stands_at_the_top(told: dict[str, Any]) -> None:
    files = {"found": 9, "read": 4, "being_written": 0,
             "unreadable": [(f"{n}.jsonl", "no") for n in range(5)]}  # fmt: skip
    alerts = {
        "alerts": [{"kind": "budget_80", "text": "2026-09 has cost much."}],
        "alerts_not_sent": ["The alert budget_80 was not sent: the server answered 500."],
        "retention": {"warning": "2 transcripts may be deleted."},
        "checks": {"passed": 0, "failed": [
            {"asset": "waste_mart", "check": "within_budget", "severity": "WARN", "told": "x"}]},
    }  # fmt: skip
    text = printed(told | {"files": files} | alerts)
    assert text.splitlines()[2:9] == [
        "Alert: 2026-09 has cost much.",
        "The alert budget_80 was not sent: the server answered 500.",
        "2 transcripts may be deleted.",
        *(f"Not read: {n}.jsonl (no)." for n in range(3)),
        "Not read: 2 more.",
    ]
    assert "within_budget" not in text


def test_the_usage_is_a_page_of_its_own(told: dict[str, Any]) -> None:
    days = [row["day"] for row in told["by_day"]]
    out = StringIO()
    print_usage(told, Console(file=out, width=100))
    text = out.getvalue()
    assert len(days) > 7
    assert f"{len(days) - 6} days before" in text
    assert [day for day in days if day in text] == days[-6:]
    assert all(len(line) <= 100 for line in text.splitlines())
    assert "by project" in text and "by model" in text and "by project" not in printed(told)


def test_a_terminal_that_wants_no_colour_gets_none(
    told: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def colours() -> set[str]:
        out = StringIO()
        print_account(told, Console(file=out, width=100, force_terminal=True))
        return set(re.findall(r"\x1b\[[\d;]*m", out.getvalue()))

    monkeypatch.setenv("NO_COLOR", "1")
    assert colours() <= {"\x1b[1m", "\x1b[0m"}


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
