"""How many tokens a model's tokenizer makes of the same kinds of text, week by week.

No tokenizer is needed: the provider's own counts of prompts measure blocks of text whose
characters are known. Texts of two models are alike in kind, not in content, so the comparison is
as good as the mix of texts is stable; its interval says how much sessions differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from importlib.resources import files

import duckdb
import pyarrow as pa

from waste_assets.accounting.cache_economics import load
from waste_assets.lake.lake import Lake
from waste_assets.lake.tables import CONTEXT_BLOCKS, PARSED_TURNS, TOOL_CALLS, Column, Table


def _count(name: str, description: str, unit: str | None = None) -> Column:
    return Column(name, pa.int64(), description, unit, nullable=False)


def _number(name: str, description: str, unit: str, *, nullable: bool = True) -> Column:
    return Column(name, pa.float64(), description, unit, nullable)


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
        _number("usd", "Billed in the thirty days; NULL where the model has no price.", "USD"),
        _number("usd_other", "The bill with the other tokenizer.", "USD"),
        _number("usd_other_low", "Of its 95 % interval.", "USD"),
        _number("usd_other_high", "Of its 95 % interval.", "USD"),
    ),
    ("model", "other_model"),
)


def tokenizer_drift(
    con: duckdb.DuckDBPyConnection, lake: Lake, days: Sequence[date]
) -> dict[Table, pa.Table]:
    """Both tables over some days, from their turns; rows in the order of their keys.

    Raises:
        duckdb.Error: a partition cannot be read.
    """
    sources = {"turns": PARSED_TURNS, "tool_calls": TOOL_CALLS, "context_blocks": CONTEXT_BLOCKS}
    load(con, lake, sources, days)
    con.execute(files("waste_assets.accounting").joinpath("tokenizer_drift.sql").read_text("utf-8"))
    return {
        table: con.sql(f"SELECT * FROM {table.name}").to_arrow_table().cast(table.schema)
        for table in (TOKENIZER_DRIFT, TOKENIZER_SWITCH)
    }
