"""When rules change, clusters keep the names that people know."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from waste_assets.clusters import migration, stage
from waste_assets.clusters.families import Failed, Family, family
from waste_assets.clusters.fingerprint import fingerprint_id
from waste_assets.clusters.migration import compare, migrate
from waste_assets.clusters.registry import Registry
from waste_assets.clusters.shown import names, pairs
from waste_assets.lake.state import State
from waste_assets.lake.tables import FAILURE_CLUSTERS
from waste_assets.mart.tables import CLUSTERS
from waste_assets.sample import conversation
from waste_assets_tests.support import Audit

GATES = ("north", "south", "east", "west")


@pytest.fixture
def audit(tmp_path: Path) -> Audit:
    made = Audit(tmp_path)
    for number in range(6):
        c = conversation(f"s{number}", start=f"2026-09-0{number + 1}T09:00:00Z").user("Go")
        c.bash(f"./{GATES[0]}", "Exit code 9\nthe gate is shut", is_error=True)
        c.bash(f"./{GATES[1]}", "Exit code 9\nthe door is open", is_error=True)
        c.bash(f"./{GATES[number % 4]}", "Exit code 9\nnobody is at home", is_error=True)
        made.write(c.say())
    made.run()
    return made


@pytest.fixture
def state(audit: Audit) -> Iterator[State]:
    made = State(audit.data)
    yield made
    made.close()


Rules = Callable[[Failed], Family]


def use(monkeypatch: pytest.MonkeyPatch, name: str, rules: Rules) -> None:
    """Let other rules be the rules, under a name."""
    monkeypatch.setattr(stage, "family", rules)
    monkeypatch.setattr(stage, "rules", lambda: name)
    monkeypatch.setattr(migration, "rules", lambda: name)
    monkeypatch.setattr(stage, "_all_rules", lambda: name)


def renamed(failed: Failed) -> Family:
    """The next version of the rules: the same families under other ids."""
    old = family(failed)
    return replace(
        old,
        cluster_id=old.cluster_id.replace("c1-", "c2-"),
        fingerprint_id=fingerprint_id(old.template).replace("f1-", "f2-"),
    )


def lumped(failed: Failed) -> Family:
    """All calls that find nobody at home are one."""
    old = family(failed)
    if "nobody" in failed.result:
        return replace(old, cluster_id="c2-" + "0" * 16, title="nobody")
    return old


def published(audit: Audit) -> dict[str, int]:
    audit.publish()
    return {row["cluster_id"]: row["occurrences"] for row in audit.published(CLUSTERS)}


def test_a_new_version_of_the_same_families_changes_no_name(
    audit: Audit, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = published(audit)
    registry = Registry(state)
    use(monkeypatch, "two", renamed)
    assert stage.stale_days(audit.lake) == set(audit.lake.days(FAILURE_CLUSTERS))
    assert migrate(audit.lake, registry)
    audit.clusters()
    assert {row["cluster_id"][:3] for row in audit.rows(FAILURE_CLUSTERS)} == {"c2-"}
    assert published(audit) == before
    (told,) = registry.migrations()
    assert (told.to_rules, told.lost) == ("two", ())
    # Once is enough, and going back needs nothing.
    assert not migrate(audit.lake, registry)


def test_what_was_decided_before_still_holds(
    audit: Audit, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Registry(state)
    by_text = {row["template"]: row for row in audit.rows(FAILURE_CLUSTERS)}
    gate, door, home = (
        by_text[text] for text in ("the gate is shut", "the door is open", "nobody is at home")
    )
    for merged in (gate, door):
        registry.merge(merged["cluster_id"], home["cluster_id"], "", "ann", pairs(audit.lake))
    messages = [gate["fingerprint_id"], door["fingerprint_id"]]
    made = registry.split(home["cluster_id"], messages, "", "ann", pairs(audit.lake))
    assert made.to_id.startswith("s1-")
    before = published(audit)
    use(monkeypatch, "two", renamed)
    migrate(audit.lake, registry)
    audit.clusters()
    assert published(audit) == before
    use(monkeypatch, "three", lambda failed: replace(
        renamed(failed), cluster_id=renamed(failed).cluster_id.replace("c2-", "c3-")
    ))  # fmt: skip
    migrate(audit.lake, registry)
    audit.clusters()
    # Carried twice, it is still the first name.
    assert published(audit) == before


def test_families_that_become_one_keep_the_name_of_the_largest_and_the_rest_is_told(
    audit: Audit, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = published(audit)
    use(monkeypatch, "two", lumped)
    registry = Registry(state)
    migrate(audit.lake, registry)
    audit.clusters()
    after = published(audit)
    ((name, count),) = set(after.items()) - set(before.items())
    assert name in before and count == 6 and before[name] == 2
    (told,) = registry.migrations()
    assert {lost.cluster_id for lost in told.lost} == before.keys() - after.keys()
    assert {lost.mostly_in for lost in told.lost} == {"c2-" + "0" * 16}


def test_a_day_that_is_not_built_again_yet_is_shown_under_the_same_name(
    audit: Audit, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = published(audit)
    use(monkeypatch, "two", renamed)
    migrate(audit.lake, Registry(state))
    audit.clusters(audit.lake.days(FAILURE_CLUSTERS)[:2])
    assert len({row["cluster_id"][:3] for row in audit.rows(FAILURE_CLUSTERS)}) == 2
    assert published(audit) == before
    assert names(audit.lake, state).shown


def test_half_of_the_calls_is_enough_and_less_is_not() -> None:
    carried, lost = compare({("o", "n"): 5, ("o", "x"): 3, ("o", "y"): 2})
    assert (carried, lost) == ([("n", "o")], [])
    carried, lost = compare({("o", "n"): 4, ("o", "x"): 3, ("o", "y"): 3})
    assert not carried
    assert [(one.cluster_id, one.mostly_in, one.overlap) for one in lost] == [("o", "n", 0.4)]
    # An old id that goes on keeps its name; what left it is new.
    assert compare({("o", "o"): 1, ("o", "n"): 9}) == ([], [])
