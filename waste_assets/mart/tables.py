"""The published tables: a public interface, changed only by addition."""

from __future__ import annotations

import pyarrow as pa

from waste_assets.lake.tables import (
    FAILED_CALLS,
    HAIKU_LABELS,
    HEURISTIC_FLAGS,
    TIMESTAMP,
    Column,
    Table,
)

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
        _count("subagent_responses", "Of the responses, those of subagents."),
        _usd(
            "subagent_usd", "Of `usd`, what these cost; NULL: there is none, or none has a price."
        ),
    ),
    ("session_id",),
)
SESSION_OWNERS = Table(
    "session_owners",
    "Whose sessions these are, as their source says: joined with the others by `session_id`, it "
    "gives tables by person or team.",
    (
        Column("session_id", pa.string(), "Session.", nullable=False),
        Column("owner", pa.string(), "Whose source it was archived from first; NULL: unknown."),
        Column("host", pa.string(), "The machine of that source; NULL: unknown."),
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
        _count("sessions", "Sessions with responses of the day."),
        _count("labeled_by_rules", "Of what had to be judged: the label in force is the rules'."),
        _count("labeled_by_model", "Of it: the model's."),
        _count("labeled_by_people", "Of it: a person's."),
        _count("labeled_by_nobody", "Of it: there is none; what this machine made up is none."),
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
TOKEN_LEDGER_DAILY = Table(
    "token_ledger_daily",
    "Who owns the tokens of each kind, by day: they add up to `daily_usage`, by kind and in all. "
    "Kinds of which a category owns nothing are left out.",
    (
        _DAY,
        _CATEGORY,
        Column(
            "token_kind",
            pa.string(),
            "input, write_5m, write_1h, read, output, or other: searches and what is billed beyond "
            "the five, always of productive.",
            nullable=False,
        ),
        _count(
            "tokens",
            "Tokens owned; of other, `billed_extra_tokens`. Those of cache_write were paid for "
            "again, and it owns of their price what is above that of a read, or of plain input.",
            "tokens",
        ),
        _usd("usd", "What they cost, candidates included; NULL: nothing has a price."),
    ),
    ("day", "category", "token_kind"),
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
REMEDIES = Table(
    "remedies",
    "What to change, ready to copy, ranked by the dollars that it addresses: no dollar is in two "
    "remedies. Candidates are apart and rank last.",
    (
        _count("rank", "From 1: the dearest."),
        Column("remedy_id", pa.string(), "Name of the remedy, for ever.", nullable=False),
        Column("what", pa.string(), "What goes wrong.", nullable=False),
        Column("advice", pa.string(), "What to do, in a sentence.", nullable=False),
        Column(
            "kind",
            pa.string(),
            "claude_md (lines), settings (JSON), command (of a terminal), prompt (typed into "
            "Claude Code) or habit.",
            nullable=False,
        ),
        Column("place", pa.string(), "Where the change goes.", nullable=False),
        Column("change", pa.string(), "The change, to be copied.", nullable=False),
        _count("names_withheld", "Names left out of it, as only one project has them."),
        Column("category", pa.string(), "Category of its findings.", nullable=False),
        Column(
            "cluster_id",
            pa.string(),
            "What the dearest finding is counted in: of `clusters`, or category/rule.",
            nullable=False,
        ),
        Column("cause", pa.string(), "Cause of the dearest finding."),
        Column(
            "status",
            pa.string(),
            "'open', or what came of it; see remedy_tracking.",
            nullable=False,
        ),
        Column("applied_on", pa.date32(), "Day on which it was applied last."),
        _count("flags", "Certain and likely findings."),
        _count("candidates", "Findings that are candidates."),
        _count("sessions", "Sessions with any of them."),
        _count("projects", "Projects of these."),
        Column("first_day", pa.date32(), "First day with a finding.", nullable=False),
        Column("last_day", pa.date32(), "Last day with a finding.", nullable=False),
        _usd("usd_low", "Observed: what its flags own.", nullable=False),
        _usd(
            "usd_high",
            "Observed: and the rest of responses that held only wasted calls.",
            nullable=False,
        ),
        _usd("usd_candidate", "Observed: what its candidates own.", nullable=False),
        _usd(
            "usd_month_low",
            "`usd_low` in 30 days of the span from the first to the last response, of 7 at least.",
            nullable=False,
        ),
        _usd("usd_month_high", "`usd_high`, likewise.", nullable=False),
        _usd("usd_month_candidate", "`usd_candidate`, likewise.", nullable=False),
        Column("example", pa.string(), "The dearest finding: transcript:line.", nullable=False),
        Column("evidence", pa.string(), "Why it is one, in words.", nullable=False),
    ),
    ("remedy_id",),
)


def _changes(name: str, unit: str, told: str) -> tuple[Column, ...]:
    """Something a session, before and after, and the difference."""
    return (
        _number(f"{name}_before", f"{told} a session before; NULL: there is none.", unit),
        _number(f"{name}_after", f"{told} a session after; NULL: there is none.", unit),
        _number(f"{name}_change", "After less before; NULL: one of them is not known.", unit),
        _number(f"{name}_change_low", "Of its 95 % interval, from resampled sessions.", unit),
        _number(f"{name}_change_high", "Of its 95 % interval.", unit),
    )


REMEDY_TRACKING = Table(
    "remedy_tracking",
    "What became of remedies that were applied: sessions that began after the day against those "
    "that ended before it.",
    (
        Column("remedy_id", pa.string(), "The remedy.", nullable=False),
        Column("project", pa.string(), "Where it was applied; NULL: everywhere."),
        Column("applied_on", pa.date32(), "Day on which it was applied last.", nullable=False),
        Column("withdrawn_on", pa.date32(), "Day on which it was withdrawn; NULL: it was not."),
        Column(
            "status",
            pa.string(),
            "'too early' (fewer than 20 sessions on a side, less than 7 days, or so rare before "
            "that its absence may be luck), 'no change seen', 'lower', 'higher', 'gone so far' or "
            "'withdrawn'.",
            nullable=False,
        ),
        Column("until", pa.date32(), "Last day that counts as after."),
        _count("sessions_before", "Sessions before."),
        _count("sessions_after", "Sessions after."),
        _count("affected_before", "Of those before, with an occurrence."),
        _count("affected_after", "Of those after, with an occurrence."),
        *_changes("occurrences", "1/session", "Occurrences"),
        *_changes("usd", "USD/session", "Dollars"),
    ),
    ("remedy_id", "project"),
)
CLUSTER_ESTIMATES = Table(
    "cluster_estimates",
    "How often failures and waste happen: in the dearest sessions, in all of them, and as told "
    "from a sample of as many. Strata are fifths of the sessions by cost, drawn in proportion; "
    "expansion estimator with finite population correction (Cochran 1977).",
    (
        Column(
            "kind",
            pa.string(),
            "cause (family of failures that are a fault), cluster (of all failures, as `clusters` "
            "counts them) or rule (other waste).",
            nullable=False,
        ),
        Column(
            "cluster_id",
            pa.string(),
            "The cause, id in `clusters`, or category/rule.",
            nullable=False,
        ),
        _count("top_n", "Dearest sessions looked at: 100, or all where there are fewer."),
        _count("top_occurrences", "Occurrences in these."),
        _count("top_affected", "Of these, sessions with one."),
        _number("top_rate", "Occurrences a session.", "1/session", nullable=False),
        _count("sessions", "All sessions."),
        _count("occurrences", "Occurrences in all: exact."),
        _count("affected", "Sessions with one: exact."),
        _number("rate", "Occurrences a session.", "1/session", nullable=False),
        _count("sample_sessions", "Sessions of the sample."),
        _count("sample_occurrences", "Occurrences in these."),
        _count("sample_affected", "Of these, sessions with one."),
        _number("estimate", "Occurrences in all, told from the sample.", "1", nullable=False),
        _number("low", "Of its 95 % interval.", "1", nullable=False),
        _number("high", "Of its 95 % interval.", "1", nullable=False),
        _number("affected_estimate", "Sessions with one, from the sample.", "1", nullable=False),
        _number("affected_low", "Of its 95 % interval.", "1", nullable=False),
        _number("affected_high", "Of its 95 % interval.", "1", nullable=False),
    ),
    ("kind", "cluster_id"),
)

_CLUSTER = Column(
    "cluster_id", pa.string(), "The problem; it keeps its id for ever.", nullable=False
)
_CLUSTER_COSTS = (
    _count("tokens", "Output of the calls, and what they left in later prompts.", "tokens"),
    _usd("usd", "What these tokens cost, whosever fault the failures were.", nullable=False),
    _usd("usd_direct", "Low: what certain and likely flags about the calls own.", nullable=False),
    _usd(
        "usd_avoidable",
        "High: and the rest of responses that held only wasted calls.",
        nullable=False,
    ),
)
CLUSTERS = Table(
    "clusters",
    "Why calls failed, as problems that last: how often, where, since when, at what cost. Small "
    "groups are private: of one project or one home only the masked message is shown.",
    (
        _CLUSTER,
        Column("title", pa.string(), "What it is called.", nullable=False),
        Column(
            "title_by", pa.string(), "'automatic', or who gave title and summary.", nullable=False
        ),
        Column("summary", pa.string(), "What it is, in a sentence.", nullable=False),
        Column(
            "template",
            pa.string(),
            "Its most frequent message, masked; may be empty.",
            nullable=False,
        ),
        Column("cause", pa.string(), "Cause family of most of the calls.", nullable=False),
        Column("fault", pa.string(), "Whose fault most of them were.", nullable=False),
        Column("tool_name", pa.string(), "Tool of most of them.", nullable=False),
        _count("occurrences", "Failed calls."),
        _count("sessions", "Sessions that they are from."),
        _count("projects", "Projects that they are from."),
        _count("people", "Homes that these projects lie in."),
        _count("days", "Days on which it occurred."),
        Column("first_ts", pa.timestamp("us", tz="UTC"), "Time of the first.", nullable=False),
        Column("last_ts", pa.timestamp("us", tz="UTC"), "Time of the last.", nullable=False),
        *_CLUSTER_COSTS,
        _share("usd_share", "`usd` over the whole bill."),
        _count("sessions_28d", "Sessions with it in the last 28 days of the data."),
        _count("sessions_before", "Sessions with it in the 28 days before these."),
        _count("active_28d", "All sessions of the last 28 days."),
        _count("active_before", "All sessions of the 28 days before."),
        _number(
            "trend",
            "Share of sessions with it in the last 28 days over that of the 28 before, a half "
            "added to each count; NULL: one of them has no session.",
            "ratio",
        ),
        _number("trend_low", "Of its 95 % interval.", "ratio"),
        _number("trend_high", "Of its 95 % interval.", "ratio"),
        Column("is_private", pa.bool_(), "Seen in one project or home only.", nullable=False),
        Column(
            "example_places",
            pa.list_(pa.string()),
            "Three of the calls, always the same: transcript:line of the result.",
            nullable=False,
        ),
        Column(
            "examples",
            pa.list_(pa.string()),
            "What their results say, without secrets; NULL where the cluster is private.",
        ),
    ),
    ("cluster_id",),
)
CLUSTER_DAYS = Table(
    "cluster_days",
    "The clusters by day: they add up to `failures`.",
    (
        _DAY,
        _CLUSTER,
        _count("occurrences", "Failed calls."),
        _count("sessions", "Sessions that they are from."),
        *_CLUSTER_COSTS,
    ),
    ("day", "cluster_id"),
)

LABEL_SPEND = Table(
    "label_spend",
    "Every request that was made for labels: what was set aside for it, and what it cost.",
    (
        Column("sending_id", pa.string(), "The batch, or the one question.", nullable=False),
        Column("key", pa.string(), "The question: equal keys are asked once.", nullable=False),
        Column("day", pa.date32(), "Day on whose behalf it was asked.", nullable=False),
        Column("asked_at", TIMESTAMP, "When it was asked.", nullable=False),
        Column("settled_at", TIMESTAMP, "When its result was read; NULL while under way."),
        Column("task", pa.string(), "Kind of question.", nullable=False),
        Column("prompt_version", pa.string(), "Version of its prompt.", nullable=False),
        Column("tier", pa.string(), "batch (half price) or standard.", nullable=False),
        Column("host", pa.string(), "Who was asked.", nullable=False),
        Column("is_synthetic", pa.bool_(), "This machine answered, no model.", nullable=False),
        Column("model_asked", pa.string(), "Model that was asked for.", nullable=False),
        Column("model_returned", pa.string(), "Model that says it answered."),
        Column("batch_id", pa.string(), "The provider's name of the batch."),
        Column("request_id", pa.string(), "The provider's name of the message."),
        Column(
            "outcome",
            pa.string(),
            "answered, refused, truncated, invalid, rejected, unserved, lost, or in_flight.",
            nullable=False,
        ),
        Column("input_tokens", pa.int64(), "As billed; NULL where nothing came back.", "tokens"),
        Column("write_tokens", pa.int64(), "Cache writes, as billed.", "tokens"),
        Column("read_tokens", pa.int64(), "Cache reads, as billed.", "tokens"),
        Column("output_tokens", pa.int64(), "As billed.", "tokens"),
        _usd("reserved_usd", "The most that it can cost, set aside before.", nullable=False),
        _usd("usd", "What it cost; of what is lost, the most. NULL while under way."),
    ),
    ("sending_id", "key"),
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
    SESSION_OWNERS,
    DAILY_WASTE,
    SESSION_WASTE,
    TOKEN_LEDGER_DAILY,
    FLAGS,
    LABELS,
    WASTE_JUDGED,
    RULE_QUALITY,
    FAILURES,
    FAULT_SHARES,
    REMEDIES,
    REMEDY_TRACKING,
    CLUSTER_ESTIMATES,
    CLUSTERS,
    CLUSTER_DAYS,
    CACHE_ECONOMICS,
    CACHE_REBUILDS,
    TOKENIZER_DRIFT,
    TOKENIZER_SWITCH,
    COVERAGE,
    COST_RECONCILIATION,
    LABEL_SPEND,
    META,
)
#: Those that are told day by day, in the order of days: a publication writes them anew from the
#: first day on that has changed, and leaves what stands before it.
DAY_TABLES = (
    DAILY_USAGE,
    DAILY_WASTE,
    TOKEN_LEDGER_DAILY,
    FLAGS,
    LABELS,
    WASTE_JUDGED,
    FAILURES,
    CLUSTER_DAYS,
    CACHE_REBUILDS,
    CACHE_ECONOMICS,
    COVERAGE,
)
#: Those that say something of all days together, and are told anew each time.
WHOLE_TABLES = tuple(table for table in MART_TABLES if table not in DAY_TABLES)
