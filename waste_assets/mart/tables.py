"""The published tables: a public interface, changed only by addition."""

from __future__ import annotations

import pyarrow as pa

from waste_assets.lake.tables import Column, Table

_PROJECT = Column("project", pa.string(), "Working directory of the session, its home as `~`.")
_TOKENS = tuple(
    Column(name, pa.int64(), text, "tokens", nullable=False)
    for name, text in (
        ("input_tokens", "Prompt tokens neither read from nor written to the cache."),
        ("write_5m_tokens", "Cache writes kept 5 minutes, or with no time to live said."),
        ("write_1h_tokens", "Cache writes kept 1 hour."),
        ("read_tokens", "Cache reads."),
        ("output_tokens", "Output, thinking included."),
        ("billed_extra_tokens", "Billed beyond these: advisor, declined runs; `usd` holds them."),
    )
)
_COUNTS = (
    Column("responses", pa.int64(), "API responses.", nullable=False),
    Column("lower_bound_responses", pa.int64(), "Of these, without a final usage.", nullable=False),
    Column("unpriced_responses", pa.int64(), "Of these, of a model without price.", nullable=False),
)
_USD = Column("usd", pa.float64(), "List price of the priced responses; NULL: none has one.", "USD")

DAILY_USAGE = Table(
    "daily_usage",
    "Responses, tokens and list price by day, project and model.",
    (
        Column("day", pa.date32(), "Day of the response's first line.", nullable=False),
        _PROJECT,
        Column("model", pa.string(), "Model as recorded."),
        *_COUNTS,
        *_TOKENS,
        _USD,
    ),
    ("day", "project", "model"),
)
SESSION_USAGE = Table(
    "session_usage",
    "Responses, tokens and list price by session, subagents included.",
    (
        Column("session_id", pa.string(), "Session that first recorded the responses."),
        _PROJECT,
        Column("first_ts", pa.timestamp("us", tz="UTC"), "Time of its first response."),
        Column("last_ts", pa.timestamp("us", tz="UTC"), "Time of its last line."),
        Column("subagents", pa.int64(), "Subagents that answered.", nullable=False),
        *_COUNTS,
        *_TOKENS,
        _USD,
    ),
    ("session_id",),
)
COVERAGE = Table(
    "coverage",
    "What the figures of a day rest on.",
    (
        Column("day", pa.date32(), "Day.", nullable=False),
        Column("transcripts", pa.int64(), "Transcripts with lines of the day.", nullable=False),
        Column("lines", pa.int64(), "Lines archived.", nullable=False),
        Column("decoded_lines", pa.int64(), "Lines read as records.", nullable=False),
        Column("repaired_lines", pa.int64(), "Of these, read after a repair.", nullable=False),
        Column("quarantined_lines", pa.int64(), "Lines set aside.", nullable=False),
        Column("files", pa.int64(), "Files archived beside transcripts.", nullable=False),
        *_COUNTS,
    ),
    ("day",),
)
COST_RECONCILIATION = Table(
    "cost_reconciliation",
    "What Claude Code itself counted for a session (`cost-state`) beside what its lines add up to.",
    (
        Column("session_id", pa.string(), "Session."),
        Column("recorded_usd", pa.float64(), "Claude Code's own count.", "USD"),
        Column("accounted_usd", pa.float64(), "Sum over the session's responses.", "USD"),
        Column("recorded_output_tokens", pa.int64(), "Claude Code's own count.", "tokens"),
        Column("accounted_output_tokens", pa.int64(), "Sum over the responses.", "tokens"),
        Column("unattributed_usd", pa.float64(), "Recorded less accounted: side calls.", "USD"),
    ),
    ("session_id",),
)
META = Table(
    "meta",
    "Facts about this database.",
    (
        Column("key", pa.string(), "Name of the fact.", nullable=False),
        Column("value", pa.string(), "The fact.", nullable=False),
    ),
    ("key",),
)

MART_TABLES = (DAILY_USAGE, SESSION_USAGE, COVERAGE, COST_RECONCILIATION, META)
