"""What the API does, as far as labels rest on it: of the local imitation, and of the provider.

The same tests run against both. Against the provider they are marked `live`, cost less than a
cent, and run where a key is and `WASTE_ASSETS_LIVE` is set:

    WASTE_ASSETS_LIVE=1 .venv/bin/python -m pytest -m live waste_assets_tests/labels
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import anthropic
import httpx2
import pytest

from waste_assets.labels.answer import Outcome
from waste_assets.labels.client import Client
from waste_assets.labels.reading import read_message, read_result
from waste_assets.labels.request import params_of
from waste_assets.labels.settings import KEY, PROVIDER
from waste_assets.labels.trouble import Kind, Trouble
from waste_assets_tests.fake_anthropic import FakeAnthropic
from waste_assets_tests.labels.support import JUDGE, PROMPT, questions

IS_LIVE = bool(os.environ.get(KEY) and os.environ.get("WASTE_ASSETS_LIVE"))
WITHOUT = pytest.mark.skipif(not IS_LIVE, reason="needs a key, and WASTE_ASSETS_LIVE=1")


@pytest.fixture
def fake() -> Iterator[FakeAnthropic]:
    with FakeAnthropic() as served:
        yield served


@pytest.fixture(params=["fake", pytest.param("live", marks=[pytest.mark.live, WITHOUT])])
def api(request: pytest.FixtureRequest) -> Iterator[Client]:
    """The API behind our client: the imitation, or the provider."""
    if request.param == "fake":
        client = Client("sk-fake", request.getfixturevalue("fake").url)
    else:
        client = Client(os.environ[KEY], PROVIDER)
    yield client
    client.close()


def post(api: Client, path: str, body: dict[str, Any], **headers: str) -> httpx2.Response:
    """One request by hand, past the SDK."""
    key = "sk-fake" if api.is_synthetic else os.environ[KEY]
    given = {"authorization": f"Bearer {key}", "anthropic-version": "2026-10-21", **headers}
    return httpx2.post(api.base_url + path, json=body, headers=given, timeout=60)


def refusal(api: Client, **changed: Any) -> str:
    """What the API says against the request with something changed in it."""
    params = {**params_of(questions(1)[0], JUDGE), **changed}
    answer = post(api, "/v1/messages", params)
    assert answer.status_code == 400, answer.text
    told = answer.json()
    assert told["type"] == "error"
    assert told["error"]["type"] == "invalid_request_error"
    return str(told["error"]["message"])


def until_ended(api: Client, batch_id: str) -> None:
    """Look until the batch has ended; the provider takes minutes."""
    deadline = time.monotonic() + 3_600
    while not api.state(batch_id).has_ended:
        assert time.monotonic() < deadline
        time.sleep(0.0 if api.is_synthetic else 20.0)


# --- of both -----------------------------------------------------------------------------------


def test_a_question_is_answered_by_the_schema_with_its_usage(api: Client) -> None:
    message = api.message(params_of(questions(1)[0], JUDGE))
    reading = read_message(message, PROMPT)
    assert reading.outcome is Outcome.ANSWERED, reading
    assert reading.value is not None
    assert reading.value.keys() == {"evidence", "verdict", "confidence"}
    assert reading.request_id is not None
    assert reading.request_id.startswith("msg_FAKE_" if api.is_synthetic else "msg_")
    assert reading.usage.input_tokens + reading.usage.write_5m_tokens > 500
    assert 0 < reading.usage.output_tokens <= PROMPT.max_tokens
    assert reading.usage.service_tier == "standard"


def test_tokens_are_counted_for_nothing_and_close_to_what_is_billed(api: Client) -> None:
    params = params_of(questions(1)[0], JUDGE)
    counted = api.count_tokens(params)
    usage = read_message(api.message(params), PROMPT).usage
    billed = usage.input_tokens + usage.write_5m_tokens + usage.read_tokens
    assert abs(counted - billed) <= 0.1 * billed + 50


def test_a_batch_says_nothing_until_it_ends_and_then_everything(api: Client) -> None:
    asked = {f"key-{n}": params_of(q, JUDGE) for n, q in enumerate(questions(3))}
    before = datetime.now(UTC) - timedelta(minutes=1)
    batch_id = api.submit([{"custom_id": k, "params": p} for k, p in asked.items()])
    state = api.state(batch_id)
    assert state.requests == 3
    if not state.has_ended:
        with pytest.raises(Trouble) as trouble:
            list(api.results(batch_id))
        assert trouble.value.kind in (Kind.GONE, Kind.REFUSED)
    listed = {one.batch_id: one for one in api.recent(before)}
    assert listed[batch_id].requests == 3
    until_ended(api, batch_id)
    results = {line["custom_id"]: line["result"] for line in api.results(batch_id)}
    assert results.keys() == asked.keys()
    readings = [read_result(result, PROMPT) for result in results.values()]
    assert {one.outcome for one in readings} == {Outcome.ANSWERED}
    assert {one.usage.service_tier for one in readings} == {"batch"}


def test_a_bad_request_in_a_batch_is_told_only_with_its_results(api: Client) -> None:
    good = params_of(questions(1)[0], JUDGE)
    bad = {**good, "max_tokens": 0}
    batch_id = api.submit(
        [{"custom_id": "good", "params": good}, {"custom_id": "bad", "params": bad}]
    )
    until_ended(api, batch_id)
    outcomes = {
        line["custom_id"]: read_result(line["result"], PROMPT).outcome
        for line in api.results(batch_id)
    }
    assert outcomes == {"good": Outcome.ANSWERED, "bad": Outcome.REJECTED}


@pytest.mark.parametrize("name", ["temperature", "top_p", "top_k"])
def test_sampling_parameters_are_refused(api: Client, name: str) -> None:
    assert name in refusal(api, **{name: 0})


def test_a_prefilled_answer_is_refused(api: Client) -> None:
    messages = [{"role": "user", "content": "Well?"}, {"role": "assistant", "content": "{"}]
    refusal(api, messages=messages)


def test_a_thinking_budget_is_refused(api: Client) -> None:
    refusal(api, thinking={"type": "enabled", "budget_tokens": 1_024}, max_tokens=2_000)


def test_thinking_cannot_be_switched_off_at_the_highest_efforts(api: Client) -> None:
    config = {**params_of(questions(1)[0], JUDGE)["output_config"], "effort": "xhigh"}
    refusal(api, output_config=config)


@pytest.mark.parametrize("custom_id", ["a:b", "a/b", "a.b", "", "x" * 65])
def test_a_custom_id_has_few_characters(api: Client, custom_id: str) -> None:
    request = {"custom_id": custom_id, "params": params_of(questions(1)[0], JUDGE)}
    assert post(api, "/v1/messages/batches", {"requests": [request]}).status_code == 400


def test_a_custom_id_stands_once_in_a_batch(api: Client) -> None:
    request = {"custom_id": "same", "params": params_of(questions(1)[0], JUDGE)}
    assert post(api, "/v1/messages/batches", {"requests": [request] * 2}).status_code == 400


def test_a_wrong_key_is_told_as_such(api: Client) -> None:
    wrong = Client("sk-wrong", api.base_url)
    with pytest.raises(Trouble) as trouble:
        wrong.count_tokens(params_of(questions(1)[0], JUDGE))
    assert trouble.value.kind is Kind.KEY
    assert "ANTHROPIC_API_KEY" in str(trouble.value)


def test_a_batch_of_nobody_is_not_there(api: Client) -> None:
    with pytest.raises(Trouble) as trouble:
        api.state("msgbatch_013Zva2CMHLNnXjNJJKqJ2EF")
    assert trouble.value.kind is Kind.GONE


def test_what_is_repeated_often_enough_is_read_from_the_cache(api: Client) -> None:
    usages = [
        read_message(api.message(params_of(q, JUDGE)), PROMPT).usage
        for q in questions(2, about="x")
    ]
    assert usages[1].read_tokens >= 512


# --- of the imitation alone: what the provider does too seldom to be waited for ---------------


def test_the_version_and_the_key_are_looked_at(fake: FakeAnthropic) -> None:
    api = Client("sk-fake", fake.url)
    body = params_of(questions(1)[0], JUDGE)
    path = "/v1/messages"
    assert post(api, path, body, authorization="Basic abc").status_code == 401
    assert post(api, path, body, authorization="").status_code == 401
    assert post(api, path, body, **{"anthropic-version": "2020-01-01"}).status_code == 400
    assert post(api, path, body).status_code == 200


def test_counts_stay_at_nothing_until_the_batch_has_ended(fake: FakeAnthropic) -> None:
    sdk = anthropic.Anthropic(api_key="k", base_url=fake.url)
    params = params_of(questions(1)[0], JUDGE)
    made = sdk.messages.batches.create(requests=[{"custom_id": "a", "params": params}])  # type: ignore[typeddict-item,list-item]
    looks = [sdk.messages.batches.retrieve(made.id) for _ in range(3)]
    assert [one.processing_status for one in looks] == ["in_progress", "in_progress", "ended"]
    assert [one.request_counts.succeeded for one in looks] == [0, 0, 1]
    assert [one.request_counts.processing for one in looks] == [1, 1, 0]
    assert [one.results_url is None for one in looks] == [True, True, False]
    assert looks[0].expires_at - looks[0].created_at == timedelta(hours=24)


def test_results_come_in_another_order_and_in_pieces(fake: FakeAnthropic) -> None:
    api = Client("sk-fake", fake.url)
    names = [f"k{n}" for n in range(30)]
    params = params_of(questions(1)[0], JUDGE)
    batch_id = api.submit([{"custom_id": name, "params": params} for name in names])
    fake.end()
    got = [line["custom_id"] for line in api.results(batch_id)]
    assert sorted(got) == sorted(names)
    assert got != names


def test_batches_are_listed_page_by_page_the_newest_first(fake: FakeAnthropic) -> None:
    fake.page = 2
    api = Client("sk-fake", fake.url)
    params = params_of(questions(1)[0], JUDGE)
    made = [api.submit([{"custom_id": "a", "params": params}]) for _ in range(5)]
    listed = [one.batch_id for one in api.recent(datetime.now(UTC) - timedelta(hours=1))]
    assert listed == made[::-1]
    assert list(api.recent(datetime.now(UTC) + timedelta(hours=1))) == []


def test_too_much_for_one_batch_is_refused(fake: FakeAnthropic) -> None:
    api = Client("sk-fake", fake.url)
    params = params_of(questions(1)[0], JUDGE)
    fake.most_requests = 2
    with pytest.raises(Trouble) as trouble:
        api.submit([{"custom_id": f"k{n}", "params": params} for n in range(3)])
    assert trouble.value.kind is Kind.REFUSED
    fake.most_requests, fake.most_bytes = 100_000, 1_000
    with pytest.raises(Trouble) as trouble:
        api.submit([{"custom_id": "k", "params": params}])
    assert trouble.value.kind is Kind.REFUSED


def test_a_batch_expires_after_a_day_and_its_results_go_after_29(fake: FakeAnthropic) -> None:
    api = Client("sk-fake", fake.url)
    params = params_of(questions(1)[0], JUDGE)
    fake.polls = 10**6
    batch_id = api.submit([{"custom_id": "a", "params": params}])
    assert not api.state(batch_id).has_ended
    fake.advance(hours=25)
    assert api.state(batch_id).has_ended
    assert [line["result"]["type"] for line in api.results(batch_id)] == ["expired"]
    assert fake.counts()["answered"] == {}
    fake.advance(days=29)
    with pytest.raises(Trouble) as trouble:
        list(api.results(batch_id))
    assert trouble.value.kind is Kind.GONE


def test_short_instructions_are_not_cached_and_nothing_says_so(fake: FakeAnthropic) -> None:
    api = Client("sk-fake", fake.url)
    system = [{"type": "text", "text": "Judge.", "cache_control": {"type": "ephemeral"}}]
    params = {**params_of(questions(1)[0], JUDGE), "system": system}
    for _ in range(2):
        usage = read_message(api.message(params), PROMPT).usage
        assert (usage.read_tokens, usage.write_5m_tokens) == (0, 0)


@pytest.mark.parametrize(
    ("planted", "kind"),
    [
        ({"do": 429, "kind": "rate_limit_error", "headers": {"x-should-retry": "false"}}, "busy"),
        ({"do": 429, "kind": "rate_limit_error", "code": "enforced_spend_limit_reached"}, "cap"),
        ({"do": 400, "told": "You have reached your specified API usage limits."}, "cap"),
        ({"do": 402, "kind": "billing_error"}, "cap"),
        ({"do": 403, "kind": "permission_error"}, "key"),
        ({"do": 404, "kind": "not_found_error"}, "gone"),
        ({"do": 413, "kind": "request_too_large"}, "refused"),
        ({"do": 307, "headers": {"location": "https://example.com/v1"}}, "refused"),
        ({"do": 500}, "doubt"),
        ({"do": 504, "kind": "timeout_error"}, "doubt"),
        ({"do": 529, "kind": "overloaded_error"}, "doubt"),
        ({"do": "drop"}, "doubt"),
        ({"do": "lose"}, "doubt"),
    ],
    ids=lambda value: str(value.get("do")) if isinstance(value, dict) else value,
)
def test_a_submit_is_sent_once_whatever_comes_back(
    fake: FakeAnthropic, planted: dict[str, Any], kind: str
) -> None:
    api = Client("sk-fake", fake.url, sleep=lambda seconds: None)
    fake.plant("POST /v1/messages/batches", **planted)
    params = params_of(questions(1)[0], JUDGE)
    with pytest.raises(Trouble) as trouble:
        api.submit([{"custom_id": "a", "params": params}])
    assert trouble.value.kind == kind
    assert str(trouble.value).count("\n") == 0
    assert len(fake.calls("POST /v1/messages/batches")) == (planted["do"] != "drop")


def test_a_submit_that_is_told_to_come_later_comes_later(fake: FakeAnthropic) -> None:
    waited: list[float] = []
    api = Client("sk-fake", fake.url, sleep=waited.append)
    later = {"retry-after": "7"}
    fake.plant("POST /v1/messages/batches", 429, kind="rate_limit_error", headers=later)
    fake.plant("POST /v1/messages/batches", 429, kind="rate_limit_error")
    api.submit([{"custom_id": "a", "params": params_of(questions(1)[0], JUDGE)}])
    assert waited == [7.0, 2.0]
    assert fake.counts()["batches"] == 1


def test_the_key_never_goes_where_a_response_points(fake: FakeAnthropic) -> None:
    with FakeAnthropic() as foreign:
        fake.results_host = foreign.url
        api = Client("sk-fake", fake.url)
        batch_id = api.submit([{"custom_id": "a", "params": params_of(questions(1)[0], JUDGE)}])
        fake.end()
        assert [line["custom_id"] for line in api.results(batch_id)] == ["a"]
        fake.plant("GET /v1/messages/batches", 307, headers={"location": foreign.url + "/x"})
        with pytest.raises(Trouble):
            api.state(batch_id)
        assert foreign.log == []


def test_results_that_break_off_are_no_results(fake: FakeAnthropic) -> None:
    api = Client("sk-fake", fake.url)
    params = params_of(questions(1)[0], JUDGE)
    batch_id = api.submit([{"custom_id": f"k{n}", "params": params} for n in range(20)])
    fake.end()
    fake.plant(f"GET /v1/messages/batches/{batch_id}/results", "cut")
    with pytest.raises(Trouble) as trouble:
        list(api.results(batch_id))
    assert trouble.value.kind is Kind.DOUBT


def test_a_control_call_of_another_process_reads_counts_and_plants(fake: FakeAnthropic) -> None:
    httpx2.post(fake.url + "/control/answers", json={"span 0": {"verdict": "progress"}})
    httpx2.post(fake.url + "/control/special", json={"span 1": "refusal"})
    httpx2.post(fake.url + "/control/plant", json={"on": "GET /v1/messages/batches", "do": 529})
    httpx2.post(fake.url + "/control/advance", json={"days": 1})
    api = Client("sk-fake", fake.url)
    said = [api.message(params_of(q, JUDGE)) for q in questions(2)]
    assert json.loads(said[0]["content"][0]["text"]) == {"verdict": "progress"}
    assert said[1]["stop_reason"] == "refusal"
    assert fake.faults and fake.now > datetime.now(UTC) + timedelta(hours=23)
    assert httpx2.get(fake.url + "/control/counts").json()["answered"] == dict(fake.answered)


def test_no_address_carries_the_key_in_the_clear_and_none_is_a_riddle() -> None:
    for address in ("http://gateway.example.com", "gateway.example.com", "", "ftp://x"):
        with pytest.raises(Exception, match=r"address|clear"):
            Client("k", address)
    with pytest.raises(Exception, match="ANTHROPIC_API_KEY"):
        Client("  ")
    with pytest.raises(Trouble) as trouble:
        Client("k", "http://127.0.0.1:9").count_tokens(params_of(questions(1)[0], JUDGE))
    assert trouble.value.kind is Kind.UNREACHABLE


@pytest.mark.parametrize(
    ("address", "synthetic"),
    [
        ("http://127.0.0.1:1", True),
        ("http://localhost:1", True),
        ("http://[::1]:1", True),
        ("http://api.localhost", True),
        (PROVIDER, False),
        ("https://gateway.example.com/anthropic", False),
        ("https://127.0.0.1.example.com", False),
    ],
)
def test_whatever_answers_on_this_machine_is_no_model(address: str, synthetic: bool) -> None:
    assert Client("k", address).is_synthetic is synthetic
