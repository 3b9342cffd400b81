"""A session as detectors and the ledger see it: conversations of responses, calls and blocks.

Everything here was read from the published tables of the turns stage. Positions are tokens in
the prompt, from 0; sizes are tokens unless they are named characters; times are UTC, without a
zone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import Any, Self, TypeVar

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class Block:
    """What entered the prompt of `response`, at `start` up to `end`."""

    response: Response = field(repr=False)
    kind: str
    subtype: str | None
    basis: str
    start: int
    end: int
    chars: int | None
    content_hash: str | None
    #: Of what was injected: the file, the hook, or how it begins.
    name: str | None
    tool_use_id: str | None
    line_no: int | None

    @property
    def tokens(self) -> int:
        """Its size."""
        return self.end - self.start


@dataclass(slots=True, eq=False)
class Call:
    """A tool call and what came back."""

    id: str
    response: Response = field(repr=False)
    #: Position among the calls of the conversation, from 0.
    number: int
    ts: datetime
    tool: str
    target: str | None
    #: First 1,000 characters of the input, as JSON.
    input_text: str
    input_hash: str | None
    input_chars: int
    #: 'ok', 'error' or 'no_result'.
    outcome: str
    result_chars: int
    result_hash: str | None
    #: `toolUseResult.type` or status: text, file_unchanged, create, update, async_launched, …
    result_kind: str | None
    #: First 300 characters of a result, 1,000 of a failed one.
    result_text: str
    #: `toolDenialKind`: why the call was not run.
    denial: str | None
    first_line: int | None
    shown_lines: int | None
    #: Lines of the file read or written; items of a todo list.
    file_lines: int | None
    added_lines: int | None
    removed_lines: int | None
    #: New text in an edit's input, characters.
    changed_chars: int | None
    #: Agent that the call started.
    subagent: str | None
    transcript: str
    line_no: int
    result_transcript: str | None
    result_line_no: int | None
    #: Its part of the response's output, in tokens of it.
    output_span: tuple[int, int] = (0, 0)
    #: Where its input lies in the prompts after it: part of the response's output block.
    input_span: tuple[int, int] | None = None
    #: Its result in the prompts after it; None where no later response of the epoch held it.
    result_block: Block | None = None

    @property
    def output_tokens(self) -> int:
        """Its share of the response's output."""
        return self.output_span[1] - self.output_span[0]

    @property
    def failed(self) -> bool:
        """The result says that the call failed."""
        return self.outcome == "error"


@dataclass(slots=True, eq=False)
class Response:
    """One API response with its bill, what entered its prompt and the calls it made."""

    conversation: Conversation = field(repr=False)
    id: str
    #: Position in its conversation, from 0.
    number: int
    day: date
    ts: datetime
    last_ts: datetime
    model: str | None
    #: NULL where the end was never recorded: the output is a lower bound.
    stop_reason: str | None
    effort: str | None
    speed: str | None
    version: str | None
    #: Why the provider says that the cache was missed.
    miss_reason: str | None
    input_tokens: int
    write_5m_tokens: int
    write_1h_tokens: int
    read_tokens: int
    output_tokens: int
    thinking_tokens: int | None
    text_chars: int
    thinking_chars: int
    has_thinking: bool
    prompt_tokens: int
    epoch: str
    #: On the first response of an epoch: first, compaction, shrink, inherited or rewind.
    epoch_start: str | None
    #: Tokens that the prompt holds from before in the epoch.
    held_tokens: int
    previous_id: str | None
    #: Somebody went back: it goes on from an earlier response than the one before it.
    is_rewound: bool
    #: USD by kind; None where the model has no price.
    usd_input: float | None
    usd_write_5m: float | None
    usd_write_1h: float | None
    usd_read: float | None
    usd_output: float | None
    usd: float | None
    #: USD per million tokens; None where the model has no price.
    rate_input: float | None
    rate_read: float | None
    project: str | None
    transcript: str
    line_no: int
    calls: list[Call] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    #: Where its output lies in the prompts after it.
    output_block: Block | None = None
    #: Where its thinking lies in them: the first part of the output, as far as it was kept.
    thought_span: tuple[int, int] | None = None
    #: The response that it goes on from; None where that is in another conversation.
    previous: Response | None = field(default=None, repr=False)
    #: The run that it is part of.
    run: Run | None = field(default=None, repr=False)

    @property
    def write_tokens(self) -> int:
        """Cache writes of both kinds."""
        return self.write_5m_tokens + self.write_1h_tokens

    @property
    def cached_to(self) -> int:
        """End of the prompt's part that is cached after the response."""
        return min(self.read_tokens + self.write_tokens, self.prompt_tokens)

    @property
    def usage_final(self) -> bool:
        """The final usage was recorded."""
        return self.stop_reason is not None

    def saw(self, earlier: Response) -> bool:
        """Whether it goes on, over whatever others, from an earlier response."""
        run, last = self.run, self.number - 1
        while run is not None and run is not earlier.run:
            fork = run.fork
            run, last = (None, -1) if fork is None else (fork.run, fork.number)
        return run is not None and earlier.number <= last


@dataclass(eq=False)
class Run:
    """Responses of an epoch one after another, up to where somebody went back.

    What is carried goes on from run to run: of the run that this one branched off from it holds
    the first `kept` tokens.
    """

    #: The response that it branched off from; None where it begins an epoch.
    fork: Response | None
    kept: int
    responses: list[Response] = field(default_factory=list)


class _Memory:
    """Something that several detectors ask the same of."""

    @cached_property
    def _found(self) -> dict[Callable[[Any], Any], Any]:
        return {}

    def once(self, find: Callable[[Self], T]) -> T:
        """What `find` says of this, found once and held as long as this itself."""
        if find not in self._found:
            self._found[find] = find(self)
        found: T = self._found[find]
        return found


@dataclass(eq=False)
class Conversation(_Memory):
    """One chain of responses: the main thread of a session, or one subagent."""

    session: Session = field(repr=False)
    agent: str
    responses: list[Response] = field(default_factory=list)

    @property
    def is_main(self) -> bool:
        """Whether this is the session's main thread."""
        return self.agent == "main"

    @cached_property
    def calls(self) -> list[Call]:
        """All calls in order."""
        return [call for response in self.responses for call in response.calls]

    @cached_property
    def runs(self) -> list[Run]:
        """The responses, cut where the context began anew and where somebody went back."""
        runs: list[Run] = []
        for response in self.responses:
            before = runs[-1].responses[-1] if runs else None
            if before is None or before.epoch != response.epoch or response.is_rewound:
                previous = response.previous
                goes_on = previous is not None and previous.epoch == response.epoch
                fork = previous if goes_on and response.epoch_start is None else None
                runs.append(Run(fork, response.held_tokens if fork else 0))
            runs[-1].responses.append(response)
            response.run = runs[-1]
        return runs

    @cached_property
    def epochs(self) -> list[list[Response]]:
        """The responses, cut where the context began anew."""
        epochs: list[list[Response]] = []
        for response in self.responses:
            if not epochs or epochs[-1][-1].epoch != response.epoch:
                epochs.append([])
            epochs[-1].append(response)
        return epochs


@dataclass(eq=False)
class Session(_Memory):
    """All conversations of one session id; the main thread first."""

    id: str
    conversations: list[Conversation] = field(default_factory=list)

    @cached_property
    def by_agent(self) -> dict[str, Conversation]:
        """The conversations by the name of their agent."""
        return {conversation.agent: conversation for conversation in self.conversations}

    @cached_property
    def spawned_by(self) -> dict[str, Call]:
        """For each subagent the call that started it, where it is on record."""
        return {
            call.subagent: call
            for conversation in self.conversations
            for call in conversation.calls
            if call.subagent
        }

    def release(self) -> None:
        """Take the session apart, once nobody needs it.

        Its parts hold one another, so that they would wait for the garbage collector, which
        would look at all that lives to find them.
        """
        for conversation in self.conversations:
            for response in conversation.responses:
                response.calls.clear()
                response.blocks.clear()
                response.output_block = response.previous = response.run = None
            vars(conversation).clear()
        vars(self).clear()
