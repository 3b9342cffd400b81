"""Whole sessions from the lake, one after another, so that memory holds a few at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from itertools import groupby
from operator import itemgetter
from typing import Any

import duckdb

from waste_assets.accounting.conversation import Block, Call, Conversation, Response, Session
from waste_assets.lake.lake import Lake
from waste_assets.lake.tables import CONTEXT_BLOCKS, PARSED_TURNS, TOOL_CALLS, Table


def _time(column: str) -> str:
    # Without a zone: a date with one costs ten times as much to make.
    return f"make_timestamp(epoch_us({column}))"


#: Of each table the session, what places the row in it, and the fields of its object in order.
_RESPONSE = (
    f"session_id, agent, response_id, day, {_time('ts')}, {_time('last_ts')}, model, stop_reason, "
    "effort, speed, version, miss_reason, input_tokens, write_5m_tokens, write_1h_tokens, "
    "read_tokens, output_tokens, thinking_tokens, text_chars, thinking_chars, has_thinking, "
    "prompt_tokens, epoch, epoch_start, previous_prompt_tokens, previous_response_id, "
    "is_rewound, usd_input, usd_write_5m, usd_write_1h, usd_read, "
    "usd_output, usd, rate_input, rate_read, project, transcript, line_no"
)
_CALL = (
    f"session_id, agent, response_id, tool_use_id, {_time('ts')}, tool_name, target, "
    "coalesce(input_text, ''), input_hash, input_chars, outcome, coalesce(result_chars, 0), "
    "result_hash, result_kind, coalesce(result_text, ''), denial, first_line, shown_lines, "
    "file_lines, added_lines, removed_lines, changed_chars, subagent, transcript, line_no, "
    "result_transcript, result_line_no"
)
_BLOCK = (
    "session_id, response_id, kind, subtype, basis, start_token, end_token, chars, content_hash, "
    "name, tool_use_id, line_no"
)
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
        duckdb.Error: a partition cannot be read.
    """
    with duckdb.connect(":memory:", config={"threads": 1, "memory_limit": "256MB"}) as con:
        streams = [
            _Stream(con.cursor(), lake, table, days, columns, wanted)
            for table, columns in (
                (PARSED_TURNS, _RESPONSE),
                (TOOL_CALLS, _CALL),
                (CONTEXT_BLOCKS, _BLOCK),
            )
        ]
        turns, calls, blocks = streams
        for session_id, rows in turns.groups():
            yield _session(session_id, rows, calls.take(session_id), blocks.take(session_id))


class _Stream:
    """The rows of one table, session by session."""

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        lake: Lake,
        table: Table,
        days: Sequence[date],
        columns: str,
        wanted: Sequence[str] | None,
    ) -> None:
        rows = lake.read(table, days)
        self._con = con
        self._groups: Iterator[tuple[str, list[tuple[Any, ...]]]] = iter(())
        self._waiting: tuple[str, list[tuple[Any, ...]]] | None = None
        if not rows.num_rows:
            return
        # The partitions are in the order of their conversations; the file's own order decides
        # between rows of the same time.
        con.register("rows", rows)
        con.execute(
            f"""
            SELECT {columns}
            FROM rows
            WHERE $wanted IS NULL OR session_id IN (SELECT unnest($wanted::VARCHAR[]))
            ORDER BY session_id, agent <> 'main', agent, row_no
            """,
            {"wanted": list(wanted) if wanted is not None else None},
        )
        self._groups = self._read()

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
        while rows := self._con.fetchmany(_ROWS):
            yield from rows


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
        if reader := by_id.get(row[1]):
            reader.blocks.append(Block(reader, *row[2:]))
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
