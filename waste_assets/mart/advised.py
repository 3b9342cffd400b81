"""Which remedy each flag leads to, and the word that it gives to it: a fact of its day.

It takes a look at the text of every flag, and so it is not done again for days that stay.
"""

from __future__ import annotations

from dataclasses import fields

import duckdb

from waste_assets.clusters.finding import Finding
from waste_assets.clusters.remedies.catalogue import remedy_of

#: Flags that are at hand at a time.
_ROWS = 10_000
_COLUMNS = ", ".join(field.name for field in fields(Finding))


def advise(con: duckdb.DuckDBPyConnection) -> None:
    """Make `new_advised` of `new_flags`, the flags in force.

    Neither a remedy nor its word asks for problems or amounts.
    """
    con.execute(
        "CREATE TEMP TABLE new_advised "
        "(day DATE, flag_id VARCHAR, remedy_id VARCHAR, word VARCHAR); "
        "CREATE TEMP TABLE looked_at AS "
        "SELECT *, '' AS cluster_id, 0.0 AS usd_low, 0.0 AS usd_high FROM new_flags"
    )
    row = con.execute("SELECT count(*) FROM looked_at").fetchone()
    assert row is not None
    for start in range(0, row[0], _ROWS):
        found = con.execute(
            f"SELECT {_COLUMNS} FROM looked_at WHERE rowid >= $1 AND rowid < $2",
            [start, start + _ROWS],
        ).fetchall()
        told = [_advice(Finding(*one)) for one in found]
        lists = "unnest($1::DATE[]), unnest($2::VARCHAR[]), unnest($3::VARCHAR[]), "
        con.execute(
            f"INSERT INTO new_advised SELECT {lists} unnest($4::VARCHAR[])",
            [list(column) for column in zip(*told, strict=True)],
        )
    con.execute("DROP TABLE looked_at")


def _advice(finding: Finding) -> tuple[object, ...]:
    remedy = remedy_of(finding)
    return finding.day, finding.flag_id, remedy.id, remedy.words(finding) if remedy.words else None
