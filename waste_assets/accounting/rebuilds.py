"""Cache rebuilds: prompt tokens that the response before had cached and that were paid for again.

What a response leaves in the cache is known to the token: all it read and all it wrote. The next
response of the conversation sends the same tokens again, and every one of them that it does not
read is written once more, or sent uncached. The place of the loss is exact; its cause is what the
provider recorded or, where it recorded nothing that explains it, the first of these that applies:

    compaction   only what stands before the summary could have been kept
    idle         more time since the last request than the last write was kept for; what has run
                 out is gone whatever else changed, so this comes before the rest
    model, effort, speed    each has a cache of its own
    version      another version of Claude Code sends another system prompt
    tools        the list of tools, servers or agents changed, or tools were searched for and loaded
    not_ready    all that is lost was written less than a minute before: it could not be read yet
    cut          the context became smaller: /clear, old results dropped; or somebody went back
                 (what was abandoned is not sent again: of what was kept something was lost)
    resume       the conversation goes on from a copy of another one
    unknown

Nothing is lost by a conversation that never caches, nor by the first response of a session or of
a subagent, which starts cold by design.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from waste_assets.accounting.conversation import Conversation, Response

#: No model caches less than 1,024 tokens. Where fewer are lost a breakpoint moved by a message
#: or two: that happens all the time, and nothing can be done about it.
MINIMUM = 1_024
#: Requests are older than their first lines, by as long as the answer took to begin: two lines
#: that are almost a lifetime apart may come of requests that are more than one apart.
_LATENCY = timedelta(seconds=15)
_SOON = timedelta(minutes=1)
FIVE_MINUTES, HOUR = timedelta(minutes=5), timedelta(hours=1)
#: What the provider's reasons are called here. The others (`unavailable`,
#: `previous_message_not_found`) say that it does not know.
_RECORDED = {
    "messages_changed": "messages",
    "system_changed": "system",
    "tools_changed": "tools",
    "model_changed": "model",
}
_TOOL_LISTS = frozenset(["deferred_tools_delta", "mcp_instructions_delta", "agent_listing_delta"])
#: Causes that stand on record, in the transcript or in the bill.
RECORDED_CAUSES = frozenset([*_RECORDED.values(), "idle", "effort", "speed"])


@dataclass(frozen=True, slots=True)
class Rebuild:
    """The tokens at `start` up to `end` of a prompt, cached before and paid for again."""

    response: Response
    #: The response that had cached them; None where it belongs to another session.
    before: Response | None
    start: int
    end: int
    cause: str
    #: Whether the provider recorded the cause.
    is_recorded: bool
    #: Since the response before.
    idle: timedelta | None
    #: How long the last write was kept; None where there was none.
    lifetime: timedelta | None

    @property
    def tokens(self) -> int:
        """How many."""
        return self.end - self.start


def rebuilds(conversation: Conversation) -> Iterator[Rebuild]:
    """The rebuilds of a conversation, in order; linear in its responses."""
    before: Response | None = None
    lifetime: timedelta | None = None
    for response in conversation.responses:
        start, end = response.read_tokens, _could_be_read(response, before)
        if end - start >= MINIMUM:
            idle = response.ts - before.ts if before is not None else None
            cause, is_recorded = _cause(response, before, idle, lifetime)
            yield Rebuild(response, before, start, end, cause, is_recorded, idle, lifetime)
        if response.write_tokens:
            lifetime = HOUR if response.write_1h_tokens else FIVE_MINUTES
        before = response


def _could_be_read(response: Response, before: Response | None) -> int:
    """How far into the prompt the cache could have reached."""
    if response.epoch_start == "inherited":
        return _base(response)
    if before is None:
        return 0
    if response.is_rewound and response.epoch_start is None and response.previous is not None:
        # What was abandoned is not sent again; of the rest the prompt before it was cached whole.
        return min(response.previous.cached_to, response.held_tokens)
    if before.epoch == response.epoch:
        return min(before.cached_to, response.prompt_tokens)
    kept = min(before.cached_to, _base(response))
    if response.epoch_start == "compaction":
        # Of what was kept only the beginning is as it was: system prompt and tools.
        kept = min(kept, _base(response.conversation.responses[0]))
    return kept


def _base(response: Response) -> int:
    """End of what an epoch's first prompt took over from before."""
    return next((block.end for block in response.blocks if block.kind == "base"), 0)


def _cause(
    response: Response,
    before: Response | None,
    idle: timedelta | None,
    lifetime: timedelta | None,
) -> tuple[str, bool]:
    recorded = _RECORDED.get(response.miss_reason or "")
    # That messages changed is what a cut does.
    if recorded and not (recorded == "messages" and (response.epoch_start or response.is_rewound)):
        return recorded, True
    return _inferred(response, before, idle, lifetime), False


def _inferred(
    response: Response,
    before: Response | None,
    idle: timedelta | None,
    lifetime: timedelta | None,
) -> str:
    start = response.epoch_start
    if start == "compaction":
        return "compaction"
    if start == "inherited" or before is None or idle is None:
        return "resume"
    if idle + _LATENCY > (lifetime or HOUR):
        return "idle"
    if response.model != before.model:
        return "model"
    if response.effort and before.effort and response.effort != before.effort:
        return "effort"
    if (response.speed == "fast") != (before.speed == "fast"):
        return "speed"
    if response.version != before.version:
        return "version"
    if _loads_tools(response, before):
        return "tools"
    if start in ("shrink", "rewind") or response.is_rewound:
        return "cut"
    if response.read_tokens >= before.read_tokens and response.ts - before.last_ts < _SOON:
        return "not_ready"
    return "unknown"


def _loads_tools(response: Response, before: Response) -> bool:
    """Whether the tools that the prompt begins with are others than before."""
    return any(block.subtype in _TOOL_LISTS for block in response.blocks) or any(
        call.tool == "ToolSearch" for call in before.calls
    )
