"""Labels from the command line: what would be sent, sending it, picking it up, what it cost."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from waste_assets.faults import Fault
from waste_assets.labels.address import is_loopback
from waste_assets.labels.settings import KEY, LabelSettings
from waste_assets.settings import LABELS_FILE, Settings

if TYPE_CHECKING:
    from waste_assets.labels.asking import Asked, Collected
    from waste_assets.labels.client import Client
    from waste_assets.labels.labelling import Labelling
    from waste_assets.labels.preview import Preview
    from waste_assets.labels.question import Question
    from waste_assets.labels.spend import Figures
    from waste_assets.lake.lake import Lake
    from waste_assets.lake.state import State


def new_run() -> str:
    """A name under which what one command asks shares a budget."""
    return f"cli-{secrets.token_hex(6)}"


def dry_run(settings: Settings) -> Preview:
    """What `submit` would send, and what it would cost; nothing is sent.

    Raises:
        Fault: nothing has been audited, or the model has no price.
    """
    from waste_assets.detectors.flag import Settings as DetectorSettings
    from waste_assets.labels.preview import preview
    from waste_assets.labels.store import LabelStore
    from waste_assets.labels.wanted import questions
    from waste_assets.lake.tables import TOKEN_LEDGER

    labels = settings.labels
    with _opened(settings) as (lake, state, labelling):
        store = LabelStore(state)
        detector_settings = DetectorSettings(settings.prefix_budget, settings.result_cap)
        days = lake.days(TOKEN_LEDGER)
        found = list(questions(lake, detector_settings, days, settings.audit_sample))
        found += _about_clusters(settings, lake, state)
        wanted = labelling.allowed(found, days[0]) if days else []
        today = datetime.now(UTC).date()
        synthetic = is_loopback(labels.base_url)
        return preview(store, labels.judge, wanted, today, synthetic=synthetic)


def submit(settings: Settings, run: str, *, all_days: bool = True) -> Asked:
    """Ask what is still to be asked; without `all_days` only of days that have something new.

    Raises:
        Fault: there is no key or no budget, or nothing has been audited.
    """
    from waste_assets.detectors.flag import Settings as DetectorSettings
    from waste_assets.labels.asking import ask
    from waste_assets.labels.outstanding import Outstanding
    from waste_assets.labels.store import Budget, LabelStore
    from waste_assets.labels.wanted import prompts, questions
    from waste_assets.unchanged import forget

    labels = settings.labels
    _check_on(labels)
    budget = Budget(run, labels.max_usd, labels.month_usd)
    detector_settings = DetectorSettings(settings.prefix_budget, settings.result_cap)
    with _opened(settings) as (lake, state, labelling), _client(labels) as client:
        now, store = datetime.now(UTC), LabelStore(state)
        outstanding = Outstanding(
            lake, store, labels.judge, prompts(), synthetic=client.is_synthetic
        )
        asked = outstanding.ask(
            lambda days: labelling.allowed(
                list(questions(lake, detector_settings, days, settings.audit_sample)), days[0]
            ),
            lambda wanted: ask(
                store,
                client,
                labels.judge,
                wanted,
                budget,
                now,
                direct_below=labels.direct_below,
            ),
            now,
            all_days=all_days,
        )
        about = _about_clusters(settings, lake, state)
        # Where the provider makes trouble nothing more is asked; what a budget leaves out is noted.
        if about and asked.stopped in (None, "budget"):
            asked += ask(
                store,
                client,
                labels.judge,
                labelling.allowed(about, about[0].day),
                budget,
                now,
                direct_below=labels.direct_below,
                about="clusters",
            )
    if asked.reserved_usd:
        forget(settings.data_root)
    return asked


def _about_clusters(settings: Settings, lake: Lake, state: State) -> list[Question]:
    """What is to be asked about clusters, answered or not."""
    from waste_assets.clusters.shown import shown
    from waste_assets.clusters.titles import questions

    found = questions(lake, shown(lake, state), show_examples=settings.show_examples)
    return [about[0] for about in found.values()]


def pick_up(settings: Settings) -> Collected:
    """Pick up the answers of the batches that have ended.

    Raises:
        Fault: there is no key, or nothing has been audited.
    """
    from waste_assets.labels.asking import collect
    from waste_assets.labels.store import LabelStore
    from waste_assets.labels.wanted import prompts
    from waste_assets.unchanged import forget

    with _opened(settings) as (_, state, _), _client(settings.labels) as client:
        collected = collect(LabelStore(state), client, datetime.now(UTC), prompts())
    if collected.outcomes:
        forget(settings.data_root)
    return collected


def spend(settings: Settings) -> list[tuple[dict[str, Any], Figures]]:
    """The ledger by month, task, model and tier.

    Raises:
        Fault: nothing has been audited.
    """
    from waste_assets.labels.spend import by_month
    from waste_assets.labels.store import LabelStore

    with _opened(settings) as (_, state, _):
        return by_month(LabelStore(state))


def left_this_month(settings: Settings) -> float | None:
    """What the month's budget still has, USD; None without one."""
    from waste_assets.labels.spend import left
    from waste_assets.labels.store import Budget, LabelStore

    labels = settings.labels
    if labels.month_usd is None:
        return None
    with _opened(settings) as (_, state, _):
        budget = Budget("", float("inf"), labels.month_usd)
        synthetic = is_loopback(labels.base_url)
        return left(LabelStore(state), budget, synthetic=synthetic, now=datetime.now(UTC))


def asked_of(settings: Settings, run: str) -> dict[str, Any]:
    """What all askings under the name of a run did together."""
    from waste_assets.labels.store import LabelStore

    with _opened(settings) as (_, state, _):
        store = LabelStore(state)
        told = store.askings(run)
        deferred = len(store.deferred())
    together: dict[str, Any] = {}
    seen: dict[tuple[str, str], int] = {}
    for one in told:
        about = one.pop("about")
        for name, value in one.items():
            if name in _SENT:
                together[name] = together.get(name, 0) + value
            elif name in _SEEN:
                seen[name, about] = max(seen.get((name, about), 0), value)
            elif value is not None:
                together[name] = value
    for (name, _), count in seen.items():
        together[name] = together.get(name, 0) + count
    if told:
        # An asking that follows another meets what that one has left out.
        together["deferred"] = deferred
    return together


#: What adds up over askings; and what one asking may see again that another of the same things has
#: seen.
_SENT = ("submitted", "direct", "reserved_usd")
_SEEN = ("questions", "cached", "in_flight", "unsent", "withheld")


def _check_on(labels: LabelSettings) -> None:
    why = labels.why_off()
    if why is not None:
        raise Fault(why)


def labelled(settings: Settings, state: State) -> Labelling:
    """Who judges by these settings; nothing is sent."""
    from waste_assets.labels.labelling import Labelling
    from waste_assets.labels.store import LabelStore

    return Labelling.of(
        state,
        settings.labels_file or settings.data_root / LABELS_FILE,
        settings.audit_sample,
        judge=settings.labels.judge,
        answers=LabelStore(state),
        is_synthetic=is_loopback(settings.labels.base_url),
    )


@contextmanager
def _opened(settings: Settings) -> Iterator[tuple[Lake, State, Labelling]]:
    from waste_assets.lake.place import lake_of
    from waste_assets.lake.state import State

    lake = lake_of(settings.data_root, settings.lake)
    if not lake.exists():
        raise Fault(f"Nothing has been audited into {settings.data_root}: run an audit first.")
    state = State(settings.data_root)
    try:
        yield lake, state, labelled(settings, state)
    finally:
        state.close()


@contextmanager
def _client(labels: LabelSettings) -> Iterator[Client]:
    from waste_assets.labels.client import Client

    client = Client(os.environ.get(KEY, ""), labels.base_url)
    try:
        yield client
    finally:
        client.close()
