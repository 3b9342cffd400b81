"""Claude Code's clean-up: a warning before it takes what is not archived."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from waste_assets.claude_code.retention import Retention, cleanup_days, retention
from waste_assets.lake.source_catalog import SourceCatalog
from waste_assets.lake.state import State
from waste_assets.sample import conversation
from waste_assets_tests.program import run
from waste_assets_tests.support import Audit
from waste_assets_tests.test_cli import told

NOW = datetime(2026, 10, 1, 12, tzinfo=UTC)


def at_risk(audit: Audit) -> Retention:
    state = State(audit.data)
    try:
        return retention(audit.lake, audit.roots, audit.files(), SourceCatalog(state).read(), NOW)
    finally:
        state.close()


def aged(audit: Audit, days: float) -> None:
    moment = (NOW - timedelta(days=days)).timestamp()
    for file in audit.files():
        os.utime(file.path, (moment, moment))


@pytest.fixture
def audit(tmp_path: Path) -> Audit:
    made = Audit(tmp_path)
    c = conversation("old", start="2026-08-31T23:00:00Z").user("Go").say()
    made.write(c.wait(hours=3).user("More").say())
    return made


@pytest.mark.parametrize(
    ("settings", "age", "count"),
    [
        (None, 27, 0),
        (None, 28.5, 1),
        (None, 31, 1),
        ('{"cleanupPeriodDays": 60}', 31, 0),
        ('{"cleanupPeriodDays": 7}', 6, 1),
        # Claude Code does not take these, and does what it does without.
        ('{"cleanupPeriodDays": "60"}', 31, 1),
        ('{"cleanupPeriodDays": 0}', 27, 0),
        ("{ // mine", 31, 1),
    ],
)
def test_what_is_not_archived_and_about_to_go_is_at_risk(
    audit: Audit, settings: str | None, age: float, count: int
) -> None:
    if settings:
        (audit.source / "settings.json").write_text(settings)
    aged(audit, age)
    found = at_risk(audit)
    assert found.at_risk == count == len(found.paths)
    assert bool(found.sentence) == bool(count)


def test_what_is_archived_may_go(audit: Audit) -> None:
    audit.archive()
    aged(audit, 31)
    # The archive knows it by its content, the catalog as it was: it has to look again.
    audit.archive()
    assert at_risk(audit) == Retention(30)


def test_what_was_read_for_the_sake_of_another_day_is_not_archived(audit: Audit) -> None:
    aged(audit, 29)
    first, last = (datetime(2026, *day).date() for day in ((8, 31), (9, 1)))
    audit.archive(last, last)
    found = at_risk(audit)
    assert found.at_risk == 1 and found.first_loss == "2026-10-02T12:00+00:00"
    audit.archive(first, first)
    assert not at_risk(audit).sentence


def test_a_period_that_one_missed_night_outlives_is_told_of(audit: Audit) -> None:
    (audit.source / "settings.json").write_text('{"cleanupPeriodDays": 1}')
    audit.archive()
    assert "install-hook" in at_risk(audit).sentence


def test_the_settings_lie_beside_the_projects(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text('{"cleanupPeriodDays": 3650}')
    assert cleanup_days(tmp_path / "projects") == cleanup_days(tmp_path) == 3650


def test_an_audit_of_some_days_warns_of_what_it_leaves(audit: Audit) -> None:
    moment = (datetime.now(UTC) - timedelta(days=40)).timestamp()
    for file in audit.files():
        os.utime(file.path, (moment, moment))
    arguments = ("audit", audit.source, "--data-root", audit.data, "--since", "2026-09-01")
    account = told(run(*arguments, "--json", home=audit.folder))
    assert account["retention"]["at_risk"] == 1
    assert ("raw_sessions", "archived_before_cleanup") in {
        (one["asset"], one["check"]) for one in account["checks"]["failed"]
    }
    assert "may be deleted by Claude Code" in account["retention"]["warning"]
