"""Responses of more than one attempt, and requests that came to nothing."""

from typing import Any, Self, Unpack

from waste_assets.sample.billing import Bill, total
from waste_assets.sample.blocks import Block, Marker, Step
from waste_assets.sample.options import ResponseOptions
from waste_assets.sample.responder import UNCACHED_TAIL, Responder


class Attempts(Responder):
    """Fallbacks, advisors, errors and retries of the API."""

    def fallback(
        self,
        *steps: Step,
        declined: str = "claude-fable-5",
        declined_output: int = 2,
        midstream: bool = False,
        **options: Unpack[ResponseOptions],
    ) -> Self:
        """A model declines and the conversation's own model answers (`fallback_message`).

        The declined attempt is billed only if it produced output. With `midstream` all lines but
        the last still name the declined model and its opening usage, under the same message id.
        """
        self._settle()
        content, chosen = self._prepare(steps, options)
        model = chosen["model"]
        marker: Block = Marker(
            {"type": "fallback", "from": {"model": declined}, "to": {"model": model}}
        )
        content = [*content[:1], marker, *content[1:]] if midstream else [marker, *content]
        output = chosen.get("output", max(sum(block.tokens for block in content), 1))
        first = self._charge(self.context, declined_output, chosen, model=declined)
        tail = min(UNCACHED_TAIL, self.context)
        second = Bill(model, tail, 0, 0, self.context - tail, output, "fallback_message")
        refused = self._tip
        self._emit(content, [first, second], second, chosen, opening=first if midstream else None)
        self._system(
            "model_refusal_fallback",
            content="The request was declined; another model answered it.",
            level="warning",
            trigger="refusal",
            direction="retry",
            originalModel=declined,
            fallbackModel=model,
            refusedUserMessageUuid=refused,
        )
        return self

    def advised(
        self,
        *steps: Step,
        advisor: str = "claude-opus-4-6",
        first_output: int = 60,
        advice: int = 200,
        **options: Unpack[ResponseOptions],
    ) -> Self:
        """A response that asks an advisor model halfway; sizes in tokens.

        The model runs twice, so the top level of usage is the sum of both runs; the advisor's own
        tokens stand only in `iterations`.
        """
        self._settle()
        content, chosen = self._prepare(steps, options)
        output = chosen.get("output", max(sum(block.tokens for block in content), 1))
        first = self._charge(self.context, first_output, chosen)
        asked = Bill(advisor, self.context + first_output, 0, 0, 0, advice, "advisor_message")
        second = self._charge(self.context + first_output + advice, output, chosen)
        top = total([first, second], second.model)
        self._emit(content, [first, asked, second], top, chosen)
        return self

    def api_error(
        self,
        text: str = "API Error: Repeated 529 Overloaded errors",
        *,
        status: int = 529,
        error: str = "overloaded",
    ) -> Self:
        """A request that failed for good: a made-up assistant line that costs nothing."""
        self._settle()
        zero = final_usage_of_nothing()
        fields: dict[str, Any] = {
            "message": {
                "id": self.session.ids.uuid(),
                "model": "<synthetic>",
                "type": "message",
                "role": "assistant",
                "content": [{"type": "text", "text": text}],
                "stop_reason": "stop_sequence",
                "stop_sequence": "",
                "usage": zero,
            },
            "isApiErrorMessage": True,
            "apiErrorStatus": status,
            "error": error,
        }
        self.now_ms += 400
        self._chain("assistant", fields)
        return self

    def api_retries(self, count: int = 1, *, status: int = 529) -> Self:
        """Requests that failed and are tried again: `system/api_error` lines."""
        for attempt in range(1, count + 1):
            self.now_ms += 500 * attempt
            self._system(
                "api_error",
                level="error",
                error={"status": status},
                retryInMs=500.0 * attempt,
                retryAttempt=attempt,
                maxRetries=10,
            )
        return self

    def _system(self, subtype: str, **fields: object) -> str:
        return self._chain("system", {"subtype": subtype, "isMeta": False, **fields})


def final_usage_of_nothing() -> dict[str, Any]:
    """The usage object of a line that no API call stands behind."""
    return {
        "input_tokens": 0,
        "output_tokens": 0,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "server_tool_use": {"web_search_requests": 0, "web_fetch_requests": 0},
        "service_tier": None,
        "cache_creation": {"ephemeral_1h_input_tokens": 0, "ephemeral_5m_input_tokens": 0},
    }
