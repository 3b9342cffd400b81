"""A few list prices, only to fill the dollar fields of generated `cost-state` lines."""

from waste_assets.sample.billing import Bill

_INPUT_AND_OUTPUT = {
    "claude-opus-5": (5.0, 25.0),
    "claude-opus-4-6": (5.0, 25.0),
    "claude-sonnet-5": (2.0, 10.0),
    "claude-sonnet-4-6": (3.0, 15.0),
    "claude-haiku-4-5": (1.0, 5.0),
    "claude-haiku-4-5-20251001": (1.0, 5.0),
}
"""USD for a million tokens."""


def usd(bill: Bill) -> float | None:
    """List price of a bill in USD; None for a model that is not in the short list."""
    rates = _INPUT_AND_OUTPUT.get(bill.model)
    if rates is None:
        return None
    into, out = rates
    weighted = bill.input + 1.25 * bill.write_5m + 2 * bill.write_1h + 0.1 * bill.read
    return (weighted * into + bill.output * out) / 1_000_000
