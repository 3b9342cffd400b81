"""The published tables: a public interface, changed only by addition."""

from __future__ import annotations

import pyarrow as pa

from waste_assets.lake.tables import FAILED_CALLS, HAIKU_LABELS, HEURISTIC_FLAGS, Column, Table

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
_DAY = Column("day", pa.date32(), "Day of the response's first line.", nullable=False)
_MODEL = Column("model", pa.string(), "Model as recorded.")


def _count(name: str, description: str, unit: str | None = None) -> Column:
    return Column(name, pa.int64(), description, unit, nullable=False)


def _usd(name: str, description: str, *, nullable: bool = True) -> Column:
    return Column(name, pa.float64(), description, "USD", nullable)


def _number(name: str, description: str, unit: str, *, nullable: bool = True) -> Column:
    return Column(name, pa.float64(), description, unit, nullable)


DAILY_USAGE = Table(
    "daily_usage",
    "Responses, tokens and list price by day, project and model.",
    (
        _DAY,
        _PROJECT,
        _MODEL,
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

_CATEGORY = Column(
    "category",
    pa.string(),
    "dead_end, retry_error, file_reread, oververbose_edit, subagent_overhead, reasoning, "
    "cache_write, cache_read, or productive: what nobody calls waste.",
    nullable=False,
)
_WASTE = (
    _count("responses", "API responses of which the category has a part."),
    *(column for column in _TOKENS if column.name != "billed_extra_tokens"),
    _usd("usd", "The category's part of the bill, candidates included; NULL: nothing has a price."),
    _usd("usd_direct", "Low: of it, what certain and likely flags own; for productive all of it."),
    _usd(
        "usd_avoidable",
        "High: `usd_direct`, and the rest of responses that held only wasted calls. That rest "
        "stands in `usd` of productive. 0 for productive.",
    ),
    _usd("usd_candidate", "Of `usd`, what only candidates claim: in no headline."),
)
DAILY_WASTE = Table(
    "daily_waste",
    "Who owns the bill, by day, project, model and category: every token once, so that the "
    "categories add up to `daily_usage`.",
    (_DAY, _PROJECT, _MODEL, _CATEGORY, *_WASTE),
    ("day", "project", "model", "category"),
)
SESSION_WASTE = Table(
    "session_waste",
    "Who owns the bill of a session, by category: they add up to `session_usage`.",
    (
        Column("session_id", pa.string(), "Session, subagents included.", nullable=False),
        _CATEGORY,
        *_WASTE,
    ),
    ("session_id", "category"),
)
FLAGS = Table(
    "flags",
    "Every finding of waste: what it is, how sure, why, where, and what it cost. Flags overlap: "
    "only `usd_owned` adds up.",
    (
        _DAY,
        *(_PROJECT if one.name == "project" else one for one in HEURISTIC_FLAGS.columns),
    ),
    ("flag_id",),
)
_FAILED = {column.name: column for column in FAILED_CALLS.columns}
FAILURES = Table(
    "failures",
    "Tool calls that failed or were refused, by cause, whose fault it was, and tool.",
    (
        _DAY,
        _PROJECT,
        _FAILED["cause"],
        _FAILED["fault"],
        _FAILED["tool_name"],
        _count("calls", "How many."),
        _usd("usd", "Their output, and what they left in later prompts.", nullable=False),
    ),
    ("day", "project", "cause", "fault", "tool_name"),
)
FAULT_SHARES = Table(
    "fault_shares",
    "Whose fault failures were, of their number and of the dollars that they cost. Feedback about "
    "the work and what the user willed are no faults and left out. Intervals (95 %) come from "
    "sessions, drawn again and again: what lies in one session stands or falls together.",
    (
        Column(
            "fault",
            pa.string(),
            "infrastructure, harness, model, or not_model: the first two together.",
            nullable=False,
        ),
        _count("calls", "Failed calls of this fault."),
        _count("sessions", "Sessions with a failure of any fault."),
        _number("share_of_calls", "Of all failures; NULL: there were none.", "share"),
        _number("share_of_calls_low", "Of its interval.", "share"),
        _number("share_of_calls_high", "Of its interval.", "share"),
        _usd("usd", "What they cost.", nullable=False),
        _number("share_of_usd", "Of what all failures cost; NULL: nothing.", "share"),
        _number("share_of_usd_low", "Of its interval.", "share"),
        _number("share_of_usd_high", "Of its interval.", "share"),
    ),
    ("fault",),
)


def _share(name: str, description: str) -> Column:
    return _number(name, description + " NULL where nothing was spent.", "share")


CACHE_ECONOMICS = Table(
    "cache_economics",
    "What caching saved and what it cost, by day, project and model. Shares do not add up over "
    "rows: divide the sums.",
    (
        _DAY,
        _PROJECT,
        _MODEL,
        _count("responses", "API responses."),
        _count("unpriced_responses", "Of these, of a model without price: in no amount here."),
        *(
            column
            for column in _TOKENS
            if column.name not in ("output_tokens", "billed_extra_tokens")
        ),
        _USD,
        _usd("usd_read", "Of it, cache reads."),
        _usd("usd_write", "Of it, cache writes."),
        _usd("usd_uncached", "The same bill with every prompt token at the input rate."),
        _share("read_share_of_usd", "Cache reads over the bill."),
        _share("write_share_of_usd", "Cache writes over the bill."),
        _share("cache_share_of_usd", "Both over the bill."),
        _share("read_share_of_prompt", "Prompt tokens that were read from the cache."),
        _count("rebuilds", "Times that cached tokens were paid for again, whatever the cause."),
        _count("rebuilt_tokens", "Tokens cached before and paid for again.", "tokens"),
        _usd("usd_rebuilt", "What these cost more than reads.", nullable=False),
        _count("unread_tokens", "Tokens written that no later response read.", "tokens"),
        _usd("usd_unread", "What these cost more than plain input.", nullable=False),
    ),
    ("day", "project", "model"),
)
CACHE_REBUILDS = Table(
    "cache_rebuilds",
    "Cached tokens that were paid for again, by cause.",
    (
        _DAY,
        _PROJECT,
        _MODEL,
        Column("cause", pa.string(), "Why: idle, model, tools, compaction, …", nullable=False),
        Column(
            "tier", pa.string(), "'certain', 'likely' or 'candidate' (inherent).", nullable=False
        ),
        _count("rebuilds", "How many."),
        _count("tokens", "Tokens cached before and paid for again.", "tokens"),
        _usd("usd", "What they cost more than reads.", nullable=False),
    ),
    ("day", "project", "model", "cause", "tier"),
)
TOKENIZER_DRIFT = Table(
    "tokenizer_drift",
    "Tokens per character by model, ISO week and kind of text, from blocks of at least 1,000 "
    "characters whose size the provider counted by themselves. Images and thinking are left out.",
    (
        Column("model", pa.string(), "Model as recorded.", nullable=False),
        Column("week", pa.date32(), "Monday of the ISO week.", nullable=False),
        Column(
            "text_kind",
            pa.string(),
            "file, command_output, other_result, user_text or output.",
            nullable=False,
        ),
        _count("blocks", "Measured blocks."),
        _count("sessions", "Sessions that they are from."),
        _count("tokens", "Their sizes.", "tokens"),
        _count("chars", "Their characters.", "characters"),
        _number("tokens_per_char", "Tokens over characters.", "tokens/character", nullable=False),
        _number("low", "Of its 95 % interval; NULL for a single session.", "tokens/character"),
        _number("high", "Of its 95 % interval; NULL for a single session.", "tokens/character"),
    ),
    ("model", "week", "text_kind"),
)
TOKENIZER_SWITCH = Table(
    "tokenizer_switch",
    "What the last thirty days would have cost with the tokenizer of another model at unchanged "
    "prices: the same mix of kinds of text, each scaled by the ratio of the two.",
    (
        Column("model", pa.string(), "Model that was used.", nullable=False),
        Column("other_model", pa.string(), "Model whose tokenizer is assumed.", nullable=False),
        _number("compared_share", "Of the text's tokens, kinds that both have.", "share"),
        _number("factor", "Tokens of the other tokenizer over those billed.", "ratio"),
        _number("factor_low", "Of its 95 % interval.", "ratio"),
        _number("factor_high", "Of its 95 % interval.", "ratio"),
        _usd("usd", "Billed in the thirty days; NULL where the model has no price."),
        _usd("usd_other", "The bill with the other tokenizer."),
        _usd("usd_other_low", "Of its 95 % interval."),
        _usd("usd_other_high", "Of its 95 % interval."),
    ),
    ("model", "other_model"),
)

LABELS = Table(
    "labels",
    "What rules, model and people say about what had to be judged, with where it comes from. "
    "Count `in_force` rows only; never add up rows of several labelers, or with `synthetic` ones.",
    (
        _DAY,
        *(_PROJECT if one.name == "project" else one for one in HAIKU_LABELS.columns),
    ),
    ("day", *HAIKU_LABELS.key),
)
WASTE_JUDGED = Table(
    "waste_judged",
    "Waste by day and category as the rules alone say, and as it is published: with judgements.",
    (
        _DAY,
        _CATEGORY,
        *(
            _usd(prefix + name, text + told, nullable=False)
            for prefix, told in (("rules_", ", by rules alone."), ("", ", with judgements."))
            for name, text in (
                ("usd_direct", "Low: what certain and likely flags own"),
                ("usd_avoidable", "High: with the rest of responses that held only wasted calls"),
                ("usd_candidate", "What only candidates claim"),
            )
        ),
    ),
    ("day", "category"),
)
RULE_QUALITY = Table(
    "rule_quality",
    "How right the rules are, by a sample of responses that were judged without knowing what the "
    "rules say, and the published waste corrected by that. Weighted by what each stands for.",
    (
        Column("category", pa.string(), "One of the four that a response shows.", nullable=False),
        _count("sampled_responses", "Responses judged."),
        _count("undecided_responses", "Of these, where the judge could not tell: left out."),
        _count("flagged_by_rules", "Of the rest, flagged by the rules; unweighted."),
        _count("flagged_by_judge", "Of the rest, flagged by the judge; unweighted."),
        *(
            _number(name + end, text, "share")
            for name, told in (
                ("precision", "Of responses flagged by the rules, those that the judge flags"),
                ("recall", "Of responses flagged by the judge, those that the rules flag"),
            )
            for end, text in (
                ("", f"{told}; NULL: none was judged."),
                ("_low", "Of its 95 % interval (Wilson at the effective size)."),
                ("_high", "Of its 95 % interval."),
            )
        ),
        _number("kappa", "Cohen's kappa of rules and judge, unweighted.", "kappa"),
        _usd("usd_direct", "Published waste, low.", nullable=False),
        _usd(
            "usd_corrected",
            "It times precision over recall; NULL with fewer than 5 flagged responses judged.",
        ),
        _usd("usd_corrected_low", "Of its 95 % interval, from resampled sessions."),
        _usd("usd_corrected_high", "Of its 95 % interval."),
    ),
    ("category",),
)

MART_TABLES = (
    DAILY_USAGE,
    SESSION_USAGE,
    DAILY_WASTE,
    SESSION_WASTE,
    FLAGS,
    LABELS,
    WASTE_JUDGED,
    RULE_QUALITY,
    FAILURES,
    FAULT_SHARES,
    CACHE_ECONOMICS,
    CACHE_REBUILDS,
    TOKENIZER_DRIFT,
    TOKENIZER_SWITCH,
    COVERAGE,
    COST_RECONCILIATION,
    META,
)
