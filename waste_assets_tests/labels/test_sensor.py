"""The sensor has answers picked up when a batch has ended, and is silent otherwise."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from waste_assets.automation import collect_labels, collect_labels_job
from waste_assets.labels.asking import ask
from waste_assets.labels.client import Client
from waste_assets.resources.data_root import DataRoot
from waste_assets.resources.haiku import Haiku
from waste_assets_tests.fake_anthropic import FakeAnthropic
from waste_assets_tests.labels.support import JUDGE, NOW, budget, opened, questions


@pytest.fixture
def resources(
    tmp_path: Path, fake: FakeAnthropic, monkeypatch: pytest.MonkeyPatch
) -> dict[str, dg.ConfigurableResource[object]]:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-fake")
    return {"data_root": DataRoot(path=str(tmp_path)), "haiku": Haiku(base_url=fake.url)}


def evaluated(resources: dict[str, dg.ConfigurableResource[object]]) -> object:
    """What the sensor says."""
    with dg.build_sensor_context(resources=resources) as context:
        return collect_labels(context)


def test_a_batch_that_has_ended_is_picked_up(
    tmp_path: Path,
    fake: FakeAnthropic,
    client: Client,
    resources: dict[str, dg.ConfigurableResource[object]],
) -> None:
    assert isinstance(evaluated(resources), dg.SkipReason)
    assert fake.log == []
    with opened(tmp_path) as store:
        ask(store, client, JUDGE, questions(3), budget(), NOW)
    assert isinstance(evaluated(resources), dg.SkipReason)
    fake.end()
    request = evaluated(resources)
    assert isinstance(request, dg.RunRequest)
    result = collect_labels_job.execute_in_process(resources=resources)
    assert result.success
    with opened(tmp_path) as store:
        assert len(store.answers()) == 3
    assert isinstance(evaluated(resources), dg.SkipReason)


def test_a_sending_whose_response_was_lost_is_looked_for(
    tmp_path: Path,
    fake: FakeAnthropic,
    client: Client,
    resources: dict[str, dg.ConfigurableResource[object]],
) -> None:
    fake.plant("POST /v1/messages/batches", "lose")
    with opened(tmp_path) as store:
        ask(store, client, JUDGE, questions(3), budget(), NOW)
    assert isinstance(evaluated(resources), dg.RunRequest)


def test_without_a_key_or_a_network_the_sensor_says_why(
    tmp_path: Path,
    fake: FakeAnthropic,
    client: Client,
    resources: dict[str, dg.ConfigurableResource[object]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with opened(tmp_path) as store:
        ask(store, client, JUDGE, questions(3), budget(), NOW)
    fake.plant("GET /v1/messages/batches", 529, times=9)
    told = evaluated(resources)
    assert isinstance(told, dg.SkipReason) and "529" in str(told.skip_message)
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    told = evaluated(resources)
    assert isinstance(told, dg.SkipReason) and "ANTHROPIC_API_KEY" in str(told.skip_message)
