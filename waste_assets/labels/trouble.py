"""What can go wrong with a call of the API, by what it means for what was sent."""

from __future__ import annotations

from enum import StrEnum

from waste_assets.faults import Fault


class Kind(StrEnum):
    """What went wrong, by what it means for what was sent."""

    #: The key is not accepted. Nothing was done.
    KEY = "key"
    #: No connection came about, so nothing was sent.
    UNREACHABLE = "unreachable"
    #: It was sent, and whether it was done is not known.
    DOUBT = "doubt"
    #: A limit on spend is reached. Nothing was done, and nothing will be today.
    CAP = "cap"
    #: Too much at once, or overloaded. Nothing was done.
    BUSY = "busy"
    #: The request itself is wrong. Nothing was done, and the same one would fail again.
    REFUSED = "refused"
    #: What was asked for is not there.
    GONE = "gone"


class Trouble(Fault):
    """A call of the API went wrong; the message says what to do."""

    def __init__(self, kind: Kind, told: str) -> None:
        super().__init__(told)
        self.kind = kind
