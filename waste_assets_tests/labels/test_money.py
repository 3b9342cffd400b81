"""Processes that run at once share one ledger, and cannot both spend the last dollar."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
import sqlalchemy as sa

from waste_assets.labels import schema
from waste_assets.labels.asking import ask, collect
from waste_assets.labels.client import Client
from waste_assets.labels.spend import figures
from waste_assets_tests.fake_anthropic import FakeAnthropic
from waste_assets_tests.forks import FORKS
from waste_assets_tests.labels.support import (
    JUDGE,
    LATER,
    NOW,
    PROMPT,
    budget,
    opened,
    questions,
)


def ask_at(
    start: Barrier, data: Path, url: str, month: float, state: str | None, name: str, about: str
) -> tuple[int, float]:
    """Ask, once the others are there too: each its own questions, run and client, one budget."""
    with opened(data, state) as store:
        client, wanted = Client("sk-fake", url), questions(20, about=about)
        start.wait(60)
        asked = ask(store, client, JUDGE, wanted, budget(9, month, name), NOW)
    return asked.submitted, asked.reserved_usd


@pytest.fixture(params=["sqlite", "postgres"])
def state(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """The URL of a state database without labels; None is that of the data root."""
    url = request.getfixturevalue("postgres") if request.param == "postgres" else None
    yield url
    if url is not None:
        engine = sa.create_engine(url)
        schema.metadata.drop_all(engine)
        engine.dispose()


def at_once(
    fake: FakeAnthropic, data: Path, state: str | None, month: float, abouts: list[str]
) -> list[tuple[int, float]]:
    """Ask in as many processes, all let go at the same moment; how many each sent, and reserved."""
    with FORKS.Manager() as manager, ProcessPoolExecutor(len(abouts), mp_context=FORKS) as pool:
        start = manager.Barrier(len(abouts))
        asking = [
            pool.submit(ask_at, start, data, fake.url, month, state, f"run {n}", about)
            for n, about in enumerate(abouts)
        ]
        return [one.result(60) for one in asking]


def test_processes_at_once_keep_to_one_budget(
    fake: FakeAnthropic, tmp_path: Path, state: str | None
) -> None:
    with opened(tmp_path, state) as store:
        price = ask(
            store,
            Client("sk-fake", fake.url),
            JUDGE,
            questions(1, about="the price"),
            budget(1, run="price"),
            NOW,
        ).reserved_usd
    month = 31.5 * price
    sent = at_once(fake, tmp_path, state, month, ["one", "two"])
    # Thirty places for twice twenty questions: none is wasted, and none is given twice.
    assert sum(count for count, _ in sent) == 30
    assert price + sum(usd for _, usd in sent) <= month
    assert fake.counts()["requests"] == 31


def test_processes_at_once_ask_the_same_question_once(
    fake: FakeAnthropic, tmp_path: Path, state: str | None
) -> None:
    sent = at_once(fake, tmp_path, state, 1.0, ["same", "same"])
    assert sorted(count for count, _ in sent) == [0, 20]
    assert fake.counts()["requests"] == 20
    fake.end()
    with opened(tmp_path, state) as store:
        collect(store, Client("sk-fake", fake.url), LATER, {PROMPT.digest: PROMPT})
        same = [question.key(JUDGE) for question in questions(20, about="same")]
        assert len(store.answers(same)) == 20
        assert figures(store, run="run 0").lost == 0
