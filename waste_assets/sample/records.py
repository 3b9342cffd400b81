"""Lines that are neither messages nor attachments: state, titles, system notes, compaction."""

from typing import Any, Literal, Self

from waste_assets.sample.attachments import Attachments
from waste_assets.sample.blocks import Call
from waste_assets.sample.clock import iso
from waste_assets.sample.rates import usd
from waste_assets.sample.tokens import tokens_of


class Records(Attachments):
    """Records about the session. Those without a timestamp have no place in the chain either."""

    def mode(self, mode: str = "normal") -> Self:
        """`mode`: no timestamp."""
        return self._untimed("mode", mode=mode)

    def permission_mode(self, mode: str = "default") -> Self:
        """`permission-mode`: no timestamp."""
        return self._untimed("permission-mode", permissionMode=mode)

    def title(self, text: str, *, custom: bool = False) -> Self:
        """`ai-title` or `custom-title`: no timestamp."""
        if custom:
            return self._untimed("custom-title", customTitle=text)
        return self._untimed("ai-title", aiTitle=text)

    def last_prompt(self, text: str = "Go on") -> Self:
        """`last-prompt`: no timestamp."""
        return self._untimed("last-prompt", lastPrompt=text, leafUuid=self._tip)

    def summary(self, text: str) -> Self:
        """`summary`, the title of older versions: neither timestamp nor session id."""
        self._record({"type": "summary", "summary": text, "leafUuid": self._tip})
        return self

    def file_history_snapshot(self) -> Self:
        """`file-history-snapshot`: only a nested timestamp, no session id."""
        message = self._tip or self.session.ids.uuid()
        snapshot = {"messageId": message, "trackedFileBackups": {}, "timestamp": iso(self.now_ms)}
        self._record(
            {
                "type": "file-history-snapshot",
                "messageId": message,
                "snapshot": snapshot,
                "isSnapshotUpdate": False,
            }
        )
        return self

    def queue_operation(self, operation: str, content: str | None = None) -> Self:
        """`queue-operation`: a timestamp, but no uuid."""
        record: dict[str, Any] = {
            "type": "queue-operation",
            "operation": operation,
            "timestamp": iso(self.now_ms),
            "sessionId": self.session.id,
        }
        if content is not None:
            record["content"] = content
        self._record(record)
        return self

    def progress(self, kind: str, call: Call, **told: Any) -> Self:
        """`progress`, as versions before 2.1.9x wrote it while a call ran: `hook_progress`, …"""
        data = {"type": kind, **told}
        self._chain("progress", {"data": data, "toolUseID": call.id, "parentToolUseID": call.id})
        return self

    def pr_link(self, number: int = 12, repository: str = "example/shop") -> Self:
        """`pr-link`."""
        self._record(
            {
                "type": "pr-link",
                "sessionId": self.session.id,
                "prNumber": number,
                "prUrl": f"https://github.com/{repository}/pull/{number}",
                "prRepository": repository,
                "timestamp": iso(self.now_ms),
            }
        )
        return self

    def cost_state(self, *, side_calls: dict[str, int] | None = None) -> Self:
        """`cost-state`: what this session has spent so far, by model, subagents included.

        `side_calls` adds output tokens by model that no transcript line holds.
        """
        usage: dict[str, dict[str, Any]] = {}
        whole, unknown = 0.0, False
        for model, bill in self.session.spent.items():
            cost = usd(bill)
            unknown = unknown or cost is None
            whole += cost or 0.0
            usage[model] = {
                "inputTokens": bill.input,
                "outputTokens": bill.output,
                "cacheReadInputTokens": bill.read,
                "cacheCreationInputTokens": bill.write_5m + bill.write_1h,
                "webSearchRequests": 0,
                "costUSD": cost or 0.0,
            }
        for model, tokens in (side_calls or {}).items():
            usage.setdefault(
                model,
                {
                    "inputTokens": 0,
                    "outputTokens": 0,
                    "cacheReadInputTokens": 0,
                    "cacheCreationInputTokens": 0,
                    "webSearchRequests": 0,
                    "costUSD": 0.0,
                },
            )["outputTokens"] += tokens
        return self._untimed(
            "cost-state",
            totalCostUSD=whole,
            totalAPIDuration=0,
            totalToolDuration=0,
            totalLinesAdded=0,
            startTime=0,
            modelUsage=usage,
            hasUnknownModelCost=unknown,
        )

    def stop_hook(self, *, hooks: int = 1, errors: tuple[str, ...] = ()) -> Self:
        """`system/stop_hook_summary`."""
        self._system(
            "stop_hook_summary",
            hookCount=hooks,
            hookInfos=[{"command": "check-style", "durationMs": 66}] * hooks,
            hookErrors=list(errors),
            preventedContinuation=False,
            level="suggestion",
        )
        return self

    def turn_duration(self, ms: int = 60_000) -> Self:
        """`system/turn_duration`, milliseconds."""
        self._system("turn_duration", durationMs=ms)
        return self

    def interrupt(self, *, for_tool_use: bool = False) -> Self:
        """The user stops the model."""
        self._settle()
        text = f"[Request interrupted by user{' for tool use' if for_tool_use else ''}]"
        content = [{"type": "text", "text": text}]
        self._chain("user", {"message": {"role": "user", "content": content}})
        self.context += tokens_of(text)
        return self

    def compact(
        self,
        *,
        trigger: Literal["auto", "manual"] = "auto",
        summary: str | None = None,
        tokens: int = 2_000,
    ) -> Self:
        """Compaction: the context shrinks to the base and a summary of `tokens` tokens.

        The request that made the summary is billed by the API but stands in no transcript, so
        it is not in the truth either. The base stays cached.
        """
        self._settle()
        body = summary if summary is not None else self.session.filler.prose(tokens)
        before, tip = self.context, self._tip
        self.context = self.base_tokens + tokens_of(body)
        self.now_ms += 8_000
        self._tip = None
        self._chain(
            "system",
            {
                "logicalParentUuid": tip,
                "subtype": "compact_boundary",
                "content": "Conversation compacted",
                "isMeta": False,
                "level": "info",
                "compactMetadata": {
                    "trigger": trigger,
                    "preTokens": before,
                    "postTokens": self.context,
                    "durationMs": 8_000,
                },
            },
        )
        self._chain(
            "user",
            {
                "message": {"role": "user", "content": body},
                "isCompactSummary": True,
                "isVisibleInTranscriptOnly": True,
            },
        )
        self._cache.keep(self.base_tokens)
        self._turns.clear()
        self.epoch += 1
        return self

    def rewind(self, turns: int = 1) -> Self:
        """Go back before the user's last `turns` messages: the chain branches there.

        What was said since is in no later prompt; what was said before keeps its place.
        """
        self._settle()
        self._tip, self.context = self._turns[-turns]
        del self._turns[-turns:]
        self._cache.keep(self.context)
        self.cuts.append((len(self.charges), self.context))
        return self

    def _untimed(self, kind: str, **fields: Any) -> Self:
        self._record({"type": kind, **fields, "sessionId": self.session.id})
        return self
