"""Who works when, and how much: the sessions of a corpus before any of it is written.

A session is one session id with its subagents; a response is what the API billed once. The
published audit tells 9,667 sessions and 133,087 assistant turns; here a turn is a response, of
which each has several lines. Half of the sessions are scheduled: no user, few responses, a cheap
model. The others are long-tailed, as people's are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum
from random import Random

SESSIONS, RESPONSES, DAYS = 9_667, 133_087, 90
END = date(2026, 11, 20)
"""Last day of every corpus. A larger one reaches further back, so that a day stays as large."""
MOST_DAYS = 360
#: Of the corpus of scale 1: sessions in which a browser that is in use fails, once each.
BROWSER = 136
_SCHEDULED = 0.5
_CONTINUED = 0.04
"""Of people's sessions, those that go on under another id, with a copy of all their lines."""
_MOST_RESPONSES = 1_200
_MINUTE = 60_000


class Kind(Enum):
    """Who began a session."""

    PERSON = "person"
    SCHEDULED = "scheduled"
    BROWSER = "browser"
    """Scheduled too; it looks at a page, and finds the browser in use."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One session: what it is seeded by, when it begins, how many responses it has."""

    seed: str
    kind: Kind
    day: date
    start_ms: int
    """After midnight UTC of the day."""
    responses: int
    continues: Planned | None = None
    """The session whose lines it begins with."""


@dataclass(frozen=True, slots=True)
class Size:
    """How large a corpus of some scale is."""

    sessions: int
    responses: int
    days: int
    browser: int

    @classmethod
    def of(cls, scale: float) -> Size:
        """Of the published audit times `scale`; days grow along, up to the most."""
        return cls(
            max(round(SESSIONS * scale), 12),
            max(round(RESPONSES * scale), 160),
            min(max(round(DAYS * scale), 3), MOST_DAYS),
            max(round(BROWSER * scale), 3),
        )

    @classmethod
    def one_day(cls) -> Size:
        """A day of the corpus of scale 1, whatever the scale of what stands before it."""
        return cls(SESSIONS // DAYS, RESPONSES // DAYS, 1, 1)


def stories(seed: int, scale: float) -> list[list[Planned]]:
    """The sessions of a corpus; those that continue one another are together."""
    size = Size.of(scale)
    return _planned(f"{seed}", size, END - timedelta(days=size.days - 1))


def stories_of_day(seed: int, number: int) -> list[list[Planned]]:
    """The sessions of the day that is so many days after the end of the corpus."""
    return _planned(f"{seed}:day:{number}", Size.one_day(), END + timedelta(days=number))


def _planned(seed: str, size: Size, first: date) -> list[list[Planned]]:
    rng = Random(f"article:{seed}")
    kinds = list(_kinds(rng, size))
    quotas = _quotas(rng, kinds, size.responses)
    weights = [_workload(first + timedelta(days=day)) for day in range(size.days)]
    told: list[list[Planned]] = []
    for number, (kind, quota) in enumerate(zip(kinds, quotas, strict=True)):
        last = told[-1][-1] if told else None
        if (
            kind is Kind.PERSON
            and last is not None
            and last.kind is Kind.PERSON
            and rng.random() < _CONTINUED
        ):
            told[-1].append(Planned(f"{seed}:{number}", kind, last.day, last.start_ms, quota, last))
            continue
        day = first + timedelta(days=rng.choices(range(size.days), weights)[0])
        hours = (7, 19) if kind is Kind.PERSON else (0, 6)
        start = rng.randrange(hours[0] * 60 * _MINUTE, hours[1] * 60 * _MINUTE)
        told.append([Planned(f"{seed}:{number}", kind, day, start, quota)])
    return told


def _kinds(rng: Random, size: Size) -> Iterator[Kind]:
    scheduled = round(size.sessions * _SCHEDULED) - size.browser
    kinds = [Kind.BROWSER] * size.browser + [Kind.SCHEDULED] * scheduled
    kinds += [Kind.PERSON] * (size.sessions - len(kinds))
    rng.shuffle(kinds)
    yield from kinds


def _quotas(rng: Random, kinds: Sequence[Kind], responses: int) -> list[int]:
    """How many responses each session has: exactly so many together."""
    quotas = [
        0 if kind is Kind.PERSON else 3 + min(round(rng.expovariate(0.7)), 9) for kind in kinds
    ]
    people = [number for number, kind in enumerate(kinds) if kind is Kind.PERSON]
    wanted = responses - sum(quotas)
    drawn = [min(rng.lognormvariate(0.0, 1.25), 45.0) for _ in people]
    unit = wanted / sum(drawn)
    for number, share in zip(people, drawn, strict=True):
        quotas[number] = max(1, min(round(share * unit), _MOST_RESPONSES))
    # What rounding and the bounds have left over is spread from the front, one each.
    left = responses - sum(quotas)
    while left:
        for number in people:
            step = (left > 0) - (left < 0)
            if 1 <= quotas[number] + step <= _MOST_RESPONSES:
                quotas[number] += step
                left -= step
    return quotas


def _workload(day: date) -> float:
    return 1.0 if day.weekday() < 5 else 0.35
