"""A few list prices, for what generated transcripts and planted waste must cost."""

from dataclasses import dataclass
from functools import cache

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


@dataclass(frozen=True, slots=True)
class Rates:
    """USD for one token of each kind."""

    input: float
    write_5m: float
    write_1h: float
    read: float
    output: float


@cache
def rates(model: str) -> Rates:
    """List prices of a model.

    Raises:
        KeyError: the model is not in the short list.
    """
    into, out = (usd / 1_000_000 for usd in _INPUT_AND_OUTPUT[model])
    return Rates(into, 1.25 * into, 2 * into, 0.1 * into, out)


def usd(bill: Bill) -> float | None:
    """List price of a bill in USD; None for a model that is not in the short list."""
    if bill.model not in _INPUT_AND_OUTPUT:
        return None
    price = rates(bill.model)
    return (
        bill.input * price.input
        + bill.write_5m * price.write_5m
        + bill.write_1h * price.write_1h
        + bill.read * price.read
        + bill.output * price.output
    )
