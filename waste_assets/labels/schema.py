"""The tables of labels in the state database: what was asked, what it cost, what was answered.

One row a request (`label_requests`) is both the reservation before it is sent and the entry of
the ledger after; answers are found by key. The database itself refuses an answer without its
provenance, and a second open request for the same key.
"""

from __future__ import annotations

import sqlalchemy as sa

from waste_assets.labels.answer import BILLED, Outcome

metadata = sa.MetaData()


def _listed(words: object) -> str:
    return ", ".join(f"'{word}'" for word in words)  # type: ignore[attr-defined]


def _text(name: str, *, nullable: bool = False, key: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=nullable, primary_key=key)


def _tokens(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=True)


#: What was asked with: instructions and shape of the answer, by digest.
prompts = sa.Table(
    "label_prompts",
    metadata,
    _text("digest", key=True),
    _text("task"),
    _text("version"),
    _text("system"),
    _text("schema"),
    sa.Column("max_tokens", sa.BigInteger, nullable=False),
    _text("first_asked_at"),
)
#: Sendings: a batch, or one question asked at once. Written before anything is sent.
sendings = sa.Table(
    "label_sendings",
    metadata,
    _text("sending_id", key=True),
    #: Whose budget it counts against.
    _text("run"),
    sa.Column("tier", sa.Text, sa.CheckConstraint("tier IN ('batch', 'standard')"), nullable=False),
    #: Who was asked.
    _text("host"),
    sa.Column("is_synthetic", sa.Boolean, nullable=False),
    sa.Column("requests", sa.BigInteger, nullable=False),
    #: Identity of everything that was sent.
    _text("digest"),
    _text("intended_at"),
    #: The provider's name of the batch, once known.
    sa.Column("batch_id", sa.Text, unique=True, nullable=True),
    sa.Column(
        "status",
        sa.Text,
        # Intended: perhaps sent. Submitted: certainly. Collected: all its requests are settled.
        # Dropped: never arrived, or its results are gone.
        sa.CheckConstraint("status IN ('intended', 'submitted', 'collected', 'dropped')"),
        nullable=False,
    ),
)
#: One row a request: reserved before it is sent, settled when its result is read.
requests = sa.Table(
    "label_requests",
    metadata,
    sa.Column("sending_id", sa.Text, sa.ForeignKey(sendings.c.sending_id), primary_key=True),
    _text("key", key=True),
    _text("task"),
    _text("prompt_digest"),
    _text("prompt_version"),
    _text("day"),
    _text("model_asked"),
    _text("effort"),
    sa.Column("is_synthetic", sa.Boolean, nullable=False),
    _text("asked_at"),
    sa.Column("reserved_usd", sa.Double, sa.CheckConstraint("reserved_usd > 0"), nullable=False),
    _text("outcome", nullable=True),
    _text("settled_at", nullable=True),
    _text("model_returned", nullable=True),
    _text("request_id", nullable=True),
    _text("stop_reason", nullable=True),
    _text("service_tier", nullable=True),
    _tokens("input_tokens"),
    _tokens("write_tokens"),
    _tokens("read_tokens"),
    _tokens("output_tokens"),
    sa.Column("usd", sa.Double, nullable=True),
    sa.CheckConstraint(f"outcome IN ({_listed(Outcome)})", name="outcome_known"),
    sa.CheckConstraint(
        "(outcome IS NULL) = (settled_at IS NULL) AND (outcome IS NULL) = (usd IS NULL)",
        name="settled_whole",
    ),
    sa.CheckConstraint(
        f"outcome IS NULL OR outcome NOT IN ({_listed(BILLED)}) OR ("
        "model_returned IS NOT NULL AND request_id IS NOT NULL AND input_tokens IS NOT NULL "
        "AND write_tokens IS NOT NULL AND read_tokens IS NOT NULL AND output_tokens IS NOT NULL)",
        name="billed_has_provenance",
    ),
    sa.CheckConstraint(
        f"outcome IN ({_listed(BILLED)}) OR (model_returned IS NULL AND input_tokens IS NULL)",
        name="provenance_is_billed",
    ),
)
# The same question is under way once at most, whoever asks.
sa.Index(
    "label_requests_open",
    requests.c.key,
    requests.c.is_synthetic,
    unique=True,
    sqlite_where=requests.c.outcome.is_(None),
    postgresql_where=requests.c.outcome.is_(None),
)
#: What became of a key last; what is final stays for ever. An answer of this machine's own never
#: stands where one of the provider's should.
answers = sa.Table(
    "label_answers",
    metadata,
    _text("key", key=True),
    sa.Column("is_synthetic", sa.Boolean, primary_key=True),
    _text("sending_id"),
    _text("outcome"),
    _text("value", nullable=True),
    #: As the model wrote it.
    _text("text"),
    sa.ForeignKeyConstraint(
        ["sending_id", "key"], ["label_requests.sending_id", "label_requests.key"]
    ),
    sa.CheckConstraint(
        f"(outcome = '{Outcome.ANSWERED}') = (value IS NOT NULL)", name="answered_has_value"
    ),
)
#: Keys that a budget left out; they come first next time.
deferred = sa.Table(
    "label_deferred", metadata, _text("key", key=True), _text("day"), _text("since")
)
#: Days of which every question was asked, and what they were made from.
asked_days = sa.Table(
    "label_asked_days", metadata, _text("day", key=True), _text("identity"), _text("asked_at")
)
#: What each asking did, in numbers.
askings = sa.Table(
    "label_askings",
    metadata,
    sa.Column(
        "asking_id",
        sa.BigInteger().with_variant(sa.Integer, "sqlite"),
        primary_key=True,
        autoincrement=True,
    ),
    _text("run"),
    _text("asked_at"),
    _text("told"),
)
