"""Waste that was put into a conversation on purpose, and exactly what it cost.

A `Planting` is filled while the conversation goes on: it notes whole calls, parts of outputs,
stretches of the prompt and what the cache wrote for nothing. `plant()` prices them by the bills
that the conversation made, one after another: this is arithmetic of the generator's own, which
shares no line with the accounting that it is there to test.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from waste_assets.sample.billing import Bill
from waste_assets.sample.rates import Rates, rates

if TYPE_CHECKING:
    from waste_assets.sample.blocks import Call
    from waste_assets.sample.responder import Responder

Instead = Literal["read", "input"]


@dataclass(frozen=True, slots=True)
class Charge:
    """One response as it was billed."""

    message_id: str
    epoch: int
    """Compaction begins a new one."""
    bill: Bill


@dataclass(frozen=True, slots=True)
class Span:
    """Prompt tokens at `start` up to `end`, in responses of `epoch` from number `first` on.

    They are there until the conversation goes back to before them; what it kept, stays.
    """

    epoch: int
    first: int
    start: int
    end: int
    cuts: int
    """How often the conversation had gone back before they came in."""

    def after(self, tokens: int) -> Span:
        """The span without its first tokens."""
        return replace(self, start=min(self.start + tokens, self.end))


@dataclass(frozen=True, slots=True)
class Plant:
    """Waste as it was planted: where, how much, and what it cost directly."""

    category: str
    kind: str
    """What was done, such as `missing_file`."""
    session: str
    agent: str | None
    responses: tuple[str, ...]
    """Message ids of the responses that show it."""
    calls: tuple[str, ...]
    """Ids of the tool calls concerned."""
    tokens: int
    """Wasted tokens, each once, however often they were carried."""
    usd: float
    """Output of the waste, plus what it cost in every later prompt of its epoch; list price."""


@dataclass(slots=True)
class Planting:
    """Waste under construction in one conversation."""

    thread: Responder
    category: str
    kind: str
    calls: list[str] = field(default_factory=list)
    _shown: list[int] = field(default_factory=list)
    _outputs: list[tuple[int, int]] = field(default_factory=list)
    _spans: list[Span] = field(default_factory=list)
    _premiums: list[tuple[int, int, int, Instead]] = field(default_factory=list)

    def call(self, call: Call) -> None:
        """A call that need not have been made: its output, its input and its result."""
        self.concerns(call)
        self.output(call.charge, call.tokens)
        assert call.sent is not None
        self.carried(call.sent)
        if call.entered is not None:
            self.carried(call.entered)

    def concerns(self, call: Call) -> None:
        """A call that the waste shows in, whatever of it is wasted."""
        self.calls.append(call.id)
        self.shows(call.charge)

    def shows(self, charge: int) -> None:
        """Response number `charge` of the conversation is one that the waste shows in."""
        self._shown.append(charge)

    def output(self, charge: int, tokens: int) -> None:
        """Output tokens of response number `charge`."""
        self._outputs.append((charge, tokens))

    def carried(self, span: Span) -> None:
        """A stretch of the prompt, in every response that holds it."""
        if span.start < span.end:
            self._spans.append(span)

    def entered(self, span: Span) -> None:
        """A stretch that nothing but the next response shows."""
        self.shows(span.first)
        self.carried(span)

    def premium(self, charge: int, start: int, end: int, instead: Instead) -> None:
        """Prompt tokens of a response that were written and need only have been `instead`."""
        self.shows(charge)
        self._premiums.append((charge, start, end, instead))

    def plant(self) -> Plant:
        """What the waste has cost so far."""
        charges = self.thread.charges
        numbers = dict.fromkeys(self._shown)
        return Plant(
            self.category,
            self.kind,
            self.thread.session.id,
            self.thread.agent,
            tuple(charges[n].message_id for n in numbers if n < len(charges)),
            tuple(self.calls),
            self._tokens(),
            self._usd(charges),
        )

    def _tokens(self) -> int:
        return (
            sum(tokens for _, tokens in self._outputs)
            + sum(span.end - span.start for span in self._spans)
            + sum(end - start for _, start, end, _ in self._premiums)
        )

    def _usd(self, charges: list[Charge]) -> float:
        total = 0.0
        for number, tokens in self._outputs:
            total += tokens * rates(charges[number].bill.model).output
        for span in self._spans:
            end, cuts = span.end, self.thread.cuts[span.cuts :]
            for number, charge in enumerate(charges[span.first :], span.first):
                if charge.epoch != span.epoch:
                    break
                while cuts and cuts[0][0] <= number:
                    end = min(end, cuts.pop(0)[1])
                total += _between(charge.bill, span.start, end, 0.0)
        for number, start, end, instead in self._premiums:
            bill = charges[number].bill
            price = rates(bill.model)
            other = price.read if instead == "read" else price.input
            total += _between(bill, start, end, other)
        return total


def _between(bill: Bill, start: int, end: int, less: float) -> float:
    """What the prompt tokens at `start` up to `end` cost above a rate, in USD."""
    price = rates(bill.model)
    total, before = 0.0, 0
    for tokens, rate in _kinds(bill, price):
        low, high = max(start, before), min(end, before + tokens)
        total += max(high - low, 0) * max(rate - less, 0.0)
        before += tokens
    return total


def _kinds(bill: Bill, price: Rates) -> Iterable[tuple[int, float]]:
    """A prompt in order: what was read, written for an hour, for five minutes, sent uncached."""
    return (
        (bill.read, price.read),
        (bill.write_1h, price.write_1h),
        (bill.write_5m, price.write_5m),
        (bill.input, price.input),
    )
