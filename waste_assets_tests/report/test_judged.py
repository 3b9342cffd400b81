"""Judgements in what people read: the story, the report, and the page of a session."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from waste_assets.lake.tables import HAIKU_LABELS
from waste_assets.mart.tables import SESSION_WASTE
from waste_assets.report.account import account
from waste_assets.report.judged import changed, sentence
from waste_assets.report.render import file_name
from waste_assets.report.session import told_sessions
from waste_assets.report.session_terminal import print_session
from waste_assets.report.terminal import print_account
from waste_assets_tests.labels.judging import giving_up
from waste_assets_tests.labels.support import spend_something
from waste_assets_tests.report.page import Page
from waste_assets_tests.report.test_terminal import AROUND
from waste_assets_tests.support import Audit


def judged_by_a_person(folder: Path) -> Audit:
    """A session whose candidate a person has called a dead end."""
    audit = Audit(folder)
    audit.write(giving_up())
    audit.run()
    (subject,) = {
        row["subject_id"] for row in audit.rows(HAIKU_LABELS) if row["status"] == "needs_judgement"
    }
    said = {"task": "dead_end", "subject": subject, "label": "dead_end", "by": "ana"}
    (audit.data / "labels.jsonl").write_text(json.dumps(said) + "\n")
    audit.labels()
    audit.publish()
    return audit


def printed(told: dict[str, Any], width: int = 120) -> str:
    out = StringIO()
    print_account(told, Console(file=out, width=width))
    return out.getvalue()


def test_the_story_tells_what_judgements_changed(tmp_path: Path) -> None:
    told = account(judged_by_a_person(tmp_path).bi)
    rows = {row["category"]: row for row in changed(told["labels"])}
    assert rows["dead_end"]["rules_usd_direct"] == 0 < rows["dead_end"]["usd_direct"]
    text = sentence(told["labels"])
    assert text is not None and text.startswith("Labels: 1 by people, 0 undecided. By rules alone")
    (line,) = (line for line in printed(told | AROUND).splitlines() if line.startswith("Labels:"))
    assert line == text


def test_the_story_tells_what_labels_cost_and_what_is_to_come(tmp_path: Path) -> None:
    audit = Audit(tmp_path)
    audit.write(giving_up())
    audit.run()
    audit.publish()
    assert sentence(account(audit.bi)["labels"]) is None
    assert "Labels:" not in printed(account(audit.bi) | AROUND)
    # One request answered, one under way.
    spend_something(audit.data)
    audit.publish()
    told = account(audit.bi)
    assert told["labels"]["spend"]["requests"] == 2
    assert (
        "Labels: 1 undecided. No amount is changed by them. "
        "The model cost $0.0001, and 1 answer to come at most $0.0010." in printed(told | AROUND)
    )


def test_the_report_shows_labels_where_there_are_any(tmp_path: Path) -> None:
    audit = judged_by_a_person(tmp_path)
    index = Page.of(audit.report().index)
    (section,) = index.all("section", id="judged")
    assert "By rules alone waste is" in section.text and "people" in section.text
    assert "Dead ends" in section.text
    (audit.data / "labels.jsonl").unlink()
    audit.labels()
    audit.publish()
    assert Page.of(audit.report().index).all("section", id="judged") == []


def test_a_session_is_told_with_its_judgements(tmp_path: Path) -> None:
    audit = judged_by_a_person(tmp_path)
    waste = {row["category"]: row for row in audit.published(SESSION_WASTE)}
    (name,) = {row["session_id"] for row in waste.values()}
    told = told_sessions(audit.lake, audit.bi, [name])[name]
    assert waste["dead_end"]["usd_direct"] > 0
    for owner in told["owners"]:
        if owner["category"] in waste:
            for amount in ("usd", "usd_direct", "usd_avoidable"):
                assert owner[amount] == pytest.approx(waste[owner["category"]][amount])
    assert {flag["basis"] for flag in told["flags"] if flag["category"] == "dead_end"} == {"judged"}
    page = Page.of(audit.report().index.parent / "sessions" / file_name(name))
    high = sum(row["usd_avoidable"] for category, row in waste.items() if category != "productive")
    assert page.figure("wasted-high") == pytest.approx(high)
    assert "judged" in page.text
    out = StringIO()
    print_session(told, Console(file=out, width=120), audit.calendar.zone)
    assert "dead_end/" in out.getvalue() and "likely, judged" in out.getvalue()
