"""Asking and picking up: once for each question, within the budget, whatever goes wrong."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
import sqlalchemy as sa
from pydantic import BaseModel

from waste_assets.faults import Fault
from waste_assets.labels import schema
from waste_assets.labels.answer import Outcome
from waste_assets.labels.asking import Asked, Collected, ask, collect
from waste_assets.labels.client import Client
from waste_assets.labels.question import Judge, Prompt, Question
from waste_assets.labels.spend import figures, ledger
from waste_assets.labels.store import LabelStore
from waste_assets_tests.fake_anthropic import FakeAnthropic
from waste_assets_tests.labels.support import (
    DAY,
    JUDGE,
    LATER,
    NOW,
    PROMPT,
    budget,
    opened,
    questions,
    spend_something,
)

PROMPTS = {PROMPT.digest: PROMPT}
SUBMIT = "POST /v1/messages/batches"


def sent(store: LabelStore, client: Client, asked: list[Question], **more: Any) -> Asked:
    """Ask now, with a dollar if nothing else is said."""
    more = {"budget": budget(), "now": NOW, **more}
    return ask(store, client, JUDGE, asked, **more)


def picked_up(store: LabelStore, client: Client, fake: FakeAnthropic) -> Collected:
    """Let all batches end, and collect."""
    fake.end()
    return collect(store, client, LATER, PROMPTS)


def assert_ledger_is_the_bill(store: LabelStore, fake: FakeAnthropic) -> None:
    """What the ledger says was spent is what the server billed, and each item once."""
    assert figures(store).usd == pytest.approx(fake.billed_usd, abs=1e-12)
    assert set(fake.answered.values()) <= {1}


# --- once --------------------------------------------------------------------------------------


def test_questions_are_sent_and_answers_picked_up_later(
    store: LabelStore, client: Client, fake: FakeAnthropic
) -> None:
    asked = sent(store, client, questions(5))
    assert (asked.questions, asked.submitted, asked.stopped) == (5, 5, None)
    keys = {q.key(JUDGE) for q in questions(5)}
    assert store.in_flight(keys) == keys and store.answers(keys) == {}
    first = collect(store, client, NOW, PROMPTS)
    assert (first.batches, first.waiting, first.outcomes.total()) == (0, 1, 0)
    then = picked_up(store, client, fake)
    assert (then.batches, then.waiting, then.outcomes["answered"]) == (1, 0, 5)
    answers = store.answers(keys)
    assert answers.keys() == keys and store.in_flight(keys) == set()
    for key, answer in answers.items():
        assert answer.outcome is Outcome.ANSWERED and answer.value is not None
        assert answer.value["verdict"] in ("dead_end", "progress")
        assert (answer.key, answer.answered_at) == (key, LATER)
        assert answer.request_id is not None and answer.request_id.startswith("msg_FAKE_")
        assert answer.is_synthetic and answer.usd > 0
    assert_ledger_is_the_bill(store, fake)
    assert collect(store, client, LATER, PROMPTS) == Collected()


def test_what_was_answered_is_never_asked_again(
    store: LabelStore, client: Client, fake: FakeAnthropic
) -> None:
    sent(store, client, questions(3))
    under_way = sent(store, client, questions(5))
    assert (under_way.in_flight, under_way.submitted) == (3, 2)
    picked_up(store, client, fake)
    before, calls = store.ledger_version(), len(fake.log)
    again = sent(store, client, [*questions(5), *questions(5)])
    assert (again.questions, again.cached, again.submitted) == (5, 5, 0)
    assert store.ledger_version() == before
    # A second run does not even reach for the network.
    assert len(fake.log) == calls
    assert_ledger_is_the_bill(store, fake)


def test_another_prompt_model_or_effort_is_another_question(
    store: LabelStore, client: Client, fake: FakeAnthropic
) -> None:
    sent(store, client, questions(1))
    newer = Prompt(PROMPT.task, "2", PROMPT.system, PROMPT.answer, PROMPT.max_tokens)
    assert sent(store, client, questions(1, newer)).submitted == 1
    for judge in (Judge(effort="high"), Judge(model="claude-haiku-4-5")):
        assert ask(store, client, judge, questions(1), budget(), NOW).submitted == 1
    fake.end()
    assert collect(store, client, LATER, PROMPTS).outcomes["answered"] == 4


def test_answers_are_there_for_another_process_days_later(
    tmp_path: Path, client: Client, fake: FakeAnthropic
) -> None:
    with opened(tmp_path) as store:
        sent(store, client, questions(2))
    fake.end()
    fake.advance(days=20)
    with opened(tmp_path) as store:
        late = collect(store, client, NOW + timedelta(days=20), PROMPTS)
        assert late.outcomes == {"answered": 2}


def test_what_a_local_server_said_does_not_stand_for_a_model(
    store: LabelStore, client: Client, fake: FakeAnthropic, tmp_path: Path
) -> None:
    sent(store, client, questions(1))
    picked_up(store, client, fake)
    key = questions(1)[0].key(JUDGE)
    assert store.answers([key], synthetic=False) == {}
    real = Client("sk-fake", fake.url)
    real.is_synthetic = False
    assert ask(store, real, JUDGE, questions(1), budget(run="real"), NOW).submitted == 1
    picked_up(store, real, fake)
    assert not store.answers([key])[key].is_synthetic
    # And a model's answer is never replaced by a made-up one.
    assert sent(store, client, questions(1)).cached == 1
    assert figures(store, synthetic=False).requests == 1


# --- outcomes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("special", "outcome", "is_billed"),
    [
        ("thinking", Outcome.ANSWERED, True),
        ("wrong_case", Outcome.ANSWERED, True),
        ("refusal", Outcome.REFUSED, True),
        ("truncated", Outcome.TRUNCATED, True),
        ("not_json", Outcome.INVALID, True),
        ("invalid", Outcome.INVALID, True),
        ("rejected", Outcome.REJECTED, False),
        ("api_error", Outcome.UNSERVED, False),
        ("expired", Outcome.UNSERVED, False),
        ("canceled", Outcome.UNSERVED, False),
    ],
)
def test_every_way_a_request_can_end_is_an_outcome(
    store: LabelStore,
    client: Client,
    fake: FakeAnthropic,
    special: str,
    outcome: Outcome,
    is_billed: bool,
) -> None:
    fake.special["span 1:"] = special
    sent(store, client, questions(3))
    collected = picked_up(store, client, fake)
    asked = questions(3)
    answers = store.answers({q.key(JUDGE) for q in asked})
    planted = answers[asked[1].key(JUDGE)]
    assert planted.outcome is outcome
    assert (planted.value is not None) == (outcome is Outcome.ANSWERED)
    if outcome is Outcome.ANSWERED and planted.value is not None:
        assert planted.value["verdict"] in ("dead_end", "progress")
    assert (planted.usd > 0) == is_billed == (planted.model_returned is not None)
    # Its neighbours are none the worse for it.
    assert sum(one.outcome is Outcome.ANSWERED for one in answers.values()) >= 2
    assert collected.outcomes.total() == 3
    assert_ledger_is_the_bill(store, fake)
    # What is final is not asked again; what never had its turn is.
    fake.special.clear()
    again = sent(store, client, asked)
    assert again.submitted == (0 if outcome.is_final else 1)
    picked_up(store, client, fake)
    if not outcome.is_final:
        assert store.answers()[asked[1].key(JUDGE)].outcome is Outcome.ANSWERED
    assert_ledger_is_the_bill(store, fake)


def test_an_answer_out_of_bounds_is_invalid(
    store: LabelStore, client: Client, fake: FakeAnthropic
) -> None:
    fake.answers["span 0"] = {"evidence": "x", "verdict": "dead_end", "confidence": 7}
    fake.answers["span 1"] = {"evidence": "x", "verdict": "nonsense", "confidence": 0}
    fake.answers["span 2"] = {"evidence": "x", "verdict": "Dead End", "confidence": 0}
    sent(store, client, questions(3))
    assert picked_up(store, client, fake).outcomes == {"invalid": 2, "answered": 1}


def test_answers_to_a_prompt_that_is_not_known_any_more_are_kept(
    store: LabelStore, client: Client, fake: FakeAnthropic
) -> None:
    sent(store, client, questions(2))
    fake.end()
    assert collect(store, client, LATER, {}).outcomes == {"answered": 2}
    assert sent(store, client, questions(2)).cached == 2


def test_a_request_without_a_result_is_asked_again(
    store: LabelStore, client: Client, fake: FakeAnthropic
) -> None:
    sent(store, client, questions(2))
    fake.special["span 1:"] = "missing"
    collected = picked_up(store, client, fake)
    # Fewer lines than requests: the stream may have been cut without a word.
    assert collected.batches == 0 and "collect again" in collected.faults[0]
    assert store.in_flight() == {questions(2)[1].key(JUDGE)}
    fake.special.clear()
    assert collect(store, client, LATER, PROMPTS).outcomes == {"answered": 1}
    assert_ledger_is_the_bill(store, fake)


def test_results_that_break_off_are_fetched_again(
    store: LabelStore, client: Client, fake: FakeAnthropic
) -> None:
    sent(store, client, questions(40))
    fake.end()
    (batch_id,) = fake.batches
    fake.plant(f"GET /v1/messages/batches/{batch_id}/results", "cut")
    assert collect(store, client, LATER, PROMPTS).faults
    assert collect(store, client, LATER, PROMPTS).batches == 1
    assert len(store.answers()) == 40
    assert_ledger_is_the_bill(store, fake)


def test_results_that_are_gone_count_at_their_most(
    store: LabelStore, client: Client, fake: FakeAnthropic
) -> None:
    reserved = sent(store, client, questions(2)).reserved_usd
    fake.end()
    fake.advance(days=30)
    late = collect(store, client, NOW + timedelta(days=30), PROMPTS)
    assert late.outcomes == {"lost": 2}
    assert figures(store).usd == pytest.approx(reserved)


def test_a_batch_of_another_address_waits_for_it(
    store: LabelStore, client: Client, fake: FakeAnthropic
) -> None:
    sent(store, client, questions(1))
    with FakeAnthropic() as other:
        elsewhere = collect(store, Client("k", other.url), LATER, PROMPTS)
        assert (elsewhere.elsewhere, other.log) == (1, [])
    assert picked_up(store, client, fake).outcomes == {"answered": 1}


def test_one_batch_that_makes_trouble_does_not_keep_the_others(
    store: LabelStore, client: Client, fake: FakeAnthropic
) -> None:
    sent(store, client, questions(1))
    sent(store, client, questions(2))
    fake.end()
    fake.plant(f"GET /v1/messages/batches/{min(fake.batches)}", 404)
    collected = collect(store, client, LATER, PROMPTS)
    assert (collected.batches, len(collected.faults)) == (1, 1)
    assert collect(store, client, LATER, PROMPTS).batches == 1


# --- responses that are lost -------------------------------------------------------------------


@pytest.mark.parametrize("do", ["lose", 500, 504, 529, "drop"])
def test_a_submit_whose_response_is_lost_is_not_sent_again(
    store: LabelStore, client: Client, fake: FakeAnthropic, do: str | int
) -> None:
    fake.plant(SUBMIT, do)
    asked = sent(store, client, questions(3))
    assert (asked.stopped, asked.in_flight, asked.submitted) == ("doubt", 3, 0)
    # At once, and while its batch is at work, nothing is known, and nothing sent.
    again = sent(store, client, questions(3), now=NOW + timedelta(minutes=5))
    assert (again.in_flight, again.submitted) == (3, 0)
    fake.end()
    collected = collect(store, client, NOW + timedelta(minutes=20), PROMPTS)
    arrived = do == "lose"
    assert (collected.found_again, collected.never_arrived) == (arrived, not arrived)
    third = sent(store, client, questions(3), now=LATER)
    assert (third.cached, third.submitted) == ((3, 0) if arrived else (0, 3))
    picked_up(store, client, fake)
    assert fake.counts()["batches"] == 1
    assert len(fake.answered) == 3 and len(store.answers()) == 3
    assert_ledger_is_the_bill(store, fake)


def test_a_lost_batch_is_known_by_what_it_holds(
    store: LabelStore, client: Client, fake: FakeAnthropic
) -> None:
    """Others of the same account send batches of the same size at the same time."""
    other = questions(3, about="of somebody else")
    with_fake = [{"custom_id": q.key(JUDGE), "params": {"model": "x"}} for q in other]
    client.submit(with_fake)
    fake.plant(SUBMIT, "lose", times=2)
    sent(store, client, questions(3))
    sent(store, client, questions(6))
    client.submit(with_fake)
    # A stranger's batch that is still at work may be ours: nothing is given up.
    waiting = collect(store, client, LATER, PROMPTS)
    assert (waiting.found_again, waiting.never_arrived) == (0, 0)
    collected = picked_up(store, client, fake)
    assert (collected.found_again, collected.batches) == (2, 2)
    assert collected.outcomes == {"answered": 6}
    assert_ledger_is_the_bill(store, fake)


def test_a_question_asked_at_once_whose_response_is_lost_counts_at_its_most(
    store: LabelStore, client: Client, fake: FakeAnthropic
) -> None:
    fake.plant("POST /v1/messages", "lose")
    client.count_tokens = lambda params: 900  # type: ignore[method-assign]
    asked = sent(store, client, questions(1), direct_below=5)
    assert asked.stopped == "doubt"
    told = figures(store)
    assert (told.lost, told.usd) == (1, pytest.approx(asked.reserved_usd))
    assert told.usd >= fake.billed_usd > 0
    assert store.answers()[questions(1)[0].key(JUDGE)].outcome is Outcome.LOST


# --- at once -----------------------------------------------------------------------------------


def test_a_handful_may_be_asked_at_once(
    store: LabelStore, client: Client, fake: FakeAnthropic
) -> None:
    fake.special["span 1:"] = "refusal"
    asked = sent(store, client, questions(3), direct_below=4)
    assert (asked.direct, asked.submitted) == (3, 0)
    assert {one.outcome for one in store.answers().values()} == {Outcome.ANSWERED, Outcome.REFUSED}
    assert_ledger_is_the_bill(store, fake)
    assert sent(store, client, questions(9), direct_below=4).submitted == 6
    assert fake.counts()["batches"] == 1


def test_a_question_that_is_wrong_is_not_asked_again_and_keeps_no_other(
    store: LabelStore, client: Client, fake: FakeAnthropic
) -> None:
    client.count_tokens = lambda params: 900  # type: ignore[method-assign]
    fake.plant("POST /v1/messages", 400, kind="invalid_request_error")
    asked = sent(store, client, questions(2), direct_below=4)
    assert (asked.direct, asked.stopped) == (2, None)
    outcomes = sorted(one.outcome for one in store.answers().values())
    assert outcomes == [Outcome.ANSWERED, Outcome.REJECTED]
    assert sent(store, client, questions(2), direct_below=4).cached == 2


# --- the budget --------------------------------------------------------------------------------


def test_nothing_is_sent_without_a_budget(
    store: LabelStore, client: Client, fake: FakeAnthropic
) -> None:
    asked = sent(store, client, questions(4), budget=budget(0))
    assert (asked.deferred, asked.stopped, asked.stopped_for_money) == (4, "budget", True)
    assert fake.log == []


def test_what_a_budget_leaves_out_comes_first_next_time(
    store: LabelStore, client: Client, fake: FakeAnthropic
) -> None:
    one = sent(store, client, questions(1, about="the price"), budget=budget(run="price"))
    few = budget(2.5 * one.reserved_usd, run="first")
    asked = sent(store, client, questions(5), budget=few)
    assert (asked.submitted, asked.deferred, asked.stopped) == (2, 3, "budget")
    assert asked.reserved_usd <= few.max_usd
    left_out = {q.key(JUDGE) for q in questions(5)} - store.in_flight()
    newer = questions(5, about="newer")
    more = budget(3.5 * one.reserved_usd, run="second")
    asked = sent(store, client, [*newer, *questions(5)], budget=more)
    assert (asked.submitted, asked.deferred) == (3, 5)
    assert left_out <= store.in_flight()


def test_a_run_has_one_budget_however_often_it_asks(
    store: LabelStore, client: Client, fake: FakeAnthropic
) -> None:
    one = sent(store, client, questions(1, about="the price"), budget=budget(run="price"))
    few = budget(2.5 * one.reserved_usd)
    for _ in range(3):
        sent(store, client, questions(9), budget=few)
    assert len(store.in_flight()) - 1 == 2
    # What came back cheaper than it could have been leaves room for more.
    picked_up(store, client, fake)
    assert sent(store, client, questions(9), budget=few).submitted >= 1
    assert figures(store, run="run").usd + figures(store, run="run").open_usd <= few.max_usd


def test_a_month_has_a_budget_over_all_runs(
    store: LabelStore, client: Client, fake: FakeAnthropic
) -> None:
    one = sent(store, client, questions(1, about="the price"), budget=budget(run="price"))
    month = 3.5 * one.reserved_usd
    first = sent(store, client, questions(9), budget=budget(1, month, "a"))
    second = sent(store, client, questions(9), budget=budget(1, month, "b"))
    assert (first.submitted, second.submitted, second.stopped) == (2, 0, "budget")
    assert second.left_usd < one.reserved_usd
    later = NOW + timedelta(days=20)
    assert sent(store, client, questions(9), budget=budget(1, month, "c"), now=later).submitted == 3


def test_no_request_costs_more_than_was_set_aside(
    store: LabelStore, client: Client, fake: FakeAnthropic
) -> None:
    dense = [
        Question(PROMPT, text, DAY) for text in ("é" * 900, "7f" * 900, "\ud83d x", "👩‍👩‍👧" * 90)
    ]
    short = Prompt("short", "1", "Judge.", PROMPT.answer, 40)
    sent(store, client, [*dense, *questions(3, short), *questions(3)])
    collected = collect(store, client, LATER, PROMPTS | {short.digest: short})
    fake.end()
    collected = collect(store, client, LATER, PROMPTS | {short.digest: short})
    assert collected.outcomes.total() == 10
    rows = store.rows(sa.select(schema.requests.c.usd, schema.requests.c.reserved_usd))
    assert all(0 < usd <= reserved for usd, reserved in rows)


def test_a_model_without_a_price_is_not_asked(store: LabelStore, client: Client) -> None:
    with pytest.raises(Fault, match=r"prices\.csv"):
        ask(store, client, Judge(model="claude-haiku-99"), questions(1), budget(), NOW)
    with pytest.raises(Fault, match="effort"):
        ask(store, client, Judge(effort="xhigh"), questions(1), budget(), NOW)


# --- trouble -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "planted",
    [
        {"do": 429, "code": "enforced_spend_limit_reached", "kind": "rate_limit_error"},
        {"do": 400, "told": "You have reached your specified API usage limits."},
    ],
    ids=["429", "400"],
)
def test_the_accounts_own_limit_stops_the_run_at_once(
    store: LabelStore, client: Client, fake: FakeAnthropic, planted: dict[str, Any]
) -> None:
    fake.plant(SUBMIT, times=9, **planted)
    asked = sent(store, client, questions(3))
    assert (asked.stopped, asked.stopped_for_money, asked.deferred) == ("cap", True, 3)
    assert len(fake.calls(SUBMIT)) == 1
    assert figures(store).usd == figures(store).open_usd == 0
    fake.faults.clear()
    assert sent(store, client, questions(3)).submitted == 3


def test_being_too_busy_costs_nothing_and_is_told(
    store: LabelStore, client: Client, fake: FakeAnthropic
) -> None:
    fake.plant(SUBMIT, 429, times=9, kind="rate_limit_error")
    asked = sent(store, client, questions(3))
    assert (asked.stopped, asked.unsent, asked.deferred) == ("busy", 3, 0)
    assert figures(store).open_usd == 0
    fake.faults.clear()
    assert sent(store, client, questions(3)).submitted == 3


@pytest.mark.parametrize(
    ("address", "key", "words"),
    [
        ("http://127.0.0.1:9", "k", "cannot be reached"),
        (None, "sk-wrong", "ANTHROPIC_API_KEY"),
        ("wrong/path", "k", "WASTE_ASSETS_LABEL_BASE_URL"),
    ],
)
def test_trouble_is_one_sentence_and_reserves_nothing(
    store: LabelStore, fake: FakeAnthropic, address: str | None, key: str, words: str
) -> None:
    url = address if address and "://" in address else f"{fake.url}/{address or ''}"
    asked = sent(store, Client(key, url), questions(2))
    assert asked.stopped is not None and asked.told is not None
    assert words in asked.told and "\n" not in asked.told
    assert (asked.unsent, figures(store).requests) == (2, 0)


def test_a_kind_of_question_that_the_api_refuses_keeps_no_other(
    store: LabelStore, client: Client, fake: FakeAnthropic
) -> None:
    class Odd(BaseModel):
        verdict: Literal["yes"]

    odd = Prompt("odd", "1", "Judge.", Odd, 20)
    odd.__dict__["schema"] = {"type": "object", "properties": {}}
    asked = sent(store, client, [*questions(2, odd), *questions(2)])
    assert (asked.submitted, asked.unsent, asked.stopped) == (2, 2, "refused")
    assert asked.told is not None and "odd" in asked.told


def test_what_looks_like_a_secret_never_leaves(
    store: LabelStore, client: Client, fake: FakeAnthropic
) -> None:
    secret = "sk-ant-" + "api03-" + "Ab3" * 30
    leaky = Question(PROMPT, f"the key is {secret}", DAY)
    asked = sent(store, client, [leaky, *questions(1)])
    assert (asked.withheld, asked.submitted) == (1, 1)
    assert secret not in str(fake.log)


# --- the ledger --------------------------------------------------------------------------------


def test_every_request_is_in_the_ledger_with_its_day_and_its_price(
    store: LabelStore, client: Client, fake: FakeAnthropic
) -> None:
    sent(store, client, questions(2))
    picked_up(store, client, fake)
    sent(store, client, questions(3))
    rows = ledger(store)
    assert [row[2] for row in rows] == [DAY] * 3
    assert sorted(row[14] for row in rows) == ["answered", "answered", "in_flight"]
    told = figures(store, run="run")
    assert (told.requests, told.answered, told.in_flight) == (3, 2, 1)
    assert told.cache_hit_share is not None and 0 < told.cache_hit_share < 1
    numbers = told.metadata(sessions=4, left_usd=0.5)
    assert numbers["label_usd_per_session"] == pytest.approx(
        (told.usd + told.open_usd) / 4, abs=1e-9
    )
    assert numbers["label_budget_left_usd"] == 0.5
    assert all(isinstance(value, int | float) for value in numbers.values())


def test_the_database_takes_no_answer_without_its_provenance(tmp_path: Path) -> None:
    spend_something(tmp_path)
    with opened(tmp_path) as store, store._state.writing() as connection:
        for column in ("model_returned", "request_id", "input_tokens", "usd", "settled_at"):
            with pytest.raises(sa.exc.IntegrityError):
                connection.execute(
                    schema.requests.update()
                    .where(schema.requests.c.outcome == "answered")
                    .values({column: None})
                )
        for table, column in ((schema.requests, "is_synthetic"), (schema.sendings, "host")):
            with pytest.raises(sa.exc.IntegrityError):
                connection.execute(table.update().values({column: None}))


def test_a_question_is_never_under_way_twice(tmp_path: Path) -> None:
    spend_something(tmp_path)
    with opened(tmp_path) as store:
        row = store.rows(sa.select(schema.requests).where(schema.requests.c.outcome.is_(None)))[0]
        sending = store.rows(sa.select(schema.sendings))[0]
        with store._state.writing() as connection:
            copy = {**sending._mapping, "sending_id": "copy", "batch_id": None}
            connection.execute(schema.sendings.insert(), copy)
            with pytest.raises(sa.exc.IntegrityError):
                connection.execute(schema.requests.insert(), {**row._mapping, "sending_id": "copy"})
