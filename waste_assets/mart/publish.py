"""Building the BI files and letting them count."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from waste_assets.lake.cluster_names import ClusterNames
from waste_assets.lake.lake import Lake
from waste_assets.lake.quoting import quoted
from waste_assets.lake.tables import (
    CLUSTER_SUMMARIES,
    HAIKU_LABELS,
    PARSED_TURNS,
    SCHEMA_VERSION,
    TOKEN_LEDGER,
    Table,
)
from waste_assets.mart.beside import NOTHING, Beside
from waste_assets.mart.day_facts import FACTS, SOURCES, facts_by, stamps
from waste_assets.mart.estimates import cluster_estimates
from waste_assets.mart.fault_shares import fault_shares
from waste_assets.mart.kept_by_day import (
    Stamps,
    bring_up_to_date,
    copied,
    differing,
    drop_database,
    first_of,
)
from waste_assets.mart.publications import DATABASE, Publications
from waste_assets.mart.reading import SQL_TYPES, columns, opened, view
from waste_assets.mart.remedies import remedies
from waste_assets.mart.rule_quality import Judged, rule_quality
from waste_assets.mart.shown_project import SHOWN_PROJECT
from waste_assets.mart.tables import (
    CLUSTER_DAYS,
    CLUSTER_ESTIMATES,
    DAY_TABLES,
    FAULT_SHARES,
    LABEL_SPEND,
    MART_TABLES,
    REMEDIES,
    REMEDY_TRACKING,
    RULE_QUALITY,
    SESSION_OWNERS,
    WHOLE_TABLES,
)
from waste_assets.transcripts.day_contents import Owner, owners_identity
from waste_assets.transcripts.day_contents import owners as session_owners

#: What the tables by day are filled with from the lake itself.
_BY_DAY = ("rules_flags", "judged_flags", "judged_ledger", "haiku_labels")
#: What tells of all days, in this order: each may read what those before it have made.
_OF_ALL = (
    "sessions.sql",
    "clusters.sql",
    "remedies.sql",
    "occurrences.sql",
    "tokenizer_drift.sql",
    "audit_sample.sql",
)
_OWNER_COLUMNS = SESSION_OWNERS.column_names
#: What decides about the tables beside the lake.
_CODE = ("waste_assets.mart", "waste_assets.clusters", "waste_assets.clusters.remedies")
_MADE_FROM = ".made_from.json"
#: Of the twins. Higher levels, and dictionaries of what hardly repeats, take half as long again,
#: for files of the same size.
_PACKING = "COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE 61440, DICTIONARY_SIZE_LIMIT 1000"
#: What the checks of a publication keep of the lake: sums that it is held against.
SUMS = "sums.duckdb"


def inputs(lake: Lake, beside: Beside = NOTHING) -> str:
    """Identity of everything that the BI files are made from."""
    notes = {
        f"{table.name}/{day}": lake.notes(table, day)
        for table in (PARSED_TURNS, TOKEN_LEDGER, CLUSTER_SUMMARIES, HAIKU_LABELS)
        for day in lake.days(table)
    }
    told = hashlib.sha256(json.dumps(notes, sort_keys=True).encode())
    # Whose a session is may become known though no line of it changes.
    told.update(owners_identity(lake).encode())
    told.update(beside.identity.encode())
    for package in _CODE:
        told.update(_code(package))
    return told.hexdigest()[:16]


def kept_beside(bi: Path) -> Path:
    """The directory of what is kept from one publication to the next; not for others."""
    return bi.with_name("mart")


def published_inputs(bi: Path) -> str | None:
    """What the published database was made from; None where there is none."""
    with suppress(duckdb.Error), duckdb.connect(str(bi / DATABASE), read_only=True) as con:
        row = con.execute("SELECT value FROM meta WHERE key = 'inputs'").fetchone()
        return str(row[0]) if row else None
    return None


@cache
def _code(package: str) -> bytes:
    told = hashlib.sha256()
    for rules in sorted(files(package).iterdir(), key=lambda path: path.name):
        if rules.name.endswith((".py", ".sql")):
            told.update(rules.read_bytes())
    return told.digest()


@cache
def _rules() -> str:
    """Identity of what makes facts and tables of days: with other rules none of them is kept."""
    told = hashlib.sha256(duckdb.__version__.encode())
    for package in (*_CODE, "waste_assets.detectors"):
        told.update(_code(package))
    return told.hexdigest()[:16]


@dataclass(frozen=True)
class MadeFrom:
    """What a publication was made from: the next one builds upon it."""

    rules: str
    #: Identity of all of it,
    inputs: str
    #: of what clusters are called,
    names: str
    #: and of the partitions of each day.
    days: dict[str, str]
    #: Size and time of the database: somebody may have changed it.
    database: tuple[int, int]

    @classmethod
    def read(cls, publication: Path) -> MadeFrom | None:
        """As it was noted; None where nothing can be built upon the publication."""
        try:
            noted = json.loads((publication / _MADE_FROM).read_bytes())
            found = cls(**noted | {"database": tuple(noted["database"])})
            if found.rules != _rules() or found.database != _signature(publication):
                return None
        except (OSError, ValueError, LookupError, TypeError):
            return None
        return found

    def write(self, publication: Path) -> None:
        """Note it beside the publication's files."""
        (publication / _MADE_FROM).write_text(json.dumps(asdict(self)), "utf-8")

    @property
    def stamps(self) -> Stamps:
        """The partitions of each day."""
        return {date.fromisoformat(day): stamp for day, stamp in self.days.items()}


def _signature(publication: Path) -> tuple[int, int]:
    stat = (publication / DATABASE).stat()
    return stat.st_size, stat.st_mtime_ns


def publish(lake: Lake, bi: Path, today: date, beside: Beside = NOTHING) -> None:
    """Bring `waste.duckdb` and its Parquet twins up to date with the lake, all at once.

    The tables that go by day are written from the first day on that has changed, in a copy of the
    last publication; those that tell of all days are made anew, from the facts of days that lie in
    `mart/` beside the BI files. Where nothing has changed, everything is made from nothing: whoever
    asks for that does not trust what is there. Readers keep what they have open, and never see a
    publication that is half done: see `publications`.

    Raises:
        OSError, duckdb.Error: the files cannot be built; the old ones stay.
    """
    with Publications.locked(bi) as publications:
        now, wanted = stamps(lake, today), inputs(lake, beside)
        base = MadeFrom.read(publications.current)
        if base is not None and base.inputs == wanted:
            base = None
        facts = kept_beside(bi) / "facts.duckdb"
        if base is None and wanted == published_inputs(bi):
            drop_database(facts)
            drop_database(kept_beside(bi) / SUMS)
        being_written = facts.with_name(f".{facts.name}")
        drop_database(being_written)
        bring_up_to_date(facts_by(_rules()), lake, facts, now, being_written)
        with publications.building() as place:
            if base is not None:
                copied(publications.current / DATABASE, place / DATABASE)
            _build(lake, facts, place, _facts(wanted, today), beside, base, now)
            days = {day.isoformat(): stamp for day, stamp in now.items()}
            names = beside.clusters.identity
            MadeFrom(_rules(), wanted, names, days, _signature(place)).write(place)
            publications.put_in_place(place)


def _facts(wanted: str, today: date) -> dict[str, str]:
    """The rows of `meta`; equal publications have equal ids."""
    return {
        "schema_version": str(SCHEMA_VERSION),
        "publication": hashlib.sha256(f"{wanted} {today}".encode()).hexdigest()[:16],
        "published_on": today.isoformat(),
        "inputs": wanted,
        "money": "USD at the API's list price of the day, also for subscribers",
    }


def _build(
    lake: Lake,
    facts: Path,
    place: Path,
    told: Mapping[str, str],
    beside: Beside,
    base: MadeFrom | None,
    now: Stamps,
) -> None:
    """Write all tables of a publication into `place`, where a copy of its base may lie."""
    with opened(place / DATABASE) as con:
        con.execute(f"ATTACH '{quoted(facts)}' AS by_day (READ_ONLY)")
        for name in FACTS:
            con.execute(f"CREATE TEMP VIEW {name} AS FROM by_day.{name}")
        con.execute(SHOWN_PROJECT)
        con.execute("CREATE TEMP TABLE facts (key VARCHAR, value VARCHAR)")
        con.executemany("INSERT INTO facts VALUES (?, ?)", list(told.items()))
        _cluster_names(con, beside.clusters)
        cut = date.min if base is None else first_of(differing(base.stamps, now))
        names_changed = base is None or base.names != beside.clusters.identity
        for name in _BY_DAY:
            view(con, name, lake, SOURCES[name], [day for day in now if day >= cut])
        con.begin()
        if base is None:
            con.execute("; ".join(part for table in MART_TABLES for part in _definition(table)))
        _tables_of_days(con, cut, date.min if names_changed else cut)
        _tables_of_all(con, beside, session_owners(lake))
        con.commit()
        for table in MART_TABLES:
            _export(con, table, place / f"{table.name}.parquet", told)


def _tables_of_days(con: duckdb.DuckDBPyConnection, cut: date, cut_clusters: date) -> None:
    """Write what goes by day, from the days `cut` on."""
    con.execute(
        f"SET VARIABLE cut = DATE '{cut}'; SET VARIABLE cut_clusters = DATE '{cut_clusters}'"
    )
    for table in DAY_TABLES:
        first = cut_clusters if table is CLUSTER_DAYS else cut
        con.execute(f"DELETE FROM {table.name} WHERE day >= DATE '{first}'")
    _run(con, "days.sql")


def _tables_of_all(
    con: duckdb.DuckDBPyConnection, beside: Beside, owners: Mapping[str, Owner]
) -> None:
    """Write what tells of all days together."""
    for table in WHOLE_TABLES:
        con.execute(f"DELETE FROM {table.name}")
    for script in _OF_ALL:
        _run(con, script)
    _fill(con, FAULT_SHARES, fault_shares(con.execute("FROM session_faults").fetchall()))
    ranked, tracked = remedies(con, beside.applied, names=beside.names)
    _fill(con, REMEDIES, ranked)
    _fill(con, REMEDY_TRACKING, tracked)
    _fill(con, CLUSTER_ESTIMATES, cluster_estimates(con))
    _session_owners(con, owners)
    _label_spend(con, beside.spend.rows)
    _fill(con, RULE_QUALITY, _quality(con))


def _run(con: duckdb.DuckDBPyConnection, script: str) -> None:
    con.execute(files("waste_assets.mart").joinpath(script).read_text("utf-8"))


def _export(
    con: duckdb.DuckDBPyConnection, table: Table, place: Path, told: Mapping[str, str]
) -> None:
    """Write the Parquet twin of a table: it says of which publication it is."""
    notes = ", ".join(f"{key}: '{told[key]}'" for key in ("publication", "schema_version"))
    con.execute(
        f"COPY {table.name} TO '{quoted(place)}' "
        f"(FORMAT parquet, {_PACKING}, KV_METADATA {{{notes}}})"
    )


def _cluster_names(con: duckdb.DuckDBPyConnection, names: ClusterNames) -> None:
    con.execute(
        "CREATE TEMP TABLE cluster_names "
        "(own_id VARCHAR, fingerprint_id VARCHAR, shown_id VARCHAR); "
        "CREATE TEMP TABLE cluster_titles "
        "(cluster_id VARCHAR, title VARCHAR, summary VARCHAR, given_by VARCHAR)"
    )
    if names.shown:
        rows = [(*pair, shown) for pair, shown in sorted(names.shown.items())]
        con.executemany("INSERT INTO cluster_names VALUES (?, ?, ?)", rows)
    if names.titles:
        told = [(one, t.title, t.summary, t.by) for one, t in sorted(names.titles.items())]
        con.executemany("INSERT INTO cluster_titles VALUES (?, ?, ?, ?)", told)
    shown = "true" if names.show_examples else "false"
    con.execute("INSERT INTO facts VALUES ('show_examples', ?)", [shown])
    con.execute(
        "CREATE OR REPLACE TEMP VIEW clustered AS "
        "SELECT coalesce(n.shown_id, f.own_id) AS cluster_id, f.* "
        "FROM by_day.clustered AS f LEFT JOIN cluster_names AS n USING (own_id, fingerprint_id)"
    )


def _fill(con: duckdb.DuckDBPyConnection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    told = [[row[column.name] for row in rows] for column in table.columns]
    _fill_columns(con, table, told)


def _fill_columns(con: duckdb.DuckDBPyConnection, table: Table, told: list[list[Any]]) -> None:
    """Whole columns at once: a row at a time takes minutes where there are many."""
    if told and told[0]:
        lists = ", ".join(f"unnest(?::{SQL_TYPES[c.type]}[])" for c in table.columns)
        con.execute(f"INSERT INTO {table.name} SELECT {lists}", told)


def _session_owners(con: duckdb.DuckDBPyConnection, owners: Mapping[str, Owner]) -> None:
    """Of the sessions that have used anything."""
    whose = zip(*owners.values(), strict=True) if owners else ((), ())
    told = pa.table([pa.array(column, pa.string()) for column in (owners, *whose)], _OWNER_COLUMNS)
    con.register("told_owners", told)
    con.execute(
        f"INSERT INTO {SESSION_OWNERS.name} "
        "SELECT session_id, nullif(owner, ''), nullif(host, '') "
        "FROM told_owners JOIN session_usage USING (session_id) ORDER BY session_id"
    )
    con.unregister("told_owners")


def _label_spend(con: duckdb.DuckDBPyConnection, rows: Sequence[tuple[Any, ...]]) -> None:
    _fill_columns(con, LABEL_SPEND, [list(column) for column in zip(*rows, strict=True)])


def _quality(con: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    wasted = con.execute("SELECT category, sum(usd_direct) FROM daily_waste GROUP BY category")
    published = {category: usd or 0.0 for category, usd in wasted.fetchall()}
    sample = [Judged(*row) for row in con.execute("FROM audit_sample").fetchall()]
    return rule_quality(sample, published)


def _definition(table: Table) -> Iterator[str]:
    yield f"CREATE TABLE {table.name} ({columns(table)})"
    yield f"COMMENT ON TABLE {table.name} IS '{quoted(table.description)}'"
    for column in table.columns:
        text = column.description + (f" [{column.unit}]" if column.unit else "")
        yield f"COMMENT ON COLUMN {table.name}.{column.name} IS '{quoted(text)}'"
