"""What labels cost: prices of results, the ledger's rows, and figures told of a run.

The ledger is `label_requests`: reserved before a request is sent, settled with the usage that came
back. A request that is under way counts at the most that it can cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import duckdb
import sqlalchemy as sa

from waste_assets.accounting.prices import price_charges
from waste_assets.labels import schema
from waste_assets.labels.answer import Outcome
from waste_assets.labels.reading import Reading
from waste_assets.labels.store import Budget, LabelStore, counted_usd


@dataclass(frozen=True)
class Charge:
    """A result to be priced, and what it was asked as."""

    reading: Reading
    model_asked: str
    tier: str
    on: date
    reserved_usd: float


def usd_of(charges: Sequence[Charge]) -> list[float]:
    """What each result cost, USD, by the price list of the day on which it was asked.

    What is not billed costs nothing; a result that was lost counts as the most it can have cost.
    A model that came back under a name without a price is taken as the one that was asked for.
    """
    if not any(charge.reading.outcome.is_billed for charge in charges):
        return [_unbilled(charge) for charge in charges]
    found = _priced(charges, [charge.reading.model_returned for charge in charges])
    if None in found:
        again = _priced(charges, [charge.model_asked for charge in charges])
        found = [one if one is not None else other for one, other in zip(found, again, strict=True)]
    usd = []
    for charge, price in zip(charges, found, strict=True):
        if charge.reading.outcome.is_billed:
            usd.append(charge.reserved_usd if price is None else price)
        else:
            usd.append(_unbilled(charge))
    return usd


def _unbilled(charge: Charge) -> float:
    return charge.reserved_usd if charge.reading.outcome is Outcome.LOST else 0.0


def _priced(charges: Sequence[Charge], models: Sequence[str | None]) -> list[float | None]:
    """The price of each charge as one of that model; None without one."""
    used = [charge.reading.usage for charge in charges]
    columns = {
        "response_id": list(range(len(charges))),
        "model": list(models),
        "priced_on": [charge.on for charge in charges],
        "inference_geo": [usage.inference_geo for usage in used],
        "service_tier": [
            usage.service_tier or charge.tier for usage, charge in zip(used, charges, strict=True)
        ],
        **{kind: [getattr(usage, kind) for usage in used] for kind in _KINDS},
    }
    # A few rows: threads take longer to start than they have work for.
    with duckdb.connect(config={"threads": 1}) as con:
        con.execute(_CHARGES, columns)
        price_charges(con, "charges", "priced")
        priced = con.execute("SELECT usd FROM priced ORDER BY response_id").fetchall()
    return [usd for (usd,) in priced]


_KINDS = ("input_tokens", "write_5m_tokens", "write_1h_tokens", "read_tokens", "output_tokens")
_CHARGES = f"""
CREATE TEMP TABLE charges AS
SELECT
    unnest($response_id::BIGINT[]) AS response_id,
    unnest($model::VARCHAR[]) AS model,
    unnest($priced_on::DATE[]) AS priced_on,
    unnest($inference_geo::VARCHAR[]) AS inference_geo,
    unnest($service_tier::VARCHAR[]) AS service_tier,
    {", ".join(f"unnest(${kind}::BIGINT[]) AS {kind}" for kind in _KINDS)},
    0 AS iteration,
    'standard' AS speed,
    0 AS web_search_requests
"""


@dataclass(frozen=True)
class Figures:
    """Labels in numbers."""

    requests: int = 0
    #: Of these, with an answer; without one, for whatever reason; and under way.
    answered: int = 0
    unanswered: int = 0
    in_flight: int = 0
    #: Of these, whose fate is not known: counted at the most they can have cost.
    lost: int = 0
    input_tokens: int = 0
    write_tokens: int = 0
    read_tokens: int = 0
    output_tokens: int = 0
    #: What was billed, and what is set aside for what is under way.
    usd: float = 0.0
    open_usd: float = 0.0
    #: What was set aside for the settled requests: their bound.
    settled_reserved_usd: float = 0.0

    @property
    def cache_hit_share(self) -> float | None:
        """Prompt tokens read from the provider's cache over all; None without any."""
        prompt = self.input_tokens + self.write_tokens + self.read_tokens
        return self.read_tokens / prompt if prompt else None

    def metadata(
        self, *, sessions: int | None = None, left_usd: float | None = None
    ) -> dict[str, Any]:
        """The figures as numbers that plot, a materialisation at a time.

        `sessions`: how many the labels are about; `left_usd`: what the budget still has.
        """
        told: dict[str, Any] = {
            "label_usd": round(float(self.usd), 6),
            "label_usd_open": round(float(self.open_usd), 6),
            "label_requests": self.requests,
            "label_requests_in_flight": self.in_flight,
            "label_tokens": self.input_tokens
            + self.write_tokens
            + self.read_tokens
            + self.output_tokens,
        }
        if sessions:
            told["label_usd_per_session"] = round((self.usd + self.open_usd) / sessions, 9)
        if self.cache_hit_share is not None:
            told["label_cache_hit_share"] = round(self.cache_hit_share, 4)
        if left_usd is not None:
            told["label_budget_left_usd"] = round(left_usd, 6)
        return told


def figures(
    store: LabelStore,
    *,
    run: str | None = None,
    days: Sequence[date] | None = None,
    month: date | None = None,
    synthetic: bool | None = None,
) -> Figures:
    """Figures of the requests of a run, on behalf of some days, asked in a month (or of all)."""
    r = schema.requests.c
    query = _sums().select_from(_requests())
    if run is not None:
        query = query.where(schema.sendings.c.run == run)
    if days is not None:
        query = query.where(r.day.in_([day.isoformat() for day in days]))
    if month is not None:
        query = query.where(r.asked_at.like(f"{month:%Y-%m}-%"))
    if synthetic is not None:
        query = query.where(r.is_synthetic.is_(synthetic))
    return Figures(*store.rows(query)[0])


def by_month(store: LabelStore) -> list[tuple[dict[str, Any], Figures]]:
    """Figures by month, task, model, tier and whether synthetic, the newest month first."""
    r, s = schema.requests.c, schema.sendings.c
    month = sa.func.substr(r.asked_at, 1, 7).label("month")
    groups = (month, r.task, r.model_asked, s.tier, r.is_synthetic)
    query = (
        _sums(*groups)
        .select_from(_requests())
        .group_by(*groups)
        .order_by(month.desc(), *groups[1:])
    )
    names = ("month", "task", "model", "tier", "is_synthetic")
    return [
        (dict(zip(names, row[: len(names)], strict=True)), Figures(*row[len(names) :]))
        for row in store.rows(query)
    ]


def left(store: LabelStore, budget: Budget, *, synthetic: bool, now: datetime) -> float:
    """What the budget still has, USD."""
    return max(0.0, store.room(budget, synthetic=synthetic, now=now))


def _requests() -> sa.Join:
    r, s = schema.requests, schema.sendings
    return r.join(s, s.c.sending_id == r.c.sending_id)


def _sums(*groups: sa.ColumnElement[Any]) -> sa.Select[Any]:
    r = schema.requests.c
    is_open = r.outcome.is_(None)

    def count(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[Any]:
        return sa.func.coalesce(sa.func.sum(sa.case((condition, 1), else_=0)), 0)

    def total(column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        return sa.func.coalesce(sa.func.sum(column), 0)

    return sa.select(
        *groups,
        sa.func.count(),
        count(r.outcome == Outcome.ANSWERED.value),
        count(r.outcome != Outcome.ANSWERED.value),
        count(is_open),
        count(r.outcome == Outcome.LOST.value),
        total(r.input_tokens),
        total(r.write_tokens),
        total(r.read_tokens),
        total(r.output_tokens),
        total(r.usd),
        total(sa.case((is_open, counted_usd), else_=0.0)),
        total(sa.case((is_open, 0.0), else_=r.reserved_usd)),
    )


def ledger(store: LabelStore) -> list[tuple[Any, ...]]:
    """Every request ever made, in the order of the columns of the published `label_spend`."""
    r, s = schema.requests.c, schema.sendings.c
    query = (
        sa.select(
            r.sending_id, r.key, r.day, r.asked_at, r.settled_at, r.task, r.prompt_version, s.tier,
            s.host, r.is_synthetic, r.model_asked, r.model_returned, s.batch_id, r.request_id,
            r.outcome, r.input_tokens, r.write_tokens, r.read_tokens, r.output_tokens,
            r.reserved_usd, r.usd,
        )
        .select_from(_requests())
        .order_by(r.asked_at, r.sending_id, r.key)
    )  # fmt: skip
    return [
        (
            *row[:2],
            date.fromisoformat(row.day),
            datetime.fromisoformat(row.asked_at),
            datetime.fromisoformat(row.settled_at) if row.settled_at else None,
            *row[5:14],
            row.outcome or "in_flight",
            *row[15:],
        )
        for row in store.rows(query)
    ]


def month_of(moment: datetime) -> date:
    """The first day of the calendar month (UTC) of a moment."""
    return moment.astimezone(UTC).date().replace(day=1)
