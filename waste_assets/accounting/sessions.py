"""Whole sessions from the lake, one after another, so that memory holds a few at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import groupby
from operator import itemgetter
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from waste_assets.accounting.conversation import Block, Call, Conversation, Response, Session
from waste_assets.lake.lake import Lake
from waste_assets.lake.tables import CONTEXT_BLOCKS, PARSED_TURNS, TOOL_CALLS, Table
from waste_assets.lake.values import values

#: Of each table the session, what places the row in it, and the fields of its object in order.
_RESPONSE = (
    "session_id", "agent", "response_id", "day", "ts", "last_ts", "model", "stop_reason", "effort",
    "speed", "version", "miss_reason", "input_tokens", "write_5m_tokens", "write_1h_tokens",
    "read_tokens", "output_tokens", "thinking_tokens", "text_chars", "thinking_chars",
    "has_thinking", "prompt_tokens", "epoch", "epoch_start", "previous_prompt_tokens",
    "previous_response_id", "is_rewound", "usd_input", "usd_write_5m", "usd_write_1h", "usd_read",
    "usd_output", "usd", "rate_input", "rate_read", "project", "transcript", "line_no",
)  # fmt: skip
_CALL = (
    "session_id", "agent", "response_id", "tool_use_id", "ts", "tool_name", "target", "input_text",
    "input_hash", "input_chars", "outcome", "result_chars", "result_hash", "result_kind",
    "result_text", "denial", "first_line", "shown_lines", "file_lines", "added_lines",
    "removed_lines", "changed_chars", "subagent", "transcript", "line_no", "result_transcript",
    "result_line_no",
)  # fmt: skip
_BLOCK = (
    "session_id", "agent", "response_id", "kind", "subtype", "basis", "start_token", "end_token",
    "chars", "content_hash", "name", "tool_use_id", "line_no",
)  # fmt: skip
#: Columns whose texts repeat: each text is made once.
_REPEATED = frozenset((
    "session_id", "agent", "model", "stop_reason", "effort", "speed", "version", "miss_reason",
    "epoch", "epoch_start", "project", "transcript", "tool_name", "target", "outcome",
    "result_kind", "denial", "subagent", "result_transcript", "kind", "subtype", "basis", "name",
))  # fmt: skip
#: What stands for NULL.
_FILLED: Mapping[str, str | int] = {"input_text": "", "result_text": "", "result_chars": 0}
#: Characters of text to a token, where thinking that is not on record hides the true ratio.
_CHARS_PER_TOKEN = 3.5
_ROWS = 2_000


def sessions(
    lake: Lake, days: Sequence[date], wanted: Sequence[str] | None = None
) -> Iterator[Session]:
    """The sessions of some days, as far as they lie in these days, in the order of their ids.

    `wanted` leaves all other sessions out. For whole sessions give all days on which they were
    active.

    Raises:
        OSError, pa.ArrowException: a partition cannot be read.
    """
    turns, calls, blocks = (
        _Stream(lake, table, days, columns, wanted)
        for table, columns in (
            (PARSED_TURNS, _RESPONSE),
            (TOOL_CALLS, _CALL),
            (CONTEXT_BLOCKS, _BLOCK),
        )
    )
    for session_id, rows in turns.groups():
        yield _session(session_id, rows, calls.take(session_id), blocks.take(session_id))


class _Stream:
    """The rows of one table, session by session."""

    def __init__(
        self,
        lake: Lake,
        table: Table,
        days: Sequence[date],
        columns: Sequence[str],
        wanted: Sequence[str] | None,
    ) -> None:
        rows = lake.read(table, days, [name for name in columns if name != "day"])
        self._columns = {name: _column(rows, name) for name in columns}
        # The partitions are in the order of their conversations, and so are the rows of a session
        # and an agent.
        self._order = _order(self._columns["session_id"], self._columns["agent"], wanted)
        self._groups = self._read()
        self._waiting: tuple[str, list[tuple[Any, ...]]] | None = None

    def groups(self) -> Iterator[tuple[str, list[tuple[Any, ...]]]]:
        """Each session with its rows."""
        return self._groups

    def take(self, session_id: str) -> list[tuple[Any, ...]]:
        """The rows of one session; sessions are asked for in order."""
        if self._waiting is None:
            self._waiting = next(self._groups, None)
        if self._waiting is None or self._waiting[0] != session_id:
            return []
        rows, self._waiting = self._waiting[1], None
        return rows

    def _read(self) -> Iterator[tuple[str, list[tuple[Any, ...]]]]:
        for session_id, rows in groupby(self._rows(), key=itemgetter(0)):
            yield session_id, list(rows)

    def _rows(self) -> Iterator[tuple[Any, ...]]:
        for start in range(0, len(self._order), _ROWS):
            places = pa.array(self._order[start : start + _ROWS])
            yield from zip(
                *(values(column.take(places)) for column in self._columns.values()), strict=True
            )


def _column(rows: pa.Table, name: str) -> pa.Array:
    column = rows.column(name)
    if name in _FILLED:
        column = pc.fill_null(column, _FILLED[name])
    if name in _REPEATED:
        column = column.dictionary_encode()
    whole = column.combine_chunks()
    # Without rows there is no chunk, either.
    return whole if isinstance(whole, pa.Array) else pa.array([], column.type)


def _order(
    sessions: pa.DictionaryArray, agents: pa.DictionaryArray, wanted: Sequence[str] | None
) -> npt.NDArray[np.int64]:
    """The places of the rows of the wanted sessions: by session, the main thread before agents."""
    names = sessions.dictionary.to_pylist()
    kept = set(names if wanted is None else wanted)
    by_session = _ranks(sessions, sorted(names))
    by_agent = _ranks(agents, sorted(agents.dictionary.to_pylist(), key=lambda n: (n != "main", n)))
    is_kept = np.array([name in kept for name in names], bool)[sessions.indices.to_numpy()]
    places = np.flatnonzero(is_kept)
    return places[np.lexsort((by_agent[places], by_session[places]))]


def _ranks(column: pa.DictionaryArray, ordered: list[str]) -> npt.NDArray[np.int64]:
    rank = {name: number for number, name in enumerate(ordered)}
    ranks = np.array([rank[name] for name in column.dictionary.to_pylist()], np.int64)
    found: npt.NDArray[np.int64] = ranks[column.indices.to_numpy()]
    return found


def _session(
    session_id: str,
    turns: list[tuple[Any, ...]],
    calls: list[tuple[Any, ...]],
    blocks: list[tuple[Any, ...]],
) -> Session:
    session = Session(session_id)
    by_id: dict[str, Response] = {}
    for agent, rows in groupby(turns, key=itemgetter(1)):
        conversation = Conversation(session, agent)
        session.conversations.append(conversation)
        for number, row in enumerate(rows):
            response = Response(conversation, row[2], number, *row[3:])
            conversation.responses.append(response)
            by_id[response.id] = response
    numbers: dict[str, int] = {}
    # Without its response a row is of turns that another process has just built anew, and this
    # day will be, too.
    for row in calls:
        if caller := by_id.get(row[2]):
            number = numbers[row[1]] = numbers.get(row[1], -1) + 1
            caller.calls.append(Call(row[3], caller, number, *row[4:]))
    for row in blocks:
        if reader := by_id.get(row[2]):
            reader.blocks.append(Block(reader, *row[3:]))
    for conversation in session.conversations:
        _link(conversation)
    return session


def _link(conversation: Conversation) -> None:
    """Find the output and the results of each response among the blocks after it."""
    results: dict[str, Call] = {}
    by_id = {response.id: response for response in conversation.responses}
    for response in conversation.responses:
        before = response.previous = by_id.get(response.previous_id or "")
        for block in response.blocks:
            if block.kind == "output" and before is not None:
                before.output_block = block
            elif block.kind == "tool_result" and block.tool_use_id in results:
                results[block.tool_use_id].result_block = block
        for call in response.calls:
            results[call.id] = call
    for response in conversation.responses:
        _share_output(response)
    # Whoever asks a response for its run finds it there.
    assert conversation.runs or not conversation.responses


def _share_output(response: Response) -> None:
    """Share a response's output, and where it lies later, among its calls by characters.

    Thinking comes first, then prose, then the calls in order. Thinking that is neither counted
    nor on record is what remains when the text is estimated at 3.5 characters a token.
    """
    calls = response.calls
    if not calls:
        return
    chars = max(response.text_chars + sum(call.input_chars for call in calls), 1)
    thought = thinking_tokens(response, chars)
    tokens = response.output_tokens - thought
    # Later prompts hold the thinking as well, unless the provider has dropped some of it.
    block = response.output_block
    held = start = 0
    if block is not None:
        start = block.start + max(min(thought, block.tokens - tokens), 0)
        held = block.end - start
        response.thought_span = (block.start, start)
    seen = response.text_chars
    for call in calls:
        upto = seen + call.input_chars
        call.output_span = (thought + tokens * seen // chars, thought + tokens * upto // chars)
        if held:
            call.input_span = (start + held * seen // chars, start + held * upto // chars)
        seen = upto


def thinking_tokens(response: Response, chars: int) -> int:
    """Output tokens that were thought; `chars` is the size of the rest of the output."""
    output = response.output_tokens
    if response.thinking_tokens is not None:
        return min(response.thinking_tokens, output)
    if not response.has_thinking:
        return 0
    if response.thinking_chars:
        return output * response.thinking_chars // (response.thinking_chars + chars)
    return max(output - round(chars / _CHARS_PER_TOKEN), 0)
