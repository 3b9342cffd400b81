"""Days that share responses are found, whatever was known of them before."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import duckdb
import pytest

from waste_assets.accounting import crossings
from waste_assets.accounting.turns import Holdings, copies_elsewhere
from waste_assets.lake.tables import LINE_USAGE, PARSED_TURNS
from waste_assets_tests.support import SESSION, Audit, Row, as_line, record, write_lines

FIRST, SECOND, THIRD = date(2026, 3, 2), date(2026, 3, 4), date(2026, 3, 9)


@pytest.fixture
def audit(tmp_path: Path) -> Audit:
    """Three days on which nothing crosses."""
    one = Audit(tmp_path)
    for number, day in enumerate((FIRST, SECOND, THIRD), 1):
        write_lines(one, [as_line(on(day, number))], session_of(number))
    one.account()
    return one


def session_of(number: int) -> str:
    return f"{number}{SESSION[1:]}"


def on(day: date, number: int, session: int | None = None) -> Row:
    return record(number, timestamp=f"{day}T12:00:00.000Z", sessionId=session_of(session or number))


def shared(audit: Audit) -> dict[date, set[date]]:
    """What a plan is told, which must be what the lines say now."""
    told = crossings.shared_days(None, audit.lake)
    with duckdb.connect(":memory:") as con:
        pairs = con.execute(
            """
            WITH lines AS (
                SELECT DISTINCT response_id, day
                FROM read_parquet($parts, hive_partitioning = true, hive_types = {'day': DATE})
            )
            SELECT DISTINCT a.day, b.day
            FROM lines AS a JOIN lines AS b USING (response_id)
            WHERE a.day <> b.day
            """,
            {"parts": audit.lake.parts(LINE_USAGE)},
        ).fetchall()
    assert {(day, other) for day, others in told.items() for other in others} == set(pairs)
    return told


def test_nothing_is_shared_where_nothing_crosses(audit: Audit) -> None:
    assert shared(audit) == {}


def test_a_copy_in_a_file_that_arrives_later_is_found_on_its_other_day(audit: Audit) -> None:
    shared(audit)
    write_lines(audit, [as_line(on(THIRD, 1, session=4))], session_of(4))
    audit.account()
    assert shared(audit) == {FIRST: {THIRD}, THIRD: {FIRST}}
    responses = [row["message_id"] for row in audit.rows(PARSED_TURNS)]
    assert sorted(responses) == ["msg_0001", "msg_0002", "msg_0003"]


def test_a_response_on_three_days_joins_all_of_them(audit: Audit) -> None:
    lines = [as_line(on(day, 1, session=4)) for day in (SECOND, THIRD)]
    write_lines(audit, lines, session_of(4))
    audit.account()
    assert shared(audit) == {
        FIRST: {SECOND, THIRD},
        SECOND: {FIRST, THIRD},
        THIRD: {FIRST, SECOND},
    }


def test_lines_that_are_gone_share_nothing_any_more(audit: Audit) -> None:
    write_lines(audit, [as_line(on(THIRD, 1, session=4))], session_of(4))
    audit.account()
    assert shared(audit)
    audit.lake.remove(LINE_USAGE, THIRD)
    assert shared(audit) == {}


@pytest.mark.parametrize("content", [None, b"", b"not digests", b"ARROW1\0\0"])
def test_digests_that_are_lost_or_torn_are_made_again(audit: Audit, content: bytes | None) -> None:
    write_lines(audit, [as_line(on(THIRD, 1, session=4))], session_of(4))
    audit.account()
    before = shared(audit)
    kept = audit.lake.root / ".response_digests"
    kept.unlink() if content is None else kept.write_bytes(content)
    assert shared(audit) == before
    assert kept.stat().st_size > 100


def test_digests_of_another_lake_are_not_believed(audit: Audit, tmp_path: Path) -> None:
    other = Audit(tmp_path / "other")
    write_lines(other, [as_line(on(FIRST, 9)), as_line(on(THIRD, 9))], session_of(9))
    other.account()
    shutil.copy(other.lake.root / ".response_digests", audit.lake.root / ".response_digests")
    assert shared(audit) == {}


def test_days_that_the_archive_did_not_hold_yet_are_left_out(audit: Audit) -> None:
    before = Holdings.of(audit.lake)
    later = date(2026, 3, 20)
    write_lines(audit, [as_line(on(later, 1, session=4))], session_of(4))
    audit.account()
    assert shared(audit) == {FIRST: {later}, later: {FIRST}}
    assert copies_elsewhere(None, audit.lake, before) == {}


def test_a_lake_without_lines_shares_nothing(tmp_path: Path) -> None:
    assert crossings.shared_days(None, Audit(tmp_path).lake) == {}
