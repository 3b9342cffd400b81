"""Remedies ranked: no dollar twice, a month that is one, names only where they may be."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import date, timedelta
from math import fsum
from pathlib import Path

import pytest

from waste_assets.clusters.applied import AppliedRemedies
from waste_assets.clusters.remedies.ranking import Basis, ProjectFacts, place, ranked
from waste_assets.clusters.remedies.remedy import Kind
from waste_assets.lake.state import State
from waste_assets.mart.publish import inputs, publish
from waste_assets.mart.tables import CLUSTERS, DAILY_WASTE, FLAGS, REMEDIES, REMEDY_TRACKING
from waste_assets.sample import Conversation, conversation, generate
from waste_assets.sample.faults import NO_FILE
from waste_assets_tests.clusters.support import failure, finding, gathered
from waste_assets_tests.support import Audit, Row

MONTH = Basis(span_days=30)


def test_findings_of_one_remedy_are_one_and_the_dearest_is_first() -> None:
    small, large = finding(usd=1, high=2), finding("file_reread", "overlap", 4, high=5)
    one, other = ranked(gathered([finding("dead_end", "cut", 6), small, large]), MONTH)
    assert (one.remedy_id, one.usd_low, one.usd_high, one.flags) == ("reread-files", 5, 7, 2)
    assert other.remedy_id == "longer-answers"
    assert one.example == "session.jsonl:7" and one.cluster_id == "file_reread/overlap"


def test_candidates_are_in_no_sum_and_rank_last() -> None:
    sure = finding("dead_end", "run", 0.5)
    maybe = finding("dead_end", "abandoned", 50, is_candidate=True)
    thought = finding("reasoning", "mechanical", 80, is_candidate=True)
    one, other = ranked(gathered([thought, maybe, sure]), MONTH)
    assert (one.remedy_id, one.usd_high, one.usd_candidate) == ("stop-after-three", 0.5, 50)
    assert (one.flags, one.candidates) == (1, 1)
    assert (other.remedy_id, other.usd_high, other.usd_candidate) == ("lower-effort", 0, 80)


@pytest.mark.parametrize(
    ("days", "month"), [(30, 3.0), (15, 6.0), (90, 1.0), (7, 90 / 7), (1, 90 / 7)]
)
def test_a_month_is_thirty_days_of_what_was_observed(days: int, month: float) -> None:
    """One day is no tenth of a month of such days: a week is taken at the least."""
    (one,) = ranked(gathered([finding(usd=3)]), Basis(span_days=days))
    assert one.usd_month_low == pytest.approx(month)


def test_a_changed_pattern_leads_to_the_same_remedy_whatever_the_cluster() -> None:
    old = failure("file_precondition/no_match@1", cluster_id="c1-one")
    new = failure("file_precondition/no_match@9", cluster_id="c2-other", usd=2)
    (one,) = ranked(gathered([old, new]), MONTH)
    assert (one.remedy_id, one.cluster_id) == ("edit-exact-text", "c2-other")


def test_an_hours_cache_is_advised_where_it_saves_more_than_it_costs() -> None:
    words = "8 min 5 s idle, and the cache is kept for five minutes"
    found = [finding("cache_write", "rebuild_idle", 5, evidence=words)]
    (one,) = ranked(gathered(found, 2), Basis(30, hour_cache_usd=2))
    assert (one.remedy_id, one.usd_low, one.usd_high) == ("hour-cache", 3, 3)
    (other,) = ranked(gathered(found, 5), Basis(30, hour_cache_usd=5))
    assert (other.remedy_id, other.usd_low) == ("pauses", 5)


def test_where_a_change_goes() -> None:
    assert place(Kind.CLAUDE_MD, ["~/shop"]) == "CLAUDE.md in ~/shop"
    assert place(Kind.CLAUDE_MD, ["~/shop", "~/a", None]) == (
        "~/.claude/CLAUDE.md, or CLAUDE.md in ~/shop and 2 more projects"
    )
    assert place(Kind.CLAUDE_MD, [None]) == "CLAUDE.md of the project"
    assert place(Kind.SETTINGS, ["~/shop"]) == "merged into .claude/settings.json in ~/shop"
    assert place(Kind.SETTINGS, ["~/shop", "~/a"]) == "merged into ~/.claude/settings.json"


def test_facts_of_the_project_stand_in_the_change() -> None:
    program = failure(
        "platform_confusion/no_program@1", evidence='"command not found: gsed"', tool_name="Bash"
    )
    path = failure("file_precondition/no_such_file@1")
    here = ProjectFacts("macOS", "pnpm", ("src", "acme", "tests"))
    there = ProjectFacts("Linux", "uv", ("src", "tests"))
    facts = {"~/shop": here, "~/api": there}
    told = {one.remedy_id: one for one in ranked(gathered([program, path]), Basis(30, facts))}
    programs = told["missing-programs"]
    assert "`pnpm`" in programs.change and "BSD" in programs.change
    # What is missing in one project only is withheld, as are folders that only one has.
    assert "gsed`." not in programs.change and programs.names_withheld == 1
    assert "`src`, `tests`." in told["paths"].change and "acme" not in told["paths"].change
    named = {
        one.remedy_id: one
        for one in ranked(gathered([program, path]), Basis(30, facts, names=True))
    }
    assert "Not installed here: `gsed`." in named["missing-programs"].change
    assert "`acme`" in named["paths"].change
    # Projects that differ have no fact in common.
    both = [path, failure("file_precondition/no_such_file@1", project="~/api")]
    assert "Folders" not in ranked(gathered(both), Basis(30, facts, names=True))[0].change


# --- published -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def audit(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    made = Audit(tmp_path_factory.mktemp("ranked"))
    generate(made.source, sessions=25, days=4, end=date(2026, 9, 14), seed=5, plants=0.6)
    made.run()
    made.publish()
    return made


def by_category(rows: list[Row], *names: str) -> dict[str, list[float]]:
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row["category"]].append(row)
    return {
        category: [fsum(row[name] for row in group) for name in names]
        for category, group in groups.items()
    }


def test_remedies_address_the_waste_of_each_category_and_no_more(audit: Audit) -> None:
    """Every certain and likely dollar has its remedy: overlaps are gone, and nothing is lost."""
    told = by_category(audit.published(REMEDIES), "usd_low", "usd_high", "usd_candidate")
    waste = by_category(
        [row for row in audit.published(DAILY_WASTE) if row["category"] != "productive"],
        "usd_direct", "usd_avoidable", "usd_candidate",
    )  # fmt: skip
    assert len(told) == 8
    for category, amounts in told.items():
        assert amounts == pytest.approx(waste[category], abs=1e-6), category
    claimed = fsum(f["usd_avoidable"] for f in audit.published(FLAGS) if f["tier"] != "candidate")
    # What flags ask for is more than there is.
    assert fsum(amounts[1] for amounts in told.values()) < claimed


def test_remedies_are_ranked_and_each_flag_is_in_one(audit: Audit) -> None:
    rows = audit.published(REMEDIES)
    assert [row["rank"] for row in rows] == list(range(1, len(rows) + 1))
    amounts = [(row["usd_high"], row["usd_candidate"]) for row in rows]
    assert amounts == sorted(amounts, reverse=True)
    flags = audit.published(FLAGS)
    assert sum(row["flags"] + row["candidates"] for row in rows) == len(flags)
    assert {row["status"] for row in rows} == {"open"}
    # Four days are less than a week.
    assert rows[0]["usd_month_high"] == pytest.approx(rows[0]["usd_high"] * 30 / 7)


def test_remedies_of_failures_lead_to_a_cluster(audit: Audit) -> None:
    clusters = {row["cluster_id"]: row for row in audit.published(CLUSTERS)}
    rows = {row["remedy_id"]: row for row in audit.published(REMEDIES)}
    failures = [row for row in rows.values() if row["category"] == "retry_error"]
    assert len(failures) > 3
    for row in failures:
        cluster = clusters[row["cluster_id"]]
        assert cluster["cause"] == row["cause"]
        assert cluster["usd_direct"] > 0
    others = {row["cluster_id"] for row in rows.values()} - clusters.keys()
    assert "cache_read/prefix" in others and not any(one.startswith("c1-") for one in others)


def test_published_changes_take_words_of_the_findings(audit: Audit) -> None:
    changes = {row["remedy_id"]: row["change"] for row in audit.published(REMEDIES)}
    assert "`Grep`" in changes["tool-parameters"]
    locked = json.loads(changes["machine-written-files"])
    assert locked == {"permissions": {"deny": ["Read(package-lock.json)"]}}
    assert "GNU" in changes["missing-programs"]


def guessing(name: str, project: str, day: int, *, wrong: bool) -> Conversation:
    c = conversation(name, cwd=f"/home/dev/{project}", start=f"2026-09-{day:02}T09:00:00Z")
    c.user("Go").read("lib/known.py")
    if wrong:
        c.read(f"lib/{name}.py", result=NO_FILE.format(cwd="/"), is_error=True)
    for _ in range(2):
        c.read("lib/only_here.py")
    return c.say()


def test_names_of_one_project_are_published_where_it_is_allowed(tmp_path: Path) -> None:
    audit = Audit(tmp_path)
    audit.write(guessing("one", "acme", 1, wrong=True))
    audit.run()
    audit.publish()

    def told() -> Row:
        return next(r for r in audit.published(REMEDIES) if r["remedy_id"] == "reread-files")

    assert "only_here" not in told()["change"] and told()["names_withheld"] == 1
    allowed = audit.beside(names=True)
    assert inputs(audit.lake, allowed) != inputs(audit.lake, audit.beside())
    publish(audit.lake, audit.bi, date(2026, 11, 22), allowed)
    assert "`lib/only_here.py`" in told()["change"] and told()["names_withheld"] == 0


def test_a_remedy_that_was_applied_is_tracked_and_published_anew(tmp_path: Path) -> None:
    audit = Audit(tmp_path)
    for day in range(1, 29):
        audit.write(*(guessing(f"s{day} {n}", "acme", day, wrong=day < 15) for n in range(2)))
    audit.run()
    audit.publish()
    before = inputs(audit.lake, audit.beside())
    assert not audit.published(REMEDY_TRACKING)
    state = State(audit.data)
    try:
        record = AppliedRemedies(state)
        record.record("paths", date(2026, 9, 14))
        record.record("reread-files", date(2026, 9, 14), "~/acme")
        record.record("longer-answers", date(2026, 9, 14), "~/elsewhere")
    finally:
        state.close()
    # The next plan publishes.
    assert inputs(audit.lake, audit.beside()) != before and audit.plan().publish
    audit.publish()
    rows = {row["remedy_id"]: row for row in audit.published(REMEDY_TRACKING)}
    paths = rows["paths"]
    assert (paths["sessions_before"], paths["sessions_after"]) == (26, 28)
    assert (paths["affected_before"], paths["affected_after"]) == (26, 0)
    assert paths["status"] == "gone so far"
    assert paths["occurrences_before"] == 1 and paths["occurrences_after"] == 0
    assert paths["usd_change_high"] < 0
    assert paths["until"] == date(2026, 9, 14) + timedelta(days=14)
    rereads = rows["reread-files"]
    assert rereads["status"] == "no change seen" and rereads["occurrences_change"] == 0
    assert rows["longer-answers"]["status"] == "too early"
    told = {row["remedy_id"]: row for row in audit.published(REMEDIES)}
    assert told["paths"]["status"] == "gone so far"
    assert told["paths"]["applied_on"] == date(2026, 9, 14)
