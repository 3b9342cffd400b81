"""Killed at any point, nothing is paid for twice and no answer is lost: the server counts."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from waste_assets.labels.asking import ask, collect
from waste_assets.labels.client import Client
from waste_assets.labels.spend import figures
from waste_assets_tests.fake_anthropic import FakeAnthropic
from waste_assets_tests.labels.crashing import Crashing
from waste_assets_tests.labels.support import JUDGE, NOW, PROMPT, budget, opened, questions

PROMPTS = {PROMPT.digest: PROMPT}
#: A sending that never arrived is known as such by now.
NEXT_RUN = NOW + timedelta(minutes=20)


@pytest.fixture(scope="module")
def served() -> Iterator[FakeAnthropic]:
    with FakeAnthropic() as fake:
        yield fake


@pytest.fixture
def roots() -> Iterator[Path]:
    """A place for many data roots; in memory where there is one, for each is synced to its disk."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as place:
        yield Path(place)


@pytest.fixture(scope="module")
def crashing(served: FakeAnthropic) -> Iterator[Crashing]:
    with Crashing(served.url) as program:
        yield program


def assert_each_is_paid_once(data: Path, client: Client, fake: FakeAnthropic, about: str) -> None:
    """Go on as the next run does; then everything is answered, and was billed once."""
    asked = questions(3, about=about)
    with opened(data) as store:
        fake.end()
        collect(store, client, NEXT_RUN, PROMPTS)
        ask(store, client, JUDGE, asked, budget(), NEXT_RUN)
        fake.end()
        collect(store, client, NEXT_RUN, PROMPTS)
        keys = {q.key(JUDGE) for q in asked}
        assert dict(fake.answered) == dict.fromkeys(keys, 1)
        assert {key for key, one in store.answers(keys).items() if one.value} == keys
        assert store.in_flight() == set()
        assert figures(store).usd == pytest.approx(fake.billed_usd, abs=1e-12)


def test_killed_at_every_line_of_asking(
    roots: Path, served: FakeAnthropic, crashing: Crashing
) -> None:
    client = Client("sk-fake", served.url)
    at = met_by_the_server = 0
    while True:
        at += 1
        served.reset()
        data, about = roots / str(at), f"at {at}"
        crashing.send(do="ask", data=data, about=about, now=NOW, at=at)
        killed = crashing.was_killed()
        arrived = served.counts()["batches"]
        met_by_the_server += arrived
        assert_each_is_paid_once(data, client, served, about)
        if not killed:
            break
    # It was killed before the batch was made, and after.
    assert at > 30 and 5 < met_by_the_server < at - 15


def test_killed_at_every_line_of_collecting(
    roots: Path, served: FakeAnthropic, crashing: Crashing
) -> None:
    client = Client("sk-fake", served.url)
    at = 0
    while True:
        at += 1
        served.reset()
        data, about = roots / str(at), f"at {at}"
        with opened(data) as store:
            ask(store, client, JUDGE, questions(3, about=about), budget(), NOW)
        served.end()
        crashing.send(do="collect", data=data, about=about, now=NOW, at=at)
        killed = crashing.was_killed()
        assert_each_is_paid_once(data, client, served, about)
        if not killed:
            break
    assert at > 25


def test_killed_while_the_server_is_about_to_answer(
    roots: Path, served: FakeAnthropic, crashing: Crashing
) -> None:
    served.reset()
    served.plant("POST /v1/messages/batches", "hang")
    child = crashing.send(do="ask", data=roots, about="hang", now=NOW, at=-1)
    deadline = time.monotonic() + 30
    while not served.counts()["batches"]:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    assert crashing.was_killed()
    with opened(roots) as store:
        assert len(store.in_flight()) == 3
    client = Client("sk-fake", served.url)
    assert_each_is_paid_once(roots, client, served, "hang")
    assert served.counts()["batches"] == 1
