"""What caching saved and what it cost: shares of the bill, rebuilds by cause, the bill without it.

Rebuilds and unread writes are counted once, by the detector `cache_write`; this adds its flags up
beside the bill. A rebuild is a consequence of its cause, not always waste: the tier tells.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from importlib.resources import files

import duckdb
import pyarrow as pa

from waste_assets.lake.lake import Lake
from waste_assets.lake.tables import HEURISTIC_FLAGS, PARSED_TURNS, Column, Table

_WHERE = (
    Column("day", pa.date32(), "Day of the response's first line.", nullable=False),
    Column("project", pa.string(), "Working directory of the session."),
    Column("model", pa.string(), "Model as recorded."),
)


def _count(name: str, description: str, unit: str | None = None) -> Column:
    return Column(name, pa.int64(), description, unit, nullable=False)


def _usd(name: str, description: str, *, nullable: bool = True) -> Column:
    return Column(name, pa.float64(), description, "USD", nullable)


def _share(name: str, description: str) -> Column:
    return Column(name, pa.float64(), description + " NULL where nothing was spent.", "share")


CACHE_ECONOMICS = Table(
    "cache_economics",
    "What caching saved and what it cost, by day, project and model. Shares do not add up over "
    "rows: divide the sums.",
    (
        *_WHERE,
        _count("responses", "API responses."),
        _count("unpriced_responses", "Of these, of a model without price: in no amount here."),
        _count("input_tokens", "Prompt tokens neither read nor written.", "tokens"),
        _count("write_5m_tokens", "Cache writes kept 5 minutes.", "tokens"),
        _count("write_1h_tokens", "Cache writes kept 1 hour.", "tokens"),
        _count("read_tokens", "Cache reads.", "tokens"),
        _usd("usd", "List price of the priced responses; NULL: none has one."),
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
        *_WHERE,
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


def cache_economics(
    con: duckdb.DuckDBPyConnection, lake: Lake, days: Sequence[date]
) -> dict[Table, pa.Table]:
    """Both tables over some days, from their turns and flags; rows in the order of their keys.

    Raises:
        duckdb.Error: a partition cannot be read.
    """
    load(con, lake, {"turns": PARSED_TURNS, "flags": HEURISTIC_FLAGS}, days)
    con.execute(files("waste_assets.accounting").joinpath("cache_economics.sql").read_text("utf-8"))
    return {
        table: con.sql(f"SELECT * FROM {table.name}").to_arrow_table().cast(table.schema)
        for table in (CACHE_ECONOMICS, CACHE_REBUILDS)
    }


def load(
    con: duckdb.DuckDBPyConnection, lake: Lake, tables: dict[str, Table], days: Sequence[date]
) -> None:
    """Temporary views by name over some days of tables of the lake, with the day of each row."""
    for name, table in tables.items():
        parts = lake.parts(table, sorted(days))
        if parts:
            listed = ", ".join("'" + part.replace("'", "''") + "'" for part in parts)
            con.execute(
                f"CREATE OR REPLACE TEMP VIEW {name} AS SELECT * FROM read_parquet([{listed}], "
                "hive_partitioning = true, hive_types = {'day': DATE})"
            )
        else:
            empty = table.schema.append(pa.field("day", pa.date32())).empty_table()
            con.register(f"no_{name}", empty)
            con.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS SELECT * FROM no_{name}")
