"""Deletion on request: nothing of it is left, nothing of others moves, and it stays away."""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from waste_assets.audit import run_audit
from waste_assets.cli import commands
from waste_assets.faults import Fault
from waste_assets.forgetting import Request, find, forget
from waste_assets.lake.lake import Lake
from waste_assets.lake.tables import RAW_SESSIONS
from waste_assets.mart.publications import LOCK
from waste_assets.sample import Conversation, conversation
from waste_assets.sample.conversation import session_id
from waste_assets.settings import Settings
from waste_assets.transcripts import day_contents, erase
from waste_assets.transcripts.discover import discover
from waste_assets.transcripts.forgotten import Forgotten
from waste_assets_tests.bucket_server import BUCKET, BucketServer
from waste_assets_tests.fake_anthropic import FakeAnthropic, answer_by_schema
from waste_assets_tests.support import Audit

#: What stands in the transcripts of one person alone.
WORDS = (b"zanzibar", b"quagga", session_id("ann one").encode(), session_id("ann two").encode())


def ann(session: str, start: str) -> Conversation:
    c = conversation(session, start=start, cwd="/home/ann/quagga").user("Find zanzibar")
    c.read("zanzibar.py", 400).read("zanzibar.py", 400)
    c.bash("make zanzibar", result="zanzibar: no such target", is_error=True)
    c.bash("make zanzibar", result="zanzibar: no such target", is_error=True)
    return c.bash("git log zanzibar", tokens=13_000, spill=True).say("No zanzibar")


def bob(session: str, start: str) -> Conversation:
    c = conversation(session, start=start, cwd="/home/bob/shop").user("Mend it")
    c.read("a.py", 400).read("a.py", 400).bash("make test", result="boom", is_error=True)
    return c.bash("make test", result="boom", is_error=True).say()


def holding(folder: Path, words: tuple[bytes, ...] = WORDS) -> set[str]:
    """The files below a directory that hold any of the words, packed or not."""
    found = set()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            told = str(path).encode() + path.read_bytes() + unpacked(path)
            if any(word in told for word in words):
                found.add(str(path.relative_to(folder)))
    return found


def downloaded(server: BucketServer, folder: Path) -> Path:
    """What a bucket holds, as files."""
    shutil.rmtree(folder, ignore_errors=True)
    for key, held in server.objects().items():
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / key).write_bytes(held)
    return folder


def quoting(params: dict[str, Any]) -> str:
    """An answer that quotes what it was asked about."""
    answer = answer_by_schema(params)
    asked_of_ann = "zanzibar" in json.dumps(params["messages"])
    return answer.replace("made up", "no zanzibar") if asked_of_ann else answer


def command(*arguments: object) -> dict[str, Any]:
    """Run a command that tells what it did as JSON."""
    done = CliRunner().invoke(commands, [str(one) for one in arguments])
    assert done.exit_code == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def unpacked(path: Path) -> bytes:
    """What a file holds that packs what it holds."""
    if path.suffix == ".parquet":
        rows = pq.read_table(path, partitioning=None).to_pylist()
        return repr((rows, pq.read_metadata(path).metadata)).encode()
    if path.suffix == ".duckdb":
        with duckdb.connect(str(path), read_only=True) as con:
            names = con.execute("SELECT table_name FROM duckdb_tables()").fetchall()
            return repr([con.execute(f"FROM {name}").fetchall() for (name,) in names]).encode()
    return b""


def figures(data: Path) -> dict[str, list[Any]]:
    """What is published of the other."""
    with duckdb.connect(str(data / "bi" / "waste.duckdb"), read_only=True) as con:
        return {
            table: con.execute(f"FROM {table} WHERE project = '~/shop' ORDER BY ALL").fetchall()
            for table in ("daily_usage", "session_usage", "daily_waste", "flags", "failures")
        }


def test_a_person_leaves_everything_and_does_not_come_back(
    tmp_path: Path, environment: None
) -> None:
    source, data = tmp_path / "source", tmp_path / "data"
    ann("ann one", "2026-03-02T10:00:00Z").write(source / "ann" / "mac")
    ann("ann two", "2026-03-04T10:00:00Z").write(source / "ann" / "mac")
    bob("bob one", "2026-03-02T11:00:00Z").write(source / "bob" / "mac")
    bob("bob two", "2026-03-05T11:00:00Z").write(source / "bob" / "mac")
    given = Settings(data, (f"{source}/{{owner}}/{{host}}",), "UTC")
    # The same without Dagster takes half the time.
    first = Audit(tmp_path)
    first.files = lambda: discover(given.sources)[0]  # type: ignore[method-assign]
    first.run()
    first.publish()
    first.report()
    for name in ("hook.log", "dagster/storage/run", "unchanged.json"):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_text(f"{session_id('ann one')}: archived")
    before = figures(data)
    # Else the search would find nothing anyway.
    places = {name.split("/")[0] for name in holding(data)}
    assert places >= {"lake", "bi", "mart", "report", "state.db", "hook.log", "dagster"}
    assert first.query("SELECT DISTINCT owner FROM session_owners ORDER BY 1") == [
        ("ann",),
        ("bob",),
    ]
    # What is not archived yet is not to be, either.
    ann("ann three", "2026-03-06T10:00:00Z").write(source / "ann" / "new")
    request = Request(owner="ann")
    found = find(given, request)
    assert found.sessions == {session_id(f"ann {n}") for n in ("one", "two", "three")}
    assert found.days == [date(2026, 3, 2), date(2026, 3, 4)]
    # Who waits for their turn to publish does so under the same lock.
    lock = (data / "bi" / LOCK).stat().st_ino
    told = forget(given, request)
    assert told["errors"] == []
    assert (data / "bi" / LOCK).stat().st_ino == lock
    assert holding(data) == set()
    assert figures(data) == before
    assert first.query("SELECT DISTINCT owner FROM session_owners") == [("bob",)]
    # The sources still hold it all.
    outcome = run_audit(given)
    assert outcome.succeeded
    assert outcome.told["files"]["unreadable"] == []
    assert holding(data) == set()
    assert figures(data) == before
    assert Lake(data / "lake").days(RAW_SESSIONS) == [date(2026, 3, 2), date(2026, 3, 5)]
    # It was begun anew by the same command, if need be.
    assert find(given, request).days == []


def test_lines_of_a_forgotten_session_in_the_file_of_another_are_not_archived(
    tmp_path: Path,
) -> None:
    audit = Audit(tmp_path)
    first = ann("ann one", "2026-03-02T10:00:00Z")
    audit.write(first)
    audit.archive()
    Forgotten().also([session_id("ann one")], None).write(audit.lake)
    assert erase.erase(audit.lake, date(2026, 3, 2), {session_id("ann one")}) > 0
    assert audit.lake.days(RAW_SESSIONS) == []
    # All lines of a file that tells of another session in its name.
    path = audit.source / "projects" / "copy" / f"{session_id('other')}.jsonl"
    path.parent.mkdir(parents=True)
    (original,) = audit.source.rglob(f"{session_id('ann one')}.jsonl")
    bob("other", "2026-03-02T12:00:00Z").write(tmp_path / "apart")
    (own,) = (tmp_path / "apart").rglob(f"{session_id('other')}.jsonl")
    path.write_bytes(original.read_bytes() + own.read_bytes() + original.read_bytes())
    report = audit.archive()
    assert report.unreadable == []
    assert audit.lines() == own.read_bytes().splitlines(keepends=True)
    # They count as read: nothing is left to do.
    assert audit.archive().files_read == 0


def test_a_day_keeps_what_is_of_others_and_says_so(tmp_path: Path) -> None:
    audit = Audit(tmp_path)
    audit.write(ann("ann one", "2026-03-02T10:00:00Z"), bob("bob", "2026-03-02T11:00:00Z"))
    audit.archive()
    alone = Audit(tmp_path / "alone")
    alone.write(bob("bob", "2026-03-02T11:00:00Z"))
    alone.archive()
    day = date(2026, 3, 2)
    erase.erase(audit.lake, day, erase.sessions_of_project(audit.lake, "/home/ann/quagga"))
    assert day_contents.contents(audit.lake, day) == day_contents.contents(alone.lake, day)
    assert audit.lines() == alone.lines()


def test_days_past_go_and_stay_away(tmp_path: Path) -> None:
    audit = Audit(tmp_path)
    audit.write(bob("bob", "2026-03-02T11:00:00Z"), bob("later", "2026-03-05T11:00:00Z"))
    audit.archive()
    settings = Settings(audit.data, (audit.source,), "UTC")
    found = find(settings, Request(before=date(2026, 3, 5)))
    assert found.past == [date(2026, 3, 2)]
    Forgotten().also([], date(2026, 3, 5)).write(audit.lake)
    erase.remove(audit.lake, found.past)
    audit.archive()
    assert audit.lake.days(RAW_SESSIONS) == [date(2026, 3, 5)]
    assert audit.plan().days == {date(2026, 3, 5)}


def test_where_nothing_is_archived_nothing_can_be_forgotten(tmp_path: Path) -> None:
    with pytest.raises(Fault, match="run an audit first"):
        find(Settings(tmp_path / "none", (), "UTC"), Request(owner="ann"))


def test_answers_that_were_paid_go_too_and_what_they_cost_stays(
    server: BucketServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: None
) -> None:
    source, data, bucket = tmp_path / "source", tmp_path / "data", tmp_path / "bucket"
    ann("ann one", "2026-03-02T10:00:00Z").write(source)
    ann("ann two", "2026-03-04T10:00:00Z").write(source)
    bob("bob one", "2026-03-02T11:00:00Z").write(source)
    where = ("--data-root", data, "--json")
    monkeypatch.setenv("WASTE_ASSETS_LAKE", f"s3://{BUCKET}/lake")
    with FakeAnthropic(oracle=quoting) as judge:
        monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-fake")
        monkeypatch.setenv("WASTE_ASSETS_LABEL_BASE_URL", judge.url)
        monkeypatch.setenv("WASTE_ASSETS_LABEL_MAX_USD", "1")
        command("audit", source, *where)
        command("remedies", "applied", "stop-after-three", "--project", "~/quagga", *where)
        refused = CliRunner().invoke(
            commands,
            ["forget", str(source), "--project", "/home/ann/quagga", "--yes", *map(str, where)],
        )
        assert refused.exit_code != 0 and "labels collect" in refused.stderr
        judge.end()
        command("labels", "collect", *where)
    paid = command("labels", "spend", *where)
    assert "state.db" in holding(data) and holding(downloaded(server, bucket))
    told = command("forget", source, "--project", "/home/ann/quagga", "--yes", *where)
    assert told["answers_removed"] > 0
    assert sorted(told["sessions"]) == sorted(session_id(f"ann {n}") for n in ("one", "two"))
    assert holding(data) == set()
    assert holding(downloaded(server, bucket)) == set()
    assert command("labels", "spend", *where) == paid


def test_one_session_and_days_past_go_by_command(tmp_path: Path, environment: None) -> None:
    audit = Audit(tmp_path)
    audit.write(ann("ann one", "2026-03-02T10:00:00Z"), bob("bob one", "2026-03-02T11:00:00Z"))
    audit.write(ann("ann two", "2026-03-05T10:00:00Z"), bob("bob two", "2026-03-05T11:00:00Z"))
    audit.run()
    audit.publish()
    before = figures(audit.data)
    where = (audit.source, "--data-root", audit.data, "--yes", "--json")
    told = command("forget", "--session", session_id("ann one"), *where)
    assert told["sessions"] == [session_id("ann one")] and told["days"] == ["2026-03-02"]
    assert not holding(audit.data, (session_id("ann one").encode(),))
    assert holding(audit.data, (session_id("ann two").encode(),))
    assert figures(audit.data) == before
    told = command("forget", "--before", "2026-03-05", *where)
    assert told["days_removed"] == ["2026-03-02"]
    assert not holding(audit.data, (session_id("bob one").encode(), b"day=2026-03-02"))
    assert audit.query("SELECT DISTINCT day FROM daily_usage") == [(date(2026, 3, 5),)]
