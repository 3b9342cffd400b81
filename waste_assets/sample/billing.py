"""What one API response is billed, and the `usage` object that says so on its lines."""

from dataclasses import dataclass
from typing import Any, Literal

IterationKind = Literal["message", "fallback_message", "advisor_message", "compaction"]


@dataclass(frozen=True, slots=True)
class Bill:
    """One billed attempt: tokens by kind, which do not overlap, and the model that is paid."""

    model: str
    input: int
    write_5m: int
    write_1h: int
    read: int
    output: int
    kind: IterationKind = "message"

    @property
    def prompt(self) -> int:
        """Prompt tokens: input, cache writes and cache reads."""
        return self.input + self.write_5m + self.write_1h + self.read


def total(bills: list[Bill], model: str) -> Bill:
    """The sum of several attempts, under one model's name."""
    return Bill(
        model,
        sum(b.input for b in bills),
        sum(b.write_5m for b in bills),
        sum(b.write_1h for b in bills),
        sum(b.read for b in bills),
        sum(b.output for b in bills),
    )


def opening_usage(bill: Bill, output: int, geo: str) -> dict[str, Any]:
    """Usage as known when a stream opens: the prompt is exact, `output` a placeholder."""
    return {
        "input_tokens": bill.input,
        "cache_creation_input_tokens": bill.write_5m + bill.write_1h,
        "cache_read_input_tokens": bill.read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": bill.write_5m,
            "ephemeral_1h_input_tokens": bill.write_1h,
        },
        "output_tokens": output,
        "service_tier": "standard",
        "inference_geo": geo,
    }


def final_usage(
    bill: Bill,
    *,
    iterations: list[Bill],
    geo: str,
    speed: str,
    service_tier: str,
    web_searches: int,
    nested_only: bool,
) -> dict[str, Any]:
    """Usage at the end of a stream.

    `nested_only` leaves `cache_creation_input_tokens` at 0 and the writes in the nested breakdown,
    as Claude Code did before 2.1.152 where the API sent only the breakdown.
    """
    return {
        "input_tokens": bill.input,
        "cache_creation_input_tokens": 0 if nested_only else bill.write_5m + bill.write_1h,
        "cache_read_input_tokens": bill.read,
        "output_tokens": bill.output,
        "server_tool_use": {"web_search_requests": web_searches, "web_fetch_requests": 0},
        "service_tier": service_tier,
        "cache_creation": {
            "ephemeral_1h_input_tokens": bill.write_1h,
            "ephemeral_5m_input_tokens": bill.write_5m,
        },
        "inference_geo": geo,
        "iterations": [_iteration(one, bill.model) for one in iterations],
        "speed": speed,
    }


def _iteration(bill: Bill, model: str) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "input_tokens": bill.input,
        "output_tokens": bill.output,
        "cache_read_input_tokens": bill.read,
        "cache_creation_input_tokens": bill.write_5m + bill.write_1h,
        "cache_creation": {
            "ephemeral_5m_input_tokens": bill.write_5m,
            "ephemeral_1h_input_tokens": bill.write_1h,
        },
        "type": bill.kind,
    }
    if bill.model != model or bill.kind != "message":
        entry["model"] = bill.model
    return entry
