"""The judge as a Dagster resource: who is asked, where, and for how much."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import dagster as dg
from dagster import get_dagster_logger

from waste_assets.faults import Fault
from waste_assets.labels.address import is_loopback
from waste_assets.labels.asking import Asked, Collected, ask, collect
from waste_assets.labels.labelling import Ask
from waste_assets.labels.outstanding import Outstanding
from waste_assets.labels.question import Judge, Question
from waste_assets.labels.settings import KEY, PROVIDER, LabelSettings
from waste_assets.labels.store import Budget, LabelStore
from waste_assets.labels.wanted import prompts
from waste_assets.lake.lake import Lake
from waste_assets.report.shown import inert

if TYPE_CHECKING:
    from waste_assets.labels.client import Client


class Haiku(dg.ConfigurableResource["Haiku"]):
    """Claude Haiku, asked in batches.

    The key is read from the environment and is no part of the configuration, which Dagster shows.
    """

    model: str = LabelSettings.model
    effort: str = LabelSettings.effort
    base_url: str = PROVIDER
    max_usd: float = 0.0
    month_usd: float | None = None
    direct_below: int = 0
    #: Under which name runs of one command share its budget; each run has its own if empty.
    run: str = ""

    @property
    def settings(self) -> LabelSettings:
        """The same as plain settings."""
        return LabelSettings(
            self.model,
            self.effort,
            self.base_url,
            self.max_usd,
            self.month_usd,
            self.direct_below,
        )

    @property
    def judge(self) -> Judge:
        """Who judges."""
        return self.settings.judge

    @property
    def why_off(self) -> str | None:
        """Why nothing is sent; None where a key and a budget are given."""
        return self.settings.why_off()

    def client(self) -> Client:
        """The API; the caller closes it.

        Raises:
            Fault: there is no key, or the address cannot be used.
        """
        from waste_assets.labels.client import Client

        return Client(os.environ.get(KEY, ""), self.base_url)

    def budget(self, run_id: str) -> Budget:
        """What a run may spend."""
        return Budget(self.run or run_id, self.max_usd, self.month_usd)

    def ask(
        self,
        store: LabelStore,
        questions: Iterable[Question],
        run_id: str,
        about: str = "days",
    ) -> Asked | None:
        """Send what is new of the questions; None where nothing is to be sent at all.

        `about`: see `labels.asking.ask`.

        Raises:
            Fault: the judge cannot be asked with these settings.
        """
        if self.why_off is not None:
            return None
        client = self.client()
        try:
            return ask(
                store,
                client,
                self.judge,
                questions,
                self.budget(run_id),
                datetime.now(UTC),
                direct_below=self.direct_below,
                about=about,
            )
        finally:
            client.close()

    @property
    def is_synthetic(self) -> bool:
        """This machine answers, and no model."""
        return is_loopback(self.base_url)

    def sender(self, lake: Lake, store: LabelStore, run_id: str) -> Ask:
        """What sends the questions of a run; what cannot be sent is told, and stops no run."""

        def send(questions: Sequence[Question], days: Sequence[date]) -> None:
            try:
                asked = self.ask(store, questions, run_id)
            except Fault as fault:
                get_dagster_logger().warning(inert(str(fault)))
                return
            if asked is not None:
                if asked.told is not None:
                    get_dagster_logger().warning(inert(asked.told))
                synthetic = self.is_synthetic
                outstanding = Outstanding(lake, store, self.judge, prompts(), synthetic=synthetic)
                outstanding.note(asked, days, datetime.now(UTC))

        return send

    def collect(self, store: LabelStore) -> Collected:
        """Pick up what has come back.

        Raises:
            Fault: there is no key, or the address cannot be used.
        """
        client = self.client()
        try:
            return collect(store, client, datetime.now(UTC), prompts())
        finally:
            client.close()
