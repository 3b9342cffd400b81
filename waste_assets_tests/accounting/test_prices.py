"""The price table is whole, the rule applies it as published, and a second opinion agrees."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib.resources import files
from itertools import groupby, pairwise, product
from typing import Any, NamedTuple

import duckdb
import pytest
from genai_prices import Usage
from genai_prices.data import providers
from genai_prices.types import ModelInfo, StartDateConstraint

from waste_assets.accounting.prices import Rates, canonical_model, price_charges, price_of

#: The day the facts were gathered, and a day on which no price changes.
TODAY = date(2026, 11, 22)
MILLION = 1_000_000
DAY = timedelta(days=1)
PARTS = ("input", "write_5m", "write_1h", "read", "output", "web_search")


# --- builders ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Charge:
    """One row of the relation that price_charges reads."""

    model: str | None = "claude-opus-4-5"
    priced_on: date | None = TODAY
    speed: str | None = "standard"
    inference_geo: str | None = None
    service_tier: str | None = "standard"
    input_tokens: int | None = 0
    write_5m_tokens: int = 0
    write_1h_tokens: int = 0
    read_tokens: int = 0
    output_tokens: int = 0
    web_search_requests: int = 0
    response_id: str = "msg_1"
    iteration: int = 0


CHARGES_DDL = """
    CREATE TABLE charges (
        model VARCHAR, priced_on DATE, speed VARCHAR, inference_geo VARCHAR, service_tier VARCHAR,
        input_tokens BIGINT, write_5m_tokens BIGINT, write_1h_tokens BIGINT, read_tokens BIGINT,
        output_tokens BIGINT, web_search_requests BIGINT, response_id VARCHAR, iteration INTEGER
    )
"""


def priced(*charges: Charge) -> list[dict[str, Any]]:
    """What price_charges makes of the charges, in their order."""
    numbered = [replace(charge, iteration=i) for i, charge in enumerate(charges)]
    with duckdb.connect() as con:
        con.execute(CHARGES_DDL)
        con.execute(
            "INSERT INTO charges SELECT unnest(row) FROM (SELECT unnest($rows) AS row)",
            {"rows": [vars(charge) for charge in numbered]},
        )
        price_charges(con, "charges", "priced")
        rows = con.execute("SELECT * FROM priced ORDER BY iteration")
        names = [column[0] for column in rows.description]
        return [dict(zip(names, row, strict=True)) for row in rows.fetchall()]


def usd(charge: Charge) -> float | None:
    """The price of one charge."""
    (row,) = priced(charge)
    price: float | None = row["usd"]
    return price


def rates(model: str, on: date, **how: Any) -> Rates:
    """The rates of a request that must have a price."""
    found = price_of(model, on, **how)
    assert found is not None
    return found


class PriceRow(NamedTuple):
    """One row of prices.csv, open dates as the ends of time."""

    model: str
    speed: str
    valid_from: date
    valid_to: date
    above: int
    input: float
    output: float
    write_5m: float
    write_1h: float
    read: float
    geo_us: float
    note: str

    @property
    def tier(self) -> tuple[str, str, int]:
        return self.model, self.speed, self.above


def read_table() -> list[PriceRow]:
    text = (files("waste_assets.accounting") / "prices.csv").read_text(encoding="utf-8")
    return [
        PriceRow(
            model=row["model"],
            speed=row["speed"],
            valid_from=date.fromisoformat(row["valid_from"] or "0001-01-01"),
            valid_to=date.fromisoformat(row["valid_to"] or "9999-12-31"),
            above=int(row["above_prompt_tokens"]),
            **{
                rate: float(row[rate])
                for rate in ("input", "output", "write_5m", "write_1h", "read", "geo_us")
            },
            note=row["note"],
        )
        for row in csv.DictReader(text.splitlines())
    ]


TABLE = read_table()
MODELS = sorted({row.model for row in TABLE})


def tiers() -> Iterator[tuple[tuple[str, str, int], list[PriceRow]]]:
    """The rows of each model, speed and threshold, in the order of their dates."""
    by_date = sorted(TABLE, key=lambda row: (row.tier, row.valid_from))
    for tier, rows in groupby(by_date, key=lambda row: row.tier):
        yield tier, list(rows)


# --- the table -----------------------------------------------------------------------------


def test_each_price_begins_the_day_the_one_before_it_ends() -> None:
    for tier, rows in tiers():
        for before, after in pairwise(rows):
            assert before.valid_to == after.valid_from, tier
        assert all(row.valid_from < row.valid_to for row in rows), tier


def test_the_first_price_of_every_tier_is_open_to_the_past() -> None:
    for tier, rows in tiers():
        assert rows[0].valid_from == date.min, tier


def test_standard_prices_never_run_out() -> None:
    for (model, speed, above), rows in tiers():
        if speed == "standard" and above == 0:
            assert rows[-1].valid_to == date(9999, 12, 31), model


def test_a_long_context_price_always_has_a_base_price_beneath_it() -> None:
    base = {(row.model, row.speed) for row in TABLE if row.above == 0}
    assert {(row.model, row.speed) for row in TABLE} == base
    for row in TABLE:
        if row.above:
            ends = [r.valid_to for r in TABLE if (r.model, r.speed, r.above) == (*row.tier[:2], 0)]
            assert row.valid_to <= max(ends), row


def test_every_fast_price_has_a_standard_price_beside_it() -> None:
    standard = {row.model for row in TABLE if row.speed == "standard"}
    assert standard == set(MODELS)
    assert {row.speed for row in TABLE} == {"standard", "fast"}


def test_writes_for_one_hour_cost_twice_the_input() -> None:
    for row in TABLE:
        assert row.write_1h == pytest.approx(2 * row.input), row


def test_writes_for_five_minutes_cost_a_quarter_more_than_the_input() -> None:
    for row in TABLE:
        factor = 1.2 if row.model == "claude-3-haiku" else 1.25
        assert row.write_5m == pytest.approx(factor * row.input), row


def test_reads_cost_a_tenth_of_the_input_but_for_the_models_listed_otherwise() -> None:
    listed = {
        "claude-fable-5-1": 0.025,
        "claude-mythos-5-1": 0.025,
        "claude-fable-5-2": 0.025,
        "claude-mythos-5-2": 0.025,
        "claude-opus-5-5": 0.05,
        "claude-3-haiku": 0.12,
    }
    for row in TABLE:
        factor = listed.get(row.model, 0.1)
        if row.model == "claude-sonnet-5-5" and row.valid_from == date(2026, 10, 7):
            factor = 0.05
        assert row.read == pytest.approx(factor * row.input), row


def test_us_inference_costs_more_from_generation_4_6_on() -> None:
    before = {
        *(model for model in MODELS if model.startswith("claude-3-")),
        "claude-opus-4",
        "claude-opus-4-1",
        "claude-opus-4-5",
        "claude-sonnet-4",
        "claude-sonnet-4-5",
        "claude-haiku-4-5",
    }
    for row in TABLE:
        assert row.geo_us == (1.0 if row.model in before else 1.1), row


def test_every_model_of_the_table_has_its_canonical_name() -> None:
    assert [canonical_model(model) for model in MODELS] == MODELS


# --- names ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("recorded", "canonical"),
    [
        ("claude-opus-4-5-20251101", "claude-opus-4-5"),
        ("claude-opus-4-20250514", "claude-opus-4"),
        ("claude-opus-5@20260724", "claude-opus-5"),
        ("claude-opus-5-2026-07-24", "claude-opus-5"),
        ("claude-opus-5-5[1m]", "claude-opus-5-5"),
        ("claude-sonnet-4-5-20250929[1m]", "claude-sonnet-4-5"),
        (" Claude-Opus-5[1M] ", "claude-opus-5"),
        ("claude-3-7-sonnet-latest", "claude-3-7-sonnet"),
        ("claude-3-5-sonnet-v2@20241022", "claude-3-5-sonnet"),
        ("claude-haiku-4-5@latest", "claude-haiku-4-5"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5"),
        ("us.anthropic.claude-opus-4-6-v1[1m]", "claude-opus-4-6"),
        ("global.anthropic.claude-opus-4-7", "claude-opus-4-7"),
        ("anthropic.claude-3-haiku-20240307-v1:0", "claude-3-haiku"),
        (
            "arn:aws:bedrock:eu-west-1:1:inference-profile/eu.anthropic.claude-haiku-4-5-v1:0",
            "claude-haiku-4-5",
        ),
        ("publishers/anthropic/models/claude-sonnet-5", "claude-sonnet-5"),
        ("vertex_ai/claude-opus-4-1@20250805", "claude-opus-4-1"),
        ("bedrock/us.anthropic.claude-opus-4-8", "claude-opus-4-8"),
        ("anthropic/claude-fable-5.2", "claude-fable-5-2"),
        ("openrouter/anthropic/claude-3.5-haiku", "claude-3-5-haiku"),
        ("claude-3.5-sonnet", "claude-3-5-sonnet"),
        ("claude-sonnet-3-7", "claude-3-7-sonnet"),
        ("claude-4-opus-20250514", "claude-opus-4"),
        ("claude-4.5-haiku", "claude-haiku-4-5"),
        ("claude-sonnet-4-0", "claude-sonnet-4"),
        ("glm-4.7", "glm-4.7"),
        ("<synthetic>", "<synthetic>"),
        ("sonnet", "sonnet"),
        ("claude-opus-4-6-fast", "claude-opus-4-6-fast"),
        ("someone/claude-opus-4-6", "someone/claude-opus-4-6"),
        ("", ""),
    ],
)
def test_a_model_has_one_name_whoever_served_it(recorded: str, canonical: str) -> None:
    assert canonical_model(recorded) == canonical
    assert canonical_model(canonical) == canonical


# --- prices in full ------------------------------------------------------------------------


def test_a_response_is_priced_kind_by_kind_and_the_parts_add_up() -> None:
    (row,) = priced(
        Charge(
            model="claude-opus-5-5-20260922",
            input_tokens=1_000,
            write_5m_tokens=2_000,
            write_1h_tokens=3_000,
            read_tokens=40_000,
            output_tokens=5_000,
            web_search_requests=3,
        )
    )
    assert row["usd_input"] == pytest.approx(0.004)
    assert row["usd_write_5m"] == pytest.approx(0.010)
    assert row["usd_write_1h"] == pytest.approx(0.024)
    assert row["usd_read"] == pytest.approx(0.008)
    assert row["usd_output"] == pytest.approx(0.100)
    assert row["usd_web_search"] == pytest.approx(0.03)
    assert row["usd"] == pytest.approx(0.176)
    assert row["usd"] == pytest.approx(sum(row[f"usd_{part}"] for part in PARTS))


def test_the_columns_of_the_charges_come_first_and_others_are_carried_along() -> None:
    with duckdb.connect() as con:
        con.execute(CHARGES_DDL)
        con.execute("ALTER TABLE charges ADD COLUMN agent VARCHAR")
        before = [row[0] for row in con.execute("DESCRIBE charges").fetchall()]
        price_charges(con, "charges", "priced")
        after = con.execute("DESCRIBE priced").fetchall()
        added = after[len(before) :]
        assert [row[0] for row in after[: len(before)]] == before
        assert [row[0] for row in added] == ["rates", *(f"usd_{part}" for part in PARTS), "usd"]
        assert {row[1] for row in added[1:]} == {"DOUBLE"}


def test_pricing_again_replaces_the_table_and_a_name_may_need_quotes() -> None:
    with duckdb.connect() as con:
        con.execute(CHARGES_DDL)
        price_charges(con, "charges", 'priced "today"')
        con.execute("INSERT INTO charges (model, priced_on) VALUES ('claude-opus-5', '2026-08-01')")
        price_charges(con, "charges", 'priced "today"')
        assert con.execute('SELECT count(*) FROM "priced ""today"""').fetchall() == [(1,)]


def test_two_spellings_of_a_model_in_one_batch_cost_the_same() -> None:
    rows = priced(
        *(
            Charge(model=model, output_tokens=MILLION)
            for model in ("claude-opus-5", "claude-opus-5[1m]", "us.anthropic.claude-opus-5")
        )
    )
    assert [row["usd"] for row in rows] == [25, 25, 25]


def test_every_charge_keeps_exactly_one_row_even_its_duplicates() -> None:
    charge = Charge(model="claude-sonnet-4-5", priced_on=date(2026, 1, 5), input_tokens=300_000)
    assert [row["usd"] for row in priced(charge, charge, charge)] == [pytest.approx(1.8)] * 3


def test_a_response_that_used_nothing_costs_nothing() -> None:
    assert usd(Charge()) == 0


# --- the unknown ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "charge",
    [
        Charge(model="glm-4.7", output_tokens=MILLION, web_search_requests=1),
        Charge(model="claude-opus-9", output_tokens=MILLION),
        Charge(model="<synthetic>"),
        Charge(model=None, output_tokens=MILLION),
        Charge(priced_on=None, output_tokens=MILLION),
        Charge(speed="turbo", output_tokens=MILLION),
        Charge(speed="fast", output_tokens=MILLION),
        Charge(service_tier="flex", output_tokens=MILLION),
    ],
    ids=lambda charge: f"{charge.model}-{charge.priced_on}-{charge.speed}-{charge.service_tier}",
)
def test_what_has_no_known_price_is_null_in_every_part_and_keeps_its_row(charge: Charge) -> None:
    (row,) = priced(charge)
    assert [row[f"usd_{part}"] for part in PARTS] == [None] * len(PARTS)
    assert row["usd"] is None
    assert row["output_tokens"] == charge.output_tokens


def test_an_unpriced_response_leaves_the_price_of_its_neighbours_alone() -> None:
    rows = priced(Charge(model="glm-4.7", output_tokens=9), Charge(output_tokens=MILLION))
    assert [row["usd"] for row in rows] == [None, 25]


def test_an_unknown_number_of_tokens_makes_the_whole_price_unknown() -> None:
    assert usd(Charge(input_tokens=None, output_tokens=MILLION)) is None
    assert usd(Charge(model="claude-haiku-5-5", input_tokens=None, output_tokens=MILLION)) is None


def test_price_of_an_unknown_model_is_none() -> None:
    assert price_of("glm-4.7", TODAY) is None


# --- modifiers -----------------------------------------------------------------------------


def test_price_of_gives_the_published_rates() -> None:
    assert price_of("claude-opus-5-5", TODAY) == Rates(4, 5, 8, 0.2, 20)


def test_price_of_and_price_charges_agree_on_every_kind() -> None:
    how: dict[str, Any] = {"inference_geo": "us", "service_tier": "batch"}
    asked = rates("claude-haiku-5-5", TODAY, prompt_tokens=200_004, **how)
    (row,) = priced(
        Charge(
            model="claude-haiku-5-5",
            input_tokens=50_001,
            write_5m_tokens=50_001,
            write_1h_tokens=50_001,
            read_tokens=50_001,
            output_tokens=50_001,
            **how,
        )
    )
    for part in PARTS[:-1]:
        assert row[f"usd_{part}"] == pytest.approx(getattr(asked, part) * 50_001 / MILLION)


def test_a_batch_halves_the_tokens_but_not_the_web_searches() -> None:
    (row,) = priced(Charge(service_tier="batch", output_tokens=MILLION, web_search_requests=1000))
    assert (row["usd_output"], row["usd_web_search"]) == (12.5, 10)


@pytest.mark.parametrize("tier", [None, "", "standard", "Standard", "priority"])
def test_every_other_service_tier_pays_the_list_price(tier: str | None) -> None:
    assert usd(Charge(service_tier=tier, output_tokens=MILLION)) == 25


@pytest.mark.parametrize("geo", ["us", "US"])
def test_us_inference_adds_a_tenth_to_every_kind_of_token_but_not_to_web_searches(geo: str) -> None:
    charge = Charge("claude-opus-4-6", TODAY, "standard", None, "standard", 1, 2, 3, 4, 5, 6)
    home, us = priced(charge, replace(charge, inference_geo=geo))
    for part in PARTS[:-1]:
        assert us[f"usd_{part}"] == pytest.approx(1.1 * home[f"usd_{part}"])
    assert us["usd_web_search"] == home["usd_web_search"]


@pytest.mark.parametrize("geo", [None, "", "not_available", "global"])
def test_every_other_geo_pays_the_list_price(geo: str | None) -> None:
    assert usd(Charge("claude-opus-4-6", inference_geo=geo, output_tokens=MILLION)) == 25


def test_us_inference_costs_older_models_nothing_extra() -> None:
    assert usd(Charge("claude-opus-4-5", inference_geo="us", output_tokens=MILLION)) == 25


def test_fast_batch_and_us_stack() -> None:
    fast = rates("claude-fable-5-2", TODAY, speed="fast", inference_geo="us", service_tier="batch")
    assert vars(fast) == pytest.approx(
        {"input": 8.8, "write_5m": 11, "write_1h": 17.6, "read": 0.22, "output": 44}
    )


@pytest.mark.parametrize(
    ("model", "on", "input_", "output"),
    [
        ("claude-fable-5-2", TODAY, 16, 80),
        ("claude-mythos-5-2", TODAY, 16, 80),
        ("claude-opus-5-5", TODAY, 8, 40),
        ("claude-opus-5", TODAY, 10, 50),
        ("claude-opus-4-8", TODAY, 10, 50),
        ("claude-opus-4-7", date(2026, 7, 23), 30, 150),
    ],
)
def test_fast_mode_has_its_own_price(model: str, on: date, input_: float, output: float) -> None:
    fast = rates(model, on, speed="fast")
    assert (fast.input, fast.output) == (input_, output)


@pytest.mark.parametrize(
    ("model", "gone"),
    [("claude-opus-4-7", date(2026, 7, 24)), ("claude-opus-4-8", date(2026, 11, 30))],
)
def test_a_fast_response_after_fast_mode_was_removed_has_no_known_price(
    model: str, gone: date
) -> None:
    assert price_of(model, gone - DAY, speed="fast") is not None
    assert price_of(model, gone, speed="fast") is None
    assert price_of(model, gone) is not None


def test_fast_opus_4_6_bills_as_standard_once_fast_mode_was_removed() -> None:
    assert rates("claude-opus-4-6", date(2026, 6, 28), speed="fast").input == 30
    for day in (date(2026, 6, 29), TODAY):
        assert rates("claude-opus-4-6", day, speed="fast") == rates("claude-opus-4-6", day)


def test_fast_opus_4_6_was_half_price_until_16_february() -> None:
    last, next_day = date(2026, 2, 16), date(2026, 2, 17)
    for prompt, full in ((200_000, 30), (200_001, 60)):
        how: dict[str, Any] = {"speed": "fast", "prompt_tokens": prompt}
        assert rates("claude-opus-4-6", last, **how).input == full / 2
        assert rates("claude-opus-4-6", next_day, **how).input == full


def test_fast_opus_4_6_cost_more_for_long_prompts_until_13_march() -> None:
    how: dict[str, Any] = {"speed": "fast", "prompt_tokens": 200_001}
    assert rates("claude-opus-4-6", date(2026, 3, 12), **how) == Rates(60, 75, 120, 6, 225)
    assert rates("claude-opus-4-6", date(2026, 3, 13), **how) == Rates(30, 37.5, 60, 3, 150)


@pytest.mark.parametrize(
    ("model", "ended", "long"),
    [
        ("claude-opus-4-6", date(2026, 3, 13), Rates(10, 12.5, 20, 1, 37.5)),
        ("claude-sonnet-4-6", date(2026, 3, 13), Rates(6, 7.5, 12, 0.6, 22.5)),
        ("claude-sonnet-4-5", date(2026, 4, 30), Rates(6, 7.5, 12, 0.6, 22.5)),
        ("claude-sonnet-4", date(2026, 4, 30), Rates(6, 7.5, 12, 0.6, 22.5)),
    ],
)
def test_prompts_above_200k_cost_more_until_the_surcharge_ended(
    model: str, ended: date, long: Rates
) -> None:
    base = rates(model, ended)
    assert rates(model, ended - DAY, prompt_tokens=200_001) == long
    assert rates(model, ended - DAY, prompt_tokens=200_000) == base
    assert rates(model, ended, prompt_tokens=200_001) == base


def test_haiku_5_5_prices_every_token_by_the_length_of_the_prompt() -> None:
    assert rates("claude-haiku-5-5", TODAY, prompt_tokens=100_000) == Rates(
        0.1, 0.125, 0.2, 0.01, 0.5
    )
    assert rates("claude-haiku-5-5", TODAY, prompt_tokens=100_001) == Rates(
        0.5, 0.625, 1, 0.05, 2.5
    )


def test_reads_and_writes_count_towards_the_prompt_and_output_does_not() -> None:
    at_limit = Charge(
        "claude-haiku-5-5",
        input_tokens=25_000,
        write_5m_tokens=25_000,
        write_1h_tokens=25_000,
        read_tokens=25_000,
        output_tokens=MILLION,
    )
    below, *above = priced(
        at_limit,
        replace(at_limit, input_tokens=25_001),
        replace(at_limit, write_5m_tokens=25_001),
        replace(at_limit, write_1h_tokens=25_001),
        replace(at_limit, read_tokens=25_001),
    )
    assert below["usd_output"] == pytest.approx(0.5)
    assert [row["usd_output"] for row in above] == [pytest.approx(2.5)] * 4


def test_reads_of_sonnet_5_5_cost_half_as_much_since_7_october() -> None:
    before = rates("claude-sonnet-5-5", date(2026, 10, 6))
    assert before == Rates(2, 2.5, 4, 0.2, 10)
    assert rates("claude-sonnet-5-5", date(2026, 10, 7)) == replace(before, read=0.1)


def test_the_rise_of_sonnet_5_that_was_cancelled_never_happened() -> None:
    assert rates("claude-sonnet-5", date(2026, 8, 31)) == rates("claude-sonnet-5", TODAY)


def test_a_clock_that_is_a_day_behind_at_the_launch_still_has_a_price() -> None:
    assert rates("claude-opus-5", date(2026, 7, 23)) == rates("claude-opus-5", TODAY)


# --- speed ---------------------------------------------------------------------------------


def test_two_hundred_thousand_charges_are_priced_at_once() -> None:
    with duckdb.connect() as con:
        con.execute(CHARGES_DDL)
        con.execute("SELECT setseed(0.5)")
        con.execute(
            """
            INSERT INTO charges
            SELECT
                $models[1 + (i % len($models))::INTEGER],
                DATE '2025-11-22' + (i % 365)::INTEGER,
                ['standard', 'fast', NULL][1 + i % 3],
                ['', 'us', 'global', NULL][1 + i % 4],
                ['standard', 'batch', NULL][1 + i % 3],
                i % 300000, i % 5000, i % 7000, i, i % 900, 0,
                'msg_' || i, 0
            FROM range(200000) AS numbers (i)
            """,
            {"models": [*MODELS, "glm-4.7"]},
        )
        price_charges(con, "charges", "priced")
        assert con.execute("SELECT count(*) FROM priced").fetchall() == [(200_000,)]


# --- a second opinion ----------------------------------------------------------------------

ANTHROPIC = next(provider for provider in providers if provider.id == "anthropic")
#: Output of every request that the two tables are asked about.
OUTPUT_TOKENS = 3_000


@dataclass(frozen=True)
class Question:
    """A request that both tables are asked to price."""

    model: str
    speed: str
    on: date
    prompt_tokens: int
    inference_geo: str | None
    service_tier: str

    @property
    def charge(self) -> Charge:
        tenth = self.prompt_tokens // 10
        return Charge(
            self.model,
            self.on,
            self.speed,
            self.inference_geo,
            self.service_tier,
            input_tokens=self.prompt_tokens - 7 * tenth,
            write_5m_tokens=2 * tenth,
            write_1h_tokens=tenth,
            read_tokens=4 * tenth,
            output_tokens=OUTPUT_TOKENS,
        )

    @property
    def usage(self) -> Usage:
        charge = self.charge
        return Usage(
            input_tokens=self.prompt_tokens,
            cache_write_tokens=charge.write_5m_tokens + charge.write_1h_tokens,
            cache_write_1h_tokens=charge.write_1h_tokens,
            cache_read_tokens=charge.read_tokens,
            output_tokens=charge.output_tokens,
        )


@cache
def genai_model(model: str) -> ModelInfo | None:
    return ANTHROPIC.find_model(model)


def genai_usd(question: Question) -> float | None:
    """The price by genai-prices; None where it does not know the model."""
    model = genai_model(question.model)
    if model is None:
        return None
    context = {"speed": "fast"} if question.speed == "fast" else {}
    if question.service_tier == "batch":
        context["processing"] = "batch"
    noon = datetime(question.on.year, question.on.month, question.on.day, 12, tzinfo=UTC)
    price = model.calc_price(
        question.usage, ANTHROPIC, genai_request_timestamp=noon, price_context=context
    )
    return float(price.total_price)


def genai_changes(model: str) -> set[date]:
    """The days on which a price of the model changes by genai-prices."""
    info = genai_model(model)
    if info is None:
        return set()
    conditional = info.prices if isinstance(info.prices, list) else []
    constraints = [price.constraint for price in (*conditional, *(info.price_variants or ()))]
    return {c.start_date for c in constraints if isinstance(c, StartDateConstraint)}


def questions() -> Iterator[Question]:
    """Every model, speed and tier on each side of every change that either table knows."""
    for model in MODELS:
        ours = [row for row in TABLE if row.model == model]
        ends = {row.valid_to for row in ours if row.valid_to.year < 9999}
        changes = ends | genai_changes(model)
        days = {TODAY} | changes | {day - DAY for day in changes}
        prompts = {1_000, 100_000, 100_001, 200_000, 200_001}
        speeds = {row.speed for row in ours}
        for speed, on, prompt, geo, tier in product(
            sorted(speeds), sorted(days), sorted(prompts), (None, "us"), ("standard", "batch")
        ):
            fast = [row for row in ours if row.speed == speed and row.above == 0]
            if any(row.valid_from <= on < row.valid_to for row in fast):
                yield Question(model, speed, on, prompt, geo, tier)


@dataclass(frozen=True)
class Difference:
    """Why we differ from genai-prices 0.2.3, and for exactly which requests."""

    why: str
    covers: Callable[[Question], bool]


BATCH_VARIANTS_START = date(2026, 10, 14)
NO_BATCH_IN_GENAI = {
    *(model for model in MODELS if model.startswith("claude-3-")),
    "claude-opus-4",
    "claude-opus-4-1",
    "claude-sonnet-4",
}


def _fast_was_on(q: Question) -> bool:
    return q.speed == "fast" and not (q.model == "claude-opus-4-6" and q.on >= date(2026, 6, 29))


ALLOWED = [
    Difference(
        "genai-prices has no claude-mythos-5 and -5-1; the facts price them as Fable 5 and 5.1.",
        lambda q: q.model in {"claude-mythos-5", "claude-mythos-5-1"},
    ),
    Difference(
        "genai-prices has no inference_geo; US inference is 1.1x from generation 4.6 on.",
        lambda q: (
            q.inference_geo == "us" and any(row.geo_us > 1 for row in TABLE if row.model == q.model)
        ),
    ),
    Difference(
        "genai-prices gives Sonnet 5.5 reads at 0.10 from its launch; they were 0.20 until "
        "2026-10-07.",
        lambda q: q.model == "claude-sonnet-5-5" and q.on < date(2026, 10, 7),
    ),
    Difference(
        "genai-prices does not know the fast modes of Opus 4.6 and 4.7, and prices them as "
        "standard.",
        lambda q: q.model in {"claude-opus-4-6", "claude-opus-4-7"} and _fast_was_on(q),
    ),
    Difference(
        "genai-prices misses the price of Sonnet 4 above 200k (1M beta) until 2026-04-30.",
        lambda q: (
            q.model == "claude-sonnet-4" and q.prompt_tokens > 200_000 and q.on < date(2026, 4, 30)
        ),
    ),
    Difference(
        "genai-prices keeps the price of Sonnet 4.5 above 200k for ever: the API refuses such "
        "prompts since 2026-04-30. The facts end the price that day.",
        lambda q: (
            q.model == "claude-sonnet-4-5"
            and q.prompt_tokens > 200_000
            and q.on >= date(2026, 4, 30)
        ),
    ),
    Difference(
        "genai-prices knows batches of most models from 2026-10-14 on; the 50 % is older.",
        lambda q: (
            q.service_tier == "batch"
            and q.model not in {"claude-fable-5-2", "claude-mythos-5-2"}
            and q.on < BATCH_VARIANTS_START
        ),
    ),
    Difference(
        "genai-prices has no batch price for the oldest models; the facts halve every model.",
        lambda q: q.service_tier == "batch" and q.model in NO_BATCH_IN_GENAI,
    ),
    Difference(
        "genai-prices lets the batch price replace the fast price; the facts state no exception, "
        "so we multiply.",
        lambda q: q.service_tier == "batch" and _fast_was_on(q),
    ),
]


@cache
def second_opinions() -> tuple[tuple[Question, float | None, float | None], ...]:
    """Each question with our price and theirs, USD."""
    asked = list(questions())
    ours = [row["usd"] for row in priced(*(question.charge for question in asked))]
    return tuple((q, our, genai_usd(q)) for q, our in zip(asked, ours, strict=True))


def differs(our: float | None, their: float | None) -> bool:
    if our is None or their is None:
        return our is not their
    return our != pytest.approx(their, rel=1e-9)


def test_genai_prices_agrees_on_everything_that_is_not_explained() -> None:
    unexplained = [
        (q, our, their)
        for q, our, their in second_opinions()
        if differs(our, their) and not any(entry.covers(q) for entry in ALLOWED)
    ]
    assert not unexplained, f"{len(unexplained)} differences, the first: {unexplained[:3]}"


@pytest.mark.parametrize("entry", ALLOWED, ids=lambda entry: entry.why[13:60])
def test_an_explanation_is_needed_and_explains_nothing_that_agrees(entry: Difference) -> None:
    covered = [(q, our, their) for q, our, their in second_opinions() if entry.covers(q)]
    agreeing = [question for question in covered if not differs(*question[1:])]
    assert not agreeing, f"no longer differs, narrow or remove the entry: {agreeing[:3]}"
    alone = [q for q, *_ in covered if sum(other.covers(q) for other in ALLOWED) == 1]
    assert alone, "no difference needs this entry: remove it"


def test_every_row_of_the_table_was_asked_about() -> None:
    def answers(row: PriceRow, q: Question) -> bool:
        return (
            (q.model, q.speed) == (row.model, row.speed)
            and row.valid_from <= q.on < row.valid_to
            and q.prompt_tokens > row.above
        )

    asked = list(questions())
    assert [row for row in TABLE if not any(answers(row, q) for q in asked)] == []


def test_every_claude_of_genai_prices_has_a_price_or_a_reason() -> None:
    reasons = {
        "claude-2": "before Claude Code, not in the facts",
        "claude-v1": "before Claude Code, not in the facts",
        "claude-3-sonnet": "before Claude Code, not in the facts",
    }
    known = {model.id for model in ANTHROPIC.models}
    unpriced = {model for model in known if canonical_model(model) not in MODELS}
    assert unpriced == reasons.keys()


def test_web_searches_cost_ten_dollars_a_thousand_by_genai_prices_too() -> None:
    rows = priced(*(Charge(model, web_search_requests=1000) for model in MODELS))
    ours = {row["model"]: row["usd"] for row in rows}
    assert set(ours.values()) == {10}
    for model in MODELS:
        info = genai_model(model)
        noon = datetime(TODAY.year, TODAY.month, TODAY.day, 12, tzinfo=UTC)
        kilo_price = info.get_prices(noon).web_searches_kcount if info else None
        if kilo_price is not None:
            assert float(str(kilo_price)) == ours[model], model
