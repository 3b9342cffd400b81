"""Titles of clusters: asked of the judge once, published as its own, small groups never."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from click.testing import CliRunner
from dagster_duckdb import DuckDBResource

from waste_assets.assets.haiku_labels import haiku_labels
from waste_assets.cli import commands
from waste_assets.clusters.shown import shown
from waste_assets.clusters.titles import questions
from waste_assets.labelling import asked_of, dry_run, pick_up, submit
from waste_assets.labels.answer import Answer, Outcome
from waste_assets.labels.question import Judge, Question
from waste_assets.labels.recorded import RecordedAnswers
from waste_assets.labels.settings import KEY, LabelSettings
from waste_assets.lake.state import State
from waste_assets.mart.tables import CLUSTERS
from waste_assets.resources.data_root import DataRoot
from waste_assets.resources.haiku import Haiku
from waste_assets.resources.titles import ask_titles
from waste_assets.resources.workers import Workers
from waste_assets.sample import Conversation, conversation
from waste_assets.settings import Settings
from waste_assets_tests.fake_anthropic import FakeAnthropic
from waste_assets_tests.labels.judging import answer_to
from waste_assets_tests.labels.support import opened
from waste_assets_tests.support import Audit, Row

GATE = "Exit code 9\nthe {} gate is shut, says ops@acme-parcels.com"
PRIVATE = "Exit code 7\nnobody has paid for this"


def session(number: int, *, gates: int = 1, unpaid: bool = False) -> Conversation:
    """A failure that everybody has, and one that only some have."""
    home = ("ann", "bob")[number % 2]
    c = conversation(
        f"s{number}", cwd=f"/home/{home}/p{number % 2}", home=f"/home/{home}",
        start=f"2026-09-{number + 1:02}T09:00:00Z",
    ).user("Go")  # fmt: skip
    for _ in range(gates):
        c.bash("./deploy", GATE.format("north"), is_error=True)
    if unpaid:
        for _ in range(3):
            c.bash("./other", PRIVATE, is_error=True)
    return c.say()


def asked(audit: Audit, *, show_examples: bool = False) -> dict[str, list[Question]]:
    """The questions about clusters, by cluster."""
    state = State(audit.data)
    try:
        return questions(audit.lake, shown(audit.lake, state), show_examples=show_examples)
    finally:
        state.close()


def called(question: Question, title: str, **fields: Any) -> Answer:
    """The judge's answer."""
    value = {
        "evidence": "gate is shut",
        "title": title,
        "summary": f"{title}: the deployment waits for ann@acme-parcels.com again.",
        "cause": "other",
        "remedy": "Open it.",
    }
    return answer_to(
        question, None, Judge(), **{"outcome": Outcome.ANSWERED, "value": value, **fields}
    )


def rows(audit: Audit, *, show_examples: bool = False) -> dict[str, Row]:
    """The published clusters by the tool's program."""
    audit.publish(show_examples=show_examples)
    found = audit.published(CLUSTERS)
    return {"gate" if "gate" in row["template"] else "unpaid": row for row in found}


@pytest.fixture
def audit(tmp_path: Path) -> Audit:
    made = Audit(tmp_path)
    made.write(session(0, unpaid=True), session(1), session(2))
    made.run()
    return made


def test_the_judges_title_is_published_without_secrets_and_as_its_own(audit: Audit) -> None:
    ((cluster, (question,)),) = asked(audit).items()
    audit.answers = RecordedAnswers([called(question, "Shut deployment gate")])
    row = rows(audit)["gate"]
    assert (row["cluster_id"], row["title"]) == (cluster, "Shut deployment gate")
    assert row["title_by"] == "claude-haiku-5-5"
    assert row["summary"].startswith("Shut deployment gate: the deployment waits for [REDACTED")
    # What makes a title makes a publication.
    assert audit.plan().publish is False
    audit.answers = RecordedAnswers()
    assert audit.plan().publish
    assert rows(audit)["gate"]["title_by"] == "automatic"


def test_small_groups_are_not_asked_about_and_keep_their_own_title(audit: Audit) -> None:
    private = asked(audit, show_examples=True)
    assert len(private) == 2 and len(asked(audit)) == 1
    answers = [called(about[0], "Told by the judge") for about in private.values()]
    audit.answers = RecordedAnswers(answers)
    told = {name: row["title_by"] for name, row in rows(audit).items()}
    assert told == {"gate": "claude-haiku-5-5", "unpaid": "automatic"}
    allowed = rows(audit, show_examples=True)
    assert {row["title_by"] for row in allowed.values()} == {"claude-haiku-5-5"}


def test_a_question_holds_masked_words_and_no_names(audit: Audit) -> None:
    ((_, (question,)),) = asked(audit).items()
    assert "gate is shut" in question.text and "at least 1 calls" in question.text
    assert "acme" not in question.text
    assert not any(name in question.text for name in ("ann", "bob", "/home"))


def test_a_cluster_is_asked_about_again_when_it_has_grown_fourfold(audit: Audit) -> None:
    ((cluster, (first,)),) = asked(audit).items()
    audit.answers = RecordedAnswers([called(first, "Shut gate")])
    audit.write(session(3, gates=1))
    audit.run()
    # Four calls: another question. Until it is answered the old title stays.
    ((_, (second, old)),) = asked(audit).items()
    assert second.text != first.text and old == first and second.day == date(2026, 9, 4)
    assert rows(audit)["gate"]["title"] == "Shut gate"
    audit.write(session(4, gates=11))
    audit.run()
    ((again, about),) = asked(audit).items()
    assert (again, about) == (cluster, [second, first])
    audit.answers = RecordedAnswers([called(second, "Gate again"), called(first, "Shut gate")])
    row = rows(audit)["gate"]
    assert (row["title"], row["occurrences"]) == ("Gate again", 15)
    audit.write(session(5, gates=1))
    audit.run()
    assert len(asked(audit)[cluster]) == 3


def test_answers_of_this_machine_count_only_where_it_is_asked(audit: Audit) -> None:
    ((_, (question,)),) = asked(audit).items()
    audit.answers = RecordedAnswers([called(question, "Made up", is_synthetic=True)])
    assert rows(audit)["gate"]["title_by"] == "automatic"
    audit.is_synthetic = True
    assert rows(audit)["gate"]["title_by"] == "claude-haiku-5-5 (made up)"


def test_titles_are_asked_once_after_the_days_within_the_budget(
    audit: Audit, fake: FakeAnthropic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY, "sk-fake")

    def settings(usd: float) -> Settings:
        labels = LabelSettings(base_url=fake.url, max_usd=usd)
        return Settings(audit.data, audit.roots, "UTC", labels=labels)

    def titles() -> int:
        return sum(
            "You name clusters" in str(request["params"]["system"])
            for call in fake.calls("POST /v1/messages/batches")
            for request in call["body"]["requests"]
        )

    assert submit(settings(1e-9), "poor").stopped == "budget" and titles() == 0
    assert dry_run(settings(1)).by_task["cluster_title"] == 1
    sent = submit(settings(1), "run")
    assert titles() == 1 and sent.stopped is None and sent.deferred == 0
    assert asked_of(settings(1), "run")["questions"] == sent.questions
    again = submit(settings(1), "run")
    assert (again.submitted, again.in_flight) == (0, sent.submitted)
    assert asked_of(settings(1), "run")["questions"] == sent.questions
    fake.end()
    assert pick_up(settings(1)).outcomes["answered"] == sent.submitted
    assert submit(settings(1), "later").submitted == 0 and titles() == 1
    with audit.labelling() as labelling:
        assert labelling.bench.passed == {"cluster_title"}
    # The list calls clusters as the report does.
    at_fake = {KEY: "sk-fake", "WASTE_ASSETS_LABEL_BASE_URL": fake.url}
    arguments = ["clusters", "list", "--json", "--data-root", str(audit.data)]
    told = CliRunner().invoke(commands, arguments, env=at_fake, catch_exceptions=False)
    audit.answers, audit.is_synthetic = RecordedAnswers(kept(audit)), True
    row = rows(audit)["gate"]
    listed = {one["cluster_id"]: one for one in json.loads(told.stdout)}
    assert row["title_by"] == "claude-haiku-5-5 (made up)"
    assert listed[row["cluster_id"]]["title"] == row["title"]
    assert listed[row["cluster_id"]]["title_by"] == row["title_by"]


def kept(audit: Audit) -> list[Answer]:
    """The answers of the state database."""
    with opened(audit.data) as store:
        return [*store.answers().values()]


def test_a_run_of_the_job_asks_for_titles_too(
    audit: Audit, fake: FakeAnthropic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY, "sk-fake")
    haiku = Haiku(base_url=fake.url, max_usd=1)
    resources = {
        "data_root": DataRoot(path=str(audit.data)), "haiku": haiku, "workers": Workers(),
        "duckdb": DuckDBResource(database=":memory:"),
    }  # fmt: skip
    done = dg.materialize(
        [haiku_labels], partition_key="2026-09-02", resources=resources, raise_on_error=False
    )
    assert done.success
    asked_for = [
        request["params"]
        for call in fake.calls("POST /v1/messages/batches")
        for request in call["body"]["requests"]
    ]
    titles = ["You name clusters" in str(params["system"]) for params in asked_for]
    assert sum(titles) == 1
    # What belongs to the days was asked before.
    assert titles[0] is False and titles[-1] is True, titles
    # Without a budget nothing is asked.
    sent = len(fake.log)
    ask_titles(resources["data_root"], Haiku(base_url=fake.url), "poor")
    assert len(fake.log) == sent
