"""Days are independent: however they are split, built again or built at once, the rows agree."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from waste_assets.lake.tables import (
    FLAG_TABLES,
    LINE_COUNTS,
    LINE_TABLES,
    PARSED_TURNS,
    RAW_SESSIONS,
    TURN_TABLES,
)
from waste_assets.sample import Conversation, conversation, generate
from waste_assets.sample.blocks import bash, read, say
from waste_assets_tests.forks import FORKS
from waste_assets_tests.support import (
    KINDS,
    Audit,
    Row,
    as_line,
    assert_blocks_add_up,
    assert_turns_are,
    record,
    write_lines,
)

BUILT = (*LINE_TABLES, *TURN_TABLES, *FLAG_TABLES)
FIRST = date(2026, 9, 1)
END = FIRST + timedelta(days=6)


def long_session(session: str = "long", **options: str) -> Conversation:
    """A session over five days: midnights, pauses, a compaction, subagents, a late result."""
    c = conversation(session, start="2026-09-01T22:00:00Z", cwd="/home/dev/days", **options)
    c.user("Go").read("a.py", 400).across_midnight(say(), bash("ls", tokens=30)).user("More")
    with c.subagent("Explore") as agent:
        agent.grep("total").across_midnight(say(), read("b.py", 200))
    c.say().wait(hours=30).user("Again").read("a.py").compact(tokens=500).say()
    return c.bash("make", tokens=90, seconds=9 * 3_600).say()


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    """A week of generated sessions, every odd shape among them, archived and accounted for."""
    audit = Audit(tmp_path_factory.mktemp("days"))
    generate(audit.source, sessions=8, days=6, end=END - timedelta(days=1), seed=5, odd=True)
    c = long_session()
    audit.write(c, c.fork("later").user().say(), c.wait(hours=20).resume("latest").user().say())
    audit.run()
    return audit


def copy_of(audit: Audit, folder: Path, *, tables: bool = False) -> Audit:
    """Another data root over the same sources; the archive and the state are taken along."""
    other = Audit(folder, audit.source)
    shutil.copytree(audit.data, other.data)
    if not tables:
        for table in BUILT:
            shutil.rmtree(other.lake.root / table.name, ignore_errors=True)
    return other


# --- splits --------------------------------------------------------------------------------


@settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 10_000))
def test_any_split_of_the_days_over_runs_gives_the_same_bytes(corpus: Audit, seed: int) -> None:
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        other = copy_of(corpus, Path(folder))
        for build in (other.turns, other.flags):
            days = corpus.lake.days(RAW_SESSIONS)
            rng.shuffle(days)
            while days:
                cut = rng.randint(1, len(days))
                build(days[:cut])
                days = days[cut:]
        assert_same(other.parts(*BUILT), corpus.parts(*BUILT))


def test_archiving_day_by_day_gives_the_same_rows_as_one_run(corpus: Audit, tmp_path: Path) -> None:
    other = Audit(tmp_path, corpus.source)
    days = corpus.lake.days(RAW_SESSIONS)
    for day in random.Random(1).sample(days, len(days)):
        other.archive(day, day)
        other.turns([day])
        other.flags([day])
    other.turns()
    other.flags()
    assert_same(other.parts(), corpus.parts())


def test_building_again_gives_the_same_bytes(corpus: Audit, tmp_path: Path) -> None:
    other = copy_of(corpus, tmp_path, tables=True)
    other.turns()
    other.turns(corpus.lake.days(RAW_SESSIONS)[2:4])
    other.flags()
    other.flags(corpus.lake.days(RAW_SESSIONS)[2:4])
    assert_same(other.parts(), corpus.parts())


def test_where_the_data_root_lies_does_not_matter(tmp_path: Path) -> None:
    for name in ("one", "two"):
        audit = Audit(tmp_path / name, tmp_path / "one" / "source")
        long_session().write(tmp_path / "one" / "source") if name == "one" else None
        audit.run()
    one, two = (Audit(tmp_path / name).parts() for name in ("one", "two"))
    assert_same(one, two)


def assert_same(told: dict[str, bytes], expected: dict[str, bytes]) -> None:
    """Equal partitions; where they differ, only their names, for bytes explain nothing."""
    assert told.keys() == expected.keys()
    assert [name for name in told if told[name] != expected[name]] == []


# --- processes -----------------------------------------------------------------------------


def build_days(folder: str, source: str, days: list[date]) -> None:
    """Archive and build some days of a data root, as a worker of its own does."""
    audit = Audit(Path(folder), Path(source))
    for day in days:
        audit.archive(day, day)
        audit.turns([day])
        audit.flags([day])


def test_processes_that_archive_and_build_at_once_get_the_same_rows_and_wait_for_no_lock(
    corpus: Audit, tmp_path: Path
) -> None:
    other = Audit(tmp_path, corpus.source)
    days = corpus.lake.days(RAW_SESSIONS)
    # One day is everybody's: they meet there.
    _at_once(other, [[days[2], *days[0::2]], [days[2], *days[1::2]]])
    other.turns()
    other.flags()
    assert_same(other.parts(), corpus.parts())


def _at_once(audit: Audit, shares: list[list[date]]) -> None:
    with ProcessPoolExecutor(len(shares), mp_context=FORKS) as pool:
        running = [
            pool.submit(build_days, str(audit.folder), str(audit.roots[0]), share)
            for share in shares
        ]
        for one in running:
            one.result()
    assert [p.name for p in audit.lake.root.rglob(".part*")] == []


# --- sums ----------------------------------------------------------------------------------


def test_the_days_add_up_to_the_whole(corpus: Audit, tmp_path: Path) -> None:
    by_day: dict[str, int] = defaultdict(int)
    for day in corpus.lake.days(PARSED_TURNS):
        alone = copy_of(corpus, tmp_path / str(day))
        alone.turns([day])
        assert alone.lake.days(PARSED_TURNS) == [day]
        for name, tokens in alone.tokens().items():
            by_day[name] += tokens
    assert by_day == corpus.tokens()


def test_the_bi_database_holds_what_the_days_hold(corpus: Audit) -> None:
    corpus.publish()
    sums = ", ".join(f"sum({kind}_tokens)" for kind in KINDS)
    ((*told,),) = corpus.query(f"SELECT sum(responses), {sums} FROM daily_usage")
    assert told == list(corpus.tokens().values())
    ((*told,),) = corpus.query(f"SELECT sum(responses), {sums} FROM session_usage")
    assert told == list(corpus.tokens().values())
    counts = corpus.counts()
    assert corpus.query(
        "SELECT sum(lines), sum(decoded_lines), sum(quarantined_lines), sum(files) FROM coverage"
    ) == [(counts["lines"], counts["decoded"], counts["quarantined"], counts["files"])]


def test_a_week_adds_up(corpus: Audit) -> None:
    assert_blocks_add_up(corpus)
    counts = corpus.counts()
    assert counts["lines"] == counts["decoded"] + counts["quarantined"]
    rows = corpus.rows(PARSED_TURNS)
    assert len({row["response_id"] for row in rows}) == len(rows)


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Asia/Kolkata", "Pacific/Auckland"])
def test_days_of_another_time_zone_hold_the_same_responses(tmp_path: Path, zone: str) -> None:
    audit = Audit(tmp_path, zone=zone)
    truth = audit.write(long_session())
    audit.run()
    rows = audit.rows(PARSED_TURNS)
    assert {row["message_id"] for row in rows} == {one.message_id for one in truth.responses}
    assert all(row["day"] == row["ts"].astimezone(ZoneInfo(zone)).date() for row in rows)
    utc = Audit(tmp_path / "utc", audit.source)
    utc.run()
    assert_turns_are(utc, truth)
    assert _without_day(rows) == _without_day(utc.rows(PARSED_TURNS))


def _without_day(rows: list[Row]) -> list[Row]:
    kept = [{k: v for k, v in row.items() if k != "day"} for row in rows]
    return sorted(kept, key=lambda row: str(row["response_id"]))


def test_the_hour_that_a_clock_repeats_in_autumn_belongs_to_one_day(tmp_path: Path) -> None:
    audit = Audit(tmp_path, zone="Europe/Berlin")
    stamps = [f"2025-10-{day}T{time}:00.000Z" for day, time in (
        ("25", "21:59"), ("25", "22:00"), ("26", "00:30"), ("26", "01:30"), ("26", "22:59"),
        ("26", "23:00"),
    )]  # fmt: skip
    lines = [as_line({**record(n), "timestamp": stamp}) for n, stamp in enumerate(stamps)]
    write_lines(audit, lines)
    audit.run()
    days = {row["message_id"]: row["day"].day for row in audit.rows(PARSED_TURNS)}
    assert [days[f"msg_{n:04}"] for n in range(6)] == [25, 26, 26, 26, 26, 27]


# --- the plan ------------------------------------------------------------------------------


@pytest.fixture
def audit(tmp_path: Path) -> Audit:
    return Audit(tmp_path)


def brought_up_to_date(audit: Audit) -> set[date]:
    """Do what the plan says, as often as it says something; the days it named at first."""
    made = audit.plan()
    first = made.days
    for _ in range(3):
        if made.is_empty:
            break
        if made.days:
            audit.archive(min(made.days), max(made.days))
            audit.turns(made.days)
            audit.flags(made.days)
        audit.labels(made.days | made.label_days)
        audit.publish()
        audit.report()
        made = audit.plan()
    assert made.is_empty
    return first


def days(*numbers: int) -> set[date]:
    return {date(2026, 9, number) for number in numbers}


def test_a_new_corpus_is_planned_whole_and_nothing_is_left_to_do(audit: Audit) -> None:
    truth = audit.write(long_session())
    named = brought_up_to_date(audit)
    assert named >= {date.fromisoformat(day) for day in truth.days}
    assert_turns_are(audit, truth)


def test_nothing_changed_plans_nothing(audit: Audit) -> None:
    audit.write(long_session())
    brought_up_to_date(audit)
    assert audit.plan().is_empty
    for path in audit.source.rglob("*.jsonl"):
        os.utime(path)
    # Only looked at again, for they may have changed.
    brought_up_to_date(audit)
    assert audit.plan().is_empty


def test_sources_that_are_gone_plan_nothing(audit: Audit) -> None:
    audit.write(long_session())
    brought_up_to_date(audit)
    shutil.rmtree(audit.source)
    assert audit.plan().is_empty


def test_an_old_session_that_grows_is_planned_on_exactly_its_new_days(audit: Audit) -> None:
    old = conversation("old", start="2026-09-01T09:00:00Z").user("Go").say()
    other = conversation("other", start="2026-09-02T09:00:00Z").user("Go").say()
    audit.write(old, other)
    brought_up_to_date(audit)
    truth = audit.write(old.at("2026-09-04T09:00:00Z").user("More").say())
    # The first day's rows reach to the next day on which the transcript goes on.
    assert date(2026, 9, 4) in brought_up_to_date(audit) <= days(1, 4)
    assert date(2026, 9, 2) not in audit.plan().days
    assert audit.tokens()["responses"] == len(truth.responses) + 1


def test_a_session_that_grows_on_the_same_day_is_planned_on_that_day(audit: Audit) -> None:
    old = conversation("old", start="2026-09-01T09:00:00Z").user("Go").say()
    other = conversation("other", start="2026-09-02T09:00:00Z").user("Go").say()
    audit.write(old, other)
    brought_up_to_date(audit)
    truth = audit.write(old.user("More").say())
    assert brought_up_to_date(audit) == days(1)
    assert audit.tokens()["responses"] == len(truth.responses) + 1


def test_days_that_share_another_session_with_a_changed_day_are_planned_along(
    audit: Audit,
) -> None:
    old = conversation("old", start="2026-09-02T09:00:00Z").user("Go").say()
    other = conversation("other", start="2026-09-02T10:00:00Z").user("Go").say()
    audit.write(old, other.at("2026-09-03T10:00:00Z").user("More").say())
    # Not the name that Claude Code gives: only the lines tell the session.
    (path,) = audit.source.rglob(f"{other.session.id}.jsonl")
    path.rename(path.with_name("export.jsonl"))
    brought_up_to_date(audit)
    audit.write(old.user("More").say())
    assert audit.plan().days == days(2, 3)
    audit.run()
    assert audit.plan().days == set()


def test_a_response_that_is_completed_after_midnight_changes_the_day_it_began(
    audit: Audit,
) -> None:
    c = conversation("night", start="2026-09-01T23:50:00Z", placeholder=True).user("Go")
    c.across_midnight(say(), bash("ls", tokens=30), output=700).say()
    audit.write(c)
    (path,) = audit.source.rglob("*.jsonl")
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:2]))
    assert brought_up_to_date(audit) == days(1)
    (row,) = audit.rows(PARSED_TURNS)
    assert not row["usage_final"]
    path.write_bytes(whole)
    brought_up_to_date(audit)
    assert_turns_are(audit, c.truth)
    row = min(audit.rows(PARSED_TURNS), key=lambda row: row["ts"])
    assert (row["day"], row["output_tokens"], row["usage_final"]) == (
        date(2026, 9, 1), 700, True,
    )  # fmt: skip


def test_a_day_in_the_middle_of_a_new_file_is_found_by_the_second_plan_at_the_latest(
    audit: Audit,
) -> None:
    stamps = ["2026-09-01T09:00:00Z", "2026-09-09T09:00:00Z", "2026-09-02T09:00:00Z"]
    padding = as_line(record(9, "user", message={"role": "user", "content": "x" * 40_000}))
    lines = [as_line({**record(n), "timestamp": s}) for n, s in enumerate(stamps)]
    write_lines(audit, [lines[0], padding.replace(b"2026-03-02", b"2026-09-01"), lines[1],
                        padding.replace(b"2026-03-02", b"2026-09-02"), lines[2]])  # fmt: skip
    brought_up_to_date(audit)
    assert {row["day"] for row in audit.rows(PARSED_TURNS)} == days(1, 2, 9)


def test_a_copy_that_appears_later_changes_no_total(audit: Audit) -> None:
    c = long_session("00000000-1111-4111-8111-111111111111")
    audit.write(c)
    brought_up_to_date(audit)
    before = audit.tokens()
    audit.write(c.fork("ffffffff-1111-4111-8111-111111111111"))
    brought_up_to_date(audit)
    assert audit.tokens() == before
    assert_turns_are(audit, c.truth)


def test_an_original_that_appears_after_its_copy_takes_its_responses_back(audit: Audit) -> None:
    c = long_session("ffffffff-1111-4111-8111-111111111111")
    copied = c.fork("00000000-1111-4111-8111-111111111111").user().say()
    copied.write(audit.source)
    brought_up_to_date(audit)
    truth = audit.write(c, copied)
    brought_up_to_date(audit)
    assert_turns_are(audit, truth)


def test_incremental_runs_end_at_the_same_bytes_as_one_run(audit: Audit, tmp_path: Path) -> None:
    c = conversation("steps", start="2026-09-01T22:00:00Z").user("Go").say()
    for number in range(3):
        c.across_midnight(say(), bash("ls", tokens=30)).user("More").read(f"{number}.py").say()
        audit.write(c)
        brought_up_to_date(audit)
    whole = Audit(tmp_path / "whole", audit.source)
    whole.run()
    assert_same(audit.parts(*TURN_TABLES), whole.parts(*TURN_TABLES))
    assert_same(audit.parts(*FLAG_TABLES), whole.parts(*FLAG_TABLES))
    assert audit.rows(LINE_COUNTS) == whole.rows(LINE_COUNTS)


def test_a_line_from_the_future_is_not_planned_for_ever(audit: Audit) -> None:
    write_lines(
        audit, [as_line(record(1)), as_line({**record(2), "timestamp": "2099-01-01T00:00:00Z"})]
    )
    brought_up_to_date(audit)
    assert audit.plan().is_empty
