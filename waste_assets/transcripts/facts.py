"""What the lines of one archived day say: usage, content, costs, and what could not be read.

This is the only place that takes transcript records apart. It looks at one line at a time and
at one day at a time, so that the result is a pure function of the archived day; whatever needs
several lines (copies, conversations, results and their calls) happens later, in SQL.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from hashlib import blake2b
from itertools import pairwise
from os.path import commonprefix
from typing import Any, overload

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from waste_assets.collector import at_rest
from waste_assets.lake.lake import Lake
from waste_assets.lake.tables import (
    LINE_BLOCKS,
    LINE_COSTS,
    LINE_COUNTS,
    LINE_TABLES,
    LINE_USAGE,
    QUARANTINED_LINES,
    RAW_SESSIONS,
    Table,
)
from waste_assets.redaction import without_secrets
from waste_assets.transcripts.day_contents import contents
from waste_assets.transcripts.decode import REFUSED, REFUSED_OR_DEEP, Quarantined, decode, with_room
from waste_assets.transcripts.lines import Piece
from waste_assets.transcripts.listing import SourceFile
from waste_assets.transcripts.records import (
    Block,
    EmbeddedRecord,
    Message,
    Record,
    Replacement,
    ShownFile,
    ToolInput,
    ToolUseResult,
    Usage,
    count,
    fast_record,
    given,
    known,
    tolerant,
)

#: Changed with every change of what is read from a line: older facts are read anew.
RULES = "5"
_FROM, _RULES = "waste.from", "waste.rules"

#: Record types that hold neither usage nor content of a conversation. An unknown type is looked
#: at, in case it has a message.
_SILENT = frozenset(
    [
        "file-history-snapshot",
        "file-history-delta",
        "summary",
        "ai-title",
        "custom-title",
        "agent-name",
        "agent-color",
        "agent-setting",
        "tag",
        "task-summary",
        "last-prompt",
        "queue-operation",
        "permission-mode",
        "mode",
        "worktree-state",
        "pr-link",
        "frame-link",
        "bridge-session",
        "atis-latch",
        "fork-context-ref",
        "content-replacement",
        "attribution-snapshot",
        "started",
        "result",
    ]
)
_SPARED = _SILENT | {"progress"}
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
#: Fields of attachments that say which one it is: the file or the hook.
_NAMES = ("displayPath", "path", "filename", "hookName")
#: What an image weighs against text when a count is shared by characters: about 1,500 tokens.
_IMAGE_CHARS = 6_000
#: How much of a call and of its result is kept for the detectors to look at.
_CALL_CHARS = _ERROR_CHARS = 1_000
_RESULT_CHARS = 300
#: What is kept of a call's target.
TARGET_CHARS = 400
#: No time in a transcript can mean more, and no number of lines.
_LIMIT, _LINES_LIMIT = 2**53, 2**31
#: So many rows are turned into columns together.
_PACKED_ROWS = 4_096
#: The one kind of progress that holds records; a quick look spares taking the others apart.
_AGENT_PROGRESS = b"agent_progress"
#: What is kept of the beginning of an injected text.
_OPENING_CHARS = 80
_BLANK = re.compile(r"\s+")
_REMINDER, _REMINDER_END = "<system-reminder>", "</system-reminder>"

_NO_OUTCOME, _NOT_SHOWN = ToolUseResult(), ShownFile()

_fast_input = msgspec.json.Decoder(ToolInput).decode
_fast_result = msgspec.json.Decoder(ToolUseResult).decode
_fast_embedded = msgspec.json.Decoder(EmbeddedRecord).decode
_plain = msgspec.json.Decoder().decode


def is_current(lake: Lake, day: date) -> bool:
    """Whether the facts of a day were read from what the archive holds now, by these rules."""
    notes = lake.notes(LINE_COUNTS, day)
    version = contents(lake, day).version
    return notes.get(_FROM, "") == version and (not version or notes.get(_RULES) == RULES)


def read_day(lake: Lake, day: date) -> None:
    """Read the facts of one day from the archive and write them; nothing where nothing is held.

    The archive brings its facts along; here are those that were read by older rules, or not at
    all. Safe to run in several processes at once: they write the same rows.
    """
    version = contents(lake, day).version
    if not version:
        return
    facts = DayFacts(lake, day)
    labels = list(RAW_SESSIONS.packing.repeated)
    with at_rest(), pq.ParquetFile(lake.part(RAW_SESSIONS, day), read_dictionary=labels) as file:
        for group in range(file.num_row_groups):
            facts.add(file.read_row_group(group, use_threads=False))
    facts.finish(version)


class DayFacts:
    """The facts of one day, from the rows that the archive holds or is about to."""

    def __init__(self, lake: Lake, day: date) -> None:
        self._lake, self._day = lake, day
        self._facts = _Facts()

    def add(self, rows: pa.Table) -> None:
        """Read rows of `raw_sessions`, after those before them."""
        self._facts.add(rows)

    def read(self, transcript: str, file: SourceFile, project: str | None, piece: Piece) -> None:
        """Take in rows that have just been read, after those before them."""
        self._facts.read(transcript, file, project, piece)

    def finish(self, version: str) -> None:
        """Write the facts of all these rows, which the archive holds as this version."""
        notes = {_FROM: version, _RULES: RULES}
        for table, rows in self._facts.tables().items():
            if rows.num_rows:
                self._lake.write(table, self._day, rows, notes)
            else:
                self._lake.remove(table, self._day)


@dataclass(slots=True)
class _Counts:
    path: str
    lines: int = 0
    decoded: int = 0
    repaired: int = 0
    quarantined: int = 0
    files: int = 0


@dataclass(slots=True)
class _Context:
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
    #: Written with the first piece of the line; see `_Threads`.
    goes_on_from: str | None = None
    block_no: int = 0


class _Threads:
    """Where lines branch off: in each conversation of a transcript, the line they go on from.

    Only lines that somebody may have gone back to write are of interest: what the user says, and
    the first line of a response. Nearly all go on from the piece of content before them.
    """

    def __init__(self) -> None:
        #: By agent the last line with content, and the last response.
        self._tips: dict[str, str] = {}
        self._spoken: dict[str, str | None] = {}
        #: Lines with content, and for those without the one with content that they go on from.
        self._stands_for: dict[str, str] = {}

    def branch(self, record: Record, agent: str) -> str | None:
        """The line that a line goes on from, '' for none; None where it is the one before."""
        if record.type == "assistant":
            name = record.message.id if record.message else None
            if name is not None and name == self._spoken.get(agent):
                return None
        parent = record.parentUuid
        if not parent:
            is_first = record.type != "user" or record.isSidechain or record.isCompactSummary
            return None if is_first else ""
        # Those of other days, and progress, which takes no part in what is sent, are not known.
        parent = self._stands_for.get(parent, parent)
        return None if parent == self._tips.get(agent) else parent

    def add(self, record: Record, agent: str, has_content: bool) -> None:
        """Take in a line."""
        if record.type == "assistant":
            self._spoken[agent] = record.message.id if record.message else None
        uuid = record.uuid
        if not uuid:
            return
        if has_content:
            self._tips[agent] = self._stands_for[uuid] = uuid
            return
        tip = self._tips.get(agent)
        stands_for = self._stands_for.get(record.parentUuid or "", tip)
        if stands_for is not None:
            self._stands_for[uuid] = stands_for


class _Facts:
    """The rows of the line tables under construction."""

    def __init__(self) -> None:
        self._rows: dict[str, _Rows] = {table.name: _Rows(table) for table in LINE_TABLES}
        self._usage = self._rows[LINE_USAGE.name].add
        self._block = self._rows[LINE_BLOCKS.name].add
        self._counts: dict[str, _Counts] = {}
        self._sidechains: dict[str, str] = {}
        self._threads = _Threads()
        self._last_ts = 0

    def add(self, rows: pa.Table) -> None:
        """Take in a row group of `raw_sessions`."""
        transcripts, kinds, sessions, types, projects, paths = (
            _labels(rows.column(name))
            for name in ("transcript", "kind", "session_id", "type", "project", "path")
        )
        numbers = rows.column("line_no").to_pylist()
        stamps = rows.column("ts").cast(pa.int64()).to_pylist()
        told = zip(
            transcripts, kinds, sessions, types, projects, paths, numbers, stamps, strict=True
        )
        for line in _lines(rows.column("raw")):
            transcript, where, session, kind, project, path, number, ts = next(told)
            counts = self._counts_of(transcript, path)
            if where == "file":
                counts.files += 1
                continue
            counts.lines += 1
            ts = self._since(ts)
            if _says_nothing(kind, line):
                counts.decoded += 1
                continue
            here = _Context(transcript, number, 0, ts, _name(session), "main", _name(project))
            try:
                record = fast_record(line)
            except REFUSED_OR_DEEP:
                record = None
            self._line(record, line, here, counts, path)
        self._pack()

    def read(self, transcript: str, file: SourceFile, project: str | None, piece: Piece) -> None:
        """Take in a piece of a transcript, with its records."""
        counts = self._counts_of(transcript, file.path)
        if not file.is_lines:
            counts.files += len(piece)
            return
        counts.lines += len(piece)
        stamps = piece.moments.cast(pa.int64()).to_pylist()
        told = zip(piece.records, piece.types, piece.sessions, stamps, strict=True)
        bounds = pairwise(piece.offsets.tolist())
        number = piece.first_line - 1
        for record, kind, session, stamp in told:
            number += 1
            start, end = next(bounds)
            ts = self._since(stamp)
            if kind in _SPARED and _says_nothing(kind, piece.data[start:end]):
                counts.decoded += 1
                continue
            here = _Context(transcript, number, 0, ts, _name(session), "main", _name(project))
            self._line(record, piece.data[start:end], here, counts, file.path)
        self._pack()

    def _since(self, ts: int | None) -> int:
        """A line's time, or that of the line before it."""
        if ts is not None:
            self._last_ts = ts
        return self._last_ts

    def _pack(self) -> None:
        for rows in self._rows.values():
            rows.pack(_PACKED_ROWS)

    def _counts_of(self, transcript: str, path: str) -> _Counts:
        if transcript not in self._counts:
            self._counts[transcript] = _Counts(path)
            self._last_ts = 0
            self._threads = _Threads()
        return self._counts[transcript]

    def tables(self) -> dict[Table, pa.Table]:
        """The finished tables."""
        counts = self._rows[LINE_COUNTS.name]
        for transcript, c in self._counts.items():
            counts.add((transcript, c.path, c.lines, c.decoded, c.repaired, c.quarantined, c.files))
        return {table: self._rows[table.name].table() for table in LINE_TABLES}

    def _line(
        self,
        record: Record | None,
        line: bytes | memoryview,
        here: _Context,
        counts: _Counts,
        path: str,
    ) -> None:
        """Take in a line: as a record where the fast decoder gave one, or set it aside."""
        lengths = [len(rows) for rows in self._rows.values()]

        def take_anew() -> bool:
            self._cut(lengths)
            anew = replace(here, part=0, block_no=0, from_progress=False, goes_on_from=None)
            return self._take(record, line, anew)

        try:
            try:
                is_repaired = self._take(record, line, here)
            except RecursionError:
                is_repaired = with_room(line, take_anew)
            counts.repaired += is_repaired
            counts.decoded += 1
        except Quarantined as error:
            self._cut(lengths)
            counts.quarantined += 1
            self._rows[QUARANTINED_LINES.name].add(
                (here.transcript, here.line_no, path, str(error), len(line))
            )

    def _cut(self, lengths: list[int]) -> None:
        """Of a line that is set aside, or taken in anew, nothing counts."""
        for rows, length in zip(self._rows.values(), lengths, strict=True):
            rows.cut(length)

    def _take(self, record: Record | None, line: bytes | memoryview, here: _Context) -> bool:
        """Take in a line; whether it took a repair."""
        if record is None:
            try:
                record = fast_record(line)
            except REFUSED:
                return self._refused(line, here)
        self._record(record, here)
        return False

    def _refused(self, line: bytes | memoryview, here: _Context) -> bool:
        """Take in a line that the fast decoder cannot read; whether it took a repair."""
        decoded = decode(line)
        for part, value in enumerate(decoded.records):
            forgiven = tolerant(Record, value)
            if forgiven is not None:
                here.part = part
                self._record(forgiven, here)
        return decoded.repaired

    def _record(self, record: Record, here: _Context) -> None:
        if record.sessionId:
            here.session = _name(record.sessionId)
        here.uuid = record.uuid or None
        here.agent = _name(self._agent(record))
        if record.type == "progress":
            self._progress(record, here)
            return
        here.goes_on_from = self._threads.branch(record, here.agent)
        self._content_of(record, here)
        self._threads.add(record, here.agent, has_content=here.block_no > 0)

    def _content_of(self, record: Record, here: _Context) -> None:
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

    def _progress(self, record: Record, here: _Context) -> None:
        data = record.data
        if data is None or data.type != "agent_progress":
            return
        try:
            inner: EmbeddedRecord | None = _fast_embedded(data.message)
        except REFUSED:
            inner = tolerant(EmbeddedRecord, _value(given(data.message)))
        if inner is None or inner.message is None:
            return
        # The time is the line's own: a record from before midnight in a line from after it would
        # belong to a day that does not hold it.
        here.from_progress = True
        here.agent = _name(data.agentId) or here.agent
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

    def _assistant(self, record: Record, message: Message, here: _Context, is_copy: bool) -> None:
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
        here: _Context,
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
                _name(message.model),
                _name(message.stop_reason),
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
                _small(server.web_search_requests) or 0 if server else 0,
                _name(usage.speed),
                _name(usage.inference_geo),
                _name(usage.service_tier),
                msgspec.json.encode(iterations).decode() if tell else None,
                _name(record.effort),
                _miss_reason(message),
                _name(record.version),
            )
        )

    def _output(self, block: Block, here: _Context, response_id: str) -> None:
        if block.type == "tool_use":
            raw = given(block.input)
            told = _input(raw)
            self._content(
                here,
                "tool_use",
                len(raw),
                response_id=response_id,
                tool_use_id=block.id,
                tool_name=_name(block.name),
                target=_target(told),
                input_hash=_hash(raw),
                excerpt=_beginning(raw),
                file_lines=told.content.count("\n") + 1 if told.content else None,
                changed_chars=changed_chars(told),
            )
        elif block.type in ("thinking", "redacted_thinking"):
            self._content(here, "thinking", len(block.thinking or ""), response_id=response_id)
        else:
            chars = len(block.text or "") or _chars(block.content)
            self._content(here, "output_text", chars, response_id=response_id, subtype=block.type)

    def _user(self, record: Record, message: Message, here: _Context) -> None:
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
                self._content(here, "user_text", _IMAGE_CHARS, subtype=block.type)
            else:
                self._text(block.text or "", record, here)

    def _text(self, text: str, record: Record, here: _Context) -> None:
        told = _text_hash(text)
        if text.startswith(_REMINDER):
            self._content(here, "reminder", len(text), target=_opening(text), content_hash=told)
            return
        subtype = "injected" if record.isMeta else "typed"
        if text.startswith(("<command-", "<local-command-", "<bash-")):
            subtype = "command"
        target = _opening(text) if subtype == "injected" else None
        self._content(
            here, "user_text", len(text), subtype=subtype, target=target, content_hash=told
        )

    def _result(self, block: Block, record: Record, here: _Context) -> None:
        text = _text_of(block.content)
        images = _images(block.content) * _IMAGE_CHARS
        appended = _reminders(text)
        reminders = sum(map(len, appended))
        failed = bool(block.is_error)
        outcome = _NO_OUTCOME
        told = given(record.toolUseResult)
        if told.startswith(b"{"):
            try:
                outcome = _fast_result(told)
            except REFUSED:
                outcome = tolerant(ToolUseResult, _value(told)) or outcome
        shown = outcome.file or _NOT_SHOWN
        added, removed = _patched(outcome)
        todos = _todos(outcome)
        self._content(
            here,
            "tool_result",
            len(text) - reminders + images,
            subtype=outcome.type or outcome.status,
            tool_use_id=block.tool_use_id,
            content_hash=_text_hash(text),
            is_error=failed,
            excerpt=text[: _ERROR_CHARS if failed else _RESULT_CHARS],
            excerpt_tail=text[-_ERROR_CHARS:] if failed and len(text) > _ERROR_CHARS else None,
            first_line=_small(shown.startLine),
            shown_lines=_small(shown.numLines),
            file_lines=_small(shown.totalLines if todos is None else todos[0]),
            added_lines=added if todos is None else todos[1],
            removed_lines=removed,
            denial=_name(record.toolDenialKind),
            web_searches=_small(outcome.searchCount),
            subagent=_name(outcome.agentId),
            subagent_tokens=known(outcome.totalTokens),
        )
        if reminders:
            self._content(
                here,
                "reminder",
                reminders,
                tool_use_id=block.tool_use_id,
                target=_opening(appended[0]),
                content_hash=_text_hash("".join(appended)),
            )

    def _attachment(self, record: Record, here: _Context) -> None:
        value = _value(given(record.attachment))
        kind = value.get("type") if isinstance(value, dict) else None
        if isinstance(kind, str) and kind not in _UNSENT:
            rest = {name: part for name, part in value.items() if name not in _UNSENT_FIELDS}
            content = msgspec.json.encode(rest)
            self._content(
                here,
                "attachment",
                _chars(rest),
                subtype=kind,
                target=_source(rest),
                content_hash=_hash(content),
            )

    def _costs(self, record: Record, here: _Context) -> None:
        for model, cost in (record.modelUsage or {}).items():
            self._rows[LINE_COSTS.name].add(
                (
                    here.session,
                    here.transcript,
                    here.line_no,
                    _sane(record.startTime),
                    _name(model),
                    count(cost.inputTokens),
                    count(cost.outputTokens),
                    count(cost.cacheReadInputTokens),
                    count(cost.cacheCreationInputTokens),
                    _dollars(cost.costUSD),
                )
            )

    def _content(
        self,
        here: _Context,
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


class _Rows:
    """Rows of one table: tuples, and columns as soon as there are many, which take less memory."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._rows: list[tuple[Any, ...]] = []
        self._columns: list[pa.Table] = []
        self.add = self._rows.append

    def __len__(self) -> int:
        return len(self._rows)

    def cut(self, length: int) -> None:
        """Drop the tuples after the first `length`."""
        del self._rows[length:]

    def pack(self, at_least: int) -> None:
        """Turn the tuples into columns, where there are so many."""
        if len(self._rows) >= at_least:
            arrays = [
                _array(values, column.type)
                for values, column in zip(
                    zip(*self._rows, strict=True), self._table.columns, strict=True
                )
            ]
            self._columns.append(pa.Table.from_arrays(arrays, schema=self._table.schema))
            self._rows.clear()

    def table(self) -> pa.Table:
        """The rows as an Arrow table of the table's schema."""
        self.pack(1)
        whole = pa.concat_tables([self._table.schema.empty_table(), *self._columns])
        # Where one part ends and the next begins is chance, and would show in the file.
        return whole.combine_chunks()


def _says_nothing(kind: str | None, line: bytes | memoryview) -> bool:
    """Whether a line of this type need not be looked at."""
    return kind in _SILENT or (kind == "progress" and _AGENT_PROGRESS not in bytes(line))


def _lines(column: pa.ChunkedArray) -> Iterator[memoryview]:
    """The bytes of each line, where they are."""
    for chunk in column.chunks:
        bounds = np.frombuffer(chunk.buffers()[1], np.int64)[
            chunk.offset : chunk.offset + len(chunk) + 1
        ].tolist()
        data = memoryview(chunk.buffers()[2] or b"")
        for start, end in pairwise(bounds):
            yield data[start:end]


def _labels(column: pa.ChunkedArray) -> list[Any]:
    """A column with few different values as a list of values that share their strings."""
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    values: list[Any] = []
    for chunk in column.chunks:
        names = [*chunk.dictionary.to_pylist(), None]
        codes = chunk.indices.fill_null(len(names) - 1).to_numpy(zero_copy_only=False)
        values += [names[code] for code in codes.tolist()]
    return values


def _array(values: Sequence[Any], type_: pa.DataType) -> pa.Array:
    if pa.types.is_timestamp(type_):
        return pa.array(array("q", values)).cast(type_)
    return pa.array(values, type_)


def _response_id(message: Message, record: Record, here: _Context) -> str:
    """The identity of a response: equal for all its lines, in all their copies."""
    name = message.id
    if name and name.startswith("msg_"):
        return name
    if name:
        # A gateway's id is unique in its conversation at best, and may even be a constant. The
        # lines of one response agree about its prompt, and differ in their timestamps.
        usage = message.usage or Usage()
        prompt = count(usage.input_tokens) + count(usage.cache_read_input_tokens)
        return _name(f"{here.session}:{here.agent}:{name}:{record.requestId or prompt}")
    return record.uuid or f"{here.transcript}:{here.line_no}:{here.part}"


@overload
def _name(text: str) -> str: ...
@overload
def _name(text: str | None) -> str | None: ...
def _name(text: str | None) -> str | None:
    """A name without secrets: names are told everywhere, unlike what was said and done."""
    return text and _known_name(text)


_known_name = lru_cache(maxsize=65_536)(without_secrets)


def _sane(value: int | None) -> int | None:
    """A number, unless no transcript can mean it and no column hold it."""
    return value if value is not None and abs(value) < _LIMIT else None


def _small(value: int | None) -> int | None:
    """A number of lines or of searches, unless no transcript can mean it."""
    return value if value is not None and 0 <= value < _LINES_LIMIT else None


def _dollars(value: float | None) -> float | None:
    return value if value is not None and abs(value) < _LIMIT else None


def _value(raw: bytes) -> Any:
    """The JSON of a raw field, which the line's own decoder has not looked into."""
    try:
        return _plain(raw) if raw else None
    except REFUSED:
        try:
            return decode(raw).records[0]
        except Quarantined:
            return None


def _blocks(message: Message) -> list[Block]:
    if isinstance(message.content, str):
        return [Block(type="text", text=message.content)]
    return message.content or []


def _hash(data: bytes) -> str:
    return blake2b(data, digest_size=8).hexdigest()


def _text_hash(text: str) -> str:
    return _hash(text.encode("utf-8", "surrogatepass"))


def _miss_reason(message: Message) -> str | None:
    diagnostics = message.diagnostics
    reason = diagnostics.cache_miss_reason if diagnostics else None
    return _name(reason.type) if reason else None


def _input(raw: bytes) -> ToolInput:
    """The input of a call, as far as its fields are known."""
    try:
        return _fast_input(raw)
    except REFUSED:
        return tolerant(ToolInput, _value(raw)) or ToolInput()


def _beginning(raw: bytes) -> str:
    """The first characters of a call's input, as it was recorded."""
    return raw[: _CALL_CHARS * 4].decode("utf-8", "ignore")[:_CALL_CHARS]


def _target(given: ToolInput) -> str | None:
    """What a call is about, in one line."""
    target = (
        given.file_path
        or given.notebook_path
        or given.command
        or given.url
        or given.pattern
        or given.query
        or given.path
        or given.skill
        or given.subagent_type
        or given.description
    )
    return target[:TARGET_CHARS] if target else None


def changed_chars(given: ToolInput) -> int | None:
    """Characters of an edit's input that the file did not hold at this place; None if no edit."""
    edits: Sequence[Replacement | ToolInput] = given.edits or [given]
    pairs = [(e.old_string, e.new_string) for e in edits if e.new_string is not None]
    if not pairs:
        return None
    return sum(_between(old or "", new or "") for old, new in pairs)


def _between(old: str, new: str) -> int:
    """Length of what differs between two texts, after their common beginning and end."""
    shorter = min(len(old), len(new))
    start = len(commonprefix((old, new)))
    end = len(commonprefix((old[start:][::-1], new[start:][::-1])))
    return max(len(new), len(old)) - start - min(end, shorter - start)


def _patched(outcome: ToolUseResult) -> tuple[int | None, int | None]:
    """Lines that a write or an edit added and removed; None where no patch is on record."""
    if outcome.structuredPatch is None:
        return None, None
    lines = [line for hunk in outcome.structuredPatch for line in hunk.lines or ()]
    return (
        sum(line.startswith("+") for line in lines),
        sum(line.startswith("-") for line in lines),
    )


def _todos(outcome: ToolUseResult) -> tuple[int, int] | None:
    """Items of a todo list that was sent, and how many of them were not as before."""
    if not outcome.newTodos:
        return None
    new = _value(given(outcome.newTodos))
    old = _value(given(outcome.oldTodos))
    if not isinstance(new, list):
        return None
    known = old if isinstance(old, list) else []
    return len(new), sum(item not in known for item in new)


def _text_of(content: Any) -> str:
    """The text of a tool result, in whatever shape it came."""
    if isinstance(content, str):
        return content
    texts: list[str] = []
    waiting = [content]
    while waiting:
        part = waiting.pop()
        if isinstance(part, list):
            waiting += reversed(part)
            continue
        text = part.get("text") if isinstance(part, dict) else part
        if isinstance(text, str) and text:
            texts.append(text)
    return "\n".join(texts)


def _images(content: Any) -> int:
    if not isinstance(content, list):
        return 0
    return sum(isinstance(c, dict) and c.get("type") in ("image", "document") for c in content)


def _reminders(text: str) -> list[str]:
    """The reminders that the harness appended to a tool result."""
    found = []
    start = 0
    while (start := text.find(_REMINDER, start)) >= 0:
        end = text.find(_REMINDER_END, start)
        if end < 0:
            break
        end += len(_REMINDER_END)
        found.append(text[start:end])
        start = end
    return found


def _opening(reminder: str) -> str | None:
    """How an injected text begins: enough to know it again."""
    text = _BLANK.sub(" ", reminder[: 2 * _OPENING_CHARS].replace(_REMINDER, "")).strip()
    return text[:_OPENING_CHARS] or None


def _source(attachment: dict[str, Any]) -> str | None:
    """Which file, hook or server an attachment comes from; None where it does not say."""
    added = attachment.get("addedNames")
    names = [attachment.get(field) for field in _NAMES]
    # Several of them have no name in common.
    names += added if isinstance(added, list) and len(added) == 1 else []
    found = next((name for name in names if isinstance(name, str) and name), None)
    return found and found[:TARGET_CHARS]


def _chars(value: Any) -> int:
    """Characters of all the text in a JSON value."""
    chars = 0
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, str):
            chars += len(part)
        elif isinstance(part, list):
            waiting += part
        elif isinstance(part, dict):
            waiting += part.values()
    return chars
