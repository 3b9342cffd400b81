"""What a finding can lay claim to: parts of an output, of prompts, of what a cache cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from waste_assets.accounting.conversation import Block, Call, Response


@dataclass(frozen=True, slots=True)
class OutputClaim:
    """The tokens at `start` up to `end` of a response's output."""

    response: Response
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class CarryClaim:
    """A stretch of the prompt, from the response that it entered with as long as it is carried.

    That is to the end of the epoch, or until somebody goes back to before it.

    It costs what its place costs in each of those prompts: the read rate before the end of what
    was read from the cache, the write or the input rate after it.
    """

    response: Response
    start: int
    end: int
    #: How the size is known: measured, apportioned (a count shared by characters) or estimated.
    basis: str = "apportioned"


@dataclass(frozen=True, slots=True)
class PremiumClaim:
    """Cache writes of one response that cost more than they had to.

    The prompt tokens at `start` up to `end` were written at the write rate (or sent uncached at
    the input rate); without the waste they would have been read (`instead='read'`) or sent
    uncached (`instead='input'`). The claim is on the difference of the rates.
    """

    response: Response
    start: int
    end: int
    instead: str


Claim = OutputClaim | CarryClaim | PremiumClaim

_BASES = ("measured", "apportioned", "estimated")


def basis_of(claims: Sequence[Claim]) -> str:
    """What an amount rests on: as sure as the least sure of its parts."""
    return max((_basis(claim) for claim in claims), key=_BASES.index, default="measured")


def _basis(claim: Claim) -> str:
    if isinstance(claim, CarryClaim):
        return claim.basis
    if isinstance(claim, PremiumClaim):
        return "measured"
    is_all = (claim.start, claim.end) == (0, claim.response.output_tokens)
    return "measured" if is_all and claim.response.usage_final else "apportioned"


class Claimant(Protocol):
    """A finding as the ledger sees it."""

    @property
    def category(self) -> str:
        """One of the categories."""

    @property
    def is_candidate(self) -> bool:
        """Not sure enough to count: owns only what nobody else claims."""

    @property
    def claims(self) -> Sequence[Claim]:
        """What it lays claim to."""

    @property
    def wasted_calls(self) -> Sequence[Call]:
        """Calls that need not have been made at all."""


def whole_call(call: Call) -> Iterator[Claim]:
    """All that a call cost: its output, and its input and result in later prompts."""
    start, end = call.output_span
    if end > start:
        yield OutputClaim(call.response, start, end)
    block, span = call.response.output_block, call.input_span
    if block is not None and span is not None and span[0] < span[1]:
        is_all = span == (block.start, block.end)
        yield CarryClaim(block.response, *span, block.basis if is_all else "apportioned")
    if call.result_block is not None:
        yield from carried(call.result_block)


def carried(block: Block, beyond: int = 0) -> Iterator[CarryClaim]:
    """What a block, beyond its first tokens, cost in all prompts that held it."""
    if block.start + beyond < block.end:
        yield CarryClaim(block.response, block.start + beyond, block.end, block.basis)
