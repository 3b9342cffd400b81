"""Clusters last: the same ids and counts in whatever order, and late days only add."""

from __future__ import annotations

import random
from math import fsum
from pathlib import Path

import pyarrow as pa
import pytest

from waste_assets.clusters import stage
from waste_assets.lake.tables import (
    CLUSTER_SUMMARIES,
    CLUSTER_TABLES,
    FAILED_CALLS,
    FAILURE_CLUSTERS,
    HEURISTIC_FLAGS,
)
from waste_assets.mart.tables import CLUSTER_DAYS, CLUSTERS
from waste_assets.processes import Processes
from waste_assets.sample import Conversation, conversation
from waste_assets.settings import SHOW_EXAMPLES, Settings
from waste_assets_tests.forks import FORKS, ended
from waste_assets_tests.support import Audit

MISSING = "<tool_use_error>File does not exist.</tool_use_error>"
NO_MATCH = "<tool_use_error>String to replace not found in file.\nString: {}</tool_use_error>"
SECRET = "sk-ant-" + "api03-" + "Q7x" * 25


def session(name: str, day: int, *, home: str = "dev", project: str = "shop") -> Conversation:
    """A session with five failures of four problems."""
    c = conversation(
        name,
        cwd=f"/home/{home}/{project}",
        home=f"/home/{home}",
        start=f"2026-09-{day:02}T09:00:00Z",
    ).user("Go")
    c.read("a.py", result=MISSING, is_error=True).read("b.py", 40)
    c.edit("b.py", result=NO_MATCH.format(name), is_error=True)
    c.bash(
        "go test ./...", f"Exit code 1\n--- FAIL: Test{name.title()} (0.1s)\nFAIL", is_error=True
    )
    c.bash("./deploy", f"Exit code 9\nthe {name} gate is shut, key {SECRET}", is_error=True)
    return c.read("c.py", result=MISSING, is_error=True).say()


@pytest.fixture(scope="module")
def audit(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    made = Audit(tmp_path_factory.mktemp("clusters"))
    for day in range(1, 9):
        made.write(
            session(f"n{chr(96 + day)}", day, home=("dev", "ann")[day % 2], project=f"p{day % 3}")
        )
    made.run()
    return made


def emptied(audit: Audit) -> None:
    for table in CLUSTER_TABLES:
        for day in audit.lake.days(table):
            audit.lake.remove(table, day)


def test_every_failed_call_is_in_one_cluster_and_counted(audit: Audit) -> None:
    failed = {(row["tool_use_id"], row["day"]): row for row in audit.rows(FAILED_CALLS)}
    rows = {(row["tool_use_id"], row["day"]): row for row in audit.rows(FAILURE_CLUSTERS)}
    assert rows.keys() == failed.keys() and len(rows) == 40
    assert all(rows[key]["usd"] == failed[key]["usd"] for key in rows)
    titles = {row["title"] for row in rows.values()}
    assert (
        "file precondition: no match" in titles and "build or test · go test test failed" in titles
    )
    sums = audit.rows(CLUSTER_SUMMARIES)
    assert sum(row["occurrences"] for row in sums) == 40
    (twice,) = {(r["occurrences"], r["sessions"]) for r in sums if "no such file" in r["title"]}
    assert twice == (2, 1)


def test_what_flags_own_of_failed_calls_is_what_clusters_cost(audit: Audit) -> None:
    owned = sum(
        row["usd_owned"]
        for row in audit.rows(HEURISTIC_FLAGS)
        if row["tier"] != "candidate" and row["category"] in ("retry_error", "dead_end")
    )
    direct = sum(row["usd_direct"] for row in audit.rows(FAILURE_CLUSTERS))
    avoidable = sum(row["usd_avoidable"] for row in audit.rows(FAILURE_CLUSTERS))
    assert direct == pytest.approx(owned, abs=1e-9) and direct > 0
    assert avoidable > direct


def test_a_flag_may_name_thousands_of_calls(tmp_path: Path) -> None:
    audit = Audit(tmp_path)
    audit.write(session("many", 1))
    audit.run()
    (day,) = audit.lake.days(FAILED_CALLS)
    call = next(row for row in audit.rows(FAILED_CALLS) if row["tool_name"] == "Edit")
    flag = audit.rows(HEURISTIC_FLAGS)[0] | {"tier": "certain", "agent": call["agent"]}
    ids = [f"toolu_{n}" for n in range(6_000)]
    for table, rows in (
        (FAILED_CALLS, [call | {"tool_use_id": one} for one in ids]),
        (HEURISTIC_FLAGS, [flag | {"tool_use_ids": ids, "usd_owned": 2.5}]),
    ):
        written = pa.Table.from_pylist(rows).select(table.column_names).cast(table.schema)
        audit.lake.write(table, day, written, audit.lake.notes(table, day))
    audit.clusters()
    costs = [row["usd_direct"] for row in audit.rows(FAILURE_CLUSTERS)]
    assert len(costs) == len(ids) and fsum(costs) == pytest.approx(2.5)


def test_days_in_any_order_again_and_in_any_portions_give_the_same_bytes(
    audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = audit.parts(*CLUSTER_TABLES)
    days = audit.lake.days(FAILED_CALLS)
    for seed in range(3):
        emptied(audit)
        rng = random.Random(seed)
        # Days are also built together, up to so many failures.
        monkeypatch.setattr(stage, "_BATCH_ROWS", rng.choice((1, 11, 1_000)))
        order = [*days, *rng.sample(days, 3)]
        rng.shuffle(order)
        while order:
            cut = rng.randint(1, 4)
            audit.clusters(order[:cut])
            order = order[cut:]
        assert audit.parts(*CLUSTER_TABLES) == whole


def test_processes_that_build_different_days_at_once_give_the_same_bytes(audit: Audit) -> None:
    whole = audit.parts(*CLUSTER_TABLES)
    days = audit.lake.days(FAILED_CALLS)
    emptied(audit)
    # One day is built by both.
    shares = (days[::2], [*days[1::2], days[0]])
    running = [
        FORKS.Process(target=stage.build, args=(audit.lake, share, Processes(1)))
        for share in shares
    ]
    assert ended(running) == [0, 0]
    assert audit.parts(*CLUSTER_TABLES) == whole


def test_a_late_day_only_adds(tmp_path: Path) -> None:
    audit = Audit(tmp_path)
    audit.write(session("later", 5))
    audit.run()
    before = audit.parts(*CLUSTER_TABLES)
    known = {row["cluster_id"]: row["title"] for row in audit.rows(CLUSTER_SUMMARIES)}
    audit.write(session("earlier", 2))
    audit.run()
    after = audit.parts(*CLUSTER_TABLES)
    assert before.items() <= after.items() and len(after) == 2 * len(before)
    found = {row["cluster_id"]: row["title"] for row in audit.rows(CLUSTER_SUMMARIES)}
    # Three problems were known; what the gate said was new.
    assert known.items() <= found.items() and len(found) == len(known) + 1


def test_a_day_is_stale_when_its_flags_are_made_anew_or_the_rules_change(
    audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert stage.stale_days(audit.lake) == set()
    monkeypatch.setattr(stage, "RULES", "another")
    stage._all_rules.cache_clear()
    try:
        assert stage.stale_days(audit.lake) == set(audit.lake.days(FAILED_CALLS))
    finally:
        monkeypatch.undo()
        stage._all_rules.cache_clear()


def test_the_publication_adds_up_and_names_the_same_examples_every_time(audit: Audit) -> None:
    audit.publish()
    clusters = {row["cluster_id"]: row for row in audit.published(CLUSTERS)}
    days = audit.published(CLUSTER_DAYS)
    assert sum(row["occurrences"] for row in clusters.values()) == 40
    assert sum(row["occurrences"] for row in days) == 40
    assert sum(row["usd"] for row in days) == pytest.approx(
        sum(row["usd"] for row in audit.rows(FAILED_CALLS)), abs=1e-9
    )
    audit.publish()
    assert clusters == {row["cluster_id"]: row for row in audit.published(CLUSTERS)}


def test_small_groups_show_no_text_unless_a_setting_allows_it(audit: Audit) -> None:
    audit.publish()
    rows = audit.published(CLUSTERS)
    private = [row for row in rows if row["is_private"]]
    shared = [row for row in rows if not row["is_private"]]
    # Each gate is of one session; the rest is known to two people and three projects.
    assert len(private) == 8 and len(shared) == 3
    assert all(row["examples"] is None for row in private)
    assert all(row["examples"] for row in shared)
    assert all(len(row["example_places"]) == min(3, row["occurrences"]) for row in rows)
    audit.publish(show_examples=True)
    shown = audit.published(CLUSTERS)
    told = " ".join(text for row in shown for text in row["examples"])
    assert "gate is shut" in told and "Q7x" not in told
    assert not any("Q7x" in str(value) for row in shown for value in row.values())


def test_the_setting_is_yes_or_no_and_is_handed_on_to_other_processes() -> None:
    assert not Settings.from_environment({}).show_examples
    allowed = Settings.from_environment({SHOW_EXAMPLES: "Yes"})
    assert allowed.show_examples
    assert Settings.from_environment(allowed.to_environment()).show_examples
    with pytest.raises(ValueError, match=SHOW_EXAMPLES):
        Settings.from_environment({SHOW_EXAMPLES: "maybe"})


@pytest.mark.parametrize(("homes", "projects"), [(("dev", "dev"), "ab"), (("dev", "ann"), "aa")])
def test_one_person_or_one_project_is_a_small_group(
    homes: tuple[str, str], projects: str, tmp_path: Path
) -> None:
    audit = Audit(tmp_path)
    for number, (home, project) in enumerate(zip(homes, projects, strict=True)):
        audit.write(session(f"s{number}", 3, home=home, project=project))
    audit.run()
    audit.publish()
    rows = {row["title"]: row for row in audit.published(CLUSTERS)}
    row = rows["file precondition: no match"]
    # The same project of two people lies in two homes, and so at two places.
    assert (row["people"], row["projects"]) == (len(set(homes)), 2)
    assert row["is_private"] == (len(set(homes)) < 2)
    assert (row["examples"] is None) == row["is_private"]


def test_the_trend_compares_shares_of_sessions_with_an_interval(tmp_path: Path) -> None:
    audit = Audit(tmp_path)
    for number in range(12):
        # Ten quiet sessions in August; in September the file is missing in each.
        if number < 10:
            day = f"2026-08-{number + 5:02}T09:00:00Z"
            audit.write(conversation(f"quiet {number}", start=day).user("Go").say())
        audit.write(session(f"t{number}", 8 + number))
    audit.run()
    audit.publish()
    row = next(r for r in audit.published(CLUSTERS) if "no such file" in r["title"])
    assert (row["sessions_28d"], row["active_28d"]) == (12, 12)
    assert (row["sessions_before"], row["active_before"]) == (0, 10)
    assert 1 < row["trend_low"] < row["trend"] < row["trend_high"]
