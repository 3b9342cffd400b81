"""Asking, and picking up the answers: two steps, hours or days apart.

`ask` writes down what it is about to send, with the most that it can cost, and only then sends
it. `collect` reads what has come back. Neither waits for a batch. Whatever kills the process in
between, the next one knows:

- reserved, nothing sent: no batch of the provider's holds these keys. Some time later they are
  asked again.
- sent, the response lost: the provider lists a batch that holds exactly these keys. It is ours,
  and is collected as if the response had come.
- sent and noted, not collected: it is collected.
- collected in part: collected again; what is settled stays as it is.

A question asked at once has no such list. Where its response is lost, it counts as spent at its
most, and a later run may ask it again: so it may be paid twice, and the ledger says so. By default
nothing is asked at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from waste_assets.faults import Fault
from waste_assets.labels.answer import Outcome
from waste_assets.labels.question import Judge, Prompt, Question
from waste_assets.labels.reading import Reading, read_result
from waste_assets.labels.request import (
    BATCH,
    EFFORTS,
    STANDARD,
    digest_of,
    most_usd,
    params_of,
    rates_of,
    size_of,
)
from waste_assets.labels.spend import Charge, usd_of
from waste_assets.labels.store import Budget, LabelStore, Sending, Settlement, Wanted
from waste_assets.labels.trouble import Kind, Trouble
from waste_assets.redaction import redact

if TYPE_CHECKING:
    from waste_assets.labels.client import BatchState, Client

#: A batch takes 100,000 requests and 256 MB; smaller ones are sooner sent again.
_MOST_REQUESTS, _MOST_BYTES = 10_000, 64 << 20
#: The provider's clock may be behind this one by so much.
_SKEW = timedelta(minutes=10)
#: A batch that is not in the list so long after it was sent never arrived.
_ARRIVES_WITHIN = timedelta(minutes=15)
#: Results are kept for 29 days.
_KEPT = timedelta(days=29)
#: Results that are settled in one transaction.
_PORTION = 500


@dataclass
class Asked:
    """What an asking did, in numbers of questions."""

    questions: int = 0
    #: Answered before, for ever.
    cached: int = 0
    in_flight: int = 0
    #: Sent in batches, and asked at once.
    submitted: int = 0
    direct: int = 0
    #: Left out for lack of money; they come first next time.
    deferred: int = 0
    #: Not sent because something went wrong.
    unsent: int = 0
    #: Never sent, because something in them looks like a secret.
    withheld: int = 0
    #: The most that what was sent can cost.
    reserved_usd: float = 0.0
    #: What the budget still has.
    left_usd: float = 0.0
    #: Why not everything was sent: `budget`, or a kind of trouble; None if everything was.
    stopped: str | None = None
    #: The sentence for the person who must act.
    told: str | None = None
    synthetic: bool = False

    def __add__(self, later: Asked) -> Asked:
        """Both askings of a run together."""
        told = {name: value for name, value in vars(later).items() if name not in _LAST}
        added = {name: getattr(self, name) + value for name, value in told.items()}
        return Asked(
            **added,
            left_usd=later.left_usd,
            stopped=later.stopped or self.stopped,
            told=later.told or self.told,
            synthetic=later.synthetic,
        )

    @property
    def stopped_for_money(self) -> bool:
        """Whether a budget, ours or the account's, left questions out."""
        return self.stopped in ("budget", Kind.CAP)


#: What of an asking does not add up.
_LAST = ("left_usd", "stopped", "told", "synthetic")


@dataclass
class Collected:
    """What picking up did."""

    #: Batches that have ended and are settled, and those that are still at work.
    batches: int = 0
    waiting: int = 0
    #: Requests settled, by outcome, and what they cost.
    outcomes: Counter[str] = field(default_factory=Counter)
    usd: float = 0.0
    #: Batches whose response had been lost, found again; sendings that never arrived.
    found_again: int = 0
    never_arrived: int = 0
    #: Batches of another address than the client's.
    elsewhere: int = 0
    #: What could not be picked up, in sentences.
    faults: list[str] = field(default_factory=list)


def ask(
    store: LabelStore,
    client: Client,
    judge: Judge,
    questions: Iterable[Question],
    budget: Budget,
    now: datetime,
    *,
    direct_below: int = 0,
    about: str = "days",
) -> Asked:
    """Send the questions that are neither answered nor under way, as far as the budget goes.

    `direct_below`: fewer new questions than this are asked at once, at twice the price. `about`:
    askings about the same see the same questions again.

    What goes wrong on the way is in the result, not raised: the rest of the work goes on.

    Raises:
        Fault: the judge cannot be asked at all: unknown effort, no price for the model.
    """
    if judge.effort not in EFFORTS:
        raise Fault(f"{judge.effort!r} is no effort: give {', '.join(EFFORTS)}.")
    rates_of(judge.model, BATCH, now.astimezone(UTC).date(), 0)
    by_key: dict[str, Question] = {}
    for question in questions:
        by_key.setdefault(question.key(judge), question)
    asked = Asked(questions=len(by_key), synthetic=client.is_synthetic)
    with store.alone():
        try:
            _send(store, client, judge, by_key, budget, now, direct_below, asked)
        except Trouble as trouble:
            asked.stopped, asked.told = trouble.kind.value, str(trouble)
    asked.left_usd = max(0.0, store.room(budget, synthetic=client.is_synthetic, now=now))
    store.note_asking(budget.run, {**asdict(asked), "about": about}, now)
    return asked


def _send(
    store: LabelStore,
    client: Client,
    judge: Judge,
    by_key: Mapping[str, Question],
    budget: Budget,
    now: datetime,
    direct_below: int,
    asked: Asked,
) -> None:
    open_ = _open(store, client, by_key, asked)
    # Whoever is alone here knows that what stands as intended has lost its process.
    if store.sendings("intended", client.host):
        _reconcile(store, client, now, Collected())
        open_ = _open(store, client, by_key, asked)
    if not open_:
        return
    safe = {key: one for key, one in open_.items() if redact(one.text) == one.text}
    asked.withheld, open_ = len(open_) - len(safe), safe
    asked.unsent = len(open_)
    tier = STANDARD if len(open_) < direct_below else BATCH
    fixed: dict[str, int] = {}
    if store.room(budget, synthetic=client.is_synthetic, now=now) > 0:
        fixed, refused = _tried_out(client, judge, open_.values(), asked)
        open_ = {k: q for k, q in open_.items() if q.prompt.digest not in refused}
    waiting = store.deferred()
    today = now.astimezone(UTC).date()
    wanted = [
        Wanted(key, one, most_usd(one, judge, tier, today, fixed.get(one.prompt.digest)))
        for key, one in open_.items()
    ]
    wanted.sort(key=lambda one: (one.key not in waiting, waiting.get(one.key, "")))
    rest: Sequence[Wanted] = wanted
    try:
        while rest:
            size = 1 if tier == STANDARD else _fitting(rest, judge)
            sent = _send_some(store, client, judge, rest[:size], budget, now, tier, asked)
            rest = [one for one in rest if one.key not in sent]
            if len(sent) < size:
                asked.stopped, asked.told = "budget", _over_budget(budget)
                break
    except Trouble as trouble:
        if trouble.kind is not Kind.CAP:
            raise
        asked.stopped, asked.told = trouble.kind.value, str(trouble)
    if rest:
        store.defer(rest, now)
        asked.deferred = len(rest)
        asked.unsent -= len(rest)


def _open(
    store: LabelStore, client: Client, by_key: Mapping[str, Question], asked: Asked
) -> dict[str, Question]:
    """The questions that are neither answered nor under way; counts the others."""
    known = store.answers(by_key.keys(), synthetic=client.is_synthetic)
    under_way = store.in_flight(by_key.keys(), synthetic=client.is_synthetic)
    answered = {key for key, answer in known.items() if answer.outcome.is_final}
    asked.cached, asked.in_flight = len(answered), len(under_way - answered)
    open_ = {k: q for k, q in by_key.items() if k not in answered and k not in under_way}
    asked.unsent = len(open_)
    return open_


def _over_budget(budget: Budget) -> str:
    month = f" and ${budget.month_usd:g} a month" if budget.month_usd is not None else ""
    return (
        f"The budget of ${budget.max_usd:g} a run{month} does not cover the most that all "
        "questions can cost: what was left out comes first next time."
    )


def _tried_out(
    client: Client, judge: Judge, questions: Iterable[Question], asked: Asked
) -> tuple[dict[str, int], set[str]]:
    """Let the API look at a request of each kind, for nothing.

    A batch is checked only when its turn comes; and a wrong key or address is better known before
    anything is reserved. Returns the tokens of each kind without a question, and the kinds that
    the API refuses, by digest.
    """
    counted: dict[str, int] = {}
    refused: set[str] = set()
    for question in questions:
        name = question.prompt.digest
        if name in counted or name in refused:
            continue
        try:
            counted[name] = client.count_tokens(params_of(replace(question, text="."), judge))
        except Trouble as trouble:
            if trouble.kind is not Kind.REFUSED:
                raise
            refused.add(name)
            asked.stopped = trouble.kind.value
            asked.told = f"Questions of the kind {question.prompt.task} are not sent: {trouble}"
    return counted, refused


def _fitting(wanted: Sequence[Wanted], judge: Judge) -> int:
    """How many of the first fit into one batch."""
    size = 0
    for number, one in enumerate(wanted[:_MOST_REQUESTS]):
        size += size_of(params_of(one.question, judge))
        if number and size > _MOST_BYTES:
            return number
    return min(len(wanted), _MOST_REQUESTS)


def _send_some(
    store: LabelStore,
    client: Client,
    judge: Judge,
    portion: Sequence[Wanted],
    budget: Budget,
    now: datetime,
    tier: str,
    asked: Asked,
) -> set[str]:
    """Reserve and send as many of the portion as the budget allows; returns their keys."""
    sending_id, taken = store.reserve(
        portion,
        judge,
        budget,
        tier=tier,
        host=client.host,
        synthetic=client.is_synthetic,
        digest=lambda of: digest_of(_requests(of, judge)),
        now=now,
    )
    if sending_id is None:
        return set()
    try:
        if tier == BATCH:
            store.submitted(sending_id, client.submit(_requests(taken, judge)))
            asked.submitted += len(taken)
        else:
            _ask_at_once(store, client, judge, sending_id, taken[0], now)
            asked.direct += 1
    except Trouble as trouble:
        if trouble.kind is Kind.DOUBT:
            # It may be under way: nothing is given back, and nothing sent again.
            asked.in_flight += len(taken)
            asked.unsent -= len(taken)
            asked.reserved_usd += sum(one.most_usd for one in taken)
        else:
            _give_back(store, sending_id, trouble, now)
        raise
    asked.unsent -= len(taken)
    asked.reserved_usd += sum(one.most_usd for one in taken)
    return {one.key for one in taken}


def _requests(taken: Sequence[Wanted], judge: Judge) -> list[dict[str, Any]]:
    return [{"custom_id": one.key, "params": params_of(one.question, judge)} for one in taken]


def _ask_at_once(
    store: LabelStore, client: Client, judge: Judge, sending_id: str, one: Wanted, now: datetime
) -> None:
    try:
        message = client.message(params_of(one.question, judge))
    except Trouble as trouble:
        if trouble.kind is Kind.DOUBT:
            _lose(store, sending_id, str(trouble), now)
        if trouble.kind is not Kind.REFUSED:
            raise
        reading = Reading(Outcome.REJECTED, text=str(trouble))
    else:
        result = {"type": "succeeded", "message": message}
        reading = read_result(result, one.question.prompt)
    _settle(store, sending_id, STANDARD, {one.key: reading}, now)
    store.finish(sending_id, "collected")


def _give_back(store: LabelStore, sending_id: str, trouble: Trouble, now: datetime) -> None:
    """Nothing was done: what was reserved is free again."""
    readings = {
        key: Reading(Outcome.UNSERVED, text=str(trouble)) for key in store.keys_of(sending_id)
    }
    _settle(store, sending_id, BATCH, readings, now)
    store.finish(sending_id, "dropped")


def _lose(store: LabelStore, sending_id: str, told: str, now: datetime) -> Counter[str]:
    """Nothing will come any more of what may have been billed: it counts at its most."""
    readings = {
        key: Reading(Outcome.LOST, text=told) for key in store.keys_of(sending_id, unsettled=True)
    }
    _, outcomes = _settle(store, sending_id, BATCH, readings, now)
    store.finish(sending_id, "dropped")
    return outcomes


# --- picking up --------------------------------------------------------------------------------


def collect(
    store: LabelStore, client: Client, now: datetime, prompts: Mapping[str, Prompt] | None = None
) -> Collected:
    """Pick up the results of all batches that have ended; the others go on.

    `prompts`: what questions are asked with now, by digest; their answers are validated. It may
    be called at any time, by any process, as often as one likes.
    """
    collected = Collected()
    with store.alone():
        if store.sendings("intended", client.host):
            _watched(collected, partial(_reconcile, store, client, now, collected))
    sendings = store.sendings("submitted", client.host)
    collected.elsewhere = len(store.sendings("submitted")) - len(sendings)
    for sending in sendings:
        pick_up = partial(_pick_up, store, client, sending, now, prompts or {}, collected)
        _watched(collected, pick_up)
    return collected


def _watched(collected: Collected, act: Callable[[], object]) -> None:
    """One batch that makes trouble does not keep the others waiting."""
    try:
        act()
    except Trouble as trouble:
        if str(trouble) not in collected.faults:
            collected.faults.append(str(trouble))


def _pick_up(
    store: LabelStore,
    client: Client,
    sending: Sending,
    now: datetime,
    prompts: Mapping[str, Prompt],
    collected: Collected,
) -> None:
    assert sending.batch_id is not None
    try:
        state = client.state(sending.batch_id)
        if not state.has_ended:
            collected.waiting += 1
            return
        lines = 0
        results = client.results(sending.batch_id)
        while portion := list(islice(results, _PORTION)):
            lines += len(portion)
            _settle_lines(store, sending, portion, now, prompts, collected)
    except Trouble as trouble:
        if trouble.kind is not Kind.GONE or now - sending.intended_at < _KEPT:
            raise
        told = f"the results of {sending.batch_id} are not kept any more"
        collected.outcomes += _lose(store, sending.sending_id, told, now)
        return
    if lines < state.requests:
        raise Trouble(
            Kind.DOUBT,
            f"{sending.batch_id} has {state.requests:,} results and {lines:,} came: collect again.",
        )
    missing = store.keys_of(sending.sending_id, unsettled=True)
    if missing:
        readings = {key: Reading(Outcome.UNSERVED, text="no result") for key in missing}
        _count(collected, _settle(store, sending.sending_id, BATCH, readings, now))
    store.finish(sending.sending_id, "collected")
    collected.batches += 1


def _settle_lines(
    store: LabelStore,
    sending: Sending,
    lines: Sequence[Mapping[str, Any]],
    now: datetime,
    prompts: Mapping[str, Prompt],
    collected: Collected,
) -> None:
    keys = {str(line.get("custom_id")) for line in lines}
    asked_with = store.asked_with(sending.sending_id, keys)
    readings = {
        key: read_result(line.get("result") or {}, prompts.get(asked_with[key].prompt_digest))
        for line in lines
        if (key := str(line.get("custom_id"))) in asked_with
    }
    _count(collected, _settle(store, sending.sending_id, BATCH, readings, now))


def _settle(
    store: LabelStore,
    sending_id: str,
    tier: str,
    readings: Mapping[str, Reading],
    now: datetime,
) -> tuple[float, Counter[str]]:
    """Price and record; returns what was new of it: USD, and outcomes."""
    asked_with = store.asked_with(sending_id, readings.keys())
    charges = [
        Charge(
            reading,
            asked_with[key].model,
            tier,
            asked_with[key].asked_at.date(),
            asked_with[key].reserved_usd,
        )
        for key, reading in readings.items()
    ]
    settlements = [
        Settlement(key, reading, usd)
        for (key, reading), usd in zip(readings.items(), usd_of(charges), strict=True)
    ]
    new = store.settle(sending_id, settlements, now)
    return sum(one.usd for one in new), Counter(one.reading.outcome.value for one in new)


def _count(collected: Collected, new: tuple[float, Counter[str]]) -> None:
    collected.usd += new[0]
    collected.outcomes += new[1]


def _reconcile(store: LabelStore, client: Client, now: datetime, collected: Collected) -> None:
    """Find out what became of sendings whose process or response was lost.

    To be called by who is alone: otherwise they may be about to be sent.
    """
    ours = store.batch_ids()
    recent: list[BatchState] | None = None
    for sending in store.sendings("intended", client.host):
        if sending.tier == STANDARD:
            told = "the process ended before the response came"
            collected.outcomes += _lose(store, sending.sending_id, told, now)
            continue
        if recent is None:
            # The first is the oldest.
            recent = list(client.recent(sending.intended_at - _SKEW))
        alike = [
            state
            for state in recent
            if state.batch_id not in ours
            and state.requests == sending.requests
            and state.created_at >= sending.intended_at - _SKEW
        ]
        keys = store.keys_of(sending.sending_id)
        held = {s.batch_id: _holds(client, s, keys) if s.has_ended else None for s in alike}
        found = next((name for name, ours_too in held.items() if ours_too), None)
        age = now - sending.intended_at
        if found is not None:
            store.submitted(sending.sending_id, found)
            ours.add(found)
            collected.found_again += 1
        elif None not in held.values() and age > _ARRIVES_WITHIN:
            _give_back(store, sending.sending_id, _NEVER_ARRIVED, now)
            collected.never_arrived += 1
        elif age > _KEPT:
            told = "it may be a batch whose results are not kept any more"
            collected.outcomes += _lose(store, sending.sending_id, told, now)


_NEVER_ARRIVED = Trouble(Kind.UNREACHABLE, "it never arrived")


def _holds(client: Client, state: BatchState, keys: set[str]) -> bool | None:
    """Whether a batch that has ended holds exactly these keys; None if that cannot be known.

    Until a batch ends it does not say what it holds.
    """
    found = set()
    try:
        for line in client.results(state.batch_id):
            found.add(str(line.get("custom_id")))
            if not found <= keys:
                return False
    except Trouble as trouble:
        if trouble.kind is Kind.GONE:
            return None
        raise
    return found == keys
