"""Every table of the project, its columns, types, units and meaning, written once.

Arrow schemas, Dagster column schemas, the checks and the data dictionary are all made from
this file.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa

#: Bumped when a table changes shape; a data root of a newer schema is refused.
SCHEMA_VERSION = 2

TIMESTAMP = pa.timestamp("us", tz="UTC")
#: Text that repeats from row to row: written dictionary-encoded, read back as text.
LABEL = pa.string()


@dataclass(frozen=True)
class Column:
    """One column: its Arrow type, meaning and unit, and whether it may be NULL."""

    name: str
    type: pa.DataType
    description: str
    unit: str | None = None
    nullable: bool = True


@dataclass(frozen=True)
class Packing:
    """How the Parquet files of a table are written."""

    compression: str
    #: Columns with a dictionary and statistics.
    repeated: tuple[str, ...] = ()


#: Made for the next stage alone, and made again at any time.
WORKING = Packing(compression="snappy")
#: A few kilobytes a day, of which the better compression would spare one for twice the time.
SMALL = Packing(compression="snappy")


@dataclass(frozen=True)
class Table:
    """One table: what a row is, its columns, and the columns that make a row unique."""

    name: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    #: How its files are packed. Small files without repetition are smaller and sooner written
    #: without dictionaries; the archive is neither.
    packing: Packing = Packing(compression="zstd")

    @cached_property
    def schema(self) -> pa.Schema:
        """The Arrow schema that every file of the table is written with."""
        return pa.schema([pa.field(c.name, c.type, c.nullable) for c in self.columns])

    @property
    def column_names(self) -> list[str]:
        """The names of the columns, in order."""
        return [c.name for c in self.columns]


def _required(name: str, type_: pa.DataType, description: str, unit: str | None = None) -> Column:
    return Column(name, type_, description, unit, nullable=False)


_TRANSCRIPT = _required("transcript", LABEL, "Transcript the line stands in, whatever its path.")
_LINE_NO = _required("line_no", pa.int32(), "Line number in the transcript, from 1; 0: a file.")
_SESSION = Column("session_id", LABEL, "Session, as the line itself says.")
_AGENT = _required("agent", LABEL, "'main', or the id of the subagent.")
_PROJECT = Column(
    "project", LABEL, "Working directory of the transcript's first line that has one."
)


def _tokens(name: str, description: str) -> Column:
    return _required(name, pa.int64(), description, "tokens")


def _usd(name: str, description: str) -> Column:
    return Column(name, pa.float64(), description + " NULL where the model has no price.", "USD")


def _rate(name: str, description: str) -> Column:
    told = description + " NULL where the model has no price."
    return Column(name, pa.float64(), told, "USD per million tokens")


RAW_SESSIONS = Table(
    "raw_sessions",
    "Every line of every transcript, untouched, and every file that stands beside one.",
    (
        _TRANSCRIPT,
        _LINE_NO,
        _required("kind", LABEL, "'line' of a transcript, or a whole 'file' beside one."),
        _SESSION,
        Column("type", LABEL, "Record type of the line; NULL where it could not be decoded."),
        Column("ts", TIMESTAMP, "The line's own timestamp; NULL where it has none."),
        _PROJECT,
        _required("path", LABEL, "File the line was read from when it was archived."),
        _required("raw", pa.large_binary(), "The bytes, with their line end.", "bytes"),
    ),
    ("transcript", "line_no", "raw"),
    Packing(
        compression="zstd",
        repeated=("transcript", "kind", "session_id", "type", "project", "path"),
    ),
)

LINE_USAGE = Table(
    "line_usage",
    "One row for each transcript line that reports the usage of an API response, copies included.",
    (
        _required(
            "response_id", LABEL, "Identity of the response: the message id where it is one."
        ),
        Column("message_id", LABEL, "`message.id` as recorded."),
        Column("request_id", LABEL, "`requestId` as recorded."),
        Column("uuid", LABEL, "`uuid` of the line."),
        _required("session_id", LABEL, "Session, as the line itself says."),
        _AGENT,
        _TRANSCRIPT,
        _LINE_NO,
        _required("part", pa.int32(), "Position among several objects on one line, from 0."),
        _required("ts", TIMESTAMP, "Time of the line."),
        _PROJECT,
        Column("model", LABEL, "Model as recorded."),
        Column("stop_reason", LABEL, "NULL: the line is a placeholder written while streaming."),
        _required("is_sidechain", pa.bool_(), "The line belongs to a subagent."),
        _required("is_copy", pa.bool_(), "The line says that it was copied from another session."),
        _required("from_progress", pa.bool_(), "Found only inside a `progress` line."),
        _tokens("input_tokens", "Prompt tokens neither read from nor written to the cache."),
        _tokens("write_5m_tokens", "Cache writes kept 5 minutes, or with no time to live said."),
        _tokens("write_1h_tokens", "Cache writes kept 1 hour."),
        _required("ttl_known", pa.bool_(), "The time to live of every cache write was recorded."),
        _tokens("read_tokens", "Cache reads."),
        _tokens("output_tokens", "Output, thinking included."),
        Column("thinking_tokens", pa.int64(), "Output spent on thinking, where said.", "tokens"),
        _required("web_search_requests", pa.int64(), "Web searches billed with the response."),
        Column("speed", LABEL, "'fast' or 'standard'."),
        Column("inference_geo", LABEL, "Region that served the request."),
        Column("service_tier", LABEL, "'standard', 'priority' or 'batch'."),
        Column(
            "iterations", pa.string(), "`usage.iterations` as JSON where there is more than one."
        ),
        Column("effort", LABEL, "Reasoning effort."),
        Column("miss_reason", LABEL, "Why the provider says that the cache was missed."),
        Column("version", LABEL, "Version of Claude Code."),
    ),
    ("transcript", "line_no", "part"),
    WORKING,
)

LINE_BLOCKS = Table(
    "line_blocks",
    "One row for each piece of content that a transcript line brings into a conversation.",
    (
        _required("session_id", LABEL, "Session, as the line itself says."),
        _AGENT,
        _TRANSCRIPT,
        _LINE_NO,
        _required("part", pa.int32(), "Position among several objects on one line, from 0."),
        _required("block_no", pa.int32(), "Position in the line, from 0."),
        Column("uuid", LABEL, "`uuid` of the line."),
        Column(
            "goes_on_from",
            LABEL,
            "`uuid` of the line that the line's first piece goes on from, where that is not the "
            "one before it; empty: from none.",
        ),
        _required("from_progress", pa.bool_(), "Found only inside a `progress` line."),
        _required("ts", TIMESTAMP, "Time of the line."),
        _required(
            "kind",
            LABEL,
            "output_text, thinking, tool_use, tool_result, user_text, reminder, attachment, "
            "summary, or boundary (a compaction: the context starts anew).",
        ),
        Column(
            "subtype",
            LABEL,
            "Attachment type, compaction trigger, kind of user text, or kind of result.",
        ),
        Column("response_id", LABEL, "The response whose output this is."),
        Column("tool_use_id", LABEL, "The tool call that this is, or answers."),
        Column("tool_name", LABEL, "Tool called."),
        Column(
            "target",
            pa.string(),
            "What the call is about: a path, command, URL or pattern. Of what was injected, the "
            "file, the hook, or how it begins.",
        ),
        Column("input_hash", pa.string(), "Hash of the call's input: equal input, equal hash."),
        _required("chars", pa.int64(), "Size of the text.", "characters"),
        Column("content_hash", pa.string(), "Hash of the text: equal text, equal hash."),
        Column(
            "excerpt",
            pa.string(),
            "First characters: 1,000 of a call's input (JSON) and of a failed result, 300 of "
            "another result.",
        ),
        Column("excerpt_tail", pa.string(), "Last 1,000 characters of a failed result, if longer."),
        Column("first_line", pa.int32(), "First line of the file that a result shows, from 1."),
        Column("shown_lines", pa.int32(), "Lines of the file that a result shows."),
        Column("file_lines", pa.int32(), "Lines of the file; items of a list that was sent."),
        Column("added_lines", pa.int32(), "Lines that the call added; items that it changed."),
        Column("removed_lines", pa.int32(), "Lines that the call removed."),
        Column("changed_chars", pa.int64(), "Of an edit's input: new text.", "characters"),
        Column("is_error", pa.bool_(), "The result says that the call failed."),
        Column("denial", LABEL, "`toolDenialKind`: why a call was not run."),
        Column("web_searches", pa.int64(), "`toolUseResult.searchCount` of a web search."),
        Column("subagent", LABEL, "The subagent that the call started."),
        Column("subagent_tokens", pa.int64(), "Tokens that the subagent reports.", "tokens"),
    ),
    ("transcript", "line_no", "part", "block_no"),
    WORKING,
)

LINE_COSTS = Table(
    "line_costs",
    "One row for each model of each `cost-state` line: what Claude Code itself counted so far.",
    (
        _required("session_id", LABEL, "Session."),
        _TRANSCRIPT,
        _LINE_NO,
        Column("started_at", pa.int64(), "Start of the process that counts.", "ms since 1970"),
        _required("model", LABEL, "Model as recorded."),
        _tokens("input_tokens", "Prompt tokens outside the cache, so far."),
        _tokens("output_tokens", "Output, so far."),
        _tokens("read_tokens", "Cache reads, so far."),
        _tokens("write_tokens", "Cache writes, so far."),
        Column("usd", pa.float64(), "Cost as Claude Code priced it, so far.", "USD"),
    ),
    ("transcript", "line_no", "model"),
    WORKING,
)

QUARANTINED_LINES = Table(
    "quarantined_lines",
    "Lines that could not be read as a record, each with the reason. The archive keeps them.",
    (
        _TRANSCRIPT,
        _LINE_NO,
        _required("path", LABEL, "File the line was read from when it was archived."),
        _required("reason", LABEL, "Why the line could not be read."),
        _required("bytes", pa.int64(), "Length of the line.", "bytes"),
    ),
    ("transcript", "line_no", "reason"),
)

LINE_COUNTS = Table(
    "line_counts",
    "What became of the lines of each transcript.",
    (
        _TRANSCRIPT,
        Column("path", LABEL, "File the lines were read from when they were archived."),
        _required("lines", pa.int64(), "Lines archived."),
        _required("decoded", pa.int64(), "Lines read as records."),
        _required("repaired", pa.int64(), "Of these, lines that were read after a repair."),
        _required("quarantined", pa.int64(), "Lines set aside."),
        _required("files", pa.int64(), "Files archived beside the transcript."),
    ),
    ("transcript",),
    WORKING,
)

PARSED_TURNS = Table(
    "parsed_turns",
    "One row for each API response: its tokens, its price, its place in the conversation.",
    (
        _required(
            "response_id", LABEL, "Identity of the response: the message id where it is one."
        ),
        Column("message_id", LABEL, "`message.id` as recorded."),
        Column("request_id", LABEL, "`requestId` as recorded."),
        _required("has_request_id", pa.bool_(), "Some line of the response has a request id."),
        _required("session_id", LABEL, "Session that first recorded the response."),
        _AGENT,
        _PROJECT,
        _required("ts", TIMESTAMP, "Time of the response's first line: decides its day and price."),
        _required("last_ts", TIMESTAMP, "Time of its last line."),
        Column("model", LABEL, "Model as recorded."),
        Column(
            "stop_reason", LABEL, "Why the response ended; NULL where the end was never written."
        ),
        _required(
            "usage_final",
            pa.bool_(),
            "The final usage was recorded. False: the output is a lower bound.",
        ),
        _required("from_progress", pa.bool_(), "Known only from `progress` lines."),
        _required("lines", pa.int32(), "Transcript lines that report this response."),
        _required(
            "conversations", pa.int32(), "Conversations in which it stands, copies included."
        ),
        _required("usage_conflict", pa.bool_(), "Its lines disagree about the prompt."),
        _tokens("input_tokens", "Prompt tokens neither read from nor written to the cache."),
        _tokens("write_5m_tokens", "Cache writes kept 5 minutes, or with no time to live said."),
        _tokens("write_1h_tokens", "Cache writes kept 1 hour."),
        _required("ttl_known", pa.bool_(), "The time to live of every cache write was recorded."),
        _tokens("read_tokens", "Cache reads."),
        _tokens("output_tokens", "Output, thinking included."),
        Column("thinking_tokens", pa.int64(), "Output spent on thinking, where said.", "tokens"),
        _required("web_search_requests", pa.int64(), "Web searches billed with the response."),
        _tokens("billed_extra_tokens", "Billed beyond the counts above: advisor, compaction."),
        Column("speed", LABEL, "'fast' or 'standard'."),
        Column("inference_geo", LABEL, "Region that served the request."),
        Column("service_tier", LABEL, "'standard', 'priority' or 'batch'."),
        Column("effort", LABEL, "Reasoning effort."),
        Column("miss_reason", LABEL, "Why the provider says that the cache was missed."),
        Column("version", LABEL, "Version of Claude Code."),
        _required("text_chars", pa.int64(), "Size of the prose it wrote.", "characters"),
        _required("thinking_chars", pa.int64(), "Size of the thinking on record.", "characters"),
        _required("has_thinking", pa.bool_(), "It thought, whether or not the text is on record."),
        _tokens(
            "prompt_tokens", "Size of the prompt: of the last iteration where there are several."
        ),
        _required("epoch", LABEL, "Run of responses whose context only grows: its first response."),
        _required("epoch_position", pa.int32(), "Position of the response in its epoch, from 0."),
        Column("epoch_start", LABEL, "On the first response: why the epoch began."),
        _tokens(
            "previous_prompt_tokens",
            "What the prompt holds from before in the epoch: the prompt before it or, after a "
            "rewind, what was kept.",
        ),
        Column(
            "previous_response_id",
            LABEL,
            "The response that it goes on from: the one before it in the conversation or, after "
            "a rewind, an earlier one.",
        ),
        _required(
            "is_rewound",
            pa.bool_(),
            "Somebody went back before it: what came between is no longer in the prompt.",
        ),
        _usd("usd_input", "Price of the input outside the cache."),
        _usd("usd_write_5m", "Price of the 5-minute cache writes."),
        _usd("usd_write_1h", "Price of the 1-hour cache writes."),
        _usd("usd_read", "Price of the cache reads."),
        _usd("usd_output", "Price of the output."),
        _usd("usd_web_search", "Price of the web searches."),
        _usd("usd", "The API's list price of the day for the whole response."),
        _rate("rate_input", "Price of input outside the cache."),
        _rate("rate_write_5m", "Price of 5-minute cache writes."),
        _rate("rate_write_1h", "Price of 1-hour cache writes."),
        _rate("rate_read", "Price of cache reads."),
        _rate("rate_output", "Price of output."),
        _TRANSCRIPT,
        _LINE_NO,
    ),
    ("response_id",),
)

TOOL_CALLS = Table(
    "tool_calls",
    "One row for each tool call of a response, with the outcome that came back.",
    (
        _required("tool_use_id", LABEL, "Identity of the call."),
        _required("response_id", LABEL, "The response that made the call."),
        _required("session_id", LABEL, "Session of the response."),
        _AGENT,
        _PROJECT,
        _required("ts", TIMESTAMP, "Time of the call."),
        _required("tool_name", LABEL, "Tool called."),
        Column("target", pa.string(), "What the call is about: a path, command, URL or pattern."),
        Column("input_hash", pa.string(), "Hash of the input: equal input, equal hash."),
        Column("input_text", pa.string(), "First 1,000 characters of the input, as JSON."),
        _required("input_chars", pa.int64(), "Size of the input.", "characters"),
        _required(
            "outcome", LABEL, "'ok', 'error', or 'no_result' (interrupted, or still running)."
        ),
        Column("result_ts", TIMESTAMP, "Time of the result."),
        Column("result_chars", pa.int64(), "Size of the result.", "characters"),
        Column("result_hash", pa.string(), "Hash of the result: equal result, equal hash."),
        Column("result_kind", LABEL, "`toolUseResult.type` or its status, e.g. file_unchanged."),
        Column("result_text", pa.string(), "First 300 characters of a result, 1,000 of a failed."),
        Column("result_tail", pa.string(), "Last 1,000 characters of a failed result, if longer."),
        Column("first_line", pa.int32(), "First line of the file that the result shows, from 1."),
        Column("shown_lines", pa.int32(), "Lines of the file that the result shows."),
        Column("file_lines", pa.int32(), "Lines of the file; items of a list that was sent."),
        Column("added_lines", pa.int32(), "Lines that the call added; items that it changed."),
        Column("removed_lines", pa.int32(), "Lines that the call removed."),
        Column("changed_chars", pa.int64(), "Of an edit's input: new text.", "characters"),
        Column("denial", LABEL, "`toolDenialKind`: why a call was not run."),
        Column("subagent", LABEL, "The subagent that the call started."),
        Column("subagent_tokens", pa.int64(), "Tokens that the subagent reports.", "tokens"),
        _TRANSCRIPT,
        _LINE_NO,
        Column("result_transcript", LABEL, "Transcript of the result."),
        Column("result_line_no", pa.int32(), "Line of the result."),
    ),
    ("tool_use_id", "response_id"),
)

CONTEXT_BLOCKS = Table(
    "context_blocks",
    "What entered the prompt of each response, how large it is and where in the prompt it lies.",
    (
        _required(
            "response_id", LABEL, "The response whose prompt held the block for the first time."
        ),
        _required(
            "block_no", pa.int32(), "Position among the blocks that entered with it, from 0."
        ),
        _required("session_id", LABEL, "Session of the response."),
        _AGENT,
        _required("epoch", LABEL, "Epoch of the response."),
        _required("epoch_position", pa.int32(), "Position of the response in its epoch, from 0."),
        _required("ts", TIMESTAMP, "Time of the response."),
        _required(
            "kind",
            LABEL,
            "base (system prompt, tools, what came before), output, tool_result, user_text, "
            "reminder, attachment, summary, or unseen (growth with nothing in the transcript).",
        ),
        Column("subtype", LABEL, "Attachment type, kind of user text, or kind of result."),
        _required(
            "basis",
            LABEL,
            "measured (the provider's own counts), apportioned (a count shared by characters), "
            "or estimated (characters alone).",
        ),
        _tokens("tokens", "Size of the block in the prompt."),
        _tokens("start_token", "Where the block begins in the prompt."),
        _tokens("end_token", "Where it ends: start + tokens."),
        Column("chars", pa.int64(), "Size of its text.", "characters"),
        Column("content_hash", pa.string(), "Hash of its text: equal text, equal hash."),
        Column("name", pa.string(), "Of what was injected: the file, the hook, or how it begins."),
        Column("tool_use_id", LABEL, "The call whose result it is."),
        Column("source_response_id", LABEL, "The response whose output it is."),
        Column("transcript", LABEL, "Transcript it came from."),
        Column("line_no", pa.int32(), "Its line."),
    ),
    ("response_id", "block_no"),
)

HEURISTIC_FLAGS = Table(
    "heuristic_flags",
    "One row for each finding of waste: what it is, how sure, why, where, and what it cost.",
    (
        _required("flag_id", pa.string(), "Identity of the flag: what was found where."),
        _required("category", LABEL, "One of the categories of waste."),
        _required("dimension", LABEL, "'outright' waste or 'inefficient' use."),
        _required("rule", LABEL, "Which part of the category's rule applied."),
        _required("tier", LABEL, "'certain', 'likely' or 'candidate': the last is in no headline."),
        _required(
            "basis",
            LABEL,
            "What the amount rests on: measured, apportioned or estimated sizes; 'judged later' "
            "where a judgement decides, 'judged' where one has.",
        ),
        Column("cause", LABEL, "Cause family of a failure, or the cause of a cache rebuild."),
        Column("fault", LABEL, "Whose fault it is: infrastructure, harness, model, user."),
        Column("cause_rule", LABEL, "The rule that knew the cause, with its version."),
        _required("evidence", pa.string(), "Why, in words."),
        _required("response_id", LABEL, "The response where it shows."),
        _required("session_id", LABEL, "Session of the response."),
        _AGENT,
        _PROJECT,
        Column("model", LABEL, "Model of the response."),
        _required("ts", TIMESTAMP, "Time of the response."),
        Column("tool_use_id", LABEL, "The first of the calls that it is about."),
        Column("tool_name", LABEL, "Tool of that call."),
        Column("target", pa.string(), "What that call is about, or what injects a text."),
        _required("tool_use_ids", pa.list_(pa.string()), "All calls that it is about."),
        _TRANSCRIPT,
        _LINE_NO,
        Column("last_transcript", LABEL, "Transcript of the last line that it is about."),
        Column("last_line_no", pa.int32(), "That line."),
        _tokens("tokens", "Size of what is claimed, each token once however often it was carried."),
        _required(
            "usd_direct",
            pa.float64(),
            "Low: the wasted output, and the carry cost of what it left in the context.",
            "USD",
        ),
        _required(
            "usd_avoidable",
            pa.float64(),
            "High: direct, and the rest of responses that held nothing but wasted calls.",
            "USD",
        ),
        _required(
            "usd_owned", pa.float64(), "Of direct, what no other flag owns in the ledger.", "USD"
        ),
    ),
    ("flag_id",),
    SMALL,
)

TOKEN_LEDGER = Table(
    "token_ledger",
    "Who owns the tokens of each response: one row for each category with a part of it.",
    (
        _required("response_id", LABEL, "The response."),
        _required("category", LABEL, "One of the nine categories; every response has productive."),
        _required("session_id", LABEL, "Session of the response."),
        _AGENT,
        _PROJECT,
        Column("model", LABEL, "Model of the response."),
        _required("ts", TIMESTAMP, "Time of the response."),
        _tokens("input_tokens", "Prompt tokens neither read from nor written to the cache."),
        _tokens("write_5m_tokens", "Cache writes kept 5 minutes, or with no time to live said."),
        _tokens("write_1h_tokens", "Cache writes kept 1 hour."),
        _tokens("read_tokens", "Cache reads."),
        _tokens("output_tokens", "Output, thinking included."),
        _usd("usd", "The category's part of the bill."),
        _usd("usd_candidate", "Of it, what only candidates claim."),
        _usd(
            "usd_avoidable",
            "`usd` without candidates, and the rest of responses that held only wasted calls; 0 "
            "for productive.",
        ),
    ),
    ("response_id", "category"),
    SMALL,
)

FAILED_CALLS = Table(
    "failed_calls",
    "One row for each tool call that failed or was refused: the cause and whose fault it was.",
    (
        _required("tool_use_id", LABEL, "The call."),
        _required("response_id", LABEL, "The response that made it."),
        _required("session_id", LABEL, "Session of the response."),
        _AGENT,
        _PROJECT,
        Column("model", LABEL, "Model of the response."),
        _required("ts", TIMESTAMP, "Time of the call."),
        _required("tool_name", LABEL, "Tool called."),
        Column("target", pa.string(), "What the call is about."),
        _required("cause", LABEL, "Cause family; 'other' where no rule knows it."),
        _required("fault", LABEL, "infrastructure, harness, model, user or feedback."),
        Column("cause_rule", LABEL, "The rule that knew, with its version; NULL: none did."),
        _tokens("tokens", "What it left in later prompts and its output, each token once."),
        _required(
            "usd", pa.float64(), "Output of the call, and what it left in later prompts.", "USD"
        ),
        _TRANSCRIPT,
        _LINE_NO,
        Column("result_transcript", LABEL, "Transcript of the result."),
        Column("result_line_no", pa.int32(), "Line of the result."),
    ),
    ("tool_use_id", "response_id"),
    SMALL,
)

TEXT_SIZES = Table(
    "text_sizes",
    "How large the texts of a session are in tokens and in characters, by model and kind of text.",
    (
        _required("session_id", LABEL, "Session."),
        _required("model", LABEL, "Model whose prompts they came into, as recorded."),
        _required("text_kind", LABEL, "file, command_output, other_result, user_text or output."),
        _tokens("all_tokens", "All texts of the kind."),
        _required(
            "blocks",
            pa.int64(),
            "Of these, blocks of 1,000 characters or more whose size is known by itself.",
        ),
        _tokens("tokens", "Size of these blocks."),
        _required("chars", pa.int64(), "Their characters.", "characters"),
    ),
    ("session_id", "model", "text_kind"),
    SMALL,
)

_CLUSTER = _required(
    "cluster_id", LABEL, "The problem: a function of the call's text, its tool and the rules."
)
_TEMPLATE = _required("template", pa.string(), "The message, masked; empty: it says nothing.")


def _of_flags(name: str, description: str) -> Column:
    return _required(name, pa.float64(), description, "USD")


_CLUSTER_COSTS = (
    _tokens("tokens", "Output of the calls, and what they left in later prompts."),
    _of_flags("usd", "What these tokens cost, whosever fault the failures were."),
    _of_flags("usd_direct", "Low: what certain and likely flags about the calls own."),
    _of_flags("usd_avoidable", "High: and the rest of responses that held only wasted calls."),
)

FAILURE_CLUSTERS = Table(
    "failure_clusters",
    "One row for each failed call: which problem it is an occurrence of.",
    (
        _required("tool_use_id", LABEL, "The call."),
        _required("response_id", LABEL, "The response that made it."),
        _required("session_id", LABEL, "Session of the response."),
        _AGENT,
        _PROJECT,
        Column("person", LABEL, "Home directory of the project; NULL: it lies in none."),
        _required("ts", TIMESTAMP, "Time of the call."),
        _required("tool_name", LABEL, "Tool called."),
        _required("cause", LABEL, "Cause family; 'other' where no rule knows it."),
        _required("fault", LABEL, "infrastructure, harness, model, user or feedback."),
        _CLUSTER,
        _required("fingerprint_id", LABEL, "The message: a hash of the template."),
        _required("title", LABEL, "What the cluster is known by, made from the rules."),
        _TEMPLATE,
        Column("example", pa.string(), "The line that says it, without secrets; NULL: none."),
        _required("example_rank", LABEL, "Examples are the lowest of a cluster."),
        *_CLUSTER_COSTS,
        _TRANSCRIPT,
        _LINE_NO,
        Column("result_transcript", LABEL, "Transcript of the result."),
        Column("result_line_no", pa.int32(), "Line of the result."),
    ),
    ("tool_use_id", "response_id"),
    SMALL,
)

CLUSTER_SUMMARIES = Table(
    "cluster_summaries",
    "One row for each cluster that occurred on the day: how often, where, and at what cost.",
    (
        _CLUSTER,
        _required("title", LABEL, "What the cluster is known by, made from the rules."),
        _required("template", pa.string(), "Its most frequent message of the day, masked."),
        _required("cause", LABEL, "Cause family of most of the calls."),
        _required("fault", LABEL, "Whose fault most of them were."),
        _required("occurrences", pa.int64(), "Failed calls."),
        _required("sessions", pa.int64(), "Sessions that they are from."),
        _required("projects", pa.int64(), "Projects that they are from."),
        _required("people", pa.int64(), "Homes that these projects lie in."),
        _required("first_ts", TIMESTAMP, "Time of the first."),
        _required("last_ts", TIMESTAMP, "Time of the last."),
        *_CLUSTER_COSTS,
        _required("examples", pa.list_(pa.string()), "Up to three of the calls."),
    ),
    ("cluster_id",),
)

HAIKU_LABELS = Table(
    "haiku_labels",
    "One row for each thing that was to be judged and each kind of labeler that says something "
    "about it: rules, the model, a person. A rule that cannot tell abstains.",
    (
        _required("task", LABEL, "dead_end, failure_cause or audit."),
        _required(
            "subject_kind",
            LABEL,
            "flag; fingerprint (failures that say the same), cause_rule (failures that one rule "
            "knows); response.",
        ),
        _required("subject_id", pa.string(), "Which flag, fingerprint, rule or response."),
        _required("labeler_kind", LABEL, "rule, llm or human."),
        _required("labeler_id", LABEL, "Rules with their version, model as asked, or person."),
        _required(
            "status",
            LABEL,
            "answered; needs_judgement (nobody could tell), refused, truncated, invalid, rejected, "
            "unserved; withheld (answered, but the canary set has not passed).",
        ),
        _required(
            "in_force",
            pa.bool_(),
            "The label that counts: human before llm before rule. One row a subject at most.",
        ),
        Column("label", LABEL, "The label; NULL where there is none."),
        Column("fault", LABEL, "Of failure_cause: whose fault it was."),
        Column("evidence", pa.string(), "Why, in the labeler's words."),
        Column("confidence", LABEL, "high, medium or low, as the model says; NULL for others."),
        Column(
            "question_key",
            pa.string(),
            "Under which name an answer is kept; NULL: no question, or none that could be asked "
            "or had been answered when the day was built.",
        ),
        Column("session_id", LABEL, "Session; NULL for failures, which lie in several."),
        Column("response_id", LABEL, "The response where it shows."),
        _PROJECT,
        Column("transcript", LABEL, "Transcript of the first line that it is about."),
        Column("line_no", pa.int32(), "That line."),
        _required("calls", pa.int64(), "Calls of the day that it is about."),
        _required("usd", pa.float64(), "What these cost.", "USD"),
        Column("stratum", LABEL, "Of audit: decile of cost, and flagged or unflagged."),
        Column("weight", pa.float64(), "Of audit: responses of its month that it stands for."),
        Column("rule_label", LABEL, "What the rules say, beside every other labeler."),
        Column("prompt_version", LABEL, "Version of the question; NOT NULL for llm."),
        Column("model_returned", LABEL, "Model that answered; NOT NULL for llm that answered."),
        Column("request_id", LABEL, "The provider's name of the request; NOT NULL as above."),
        Column("batch_id", LABEL, "Batch of the request; NULL for a direct one."),
        Column("answered_at", TIMESTAMP, "When the answer came; NOT NULL for llm."),
        Column("input_tokens", pa.int64(), "Of the request; NOT NULL for llm.", "tokens"),
        Column("write_tokens", pa.int64(), "Of the request; NOT NULL for llm.", "tokens"),
        Column("read_tokens", pa.int64(), "Of the request; NOT NULL for llm.", "tokens"),
        Column("output_tokens", pa.int64(), "Of the request; NOT NULL for llm.", "tokens"),
        Column(
            "answer_usd",
            pa.float64(),
            "Price of the request, which may serve several rows: never add it up; NOT NULL for "
            "llm.",
            "USD",
        ),
        _required("synthetic", pa.bool_(), "Answered on this machine: no judgement of any worth."),
    ),
    ("task", "subject_id", "labeler_kind"),
    SMALL,
)
JUDGED_FLAGS = Table(
    "judged_flags",
    "The flags of sessions in which a judgement has decided something, as they are with it: "
    "confirmed candidates are likely, rejected ones are gone, amounts are settled anew.",
    HEURISTIC_FLAGS.columns,
    HEURISTIC_FLAGS.key,
    SMALL,
)
JUDGED_LEDGER = Table(
    "judged_ledger",
    "Who owns the tokens of these sessions' responses, with the judgements. For them it takes the "
    "place of token_ledger.",
    TOKEN_LEDGER.columns,
    TOKEN_LEDGER.key,
    SMALL,
)

#: The line tables are read from `raw_sessions` alone, day by day, and shared by the rest.
LINE_TABLES = (LINE_USAGE, LINE_BLOCKS, LINE_COSTS, QUARANTINED_LINES, LINE_COUNTS)
#: What the turns stage publishes.
TURN_TABLES = (PARSED_TURNS, TOOL_CALLS, CONTEXT_BLOCKS)
#: What the detectors publish.
FLAG_TABLES = (HEURISTIC_FLAGS, TOKEN_LEDGER, FAILED_CALLS, TEXT_SIZES)
#: What the labels stage publishes.
LABEL_TABLES = (HAIKU_LABELS, JUDGED_FLAGS, JUDGED_LEDGER)
#: What the clusters stage publishes.
CLUSTER_TABLES = (FAILURE_CLUSTERS, CLUSTER_SUMMARIES)
