"""What detector tests share: made-up conversations in, flags and their ledger out."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from waste_assets.accounting.conversation import Call, Session
from waste_assets.accounting.ledger import Cost, Settlement, settle
from waste_assets.accounting.sessions import sessions
from waste_assets.detectors.flag import Detector, Flag, Settings
from waste_assets.detectors.registry import detect
from waste_assets.lake.tables import PARSED_TURNS
from waste_assets.sample import Conversation, conversation
from waste_assets_tests.support import Audit


@dataclass(frozen=True)
class Found:
    """What detectors found in some sessions, and what it costs."""

    sessions: list[Session]
    #: In the order of the sessions; `settlements` are in the order of `sessions`.
    flags: list[Flag]
    settlements: list[Settlement]

    def __iter__(self) -> Iterator[Flag]:
        return iter(self.flags)

    def __len__(self) -> int:
        return len(self.flags)

    @property
    def session(self) -> Session:
        """The only session."""
        (one,) = self.sessions
        return one

    @property
    def flag(self) -> Flag:
        """The only flag."""
        (one,) = self.flags
        return one

    @property
    def costs(self) -> list[Cost]:
        """What the flags claim and own, one by one."""
        return [cost for settlement in self.settlements for cost in settlement.costs]

    @property
    def calls(self) -> list[Call]:
        """All calls, conversation by conversation, the main thread first."""
        return [
            call
            for session in self.sessions
            for thread in session.conversations
            for call in thread.calls
        ]

    @property
    def rules(self) -> list[str]:
        """The rules of the flags, in order."""
        return [flag.rule for flag in self.flags]

    @property
    def flagged(self) -> list[int]:
        """The numbers, among `calls`, of the calls that show the flags, in order."""
        numbers = {call.id: number for number, call in enumerate(self.calls)}
        return sorted(numbers[flag.calls[0].id] for flag in self.flags if flag.calls)


def loaded(*conversations: Conversation) -> list[Session]:
    """The sessions of these conversations, as detectors see them: written, archived, read."""
    with tempfile.TemporaryDirectory() as folder:
        audit = Audit(Path(folder))
        audit.write(*conversations)
        audit.account()
        return list(sessions(audit.lake, audit.lake.days(PARSED_TURNS)))


def flags_of(
    *conversations: Conversation,
    detector: Detector | None = None,
    settings: Settings | None = None,
) -> Found:
    """The flags of one detector, or of all, over these conversations.

    The ledger is settled, and checked to add up to what each response was billed.
    """
    chosen = settings or Settings()
    found = loaded(*conversations)
    by_session = [
        detect(one, chosen) if detector is None else list(detector.detect(one, chosen))
        for one in found
    ]
    settlements = [settle(one, flags) for one, flags in zip(found, by_session, strict=True)]
    for session, settlement in zip(found, settlements, strict=True):
        assert_adds_up(session, settlement)
    return Found(found, [flag for flags in by_session for flag in flags], settlements)


def found_by_story(
    stories: Mapping[str, Callable[[Conversation], object]],
    detector: Detector,
    settings: Settings | None = None,
) -> dict[str, Found]:
    """What one detector finds in each of many small sessions, which are read in one go.

    A story goes on with a new conversation; its name is what the result is found by.
    """
    conversations = {}
    for name, tell in stories.items():
        conversations[name] = conversation(name)
        tell(conversations[name])
    found = flags_of(*conversations.values(), detector=detector, settings=settings)
    by_id = {
        one.id: Found(
            [one], [f for f in found if f.response.conversation.session is one], [settled]
        )
        for one, settled in zip(found.sessions, found.settlements, strict=True)
    }
    return {name: by_id[told.session.id] for name, told in conversations.items()}


def assert_adds_up(session: Session, settlement: Settlement) -> None:
    """The shares of every response are its bill, and none of them is negative."""
    for thread in session.conversations:
        for response in thread.responses:
            shares = settlement.shares[response.id].values()
            assert abs(sum(one.usd for one in shares) - (response.usd or 0.0)) < 1e-9
            for kind in ("input", "write_5m", "write_1h", "read", "output"):
                counts = [getattr(one, f"{kind}_tokens") for one in shares]
                assert sum(counts) == getattr(response, f"{kind}_tokens")
                assert min(counts) >= 0
