"""`waste-assets labels` and the options of `audit`, as people run them."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner

from waste_assets.cli import commands
from waste_assets.labels import wanted
from waste_assets.labels.labelling import Labelling
from waste_assets.labels.settings import LabelSettings
from waste_assets.sample import generate
from waste_assets_tests import program
from waste_assets_tests.fake_anthropic import FakeAnthropic
from waste_assets_tests.labels.program import give_questions
from waste_assets_tests.support import Audit


@dataclass(frozen=True)
class Done:
    """What a command wrote, and its exit status."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture(autouse=True)
def our_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wanted, "questions", wanted.questions)
    monkeypatch.setattr(wanted, "prompts", wanted.prompts)
    monkeypatch.setattr(Labelling, "allowed", Labelling.allowed)
    monkeypatch.setattr(Labelling, "ask", Labelling.ask)
    give_questions()


def run(*arguments: str, home: Path, **environment: str) -> Done:
    """Run a command in this process."""
    given = {"WASTE_ASSETS_DATA": str(home / "data"), "ANTHROPIC_API_KEY": "", **environment}
    done = CliRunner().invoke(commands, arguments, env=given, catch_exceptions=False)
    return Done(done.exit_code, done.stdout, done.stderr)


def audit(home: Path, *arguments: str, **environment: str) -> Done:
    """Run an audit as a process of its own."""
    done = program.run(
        "audit", home / "source", "--data-root", home / "data", "--json", *arguments,
        home=home, main="waste_assets_tests.labels.program:main", **environment,
    )  # fmt: skip
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


def at(fake: FakeAnthropic, **more: str) -> dict[str, str]:
    """The environment that leads to the local server."""
    return {"ANTHROPIC_API_KEY": "sk-fake", "WASTE_ASSETS_LABEL_BASE_URL": fake.url, **more}


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a small audit in it."""
    home = tmp_path_factory.mktemp("labels")
    made = Audit(home)
    generate(made.source, sessions=2, days=2, end=date(2026, 9, 14), seed=7)
    made.run()
    made.publish()
    return home


@pytest.fixture
def home(audited: Path, tmp_path: Path) -> Path:
    shutil.copytree(audited, tmp_path / "home")
    return tmp_path / "home"


def told(done: Done) -> dict[str, Any]:
    """The JSON object on standard output."""
    value = json.loads(done.stdout)
    assert isinstance(value, dict)
    return value


def complaint(done: Done, status: int) -> str:
    """The one sentence on standard error."""
    assert done.returncode == status, done.stderr
    assert done.stderr.count("\n") == 1 and "Traceback" not in done.stderr, done.stderr
    return done.stderr


def test_a_dry_run_prints_what_would_be_sent_and_sends_nothing(home: Path) -> None:
    # Without a key, and without a network.
    done = run("labels", "--dry-run", home=home, WASTE_ASSETS_LABEL_BASE_URL="http://127.0.0.1:9")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('"custom_id"') == 5
    assert "span 3: ran the tests again" in done.stdout
    assert "5 requests would go to claude-haiku-5-5" in done.stdout
    assert "Nothing was sent" in done.stdout


def test_what_a_dry_run_prints_is_what_is_sent(home: Path, fake: FakeAnthropic) -> None:
    shown = told(run("labels", "--dry-run", "--json", home=home, **at(fake)))
    assert fake.log == []
    done = run("labels", "submit", "--max-usd", "1", "--json", home=home, **at(fake))
    asked = told(done)
    assert (done.returncode, asked["submitted"]) == (0, 5)
    (call,) = fake.calls("POST /v1/messages/batches")
    assert call["body"]["requests"] == shown["requests"]
    assert asked["reserved_usd"] <= shown["most_usd"]


def test_the_whole_way_by_hand(home: Path, fake: FakeAnthropic) -> None:
    sent = run("labels", "submit", "--max-usd", "1", home=home, **at(fake))
    assert "5 sent in batches" in sent.stdout and "worth nothing" in sent.stdout
    assert "1 at work" in run("labels", "collect", home=home, **at(fake)).stdout
    fake.end()
    assert "5 answered" in run("labels", "collect", home=home, **at(fake)).stdout
    again = run("labels", "submit", "--max-usd", "1", home=home, **at(fake))
    assert "5 answered before" in again.stdout
    month = {"WASTE_ASSETS_LABEL_MONTH_USD": "2"}
    spent = run("labels", "spend", home=home, **at(fake, **month))
    assert "claude-haiku-5-5 (made up)" in spent.stdout
    assert "The month's budget has $1.99" in spent.stdout
    rows = json.loads(run("labels", "spend", "--json", home=home, **at(fake)).stdout)
    assert rows[0]["usd"] == pytest.approx(fake.billed_usd)
    assert sum(fake.answered.values()) == 5


def test_a_budget_that_stops_labels_is_a_status_of_its_own(home: Path, fake: FakeAnthropic) -> None:
    done = run("labels", "submit", "--max-usd", "0.0001", home=home, **at(fake))
    assert "comes first next time" in complaint(done, 3)
    assert "left out for lack of money" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "environment", "status", "words"),
    [
        (["--max-usd", "1"], {"ANTHROPIC_API_KEY": ""}, 2, "set ANTHROPIC_API_KEY"),
        ([], {}, 2, "--max-usd"),
        (["--max-usd", "1"], {"ANTHROPIC_API_KEY": "sk-wrong"}, 1, "check ANTHROPIC_API_KEY"),
        (
            ["--max-usd", "1"],
            {"WASTE_ASSETS_LABEL_BASE_URL": "http://127.0.0.1:9"},
            1,
            "cannot be reached",
        ),
        (
            ["--max-usd", "1"],
            {"WASTE_ASSETS_LABEL_BASE_URL": "http://example.com"},
            2,
            "in the clear",
        ),
        (["--max-usd", "1"], {"WASTE_ASSETS_LABEL_MODEL": "claude-x-1"}, 2, "no price"),
        (["--max-usd", "1"], {"WASTE_ASSETS_LABEL_EFFORT": "max"}, 2, "effort"),
        ([], {"WASTE_ASSETS_LABEL_MAX_USD": "much"}, 2, "amount in USD"),
    ],
)
def test_what_is_wrong_is_one_sentence(
    home: Path,
    fake: FakeAnthropic,
    arguments: list[str],
    environment: dict[str, str],
    status: int,
    words: str,
) -> None:
    done = run("labels", "submit", *arguments, home=home, **{**at(fake), **environment})
    assert words in complaint(done, status)


def spend_rows(home: Path) -> list[tuple[Any, ...]]:
    """What is published of the ledger."""
    with duckdb.connect(str(home / "data" / "bi" / "waste.duckdb"), read_only=True) as con:
        return con.execute(
            "SELECT outcome, is_synthetic, count(*) FROM label_spend GROUP BY ALL ORDER BY ALL"
        ).fetchall()


def test_audits_ask_and_pick_up_and_publish_what_it_cost(home: Path, fake: FakeAnthropic) -> None:
    nowhere = at(fake) | {"WASTE_ASSETS_LABEL_BASE_URL": "http://127.0.0.1:9"}
    without_network = audit(home, "--max-usd", "1", **nowhere)
    assert "cannot be reached" in complaint(without_network, 0)
    assert told(without_network)["totals"]["responses"] > 0

    too_little = audit(home, "--max-usd", "0.0001", **at(fake))
    assert "Labels: The budget" in complaint(too_little, 3)
    account = told(too_little)
    assert account["totals"]["responses"] > 0 and account["errors"] == []
    assert account["labelling"]["asked"]["deferred"] == 5

    asking = audit(home, "--max-usd", "1", **at(fake))
    assert told(asking)["labelling"]["asked"]["submitted"] == 5
    assert spend_rows(home) == [("in_flight", True, 5)]
    fake.end()

    calls = len(fake.log)
    off = told(audit(home, "--no-labels", **at(fake, WASTE_ASSETS_LABEL_MAX_USD="1")))
    assert "No label is asked for" in off["labelling"]["off"]
    assert len(fake.log) == calls

    picking_up = told(audit(home, "--max-usd", "1", **at(fake)))
    assert picking_up["labelling"]["collected"]["outcomes"] == {"answered": 5}
    assert spend_rows(home) == [("answered", True, 5)]

    calls = len(fake.log)
    nothing_new = audit(home, "--max-usd", "1", **at(fake))
    assert (nothing_new.returncode, told(nothing_new)["runs"]) == (0, [])
    assert len(fake.log) == calls


def test_labels_are_off_without_a_key_or_a_budget() -> None:
    key = {"ANTHROPIC_API_KEY": "k"}
    on = LabelSettings(max_usd=1)
    assert on.why_off(key) is None
    for settings, environment in (
        (on, {}),
        (on, {"ANTHROPIC_API_KEY": " "}),
        (LabelSettings(), key),
    ):
        why = settings.why_off(environment)
        assert why is not None and why.startswith("No label is asked for")


def test_settings_survive_the_environment() -> None:
    given = LabelSettings("m", "high", "https://gateway.example.com", 0.5, 2.0, 3)
    assert LabelSettings.from_environment(given.to_environment()) == given
    assert LabelSettings.from_environment({}) == LabelSettings()
