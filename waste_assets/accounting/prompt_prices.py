"""What a stretch of the prompt cost over a run, by prefix caching, in logarithmic time.

In response k the first `read` tokens of the prompt cost the read rate, those after them the
write rate (one-hour writes come before five-minute ones), and the rest the input rate. So the
price of the first p tokens is a line with a few bends, and the price of a stretch [a, b) over
all responses from j on is a difference of two sums of such lines. A Fenwick tree over the bends
gives each sum in logarithmic time: walked backwards, it holds exactly the responses from j on.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from waste_assets.accounting.conversation import Response


def _rate(usd: float | None, tokens: int) -> float:
    """What a token of a kind was billed at; unpriced ones count for nothing."""
    return usd / tokens if usd and tokens else 0.0


class PromptPrice:
    """How the prompt of one response was billed: USD by place."""

    __slots__ = ("bounds", "rates")

    def __init__(self, response: Response) -> None:
        read = min(response.read_tokens, response.prompt_tokens)
        written_1h = min(read + response.write_1h_tokens, response.prompt_tokens)
        written = min(written_1h + response.write_5m_tokens, response.prompt_tokens)
        # Damaged counts can tell of less than the prompt holds: nobody paid for the rest.
        sent = min(written + response.input_tokens, response.prompt_tokens)
        #: Ends of what was read, written for an hour, written for five minutes, sent uncached.
        self.bounds = (read, written_1h, written, sent)
        self.rates = (
            _rate(response.usd_read, response.read_tokens),
            _rate(response.usd_write_1h, response.write_1h_tokens),
            _rate(response.usd_write_5m, response.write_5m_tokens),
            _rate(response.usd_input, response.input_tokens),
        )

    def between(self, start: int, end: int) -> float:
        """USD that the tokens from `start` up to `end` were billed."""
        total, before = 0.0, 0
        for bound, rate in zip(self.bounds, self.rates, strict=True):
            low, high = max(start, before), min(end, bound)
            if high > low:
                total += (high - low) * rate
            before = bound
        return total


class CarryPrices:
    """Prices of stretches of the prompt from some response of a run to its last one."""

    def __init__(self, prices: Sequence[PromptPrice]) -> None:
        self._prices = prices

    def of(self, stretches: Sequence[tuple[int, int, int]]) -> list[float]:
        """USD of each stretch: (position of the first response in the run, start, end)."""
        bends = sorted({bound for price in self._prices for bound in price.bounds})
        place = {bound: n for n, bound in enumerate(bends)}
        tree = _Fenwick(len(bends))
        base = 0.0
        found = [0.0] * len(stretches)
        order = sorted(range(len(stretches)), key=lambda i: -stretches[i][0])
        entered = len(self._prices)

        def upto(position: int) -> float:
            slopes, offsets = tree.before(bisect_left(bends, position))
            return base * position + slopes * position - offsets

        for i in order:
            first, start, end = stretches[i]
            while entered > first:
                entered -= 1
                price = self._prices[entered]
                base += price.rates[0]
                # Beyond the prompt there is nothing to pay.
                after = (*price.rates[1:], 0.0)
                for bound, rate, next_rate in zip(price.bounds, price.rates, after, strict=True):
                    change = next_rate - rate
                    if change:
                        tree.add(place[bound], change, change * bound)
            found[i] = upto(end) - upto(start)
        return found


class _Fenwick:
    """Running sums of two values over places."""

    def __init__(self, size: int) -> None:
        self._slopes = [0.0] * (size + 1)
        self._offsets = [0.0] * (size + 1)

    def add(self, place: int, slope: float, offset: float) -> None:
        place += 1
        slopes, offsets = self._slopes, self._offsets
        while place < len(slopes):
            slopes[place] += slope
            offsets[place] += offset
            place += place & -place

    def before(self, place: int) -> tuple[float, float]:
        slope = offset = 0.0
        while place > 0:
            slope += self._slopes[place]
            offset += self._offsets[place]
            place -= place & -place
        return slope, offset
