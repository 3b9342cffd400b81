"""Which days still have questions to ask: those whose flags or judge have changed since all of
their questions were asked, and those that a budget or a failure left unfinished."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime

from waste_assets.labels.asking import Asked
from waste_assets.labels.question import Judge, Prompt, Question
from waste_assets.labels.store import LabelStore
from waste_assets.lake.lake import Lake
from waste_assets.lake.tables import TOKEN_LEDGER


class Outstanding:
    """The days of a lake, and what of them was asked."""

    def __init__(
        self,
        lake: Lake,
        store: LabelStore,
        judge: Judge,
        prompts: Mapping[str, Prompt],
        *,
        synthetic: bool,
    ) -> None:
        self._store = store
        asked_by = [judge.model, judge.effort, sorted(prompts), synthetic]
        self._identity = {
            day: _digest([asked_by, lake.notes(TOKEN_LEDGER, day)])
            for day in lake.days(TOKEN_LEDGER)
        }

    def days(self) -> list[date]:
        """The days that have, or may have, something to ask."""
        asked = self._store.asked_days()
        return [day for day, identity in self._identity.items() if asked.get(day) != identity]

    def ask(
        self,
        questions: Callable[[Sequence[date]], Iterable[Question]],
        ask: Callable[[Iterable[Question]], Asked],
        now: datetime,
        *,
        all_days: bool = False,
    ) -> Asked:
        """Ask what these days have to ask, or what all days have.

        Days of which nothing was left out count as asked; the others come again.
        """
        days = list(self._identity) if all_days else self.days()
        if not days:
            return Asked()
        asked = ask(questions(days))
        self.note(asked, days, now)
        return asked

    def note(self, asked: Asked, days: Sequence[date], now: datetime) -> None:
        """Write down that these days were asked about, where nothing of them was left out."""
        if not asked.deferred and not asked.unsent:
            identity = self._identity
            self._store.note_asked_days(
                {day: identity[day] for day in days if day in identity}, now
            )


def _digest(told: object) -> str:
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]
