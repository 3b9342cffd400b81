"""A transcript whose responses are billed: prompt growth, prompt caching, one line a block."""

from typing import Any, Self, Unpack, cast

from waste_assets.sample import blocks
from waste_assets.sample.billing import Bill, final_usage, opening_usage
from waste_assets.sample.blocks import Block, Call, Marker, Step
from waste_assets.sample.cache import CacheKey, PromptCache
from waste_assets.sample.clock import day_text, iso
from waste_assets.sample.options import Options, ResponseOptions
from waste_assets.sample.planted import Charge, Planting, Span
from waste_assets.sample.session import Session
from waste_assets.sample.tokens import tokens_of
from waste_assets.sample.transcript import Transcript
from waste_assets.sample.truth import Response

UNCACHED_TAIL = 3
"""Prompt tokens after the last cache breakpoint: never cached, always plain input."""
_PREVIEW_CHARS = 2_000


class Responder(Transcript):
    """One conversation: a context that grows block by block, and responses over it.

    `context` is the size in tokens of the next prompt.
    """

    def __init__(
        self, session: Session, path: str, *, base_tokens: int, defaults: Options, **envelope: Any
    ) -> None:
        super().__init__(session, path, **envelope)
        self.base_tokens = base_tokens
        self.context = base_tokens
        self.defaults = defaults
        self._cache = PromptCache()
        self._turns: list[tuple[str | None, int]] = []
        self.last_response: Response | None = None
        self.last_content: list[Block] = []
        self.charges: list[Charge] = []
        self.epoch = 0
        self.cuts: list[tuple[int, int]] = []
        """Where the conversation went back: number of the next response, tokens that were kept."""

    def plant(self, category: str, kind: str) -> Planting:
        """Begin to note waste that is put into this conversation on purpose."""
        planting = Planting(self, category, kind)
        self.session.plantings.append(planting)
        return planting

    @property
    def last_calls(self) -> list[Call]:
        """The calls of the last response."""
        return [block for block in self.last_content if isinstance(block, Call)]

    def span(self, start: int, end: int | None = None) -> Span:
        """A stretch of the context, from the next response on; `end` is that of the context."""
        upto = self.context if end is None else end
        return Span(self.epoch, len(self.charges), start, upto, len(self.cuts))

    def user(
        self, text: str | None = None, *, tokens: int | None = None, source: str = "typed"
    ) -> Self:
        """A user's message. `source` is `promptSource`."""
        self._settle()
        body = text if text is not None else self.session.filler.prose(tokens or 30)
        self._turns.append((self._tip, self.context))
        fields = {
            "promptId": self.session.ids.uuid(),
            "message": {"role": "user", "content": body},
            "permissionMode": "default",
            "promptSource": source,
        }
        self._chain("user", fields)
        self.context += tokens_of(body) if tokens is None else tokens
        return self

    def respond(self, *steps: Step, **options: Unpack[ResponseOptions]) -> Self:
        """One API response with the given blocks, then the results of its tool calls."""
        self._settle()
        content, chosen = self._prepare(steps, options)
        output = chosen.get("output", max(sum(block.tokens for block in content), 1))
        bill = self._charge(self.context, output, chosen)
        self._emit(content, [bill], bill, chosen)
        return self

    def bust(self, keep: int = 0) -> Self:
        """Break the prompt cache behind its first `keep` tokens, as a changed tool list does."""
        self._cache.keep(keep)
        return self

    def across_midnight(self, *steps: Step, **options: Unpack[ResponseOptions]) -> Self:
        """A response whose first line is the last second of this UTC day; the rest are later."""
        two = steps if len(steps) > 1 else (blocks.say(), *steps)
        midnight = (self.now_ms // 86_400_000 + 1) * 86_400_000
        if midnight - 3_000 < self.now_ms:
            midnight += 86_400_000
        self.now_ms = midnight - 2_500
        options["latency"], options["spread"] = 2.0, 1.5
        return self.respond(*two, **options)

    def _settle(self) -> None:
        """Finish what must be finished before the conversation can go on."""

    def _prepare(
        self, steps: tuple[Step, ...], options: ResponseOptions
    ) -> tuple[list[Block], ResponseOptions]:
        chosen = cast(ResponseOptions, {**self.defaults, **options})
        first: list[Step] = []
        if "think" in chosen:
            first.append(blocks.think(chosen["think"]))
        if "say" in chosen:
            first.append(blocks.say(chosen["say"]))
        every = (*first, *steps) or (blocks.say(),)
        return [step(self.session.workspace) for step in every], chosen

    def _charge(
        self, prompt: int, output: int, options: ResponseOptions, *, model: str | None = None
    ) -> Bill:
        """Send a prompt now, through the cache."""
        model = model or options["model"]
        if not options.get("cached", True):
            return Bill(model, prompt, 0, 0, 0, output)
        speed = "fast" if options.get("fast") else "standard"
        key: CacheKey = (model, speed, options.get("effort"))
        ttl = options.get("ttl", "1h")
        tail = min(UNCACHED_TAIL, prompt)
        read = self._cache.request(key, prompt, tail, self.now_ms, ttl)
        fresh = prompt - read
        written = max(fresh - tail, 0)
        return Bill(
            model,
            fresh - written,
            written if ttl == "5m" else 0,
            written if ttl == "1h" else 0,
            read,
            output,
        )

    def _emit(
        self,
        content: list[Block],
        bills: list[Bill],
        top: Bill,
        options: ResponseOptions,
        *,
        opening: Bill | None = None,
    ) -> None:
        """Write a response, enter it into the truth, and bring in the results of its calls.

        `bills` are the attempts in order, `top` what the top level of usage says. `opening`, where
        another attempt opened the stream, is what all lines but the last say instead of `top`.
        """
        ids = self.session.ids
        last = bills[-1]
        gateway = options.get("gateway")
        message_id = options.get("message_id") or (
            ids.gateway_message(gateway) if gateway else ids.message()
        )
        request = ids.request() if options.get("request_id", True) and not gateway else None
        stop = options.get("stop_reason") or (
            "tool_use" if any(isinstance(b, Call) for b in content) else "end_turn"
        )
        geo = options.get("geo", "not_available")
        speed = "fast" if options.get("fast") else "standard"
        tier = options.get("service_tier", "standard")
        reported = options.get("final", True)
        if len(bills) > 1 and not reported:
            raise ValueError("a response of several attempts cannot also stay without final usage")
        # Before 2.1.100 or so, and behind gateways, `iterations` is an empty list.
        old = gateway or options.get("placeholder") or options.get("nested_only")
        hint = min(ids.number(1, 9), top.output)
        final = final_usage(
            top,
            iterations=[] if old else bills,
            geo=geo,
            speed=speed,
            service_tier=tier,
            web_searches=options.get("web_searches", 0),
            nested_only=options.get("nested_only", False),
        )
        early = opening_usage(opening or top, hint, geo)
        first_ms = 0
        for index, block in enumerate(content):
            ended = reported and (
                index == len(content) - 1
                or (opening is None and not options.get("placeholder", False))
            )
            self._pass(block, index, options)
            first_ms = first_ms or self.now_ms
            message: dict[str, Any] = {
                "model": top.model if ended or opening is None else opening.model,
                "id": message_id,
                "type": "message",
                "role": "assistant",
                "content": [self._block(block)],
                "stop_reason": stop if ended else None,
                "stop_sequence": None,
                "usage": final if ended else early,
            }
            if "cache_miss_reason" in options:
                reason = {"type": options["cache_miss_reason"]}
                message["diagnostics"] = {"cache_miss_reason": reason}
            fields: dict[str, Any] = {"message": message}
            if request is not None:
                fields["requestId"] = request
            if "effort" in options:
                fields["effort"] = options["effort"]
            uuid = self._chain("assistant", fields)
            if isinstance(block, Call):
                block.line = uuid
        billed = tuple(
            b for b in bills if b is last or b.output > 0 or last.kind != "fallback_message"
        )
        shown = billed if reported else (_with_output(last, hint),)
        self.last_response = Response(
            message_id,
            day_text(first_ms),
            iso(first_ms),
            self.session.id,
            self.agent,
            top.model,
            sum(b.input for b in shown),
            sum(b.output for b in shown),
            sum(b.output for b in billed),
            sum(b.write_5m for b in shown),
            sum(b.write_1h for b in shown),
            sum(b.read for b in shown),
            last.prompt,
            reported,
            len(content),
            shown,
            speed if reported else "standard",
            geo,
            tier,
            options.get("web_searches", 0) if reported else 0,
        )
        self.session.bill(self.last_response)
        self.last_content = content
        self.charges.append(Charge(message_id, self.epoch, last))
        self.context = last.prompt + last.output
        position = last.prompt
        for block in content:
            if isinstance(block, Call):
                block.charge = len(self.charges) - 1
                block.sent = self.span(position, position + block.tokens)
            position += block.tokens
        for block in content:
            if isinstance(block, Call):
                if block.searches:
                    self.session.add_searches(day_text(first_ms), block.searches)
                self._result(block)

    def _pass(self, block: Block, index: int, options: ResponseOptions) -> None:
        """The time the model takes for a block."""
        given = options.get("latency" if index == 0 else "spread")
        if given is not None:
            self.now_ms += round(cast(float, given) * 1_000)
        else:
            self.now_ms += (900 if index == 0 else 5) + 12 * block.tokens

    def _block(self, block: Block) -> dict[str, Any]:
        if isinstance(block, Marker):
            return block.block
        if isinstance(block, Call):
            block.id = self.session.ids.tool_use()
            return {
                "type": "tool_use",
                "id": block.id,
                "name": block.name,
                "input": block.input,
                "caller": {"type": "direct"},
            }
        if block.kind == "thinking":
            return {"type": "thinking", "thinking": block.text, "signature": "c2lnbmF0dXJl"}
        return {"type": "text", "text": block.text}

    def _result(self, call: Call) -> None:
        if call.result is None:
            return
        self.now_ms += round(call.seconds * 1_000)
        text = call.result
        details = call.details
        size = call.result_tokens
        if call.spill and isinstance(text, str):
            text, details = self._spill(text, details)
            size = tokens_of(text)
        block: dict[str, Any] = {
            "tool_use_id": call.id,
            "type": "tool_result",
            "content": text,
        }
        if call.is_error or call.name == "Bash":
            block["is_error"] = call.is_error
        fields: dict[str, Any] = {"message": {"role": "user", "content": [block]}}
        if details is not None:
            fields["toolUseResult"] = details
        if call.denial is not None:
            fields["toolDenialKind"] = call.denial
        fields["sourceToolAssistantUUID"] = call.line
        self._chain("user", fields, parent=call.line)
        self.context += size
        call.entered = self.span(self.context - size)

    def _spill(self, output: str, details: object) -> tuple[str, object]:
        """Put a large output into `tool-results/`; the conversation gets a preview."""
        name = f"{self.session.folder}/tool-results/{self.session.ids.short()}.txt"
        content = output.encode()
        self.session.side_file(name, content)
        where = f"{self.session.home}/.claude/{name}"
        preview = (
            f"<persisted-output>\nOutput too large ({len(content) / 1000:.1f}KB). "
            f"Full output saved to: {where}\n\nPreview (first 2KB):\n"
            f"{output[:_PREVIEW_CHARS]}\n...\n</persisted-output>"
        )
        known = dict(details) if isinstance(details, dict) else {}
        if "stdout" in known:
            known["stdout"] = output[:_PREVIEW_CHARS]
        known["persistedOutputPath"] = where
        known["persistedOutputSize"] = len(content)
        return preview, known


def _with_output(bill: Bill, output: int) -> Bill:
    return Bill(bill.model, bill.input, bill.write_5m, bill.write_1h, bill.read, output, bill.kind)
