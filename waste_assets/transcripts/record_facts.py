"""What a record says: a row of usage, blocks of content, costs.

This is the only place that takes transcript records apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from waste_assets.lake.tables import LINE_BLOCKS, LINE_COSTS, LINE_USAGE
from waste_assets.transcripts.call_facts import (
    beginning,
    changed_chars,
    input_of,
    outcome_of,
    patched,
    target_of,
    todos_of,
)
from waste_assets.transcripts.decode import REFUSED
from waste_assets.transcripts.fact_rows import Rows
from waste_assets.transcripts.plain_values import (
    digest,
    dollars,
    safe_name,
    sane,
    small,
    text_digest,
    value_of,
)
from waste_assets.transcripts.records import (
    Block,
    EmbeddedRecord,
    Message,
    Record,
    ShownFile,
    Usage,
    count,
    given,
    known,
    tolerant,
)
from waste_assets.transcripts.text_facts import (
    IMAGE_CHARS,
    REMINDER,
    chars_in,
    images_in,
    opening,
    reminders_in,
    source_of,
    text_of,
)
from waste_assets.transcripts.threads import Threads

#: Attachments that are notes to the harness and never enter a prompt.
_UNSENT = frozenset(
    [
        "command_permissions",
        "prompt_snapshot",
        "deferred_tools_record",
        "hook_success",
        "hook_cancelled",
        "hook_system_message",
        "hook_non_blocking_error",
    ]
)
#: Fields of attachments that tell the harness what they belong to: each call has its own.
_UNSENT_FIELDS = frozenset(["type", "toolUseID"])
#: How much of a result is kept for the detectors to look at.
_ERROR_CHARS, _RESULT_CHARS = 1_000, 300

_NOT_SHOWN = ShownFile()

_fast_embedded = msgspec.json.Decoder(EmbeddedRecord).decode


@dataclass(slots=True)
class Place:
    """Where the record at hand stands."""

    transcript: str
    line_no: int
    part: int
    ts: int
    session: str
    agent: str
    project: str | None
    from_progress: bool = False
    uuid: str | None = None
    #: Written with the first piece of the line; see `Threads`.
    goes_on_from: str | None = None
    block_no: int = 0


class RecordFacts:
    """Takes the records of a day apart, transcript by transcript, into rows of the line tables."""

    def __init__(self, rows: Mapping[str, Rows]) -> None:
        """`rows` are those of each table, by its name."""
        self._usage = rows[LINE_USAGE.name].add
        self._block = rows[LINE_BLOCKS.name].add
        self._cost = rows[LINE_COSTS.name].add
        self._sidechains: dict[str, str] = {}
        self._threads = Threads()

    def begin(self) -> None:
        """What comes from here on is of another transcript."""
        self._threads = Threads()

    def take(self, record: Record, here: Place) -> None:
        """Take in a record."""
        if record.sessionId:
            here.session = safe_name(record.sessionId)
        here.uuid = record.uuid or None
        here.agent = safe_name(self._agent(record))
        if record.type == "progress":
            self._progress(record, here)
            return
        here.goes_on_from = self._threads.branch(record, here.agent)
        self._content_of(record, here)
        self._threads.add(record, here.agent, has_content=here.block_no > 0)

    def _content_of(self, record: Record, here: Place) -> None:
        if record.type == "attachment":
            self._attachment(record, here)
        elif record.type == "system":
            if record.subtype in ("compact_boundary", "microcompact_boundary"):
                trigger = record.compactMetadata.trigger if record.compactMetadata else None
                self._content(here, "boundary", 0, subtype=trigger)
        elif record.type == "cost-state":
            self._costs(record, here)
        elif record.message is not None:
            is_copy = bool(given(record.forkedFrom)) or record.sessionKind == "bg"
            if record.type == "assistant":
                self._assistant(record, record.message, here, is_copy)
            else:
                self._user(record, record.message, here)

    def _agent(self, record: Record) -> str:
        if record.agentId:
            return record.agentId
        if not record.isSidechain:
            return "main"
        # Old sidechains lie in the main transcript and have no name: take that of their first
        # line, which every other line leads back to.
        root = self._sidechains.get(record.parentUuid or "", record.parentUuid or record.uuid)
        name = root or "unnamed"
        if record.uuid:
            self._sidechains[record.uuid] = name
        return f"sidechain-{name[:8]}"

    def _progress(self, record: Record, here: Place) -> None:
        data = record.data
        if data is None or data.type != "agent_progress":
            return
        try:
            inner: EmbeddedRecord | None = _fast_embedded(data.message)
        except REFUSED:
            inner = tolerant(EmbeddedRecord, value_of(given(data.message)))
        if inner is None or inner.message is None:
            return
        # The time is the line's own: a record from before midnight in a line from after it would
        # belong to a day that does not hold it.
        here.from_progress = True
        here.agent = safe_name(data.agentId) or here.agent
        here.uuid = inner.uuid or None
        like = Record(
            type=inner.type,
            uuid=inner.uuid,
            requestId=inner.requestId,
            isApiErrorMessage=inner.isApiErrorMessage,
            version=record.version,
            isSidechain=True,
        )
        if inner.type == "assistant":
            self._assistant(like, inner.message, here, is_copy=False)
        else:
            self._user(like, inner.message, here)

    def _assistant(self, record: Record, message: Message, here: Place, is_copy: bool) -> None:
        if message.model == "<synthetic>" or record.isApiErrorMessage:
            return
        response_id = _response_id(message, record, here)
        if message.usage is not None:
            self._usage_row(record, message, message.usage, here, response_id, is_copy)
        for block in _blocks(message):
            self._output(block, here, response_id)

    def _usage_row(
        self,
        record: Record,
        message: Message,
        usage: Usage,
        here: Place,
        response_id: str,
        is_copy: bool,
    ) -> None:
        creation = usage.cache_creation
        written_5m = count(creation.ephemeral_5m_input_tokens) if creation else 0
        written_1h = count(creation.ephemeral_1h_input_tokens) if creation else 0
        total = max(count(usage.cache_creation_input_tokens), written_5m + written_1h)
        iterations = usage.iterations or []
        tell = len(iterations) > 1 or any(i.type != "message" for i in iterations)
        details, server = usage.output_tokens_details, usage.server_tool_use
        self._usage(
            (
                response_id,
                message.id,
                record.requestId,
                record.uuid,
                here.session,
                here.agent,
                here.transcript,
                here.line_no,
                here.part,
                here.ts,
                here.project,
                safe_name(message.model),
                safe_name(message.stop_reason),
                bool(record.isSidechain),
                is_copy,
                here.from_progress,
                count(usage.input_tokens),
                total - written_1h,
                written_1h,
                total == written_5m + written_1h,
                count(usage.cache_read_input_tokens),
                count(usage.output_tokens),
                known(details.thinking_tokens) if details else None,
                small(server.web_search_requests) or 0 if server else 0,
                safe_name(usage.speed),
                safe_name(usage.inference_geo),
                safe_name(usage.service_tier),
                msgspec.json.encode(iterations).decode() if tell else None,
                safe_name(record.effort),
                _miss_reason(message),
                safe_name(record.version),
            )
        )

    def _output(self, block: Block, here: Place, response_id: str) -> None:
        if block.type == "tool_use":
            raw = given(block.input)
            told = input_of(raw)
            self._content(
                here,
                "tool_use",
                len(raw),
                response_id=response_id,
                tool_use_id=block.id,
                tool_name=safe_name(block.name),
                target=target_of(told),
                input_hash=digest(raw),
                excerpt=beginning(raw),
                file_lines=told.content.count("\n") + 1 if told.content else None,
                changed_chars=changed_chars(told),
            )
        elif block.type in ("thinking", "redacted_thinking"):
            self._content(here, "thinking", len(block.thinking or ""), response_id=response_id)
        else:
            chars = len(block.text or "") or chars_in(block.content)
            self._content(here, "output_text", chars, response_id=response_id, subtype=block.type)

    def _user(self, record: Record, message: Message, here: Place) -> None:
        if record.isCompactSummary:
            if record.parentUuid is None:
                # Old versions say of a compaction only that its summary goes on from nothing.
                self._content(here, "boundary", 0)
            chars = sum(len(block.text or "") for block in _blocks(message))
            self._content(here, "summary", chars)
            return
        for block in _blocks(message):
            if block.type == "tool_result":
                self._result(block, record, here)
            elif block.type in ("image", "document"):
                self._content(here, "user_text", IMAGE_CHARS, subtype=block.type)
            else:
                self._text(block.text or "", record, here)

    def _text(self, text: str, record: Record, here: Place) -> None:
        told = text_digest(text)
        if text.startswith(REMINDER):
            self._content(here, "reminder", len(text), target=opening(text), content_hash=told)
            return
        subtype = "injected" if record.isMeta else "typed"
        if text.startswith(("<command-", "<local-command-", "<bash-")):
            subtype = "command"
        target = opening(text) if subtype == "injected" else None
        self._content(
            here, "user_text", len(text), subtype=subtype, target=target, content_hash=told
        )

    def _result(self, block: Block, record: Record, here: Place) -> None:
        text = text_of(block.content)
        images = images_in(block.content) * IMAGE_CHARS
        appended = reminders_in(text)
        reminders = sum(map(len, appended))
        failed = bool(block.is_error)
        outcome = outcome_of(given(record.toolUseResult))
        shown = outcome.file or _NOT_SHOWN
        added, removed = patched(outcome)
        todos = todos_of(outcome)
        self._content(
            here,
            "tool_result",
            len(text) - reminders + images,
            subtype=outcome.type or outcome.status,
            tool_use_id=block.tool_use_id,
            content_hash=text_digest(text),
            is_error=failed,
            excerpt=text[: _ERROR_CHARS if failed else _RESULT_CHARS],
            excerpt_tail=text[-_ERROR_CHARS:] if failed and len(text) > _ERROR_CHARS else None,
            first_line=small(shown.startLine),
            shown_lines=small(shown.numLines),
            file_lines=small(shown.totalLines if todos is None else todos[0]),
            added_lines=added if todos is None else todos[1],
            removed_lines=removed,
            denial=safe_name(record.toolDenialKind),
            web_searches=small(outcome.searchCount),
            subagent=safe_name(outcome.agentId),
            subagent_tokens=known(outcome.totalTokens),
        )
        if reminders:
            self._content(
                here,
                "reminder",
                reminders,
                tool_use_id=block.tool_use_id,
                target=opening(appended[0]),
                content_hash=text_digest("".join(appended)),
            )

    def _attachment(self, record: Record, here: Place) -> None:
        value = value_of(given(record.attachment))
        kind = value.get("type") if isinstance(value, dict) else None
        if isinstance(kind, str) and kind not in _UNSENT:
            rest = {name: part for name, part in value.items() if name not in _UNSENT_FIELDS}
            content = msgspec.json.encode(rest)
            self._content(
                here,
                "attachment",
                chars_in(rest),
                subtype=kind,
                target=source_of(rest),
                content_hash=digest(content),
            )

    def _costs(self, record: Record, here: Place) -> None:
        for model, cost in (record.modelUsage or {}).items():
            self._cost(
                (
                    here.session,
                    here.transcript,
                    here.line_no,
                    sane(record.startTime),
                    safe_name(model),
                    count(cost.inputTokens),
                    count(cost.outputTokens),
                    count(cost.cacheReadInputTokens),
                    count(cost.cacheCreationInputTokens),
                    dollars(cost.costUSD),
                )
            )

    def _content(
        self,
        here: Place,
        kind: str,
        chars: int,
        *,
        subtype: str | None = None,
        response_id: str | None = None,
        tool_use_id: str | None = None,
        tool_name: str | None = None,
        target: str | None = None,
        input_hash: str | None = None,
        content_hash: str | None = None,
        excerpt: str | None = None,
        excerpt_tail: str | None = None,
        first_line: int | None = None,
        shown_lines: int | None = None,
        file_lines: int | None = None,
        added_lines: int | None = None,
        removed_lines: int | None = None,
        changed_chars: int | None = None,
        is_error: bool | None = None,
        denial: str | None = None,
        web_searches: int | None = None,
        subagent: str | None = None,
        subagent_tokens: int | None = None,
    ) -> None:
        self._block(
            (
                here.session,
                here.agent,
                here.transcript,
                here.line_no,
                here.part,
                here.block_no,
                here.uuid,
                # What comes back from a call says nothing: results of parallel calls branch off.
                here.goes_on_from if here.block_no == 0 and kind != "tool_result" else None,
                here.from_progress,
                here.ts,
                kind,
                subtype,
                response_id,
                tool_use_id,
                tool_name,
                target,
                input_hash,
                chars,
                content_hash,
                excerpt,
                excerpt_tail,
                first_line,
                shown_lines,
                file_lines,
                added_lines,
                removed_lines,
                changed_chars,
                is_error,
                denial,
                web_searches,
                subagent,
                subagent_tokens,
            )
        )
        here.block_no += 1


def _response_id(message: Message, record: Record, here: Place) -> str:
    """The identity of a response: equal for all its lines, in all their copies."""
    name = message.id
    if name and name.startswith("msg_"):
        return name
    if name:
        # A gateway's id is unique in its conversation at best, and may even be a constant. The
        # lines of one response agree about its prompt, and differ in their timestamps.
        usage = message.usage or Usage()
        prompt = count(usage.input_tokens) + count(usage.cache_read_input_tokens)
        return safe_name(f"{here.session}:{here.agent}:{name}:{record.requestId or prompt}")
    return record.uuid or f"{here.transcript}:{here.line_no}:{here.part}"


def _blocks(message: Message) -> list[Block]:
    if isinstance(message.content, str):
        return [Block(type="text", text=message.content)]
    return message.content or []


def _miss_reason(message: Message) -> str | None:
    diagnostics = message.diagnostics
    reason = diagnostics.cache_miss_reason if diagnostics else None
    return safe_name(reason.type) if reason else None
