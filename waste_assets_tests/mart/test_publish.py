"""What is published: every table as it is defined, the ledger in sums, shares of faults."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from math import fsum
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from waste_assets.lake.tables import (
    FAILED_CALLS,
    HAIKU_LABELS,
    HEURISTIC_FLAGS,
    PARSED_TURNS,
    TOKEN_LEDGER,
    Table,
)
from waste_assets.mart.tables import (
    COVERAGE,
    DAILY_USAGE,
    DAILY_WASTE,
    FAILURES,
    FAULT_SHARES,
    FLAGS,
    MART_TABLES,
    META,
    SESSION_USAGE,
    SESSION_WASTE,
    TOKEN_LEDGER_DAILY,
)
from waste_assets.sample import Conversation, conversation, generate
from waste_assets_tests.labels.support import spend_something
from waste_assets_tests.support import Audit, Row

TOKENS = tuple(f"{kind}_tokens" for kind in ("input", "write_5m", "write_1h", "read", "output"))


@pytest.fixture(scope="module")
def audit(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    """Generated sessions with waste planted into them, audited and published."""
    made = Audit(tmp_path_factory.mktemp("published"))
    generate(made.source, sessions=25, days=4, end=date(2026, 9, 14), seed=5, plants=0.6)
    made.run()
    spend_something(made.data)
    made.publish()
    return made


def summed(rows: list[Row], by: tuple[str, ...], *names: str) -> dict[tuple[object, ...], Row]:
    groups: dict[tuple[object, ...], list[Row]] = defaultdict(list)
    for row in rows:
        groups[tuple(row[name] for name in by)].append(row)
    return {
        key: {name: fsum(row[name] or 0 for row in group) for name in names}
        for key, group in groups.items()
    }


@pytest.mark.parametrize("table", MART_TABLES, ids=lambda table: table.name)
def test_a_published_table_has_the_columns_types_and_words_of_its_definition(
    audit: Audit, table: Table
) -> None:
    with duckdb.connect(str(audit.bi / "waste.duckdb"), read_only=True) as con:
        found = con.sql(f"FROM {table.name}").to_arrow_table().schema
        told = con.execute(
            "SELECT comment FROM duckdb_columns() WHERE table_name = $1 ORDER BY column_index",
            [table.name],
        ).fetchall()
    assert found.names == table.column_names
    for field, column in zip(found, table.columns, strict=True):
        assert kind(field.type) == kind(column.type), column.name
    assert all(
        text.startswith(c.description) for (text,), c in zip(told, table.columns, strict=True)
    )
    twin = pq.read_schema(audit.bi / f"{table.name}.parquet")
    assert twin.names == table.column_names


def kind(type_: pa.DataType) -> str:
    if pa.types.is_timestamp(type_):
        return "timestamp"
    return "list" if pa.types.is_list(type_) else str(type_)


@pytest.mark.parametrize("table", MART_TABLES, ids=lambda table: table.name)
def test_what_a_definition_says_is_there_is_there(audit: Audit, table: Table) -> None:
    rows = audit.published(table)
    assert rows or table.name in {"cost_reconciliation", "remedy_tracking", "rule_quality"}
    for column in table.columns:
        if not column.nullable:
            assert all(row[column.name] is not None for row in rows), column.name


def test_the_categories_of_a_day_add_up_to_its_usage(audit: Audit) -> None:
    key = ("day", "project", "model")
    waste = summed(audit.published(DAILY_WASTE), key, *TOKENS, "usd")
    usage = summed(audit.published(DAILY_USAGE), key, *TOKENS, "usd")
    assert waste.keys() == usage.keys()
    for one, told in waste.items():
        assert told == pytest.approx(usage[one], abs=1e-9)


def test_the_kinds_of_tokens_add_up_to_usage_and_waste(audit: Audit) -> None:
    rows = audit.published(TOKEN_LEDGER_DAILY)
    usage = summed(audit.published(DAILY_USAGE), ("day",), *TOKENS, "usd")
    for day, told in summed(rows, ("day",), "usd").items():
        assert told["usd"] == pytest.approx(usage[day]["usd"], abs=1e-9)
    for (day, kind), told in summed(rows, ("day", "token_kind"), "tokens").items():
        if kind != "other":
            assert told["tokens"] == usage[day,][f"{kind}_tokens"]
    waste = summed(audit.published(DAILY_WASTE), ("day", "category"), "usd")
    for key, told in summed(rows, ("day", "category"), "usd").items():
        assert told["usd"] == pytest.approx(waste[key]["usd"], abs=1e-9)
    # At the price of each kind.
    prices: dict[object, list[float]] = {
        kind: [] for kind in ("input", "write_5m", "write_1h", "read", "output")
    }
    for turn in audit.rows(PARSED_TURNS):
        for kind, told in prices.items():
            told.append(turn[f"usd_{kind}"])
    for (kind,), told in summed(rows, ("token_kind",), "usd").items():
        assert told["usd"] == pytest.approx(fsum(prices.get(kind, [])), abs=1e-9) or kind == "other"


def test_coverage_says_how_many_sessions_and_who_has_judged(audit: Audit) -> None:
    sessions: dict[object, set[str]] = defaultdict(set)
    for turn in audit.rows(PARSED_TURNS):
        sessions[turn["day"]].add(turn["session_id"])
    subjects: dict[object, set[tuple[str, str]]] = defaultdict(set)
    decided: dict[object, int] = defaultdict(int)
    for label in audit.rows(HAIKU_LABELS):
        subjects[label["day"]].add((label["task"], label["subject_id"]))
        decided[label["day"]] += label["in_force"] and label["status"] == "answered"
    rows = audit.published(COVERAGE)
    assert sum(row["labeled_by_rules"] for row in rows) > 0
    for row in rows:
        assert row["sessions"] == len(sessions[row["day"]])
        named = [row[f"labeled_by_{who}"] for who in ("rules", "model", "people")]
        assert sum(named) == decided[row["day"]]
        assert sum(named) + row["labeled_by_nobody"] == len(subjects[row["day"]])


def test_the_categories_of_a_session_add_up_to_its_usage(audit: Audit) -> None:
    waste = summed(audit.published(SESSION_WASTE), ("session_id",), *TOKENS, "usd")
    usage = summed(audit.published(SESSION_USAGE), ("session_id",), *TOKENS, "usd")
    assert waste.keys() == usage.keys()
    for one, told in waste.items():
        assert told == pytest.approx(usage[one], abs=1e-9)


def test_low_is_what_sure_flags_own_and_high_has_the_rest_of_their_responses(audit: Audit) -> None:
    rows = audit.published(DAILY_WASTE)
    by_category = summed(rows, ("category",), "usd", "usd_direct", "usd_avoidable", "usd_candidate")
    flags = audit.published(FLAGS)
    sure = summed([f for f in flags if f["tier"] != "candidate"], ("category",), "usd_owned")
    others = summed([f for f in flags if f["tier"] == "candidate"], ("category",), "usd_owned")
    assert {"retry_error", "file_reread", "cache_write"} <= {name for (name,) in sure}
    for category, told in by_category.items():
        if category == ("productive",):
            assert (told["usd_avoidable"], told["usd_candidate"]) == (0, 0)
            assert told["usd_direct"] == told["usd"]
            continue
        assert told["usd_direct"] == pytest.approx(
            sure.get(category, {"usd_owned": 0})["usd_owned"], abs=1e-9
        )
        assert told["usd_candidate"] == pytest.approx(
            others.get(category, {"usd_owned": 0})["usd_owned"], abs=1e-9
        )
        assert told["usd_avoidable"] >= told["usd_direct"] - 1e-9
    retries = by_category["retry_error",]
    assert retries["usd_avoidable"] > 1.5 * retries["usd_direct"]
    # Only candidates: in no headline.
    thinking = by_category["reasoning",]
    assert thinking["usd_direct"] == thinking["usd_avoidable"] == 0 < thinking["usd_candidate"]


def test_every_share_of_the_ledger_is_counted(audit: Audit) -> None:
    rows = audit.rows(TOKEN_LEDGER)
    assert sum(row["responses"] for row in audit.published(DAILY_WASTE)) == len(rows)
    assert sum(row["responses"] for row in audit.published(SESSION_WASTE)) == len(rows)


def test_flags_are_published_with_their_day_and_without_home_directories(audit: Audit) -> None:
    published, held = audit.published(FLAGS), audit.rows(HEURISTIC_FLAGS)
    assert [(f["day"], f["flag_id"]) for f in published] == [(f["day"], f["flag_id"]) for f in held]
    assert {f["project"] for f in held} == {
        f["project"].replace("~", "/home/dev", 1) for f in published
    }
    same = [name for name in HEURISTIC_FLAGS.column_names if name not in ("project", "ts")]
    for one, other in zip(published, held, strict=True):
        assert {name: one[name] for name in same} == {name: other[name] for name in same}


def test_failures_are_the_failed_calls_by_cause(audit: Audit) -> None:
    held = audit.rows(FAILED_CALLS)
    rows = audit.published(FAILURES)
    assert sum(row["calls"] for row in rows) == len(held) > 20
    assert fsum(row["usd"] for row in rows) == pytest.approx(fsum(row["usd"] for row in held))
    assert {row["fault"] for row in rows} > {"feedback", "model"}


def test_shares_of_faults_leave_out_what_is_nobodys_fault(audit: Audit) -> None:
    shares = {row["fault"]: row for row in audit.published(FAULT_SHARES)}
    faults = [f for f in audit.rows(FAILED_CALLS) if f["fault"] not in ("feedback", "user")]
    assert sum(row["calls"] for name, row in shares.items() if name != "not_model") == len(faults)
    for measure in ("calls", "usd"):
        parts = [shares[name][f"share_of_{measure}"] for name in shares if name != "not_model"]
        assert sum(parts) == pytest.approx(1)
        assert shares["not_model"][f"share_of_{measure}"] == pytest.approx(
            1 - shares["model"][f"share_of_{measure}"]
        )
        for row in shares.values():
            low, high = (row[f"share_of_{measure}_{end}"] for end in ("low", "high"))
            assert 0 <= low <= row[f"share_of_{measure}"] <= high <= 1


def failing(name: str, calls: int) -> Conversation:
    c = conversation(name).user("Go")
    for number in range(calls):
        c.read(f"gone{number}.py", result="<tool_use_error>File does not exist.", is_error=True)
    return c.say()


def test_the_interval_of_a_single_session_is_wide(tmp_path: Path) -> None:
    """A hundred failures of one session say little about the next one."""
    audit = Audit(tmp_path)
    audit.write(failing("one", 30))
    audit.run()
    audit.publish()
    model = {row["fault"]: row for row in audit.published(FAULT_SHARES)}["model"]
    assert (model["calls"], model["share_of_calls"]) == (30, 1)
    assert model["share_of_calls_low"] < 0.5 and model["share_of_calls_high"] == 1


def test_an_empty_lake_is_published_as_empty_tables(tmp_path: Path) -> None:
    audit = Audit(tmp_path)
    audit.publish()
    for table in MART_TABLES:
        rows = audit.published(table)
        assert not rows or table in (META, FAULT_SHARES), table.name
    shares = audit.published(FAULT_SHARES)
    assert {(row["calls"], row["share_of_usd"]) for row in shares} == {(0, None)}


def test_publishing_again_gives_the_same_rows(audit: Audit, tmp_path: Path) -> None:
    before = {table.name: audit.published(table) for table in MART_TABLES}
    audit.publish()
    assert {table.name: audit.published(table) for table in MART_TABLES} == before
