"""What a detector finds: a flag, with its evidence and what it lays claim to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from waste_assets.accounting.claims import Claim
from waste_assets.accounting.conversation import Call, Response, Session


class Tier(StrEnum):
    """How sure a flag is. Candidates stay out of every headline."""

    CERTAIN = "certain"
    LIKELY = "likely"
    CANDIDATE = "candidate"


@dataclass(frozen=True, slots=True)
class Flag:
    """Waste that a detector found in a session."""

    category: str
    #: What of the category's rule applied, e.g. 'failed' or 'repeated'.
    rule: str
    tier: Tier
    #: Why, in words that a reader can check in the transcript.
    evidence: str
    #: The response where it shows: decides the flag's day and place.
    response: Response
    claims: tuple[Claim, ...]
    #: The calls it is about, the one that shows it first.
    calls: tuple[Call, ...] = ()
    #: Of these, the ones that need not have been made at all.
    wasted_calls: tuple[Call, ...] = ()
    #: Cause family and fault of a failure, and the rule that knew them; see causes.py. For a
    #: cache rebuild the cause of the rebuild.
    cause: str | None = None
    fault: str | None = None
    cause_rule: str | None = None
    #: What it is about, where that is no call: the file or hook of an injected text.
    about: str | None = None
    #: A judgement decides: the flag stays a candidate until there is one.
    needs_judgement: bool = False
    #: It was judged, and is what the detector took it for.
    is_judged: bool = False

    @property
    def is_candidate(self) -> bool:
        """Whether it stays out of every headline."""
        return self.tier is Tier.CANDIDATE


@dataclass(frozen=True, slots=True)
class Settings:
    """What users may set about detectors."""

    #: First prompts of a session above this size are bloated, tokens.
    prefix_budget: int = 50_000
    #: Results above this size are too long, tokens.
    result_cap: int = 8_000


@dataclass(frozen=True, slots=True)
class Detector:
    """A category of waste and the function that finds it."""

    category: str
    #: 'outright' or 'inefficient'.
    dimension: str
    #: Changed with every change of the rule: older flags are made anew.
    version: str
    detect: Callable[[Session, Settings], Iterator[Flag]]
