"""What leaves the machine where somebody asked for that, labels and alerts: it holds no secret."""

from __future__ import annotations

import json
import os
import threading
from datetime import UTC, datetime, timedelta

import pytest

from waste_assets.alerts.settings import MONTHLY_USD, WEBHOOK, WEBHOOK_PROJECTS
from waste_assets.audit import run_audit
from waste_assets.labels.settings import KEY, LabelSettings
from waste_assets.sample import Conversation, conversation
from waste_assets.settings import Settings
from waste_assets_tests.alerts.test_webhook import Server
from waste_assets_tests.fake_anthropic import FakeAnthropic
from waste_assets_tests.test_hostile_world import SECRETS, TOLD

TEXTS = {name: TOLD[name].format(secret) for name, secret in SECRETS.items()}


def talk(name: str, text: str) -> Conversation:
    """A conversation that all kinds of questions ask about, with a text in all that was said."""
    now = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    c = conversation(name, start=now.isoformat().replace("+00:00", "Z"), cwd=f"/srv/{text}")
    c.user(f"Look it up: {text}")
    c.web_fetch("https://parcel.example.org/limits", code=403)
    c.web_fetch(f"https://parcel.example.org/{text}", code=403)
    c.say(f"It does not let me in with {text}, I go on without.")
    c.read(f"/srv/{text}.py", 300, result=text).edit("app.py")
    c.tool("mcp__vault__get", {"note": text}, f"odd: {text}", is_error=True)
    return c.user(f"And now? {text}").bash("make", text).say(text)


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """What the labels' and the alerts' servers were sent by audits of such conversations."""
    folder = tmp_path_factory.mktemp("leaving")
    source = folder / "source"
    for name, text in TEXTS.items():
        # Somebody may have named a file, too.
        talk(name, text).write(folder / "made")
        made = max((folder / "made").rglob("*.jsonl"), key=lambda path: path.stat().st_ino)
        place = source / "projects" / name / f"{text.replace('/', '_')[:90]}.jsonl"
        place.parent.mkdir(parents=True)
        made.replace(place)
    before = dict(os.environ)
    with FakeAnthropic() as judge, Server() as hook:
        threading.Thread(target=hook.serve_forever, daemon=True).start()
        labels = LabelSettings(base_url=judge.url, max_usd=5.0)
        settings = Settings(folder / "data", (source,), "UTC", labels=labels, audit_sample=60)
        os.environ |= {
            KEY: "sk-fake-key", MONTHLY_USD: "0.000001", WEBHOOK: hook.url, WEBHOOK_PROJECTS: "yes",
        }  # fmt: skip
        try:
            outcome = run_audit(settings)
        finally:
            os.environ.clear()
            os.environ.update(before)
            hook.shutdown()
        assert outcome.succeeded, outcome.told["errors"]
        return json.dumps(judge.log), json.dumps(hook.got)


@pytest.mark.parametrize("name", SECRETS)
def test_no_secret_is_sent_with_a_question(sent: tuple[str, str], name: str) -> None:
    asked, _ = sent
    assert SECRETS[name] not in asked


@pytest.mark.parametrize("name", SECRETS)
def test_no_secret_is_sent_with_an_alert(sent: tuple[str, str], name: str) -> None:
    _, alerts = sent
    assert SECRETS[name] not in alerts


def test_something_was_sent(sent: tuple[str, str]) -> None:
    """Else the tests above would prove nothing."""
    asked, alerts = sent
    for words in ("It does not let me in with", "odd: ", "Look it up", "[REDACTED:"):
        assert words in asked, words
    assert '"budget_100"' in alerts and '"projects"' in alerts and "[REDACTED:" in alerts
