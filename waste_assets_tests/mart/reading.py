"""Readers of the BI files, as people write them, in processes of their own."""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Callable
from math import isclose
from pathlib import Path

#: What two tables of one publication agree about, and of which publication they are.
Told = tuple[str, int, float, float]

_SAME = """
SELECT
    (SELECT value FROM meta WHERE key = 'publication') AS publication,
    (SELECT count(*) FROM flags)::BIGINT AS flags,
    (SELECT coalesce(sum(usd), 0) FROM daily_usage) AS usage_usd,
    (SELECT coalesce(sum(usd), 0) FROM token_ledger_daily) AS ledger_usd
"""


def duckdb_database(bi: Path) -> Told:
    """DuckDB's Python, on the database."""
    import duckdb

    with duckdb.connect(str(bi / "waste.duckdb"), read_only=True) as con:
        (told,) = con.execute(_SAME).fetchall()
        # The transaction of one statement is over: another one sees the same.
        assert con.execute(_SAME).fetchall() == [told]
    return told  # type: ignore[no-any-return]


def duckdb_twins(bi: Path) -> Told:
    """DuckDB's Python, on Parquet files that belong together."""
    import duckdb

    publication = (bi / "current").resolve()
    with duckdb.connect() as con:
        for name in ("meta", "flags", "daily_usage", "token_ledger_daily"):
            con.execute(f"CREATE VIEW {name} AS FROM '{publication}/{name}.parquet'")
        (told,) = con.execute(_SAME).fetchall()
    return told  # type: ignore[no-any-return]


def sqlalchemy_engine(bi: Path) -> Told:
    """SQLAlchemy with duckdb-engine, by the address of the docs."""
    import sqlalchemy as sa

    engine = sa.create_engine(
        f"duckdb:///{bi}/waste.duckdb?access_mode=read_only", poolclass=sa.pool.NullPool
    )
    with engine.connect() as con:
        row = con.execute(sa.text(_SAME)).one()
    engine.dispose()
    return tuple(row)


def pandas_frames(bi: Path) -> Told:
    """pandas on Parquet files that belong together; each says of which publication it is."""
    import pandas as pd
    import pyarrow.parquet as pq

    publication = (bi / "current").resolve()
    frames, ids = {}, set()
    for name in ("meta", "flags", "daily_usage", "token_ledger_daily"):
        frames[name] = pd.read_parquet(publication / f"{name}.parquet")
        ids.add(pq.read_metadata(publication / f"{name}.parquet").metadata[b"publication"].decode())
    meta = frames["meta"].set_index("key")["value"]
    assert ids == {meta["publication"]}
    return (
        str(meta["publication"]),
        len(frames["flags"]),
        float(frames["daily_usage"]["usd"].sum()),
        float(frames["token_ledger_daily"]["usd"].sum()),
    )


def pandas_names(bi: Path) -> Told:
    """pandas on a single file by its name; pandas alone tells nothing of the others."""
    import pandas as pd

    # For one read pandas opens a file twice: by the name of the link it may meet two files.
    frame = pd.read_parquet((bi / "daily_usage.parquet").resolve())
    usd = float(frame["usd"].sum())
    return "", -1, usd, usd


#: By process: kinds of readers that take turns.
READERS: dict[str, tuple[Callable[[Path], Told], ...]] = {
    "duckdb": (duckdb_database, duckdb_twins),
    "sqlalchemy": (sqlalchemy_engine,),
    "pandas": (pandas_frames, pandas_names),
}


def read_on(name: str, bi: Path, notes: Path) -> None:
    """Read until there is a file `stop`; write down what was read, and what went wrong."""
    seen: dict[str, list[list[float]]] = {}
    errors: list[str] = []
    reads = 0
    while not (notes / "stop").exists() and not errors:
        for reader in READERS[name]:
            # Publishing has to have its turn on a machine with two cores.
            time.sleep(0.1)
            try:
                publication, flags, usage, ledger = reader(bi)
                assert isclose(usage, ledger, rel_tol=0, abs_tol=1e-9), (usage, ledger)
                told = [flags, round(usage, 6)]
                if told not in seen.setdefault(publication, []):
                    seen[publication].append(told)
                reads += 1
            except Exception:
                errors.append(f"{reader.__name__}: {traceback.format_exc()}")
        (notes / f".{name}").write_text(str(reads))
        (notes / f".{name}").replace(notes / f"{name}.reads")
    (notes / f"{name}.json").write_text(json.dumps({"seen": seen, "errors": errors}))
