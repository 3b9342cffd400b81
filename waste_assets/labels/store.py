"""What was asked and answered, and what it cost: kept for ever in the state database.

Every change is one transaction that is on the disk when it ends. `LabelStore` knows no network:
what is sent between two of its transactions stands in `asking.py`.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import islice
from typing import Any

import sqlalchemy as sa

from waste_assets.labels import schema
from waste_assets.labels.answer import Answer, Outcome
from waste_assets.labels.question import Judge, Prompt, Question
from waste_assets.labels.reading import Reading
from waste_assets.lake.state import State

#: Variables that one query may have; SQLite takes 32,766.
_PORTION = 10_000
#: What is counted of a request: its price, or as long as that is not known the most it can be.
counted_usd = sa.func.coalesce(schema.requests.c.usd, schema.requests.c.reserved_usd)


@dataclass(frozen=True)
class Budget:
    """What may be spent, USD: by a run, and by all in a calendar month (UTC)."""

    #: Whose run it is: what was asked under the same name counts together.
    run: str
    max_usd: float
    month_usd: float | None = None


@dataclass(frozen=True)
class Wanted:
    """A question that is to be sent, and the most that it can cost."""

    key: str
    question: Question
    most_usd: float


@dataclass(frozen=True)
class Sending:
    """A batch, or one question asked at once."""

    sending_id: str
    tier: str
    requests: int
    intended_at: datetime
    batch_id: str | None


@dataclass(frozen=True)
class AskedWith:
    """How a request was asked."""

    prompt_digest: str
    model: str
    asked_at: datetime
    reserved_usd: float


@dataclass(frozen=True)
class Settlement:
    """What became of one request, and what it cost (USD)."""

    key: str
    reading: Reading
    usd: float


#: The task whose questions are about no day.
CLUSTER_TITLE = "cluster_title"


class LabelStore:
    """The tables of labels in a state database."""

    def __init__(self, state: State) -> None:
        self._state = state
        state.create(schema.metadata)

    # --- answers ---------------------------------------------------------------------------

    def answers(
        self, keys: Collection[str] | None = None, *, synthetic: bool = True
    ) -> dict[str, Answer]:
        """What became of these keys last (of all keys, if none are given), by key.

        The provider's answer goes before one of this machine's own; without `synthetic` there
        are none of the latter.
        """
        a, r, s = schema.answers.c, schema.requests.c, schema.sendings.c
        query = (
            sa.select(
                a.key, a.outcome, a.value, r.prompt_version, r.model_asked, r.model_returned,
                r.request_id, s.batch_id, r.settled_at, r.input_tokens, r.write_tokens,
                r.read_tokens, r.output_tokens, r.usd, a.is_synthetic,
            )
            .join_from(
                schema.answers,
                schema.requests,
                sa.and_(r.sending_id == a.sending_id, r.key == a.key),
            )
            .join(schema.sendings, s.sending_id == a.sending_id)
            .order_by(a.is_synthetic.desc(), a.key)
        )  # fmt: skip
        if not synthetic:
            query = query.where(a.is_synthetic.is_(False))
        found: dict[str, Answer] = {}
        with self._state.reading() as connection:
            for row in _in_portions(connection, query, a.key, keys):
                # The provider's come later, and replace what is synthetic.
                found[row.key] = Answer(
                    key=row.key,
                    outcome=Outcome(row.outcome),
                    value=json.loads(row.value) if row.value is not None else None,
                    prompt_version=row.prompt_version,
                    model_asked=row.model_asked,
                    model_returned=row.model_returned,
                    request_id=row.request_id,
                    batch_id=row.batch_id,
                    answered_at=datetime.fromisoformat(row.settled_at),
                    input_tokens=row.input_tokens or 0,
                    write_tokens=row.write_tokens or 0,
                    read_tokens=row.read_tokens or 0,
                    output_tokens=row.output_tokens or 0,
                    usd=row.usd,
                    is_synthetic=row.is_synthetic,
                )
        return found

    def forget_answers(self, days: Collection[date], used: Collection[str]) -> int:
        """Forget answers that nothing uses of questions about these days, or about clusters.

        What they have cost stays in the ledger, which holds no text. Returns how many are gone.
        """
        a, r = schema.answers.c, schema.requests.c
        asked = (
            sa.select(a.key, a.is_synthetic)
            .join_from(
                schema.answers,
                schema.requests,
                sa.and_(r.sending_id == a.sending_id, r.key == a.key),
            )
            .where(sa.or_(r.task == CLUSTER_TITLE, r.day.in_([day.isoformat() for day in days])))
        )
        known = frozenset(used)
        with self._state.writing() as connection:
            gone = [row for row in connection.execute(asked).all() if row.key not in known]
            for row in gone:
                connection.execute(
                    schema.answers.delete().where(
                        a.key == row.key, a.is_synthetic.is_(row.is_synthetic)
                    )
                )
            connection.commit()
        return len(gone)

    def in_flight(
        self, keys: Collection[str] | None = None, *, synthetic: bool | None = None
    ) -> set[str]:
        """Those of the keys (of all) that are under way; `synthetic`: to whom, or to either."""
        c = schema.requests.c
        query = sa.select(c.key).where(c.outcome.is_(None))
        if synthetic is not None:
            query = query.where(c.is_synthetic.is_(synthetic))
        with self._state.reading() as connection:
            return {row.key for row in _in_portions(connection, query, c.key, keys)}

    def version(self) -> str:
        """Identity of all answers, empty without any: another one when anything is settled."""
        c = schema.requests.c
        query = sa.select(sa.func.count(c.outcome), sa.func.max(c.settled_at))
        with self._state.reading() as connection:
            settled, last = connection.execute(query).one()
        return hashlib.sha256(f"{settled} {last}".encode()).hexdigest()[:16] if settled else ""

    def ledger_version(self) -> str:
        """Identity of the ledger: another one as soon as anything is asked or settled."""
        c, s = schema.requests.c, schema.sendings.c
        queries = (
            sa.select(
                sa.func.count(), sa.func.count(c.outcome), sa.func.max(c.settled_at),
                sa.func.max(c.asked_at),
            ),
            sa.select(sa.func.count(), sa.func.count(s.batch_id), sa.func.max(s.intended_at)),
        )  # fmt: skip
        with self._state.reading() as connection:
            told = [[*connection.execute(query).one()] for query in queries]
        if not told[0][0]:
            return ""
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]

    # --- asking ----------------------------------------------------------------------------

    def alone(self) -> AbstractContextManager[None]:
        """Nobody else sends while this block runs; what is intended then is of the dead."""
        return self._state.exclusively("labels")

    def deferred(self) -> dict[str, str]:
        """Keys that a budget has left out, with the moment of the first time."""
        c = schema.deferred.c
        with self._state.reading() as connection:
            return {key: since for key, since in connection.execute(sa.select(c.key, c.since))}

    def reserve(
        self,
        wanted: Sequence[Wanted],
        judge: Judge,
        budget: Budget,
        *,
        tier: str,
        host: str,
        synthetic: bool,
        digest: Callable[[list[Wanted]], str],
        now: datetime,
    ) -> tuple[str | None, list[Wanted]]:
        """Set aside what the questions can cost, as many of the first as the budgets allow.

        What is answered or under way by now is left out. Returns the name of the sending, None
        where there is nothing to send, and the questions that it is to hold: these, no others,
        in this order; `digest` says what of them is sent. It is on the disk; only then may anything
        be sent.
        """
        sending_id = secrets.token_hex(8)
        with self._state.writing() as connection:
            keys = [one.key for one in wanted]
            settled = _final_keys(connection, keys, synthetic)
            room = _room(connection, budget, synthetic, now)
            taken: list[Wanted] = []
            for one in wanted:
                if one.key in settled:
                    continue
                if one.most_usd > room:
                    break
                room -= one.most_usd
                taken.append(one)
            if not taken:
                return None, []
            known = set(connection.scalars(sa.select(schema.prompts.c.digest)))
            new = {one.question.prompt.digest: one.question.prompt for one in taken}
            rows = [_prompt_row(new[name], now) for name in sorted(new.keys() - known)]
            if rows:
                connection.execute(schema.prompts.insert(), rows)
            connection.execute(
                schema.sendings.insert(),
                {
                    "sending_id": sending_id,
                    "run": budget.run,
                    "tier": tier,
                    "host": host,
                    "is_synthetic": synthetic,
                    "requests": len(taken),
                    "digest": digest(taken),
                    "intended_at": stamp(now),
                    "batch_id": None,
                    "status": "intended",
                },
            )
            connection.execute(
                schema.requests.insert(),
                [_request_row(sending_id, one, judge, synthetic, now) for one in taken],
            )
            for portion in _portions([one.key for one in taken]):
                connection.execute(
                    schema.deferred.delete().where(schema.deferred.c.key.in_(portion))
                )
        return sending_id, taken

    def defer(self, left_out: Iterable[Wanted], now: datetime) -> None:
        """Remember what a budget has left out; who waits already keeps the earlier moment."""
        rows = [
            {"key": one.key, "day": one.question.day.isoformat(), "since": stamp(now)}
            for one in left_out
        ]
        known = self.deferred()
        rows = [row for row in rows if row["key"] not in known]
        if rows:
            with self._state.writing() as connection:
                connection.execute(self._state.upsert(schema.deferred), rows)

    def asked_days(self) -> dict[date, str]:
        """Days of which every question was asked, with the identity of what they were made from."""
        c = schema.asked_days.c
        with self._state.reading() as connection:
            found = connection.execute(sa.select(c.day, c.identity)).all()
        return {date.fromisoformat(day): identity for day, identity in found}

    def note_asked_days(self, days: Mapping[date, str], now: datetime) -> None:
        """Note that every question of these days was asked."""
        rows = [
            {"day": day.isoformat(), "identity": identity, "asked_at": stamp(now)}
            for day, identity in days.items()
        ]
        with self._state.writing() as connection:
            connection.execute(self._state.upsert(schema.asked_days), rows)

    def note_asking(self, run: str, told: Mapping[str, Any], now: datetime) -> None:
        """Write down in numbers what an asking did."""
        row = {"run": run, "asked_at": stamp(now), "told": json.dumps(told)}
        with self._state.writing() as connection:
            connection.execute(schema.askings.insert(), row)

    def askings(self, run: str) -> list[dict[str, Any]]:
        """What the askings of a run did, in order."""
        c = schema.askings.c
        query = sa.select(c.told).where(c.run == run).order_by(c.asking_id)
        with self._state.reading() as connection:
            return [json.loads(told) for told in connection.scalars(query)]

    # --- sendings --------------------------------------------------------------------------

    def sendings(self, status: str, host: str | None = None) -> list[Sending]:
        """The sendings that stand so (to a host, or to all), the oldest first."""
        c = schema.sendings.c
        query = (
            sa.select(c.sending_id, c.tier, c.requests, c.intended_at, c.batch_id)
            .where(c.status == status)
            .order_by(c.intended_at, c.sending_id)
        )
        if host is not None:
            query = query.where(c.host == host)
        with self._state.reading() as connection:
            return [
                Sending(
                    row.sending_id,
                    row.tier,
                    row.requests,
                    datetime.fromisoformat(row.intended_at),
                    row.batch_id,
                )
                for row in connection.execute(query)
            ]

    def batch_ids(self) -> set[str]:
        """The provider's names of all batches that are known to be ours."""
        c = schema.sendings.c
        with self._state.reading() as connection:
            query = sa.select(c.batch_id).where(c.batch_id.is_not(None))
            return {str(name) for name in connection.scalars(query)}

    def keys_of(self, sending_id: str, *, unsettled: bool = False) -> set[str]:
        """The keys that a sending holds; or those of them that have no outcome yet."""
        c = schema.requests.c
        query = sa.select(c.key).where(c.sending_id == sending_id)
        if unsettled:
            query = query.where(c.outcome.is_(None))
        with self._state.reading() as connection:
            return set(connection.scalars(query))

    def submitted(self, sending_id: str, batch_id: str) -> None:
        """Note the provider's name of a batch."""
        self._mark(sending_id, status="submitted", batch_id=batch_id)

    def finish(self, sending_id: str, status: str) -> None:
        """Note that nothing more is to come of a sending: `collected` or `dropped`."""
        self._mark(sending_id, status=status)

    def _mark(self, sending_id: str, **values: str) -> None:
        c = schema.sendings.c
        with self._state.writing() as connection:
            connection.execute(
                schema.sendings.update().where(c.sending_id == sending_id).values(values)
            )

    def asked_with(
        self, sending_id: str, keys: Collection[str] | None = None
    ) -> dict[str, AskedWith]:
        """How the requests of a sending (all, or those of some keys) were asked, by key."""
        c = schema.requests.c
        query = sa.select(c.key, c.prompt_digest, c.model_asked, c.asked_at, c.reserved_usd).where(
            c.sending_id == sending_id
        )
        with self._state.reading() as connection:
            return {
                row.key: AskedWith(
                    row.prompt_digest,
                    row.model_asked,
                    datetime.fromisoformat(row.asked_at),
                    row.reserved_usd,
                )
                for row in _in_portions(connection, query, c.key, keys)
            }

    def settle(
        self, sending_id: str, settlements: Iterable[Settlement], now: datetime
    ) -> list[Settlement]:
        """Record outcomes, answers and prices of requests; returns those that were not known.

        A second time changes nothing.
        """
        told = {one.key: one for one in settlements}
        c = schema.requests.c
        with self._state.writing() as connection:
            open_: dict[str, bool] = {}
            days: dict[str, str] = {}
            for portion in _portions(list(told)):
                query = sa.select(c.key, c.is_synthetic, c.day).where(
                    c.sending_id == sending_id, c.outcome.is_(None), c.key.in_(portion)
                )
                for key, synthetic, day in connection.execute(query):
                    open_[key], days[key] = synthetic, day
            new = [one for key, one in told.items() if key in open_]
            if not new:
                return []
            update = schema.requests.update().where(
                c.sending_id == sending_id, c.key == sa.bindparam("of_key")
            )
            connection.execute(update, [_settled_row(one, now) for one in new])
            known = {
                synthetic: _final_keys(connection, list(open_), synthetic, under_way=False)
                for synthetic in set(open_.values())
            }
            rows = [
                _answer_row(one, sending_id, open_[one.key])
                for one in new
                if one.key not in known[open_[one.key]]
            ]
            if rows:
                connection.execute(self._state.upsert(schema.answers), rows)
            # What is to be asked again is outstanding again.
            again = {days[one.key] for one in new if not one.reading.outcome.is_final}
            if again:
                connection.execute(
                    schema.asked_days.delete().where(schema.asked_days.c.day.in_(sorted(again)))
                )
        return new

    # --- money -----------------------------------------------------------------------------

    def room(self, budget: Budget, *, synthetic: bool, now: datetime) -> float:
        """What may still be spent, USD; what is under way counts at its most."""
        with self._state.reading() as connection:
            return _room(connection, budget, synthetic, now)

    def rows(self, query: sa.Select[Any]) -> list[Any]:
        """The rows of a query over the tables of `schema`."""
        with self._state.reading() as connection:
            return list(connection.execute(query).all())


def stamp(moment: datetime) -> str:
    """A moment as it is kept: UTC, to the microsecond, in an order that text has too."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _room(connection: sa.Connection, budget: Budget, synthetic: bool, now: datetime) -> float:
    r, s = schema.requests.c, schema.sendings.c
    spent = sa.select(sa.func.coalesce(sa.func.sum(counted_usd), 0.0)).where(
        r.is_synthetic.is_(synthetic)
    )
    of_run = spent.join_from(schema.requests, schema.sendings, s.sending_id == r.sending_id).where(
        s.run == budget.run
    )
    room = budget.max_usd - float(connection.execute(of_run).scalar_one())
    if budget.month_usd is not None:
        month = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        of_month = spent.where(r.asked_at >= stamp(month))
        room = min(room, budget.month_usd - float(connection.execute(of_month).scalar_one()))
    return room


def _final_keys(
    connection: sa.Connection, keys: Sequence[str], synthetic: bool, *, under_way: bool = True
) -> set[str]:
    """Those of the keys that need not be asked: their outcome is final, or they are under way."""
    a, r = schema.answers.c, schema.requests.c
    unfinal = [outcome.value for outcome in Outcome if not outcome.is_final]
    query = sa.select(a.key).where(a.outcome.not_in(unfinal))
    # Where the provider has answered, this machine's own answer is not needed.
    if not synthetic:
        query = query.where(a.is_synthetic.is_(False))
    found = {row.key for row in _in_portions(connection, query, a.key, keys)}
    if under_way:
        open_ = sa.select(r.key).where(r.outcome.is_(None), r.is_synthetic.is_(synthetic))
        found |= {row.key for row in _in_portions(connection, open_, r.key, keys)}
    return found


def _in_portions(
    connection: sa.Connection,
    query: sa.Select[Any],
    column: sa.ColumnElement[str],
    keys: Collection[str] | None,
) -> Iterator[Any]:
    if keys is None:
        yield from connection.execute(query)
        return
    for portion in _portions(sorted(set(keys))):
        yield from connection.execute(query.where(column.in_(portion)))


def _portions(keys: Sequence[str]) -> Iterator[list[str]]:
    listed = iter(keys)
    while portion := list(islice(listed, _PORTION)):
        yield portion


def _prompt_row(prompt: Prompt, now: datetime) -> dict[str, Any]:
    return {
        "digest": prompt.digest,
        "task": prompt.task,
        "version": prompt.version,
        "system": prompt.system,
        "schema": json.dumps(prompt.schema),
        "max_tokens": prompt.max_tokens,
        "first_asked_at": stamp(now),
    }


def _request_row(
    sending_id: str, one: Wanted, judge: Judge, synthetic: bool, now: datetime
) -> dict[str, Any]:
    prompt = one.question.prompt
    return {
        "sending_id": sending_id,
        "key": one.key,
        "task": prompt.task,
        "prompt_digest": prompt.digest,
        "prompt_version": prompt.version,
        "day": one.question.day.isoformat(),
        "model_asked": judge.model,
        "effort": judge.effort,
        "is_synthetic": synthetic,
        "asked_at": stamp(now),
        "reserved_usd": one.most_usd,
    }


def _settled_row(one: Settlement, now: datetime) -> dict[str, Any]:
    reading, usage = one.reading, one.reading.usage
    counted: dict[str, int | None] = dict.fromkeys(
        ("input_tokens", "write_tokens", "read_tokens", "output_tokens")
    )
    if reading.outcome.is_billed:
        counted = {
            "input_tokens": usage.input_tokens,
            "write_tokens": usage.write_5m_tokens + usage.write_1h_tokens,
            "read_tokens": usage.read_tokens,
            "output_tokens": usage.output_tokens,
        }
    return {
        "of_key": one.key,
        "outcome": reading.outcome.value,
        "settled_at": stamp(now),
        "model_returned": reading.model_returned,
        "request_id": reading.request_id,
        "stop_reason": reading.stop_reason,
        "service_tier": usage.service_tier,
        "usd": one.usd,
        **counted,
    }


def _answer_row(one: Settlement, sending_id: str, synthetic: bool) -> dict[str, Any]:
    value = one.reading.value
    return {
        "key": one.key,
        "is_synthetic": synthetic,
        "sending_id": sending_id,
        "outcome": one.reading.outcome.value,
        "value": json.dumps(value, sort_keys=True) if value is not None else None,
        "text": one.reading.text,
    }
