"""A local API and a store, for every test of labels that wants them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from waste_assets.labels.client import Client
from waste_assets.labels.store import LabelStore
from waste_assets_tests.fake_anthropic import FakeAnthropic
from waste_assets_tests.labels.support import opened


@pytest.fixture
def fake() -> Iterator[FakeAnthropic]:
    """The imitation of the API."""
    with FakeAnthropic() as served:
        yield served


@pytest.fixture
def client(fake: FakeAnthropic) -> Iterator[Client]:
    """Our client of it; it waits for nothing."""
    made = Client("sk-fake", fake.url, sleep=lambda seconds: None)
    yield made
    made.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LabelStore]:
    """A store in a data root of its own."""
    with opened(tmp_path / "data") as made:
        yield made
