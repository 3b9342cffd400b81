"""Decisions about clusters: kept for ever, replayed to any date, refused where they cannot be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from waste_assets.cli import commands
from waste_assets.clusters import registry as registry_module
from waste_assets.clusters.listing import listed, parts, proposals
from waste_assets.clusters.registry import ClusterFault, Registry, resolve
from waste_assets.clusters.shown import names, pairs
from waste_assets.lake.state import State
from waste_assets.mart.tables import CLUSTER_ESTIMATES, CLUSTERS
from waste_assets.sample import conversation
from waste_assets_tests.forks import FORKS, ended
from waste_assets_tests.support import Audit

A, B, C, D = "c1-a", "c1-b", "c1-c", "c1-d"
#: A has two messages, the others one each.
PAIRS = [(A, "f1-a"), (A, "f1-a2"), (B, "f1-b"), (C, "f1-c"), (D, "f1-d")]


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    made = State(tmp_path)
    yield made
    made.close()


@pytest.fixture
def registry(state: State) -> Registry:
    return Registry(state)


def on(monkeypatch: pytest.MonkeyPatch, day: date) -> None:
    """Decide at noon of a day."""
    at = datetime(day.year, day.month, day.day, 12, tzinfo=UTC).isoformat(timespec="microseconds")
    monkeypatch.setattr(registry_module, "_now", lambda: at)


def shown(registry: Registry, as_of: date | None = None) -> dict[str, set[str]]:
    """The fingerprints of each cluster that is shown."""
    found: dict[str, set[str]] = {}
    for (_, fingerprint), public in resolve(registry.aliases(as_of), PAIRS).items():
        found.setdefault(public, set()).add(fingerprint)
    return found


def test_chains_of_merges_lead_to_the_last(registry: Registry) -> None:
    registry.merge(A, B, "one problem", "ann", PAIRS)
    registry.merge(B, C, "all one", "ann", PAIRS)
    assert shown(registry) == {C: {"f1-a", "f1-a2", "f1-b", "f1-c"}, D: {"f1-d"}}


def test_a_date_is_told_as_it_was_known_then(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = date(2026, 9, 1)
    on(monkeypatch, first)
    registry.merge(A, B, "alike", "ann", PAIRS)
    on(monkeypatch, first + timedelta(days=3))
    registry.split(B, [A], "not alike after all", "ben", PAIRS)
    on(monkeypatch, first + timedelta(days=6))
    registry.split(A, ["f1-a2"], "another thing", "ben", PAIRS)
    separate = {A: {"f1-a", "f1-a2"}, B: {"f1-b"}, C: {"f1-c"}, D: {"f1-d"}}
    assert shown(registry, first - timedelta(days=1)) == separate
    for days in (0, 1, 2):
        assert shown(registry, first + timedelta(days=days))[B] == {"f1-a", "f1-a2", "f1-b"}
    # A merged cluster that is split off whole has its own name again.
    for days in (3, 4, 5):
        assert shown(registry, first + timedelta(days=days)) == separate
    now = shown(registry)
    assert now[A] == {"f1-a"} and {"f1-a2"} in now.values()
    (made,) = now.keys() - separate.keys()
    assert made.startswith("s1-")
    assert [(one.decided_by, one.why) for one in registry.aliases()] == [
        ("ann", "alike"), ("ben", "not alike after all"), ("ben", "another thing"),
    ]  # fmt: skip


def test_what_cannot_be_is_refused_and_leaves_no_row(registry: Registry) -> None:
    registry.merge(A, B, "", "ann", PAIRS)
    for from_id, to_id, told in (
        (B, A, f"{A} is part of {B} already"),
        (A, C, f"{A} is part of {B} already"),
        (B, B, "is one cluster"),
        (B, "c1-nowhere", "no cluster c1-nowhere"),
    ):
        with pytest.raises(ClusterFault, match=told):
            registry.merge(from_id, to_id, "", "ann", PAIRS)
    for from_id, members, told in (
        (C, ["f1-c"], "all of c1-c"),
        (B, ["f1-c"], "f1-c is no part of c1-b"),
        (A, ["f1-a"], "is part of c1-b already"),
    ):
        with pytest.raises(ClusterFault, match=told):
            registry.split(from_id, members, "", "ann", PAIRS)
    assert len(registry.aliases()) == 1


def test_a_cycle_is_refused_however_long(registry: Registry) -> None:
    registry.merge(A, B, "", "ann", PAIRS)
    registry.merge(B, C, "", "ann", PAIRS)
    registry.merge(C, D, "", "ann", PAIRS)
    with pytest.raises(ClusterFault, match=f"{A} is part of {D} already"):
        registry.merge(D, A, "", "ann", PAIRS)
    assert set(shown(registry)) == {D}


def test_rows_are_for_ever(state: State, registry: Registry) -> None:
    registry.merge(A, B, "", "ann", PAIRS)
    for statement in ("UPDATE cluster_aliases SET to_id = 'x'", "DELETE FROM cluster_aliases"):
        with (
            pytest.raises(sa.exc.IntegrityError, match="only ever added"),
            state.engine.begin() as connection,
        ):
            connection.execute(sa.text(statement))
    assert len(registry.aliases()) == 1


def merge_all(root: Path, by: str) -> None:
    """Merge seven clusters into an eighth, one by one, unless they are already."""
    registry = Registry(State(root))
    for name in "abcdefg":
        with suppress(ClusterFault):
            registry.merge(name, "h", "", by, [(one, f"f{one}") for one in "abcdefgh"])


def test_of_two_who_merge_the_same_at_once_one_is_refused(tmp_path: Path) -> None:
    running = [FORKS.Process(target=merge_all, args=(tmp_path, by)) for by in ("ann", "ben")]
    assert ended(running) == [0, 0]
    state = State(tmp_path)
    assert sorted(one.from_id for one in Registry(state).aliases()) == list("abcdefg")
    state.close()


# --- on a lake -----------------------------------------------------------------------------


@pytest.fixture
def audit(tmp_path: Path) -> Audit:
    made = Audit(tmp_path)
    for number, home in enumerate(("dev", "ann", "dev")):
        c = conversation(
            f"s{number}", cwd=f"/home/{home}/p{number}", home=f"/home/{home}",
            start=f"2026-09-0{number + 2}T09:00:00Z",
        ).user("Go")  # fmt: skip
        c.bash("./deploy", "Exit code 9\nthe north gate is shut today", is_error=True)
        c.bash("./release", "Exit code 9\nthe north gate is shut today", is_error=True)
        c.bash("./other", "Exit code 9\nnobody has paid for this", is_error=True)
        made.write(c.say())
    made.run()
    made.publish()
    made.report()
    return made


def command(audit: Audit, *arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(commands, ["clusters", *arguments, "--data-root", str(audit.data)])
    return done.exit_code, done.output


def ids(audit: Audit) -> dict[str, str]:
    told = json.loads(command(audit, "list", "--json")[1])
    return {one["title"].rpartition(" · ")[2].split()[0]: one["cluster_id"] for one in told}


def test_commands_list_propose_merge_and_split(audit: Audit) -> None:
    found = ids(audit)
    deploy, release = found["deploy"], found["release"]
    told = command(audit, "proposals")[1]
    assert deploy in told and release in told and found["other"] not in told
    pairs = json.loads(command(audit, "proposals", "--json")[1])
    assert {deploy, release} in [{one["from_id"], one["to_id"]} for one in pairs]
    (message,) = json.loads(command(audit, "show", deploy, "--json")[1])
    assert message["cluster_id"] == deploy and message["occurrences"] == 3
    assert audit.plan().is_empty
    status, told = command(audit, "merge", deploy, release, "--why", "one gate", "--by", "ann")
    assert (status, told.count("publishes it")) == (0, 1)
    # What is published has to be made anew, and no day.
    plan = audit.plan()
    assert plan.publish and not plan.days
    audit.publish()
    audit.report()
    assert audit.plan().is_empty
    rows = {row["cluster_id"]: row for row in audit.published(CLUSTERS)}
    assert rows.keys() == {release, found["other"]}
    assert (rows[release]["occurrences"], rows[release]["sessions"]) == (6, 3)
    assert "release" in rows[release]["title"]
    # How often they happen is counted of the same clusters.
    estimates = [row for row in audit.published(CLUSTER_ESTIMATES) if row["kind"] == "cluster"]
    assert {row["cluster_id"]: (row["occurrences"], row["affected"]) for row in estimates} == {
        cluster: (row["occurrences"], row["sessions"]) for cluster, row in rows.items()
    }
    status, told = command(audit, "merge", release, deploy, "--why", "back")
    assert status == 2 and f"{deploy} is part of {release} already" in told
    assert deploy in command(audit, "show", release)[1]
    assert command(audit, "split", release, deploy, "--why", "two after all")[0] == 0
    assert ids(audit) == found
    told = command(audit, "history")[1]
    assert "one gate" in told and "[ann]" in told and "two after all" in told
    decided = json.loads(command(audit, "history", "--json")[1])["decisions"]
    assert [(one["kind"], one["why"]) for one in decided] == [
        ("merge", "one gate"),
        ("split", "two after all"),
    ]


def test_the_list_is_told_as_of_a_day(audit: Audit) -> None:
    found = ids(audit)
    command(audit, "merge", found["deploy"], found["release"], "--why", "one gate")
    told = json.loads(command(audit, "list", "--json", "--as-of", "2026-09-03")[1])
    # Two of three days, and nothing decided yet.
    assert {one["occurrences"] for one in told} == {2} and len(told) == 3
    assert len(json.loads(command(audit, "list", "--json")[1])) == 2


def test_reading_functions_agree_with_the_publication(audit: Audit) -> None:
    state = State(audit.data)
    one, other = ids(audit)["deploy"], ids(audit)["release"]
    Registry(state).merge(one, other, "", "ann", pairs(audit.lake), model="m", prompt_version="3")
    assert set(names(audit.lake, state).shown.values()) == {other}
    assert [part.cluster_id for part in parts(audit.lake, state, other)] == sorted((one, other))
    with pytest.raises(ClusterFault, match="clusters list"):
        parts(audit.lake, state, one)
    assert not proposals(listed(audit.lake, state))
    (alias,) = Registry(state).aliases()
    assert (alias.model, alias.prompt_version) == ("m", "3")
    state.close()


def test_without_a_lake_the_commands_say_what_to_do(tmp_path: Path) -> None:
    status, told = command(Audit(tmp_path), "list")
    assert status == 2 and "waste-assets audit" in told
