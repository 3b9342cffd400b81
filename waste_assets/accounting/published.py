"""The published rows: what the scripts found out, with names again and what the lines say.

Most of a published row stands in some line as it is. To carry it through the joins and sorts of
the scripts would cost more than all they find out; so they name the line, and here it is read.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from waste_assets.lake.tables import CONTEXT_BLOCKS, PARSED_TURNS, TOOL_CALLS, TURN_TABLES, Table


@dataclass(frozen=True)
class _Taken:
    """Columns of a published table that are taken from a line."""

    #: The column of the script's rows that names the line; NULL: all of these are NULL.
    line: str
    #: Where the line stands: all_usage or all_blocks.
    among: str
    #: Published column -> column of the line.
    columns: dict[str, str]


def _same(*names: str) -> dict[str, str]:
    return {name: name for name in names}


_TAKEN = {
    PARSED_TURNS.name: (
        _Taken(
            "winner",
            "all_usage",
            _same(
                "message_id", "request_id", "model", "stop_reason", "input_tokens",
                "write_5m_tokens", "write_1h_tokens", "ttl_known", "read_tokens", "output_tokens",
                "thinking_tokens", "speed", "inference_geo", "service_tier", "effort",
                "miss_reason", "version",
            ),
        ),
        _Taken(
            "origin",
            "all_usage",
            _same("session_id", "agent", "project", "transcript", "line_no"),
        ),
    ),
    TOOL_CALLS.name: (
        _Taken("origin", "all_usage", _same("session_id", "agent", "project")),
        _Taken(
            "call",
            "all_blocks",
            {
                **_same("tool_use_id", "ts", "target", "input_hash", "transcript", "line_no"),
                # What was sent says it for a write, what came back for a read.
                **_same("changed_chars", "file_lines"),
                "input_chars": "chars",
                "input_text": "excerpt",
            },
        ),
        _Taken(
            "result",
            "all_blocks",
            {
                **_same(
                    "denial", "subagent", "subagent_tokens", "first_line", "shown_lines",
                    "file_lines", "added_lines", "removed_lines",
                ),
                "result_kind": "subtype",
                "result_text": "excerpt",
                "result_tail": "excerpt_tail",
                "result_ts": "ts",
                "result_chars": "chars",
                "result_hash": "content_hash",
                "result_transcript": "transcript",
                "result_line_no": "line_no",
            },
        ),
    ),
    CONTEXT_BLOCKS.name: (
        _Taken("origin", "all_usage", _same("session_id", "agent")),
        _Taken("piece", "all_blocks", _same("transcript", "line_no")),
        _Taken(
            "content",
            "all_blocks",
            {**_same("subtype", "content_hash", "tool_use_id"), "name": "target"},
        ),
    ),
}  # fmt: skip
#: Columns in which the scripts have the numbers of responses.
_RESPONSES = ("response_id", "epoch", "previous_response_id", "source_response_id")


def published(
    con: duckdb.DuckDBPyConnection, usage: pa.Table, blocks: pa.Table
) -> dict[str, pa.Table]:
    """The rows of each published table in order, with their day.

    `usage` and `blocks` are the lines that the scripts were run on, in the order of `row_no`.
    """
    lines = {"all_usage": usage, "all_blocks": blocks}
    names = con.sql("SELECT response_id FROM response_names ORDER BY response").to_arrow_table()
    return {
        table.name: _published(
            table,
            con.sql(f"SELECT * FROM published_{table.name}").to_arrow_table(),
            lines,
            names.column("response_id").combine_chunks(),
        )
        for table in TURN_TABLES
    }


def _published(
    table: Table, rows: pa.Table, lines: dict[str, pa.Table], names: pa.Array
) -> pa.Table:
    columns = dict(zip(rows.column_names, rows.columns, strict=True))
    for name in _RESPONSES:
        if name in columns:
            columns[name] = names.take(pc.subtract(columns[name].combine_chunks(), 1))
    for taken in _TAKEN[table.name]:
        where = columns[taken.line].combine_chunks()
        for name, source in taken.columns.items():
            told = lines[taken.among].column(source).take(where)
            # What a script or an earlier line says goes before what this line says.
            columns[name] = pc.coalesce(columns[name], told) if name in columns else told
    schema = table.schema.append(pa.field("day", pa.date32()))
    return pa.table({name: columns[name] for name in schema.names}).cast(schema)
