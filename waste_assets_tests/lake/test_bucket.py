"""The lake and the transcripts in a bucket: the same tables as on a disk, whatever goes wrong."""

from __future__ import annotations

import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner

from waste_assets.claude_code.session_end import ship_session
from waste_assets.cli import commands
from waste_assets.lake import objects
from waste_assets.lake.lake import Overtaken
from waste_assets.lake.place import lake_of
from waste_assets.lake.source_catalog import SourceCatalog
from waste_assets.lake.state import State
from waste_assets.lake.tables import RAW_SESSIONS
from waste_assets.sample import Conversation, conversation
from waste_assets.sample.conversation import session_id
from waste_assets.transcripts import archive, day_contents, erase
from waste_assets.transcripts.days import Calendar
from waste_assets.transcripts.discover import discover
from waste_assets.transcripts.facts import DayFacts
from waste_assets.transcripts.forgotten import Forgotten
from waste_assets.transcripts.listing import Listing
from waste_assets.transcripts.ship import ship
from waste_assets_tests.bucket_server import BUCKET, BucketServer, Fault
from waste_assets_tests.support import DAY_TABLES, FIRST, LAST, Audit

LAKE = f"s3://{BUCKET}/team/lake"
DAY = date(2026, 3, 2)


def in_bucket(folder: Path, *roots: Path | str) -> Audit:
    """An audit with its own data root and machine, whose lake is in the bucket."""
    audit = Audit(folder, *roots)  # type: ignore[arg-type]
    audit.lake = lake_of(audit.data, LAKE)
    return audit


def talk(session: str, start: str = "2026-03-02T10:00:00Z") -> Conversation:
    c = conversation(session, start=start).user(f"Mend {session}").read("a.py", 300)
    return c.bash("make", tokens=50).say()


def upload(server: BucketServer, folder: Path, prefix: str) -> None:
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        key = f"{prefix}/{path.relative_to(folder).as_posix()}"
        server.client.upload_file(str(path), BUCKET, key)


def rows_of(audit: Audit) -> dict[str, list[dict[str, object]]]:
    """The rows of all tables, without the paths that they were read from."""
    found = {}
    for table in DAY_TABLES:
        found[table.name] = [
            {k: v for k, v in row.items() if k != "path"} for row in audit.rows(table)
        ]
    return found


def test_an_audit_of_a_bucket_into_a_bucket_makes_what_one_on_a_disk_makes(
    server: BucketServer, tmp_path: Path, environment: None
) -> None:
    disk = Audit(tmp_path / "disk")
    disk.write(talk("one"), talk("three", "2026-03-03T23:59:00Z"))
    disk.run()
    disk.publish()
    source = f"s3://{BUCKET}/transcripts"
    upload(server, disk.source, "transcripts")
    bucket = in_bucket(tmp_path / "machine", source)
    bucket.files = lambda: discover(bucket.roots)[0]  # type: ignore[method-assign]
    command = ["audit", source, "--lake", LAKE, "--data-root", str(bucket.data), "--json"]
    for runs in (1, 0):
        done = CliRunner().invoke(commands, command)
        assert done.exit_code == 0, done.stderr
        outcome = json.loads(done.stdout)
        assert outcome["files"]["found"] == outcome["files"]["read"] == 2
        # The second finds that nothing has changed, in the bucket either.
        assert len(outcome["runs"]) == runs
    assert not (bucket.data / "lake").exists()
    assert rows_of(bucket) == rows_of(disk)
    for table in ("daily_usage", "daily_waste", "session_usage", "flags"):
        asked = f"FROM {table} ORDER BY ALL"
        assert bucket.query(asked) == disk.query(asked)
    # Another machine finds it all, and has nothing left to do.
    other = in_bucket(tmp_path / "other", source)
    other.files = bucket.files  # type: ignore[method-assign]
    assert rows_of(other) == rows_of(disk)
    assert bucket.plan().days == set()
    assert bucket.archive().files_read == 0


def transcripts(*audits: Audit) -> list[bytes]:
    return sorted(
        line for audit in audits for p in audit.source.rglob("*.jsonl") for line in p.open("rb")
    )


@pytest.mark.parametrize("kind", ["slow", "cut"])
def test_requests_that_fail_for_now_are_made_again(
    server: BucketServer, tmp_path: Path, kind: str
) -> None:
    audit = in_bucket(tmp_path)
    audit.write(talk("one"))
    server.faults += [Fault("PUT", "raw_sessions", kind), Fault("GET", "", "slow")]
    audit.archive()
    assert server.faults == []
    assert sorted(audit.lines()) == transcripts(audit)


def test_a_transcript_is_read_on_where_the_connection_dropped(
    server: BucketServer, tmp_path: Path
) -> None:
    written = Audit(tmp_path / "laptop")
    written.write(talk("one"))
    upload(server, written.source, "transcripts")
    audit = in_bucket(tmp_path / "machine", f"s3://{BUCKET}/transcripts")
    audit.files = lambda: discover(audit.roots)[0]  # type: ignore[method-assign]
    server.faults.append(Fault("GET", ".jsonl", "short"))
    report = audit.archive()
    assert server.faults == []
    assert report.unreadable == []
    assert sorted(audit.lines()) == transcripts(written)


def test_what_is_put_in_parts_is_seen_whole_or_not_at_all(
    server: BucketServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "_PART_BYTES", 5 << 20)
    monkeypatch.setattr(objects, "_TRIES", 2)
    objects._client_of.cache_clear()
    place, file = objects.Place.of(f"s3://{BUCKET}/parts"), tmp_path / "large"
    file.write_bytes(old := os.urandom(6 << 20))
    etag = place.put("large", file, objects.ABSENT)
    file.write_bytes(os.urandom(6 << 20))
    server.faults.append(Fault("PUT", "parts/large", "slow", times=9))
    with pytest.raises(OSError, match="SlowDown"):
        place.put("large", file, etag)
    server.faults.clear()
    assert place.read("large") == old
    with pytest.raises(Overtaken):
        place.put("large", file, objects.ABSENT)
    uploads = server.client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])
    assert uploads == []
    place.put("large", file, etag)
    assert place.read("large") == file.read_bytes()


def test_who_is_overtaken_merges_with_what_the_other_has_put(
    server: BucketServer, tmp_path: Path
) -> None:
    first, second = in_bucket(tmp_path / "first"), in_bucket(tmp_path / "second")
    first.write(talk("ann"), talk("ann later", "2026-03-03T10:00:00Z"))
    second.write(talk("bob"))
    server.before.append(("PUT", "raw_sessions/day=2026-03-02", second.archive))
    report = first.archive()
    assert server.before == []
    assert report.changed == {DAY, date(2026, 3, 3)}
    assert sorted(first.lines()) == transcripts(first, second)
    # Once more on top of what stands there by now.
    second.write(talk("bob again"))
    first.write(talk("ann again"))
    server.before.append(("PUT", "raw_sessions/day=2026-03-02", first.archive))
    second.archive()
    assert sorted(second.lines()) == transcripts(first, second)
    held = day_contents.contents(first.lake, DAY).held
    assert len(held) == 4


def archive_from(folder: Path, start: threading.Barrier) -> None:
    """What each of the two machines does: archive its own sessions, one by one."""
    audit, calendar = in_bucket(folder), Calendar()
    files = audit.files()
    start.wait()
    with closing(State(audit.data)) as state:
        catalog = SourceCatalog(state)
        for file in files:
            archive.update(
                audit.lake, catalog, Listing.of([file]), FIRST, LAST, calendar, follow=DayFacts
            )


def test_two_machines_that_merge_a_day_at_once_lose_nothing(
    server: BucketServer, tmp_path: Path
) -> None:
    audits = [in_bucket(tmp_path / name) for name in ("first", "second")]
    for audit in audits:
        audit.write(*(talk(f"{audit.folder.name} {n}") for n in range(4)))
    start = threading.Barrier(2)
    # Nothing on a disk is of both: they meet in the bucket alone, as machines do.
    with ThreadPoolExecutor(2) as machines:
        list(machines.map(lambda audit: archive_from(audit.folder, start), audits))
    third = in_bucket(tmp_path / "third")
    assert sorted(third.lines()) == transcripts(*audits)


def test_a_reader_keeps_what_it_has_and_the_next_sees_the_new(
    server: BucketServer, tmp_path: Path
) -> None:
    writer, reader = in_bucket(tmp_path / "writer"), in_bucket(tmp_path / "reader")
    writer.write(talk("one"))
    writer.archive()
    part = reader.lake.part(RAW_SESSIONS, DAY)
    before, stamps = part.read_bytes(), reader.lake.stamps(RAW_SESSIONS)
    assert writer.lake.stamps(RAW_SESSIONS) == stamps
    writer.write(talk("two"))
    writer.archive()
    assert part.read_bytes() == before
    lake_anew = lake_of(reader.data, LAKE)
    assert lake_anew.part(RAW_SESSIONS, DAY).read_bytes() != before
    assert lake_anew.notes(RAW_SESSIONS, DAY) == writer.lake.notes(RAW_SESSIONS, DAY)
    assert lake_anew.stamps(RAW_SESSIONS).keys() == stamps.keys()
    assert lake_anew.stamps(RAW_SESSIONS) != stamps


def test_copies_that_are_too_many_go_once_nobody_reads_them(
    server: BucketServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit = in_bucket(tmp_path)
    audit.write(talk("one"), talk("two", "2026-03-05T10:00:00Z"))
    audit.archive()
    monkeypatch.setenv("WASTE_ASSETS_CACHE_GB", "0")
    copies = sorted(audit.lake.root.glob("raw_sessions/day=*/*.parquet"))
    os.utime(copies[0], (0, 0))
    audit.lake._make_room()  # type: ignore[attr-defined]
    assert sorted(audit.lake.root.glob("raw_sessions/day=*/*.parquet")) == copies[1:]
    assert sorted(audit.lines()) == transcripts(audit)


def test_what_is_wrong_with_a_bucket_is_said(server: BucketServer, tmp_path: Path) -> None:
    lake = lake_of(tmp_path, "s3://nowhere-at-all/lake")
    with pytest.raises(OSError, match="no such bucket"):
        lake.days(RAW_SESSIONS)
    with pytest.raises(Exception, match="names no bucket"):
        lake_of(tmp_path, "s3://")


def test_transcripts_are_shipped_once_and_again_where_they_have_changed(
    server: BucketServer, tmp_path: Path
) -> None:
    laptop = Audit(tmp_path / "laptop")
    laptop.write(talk("one"), talk("two"))
    url = f"s3://{BUCKET}/transcripts/ann/mac"
    first = ship([laptop.source], url)
    assert (first.files, first.same, first.failed) == (2, 0, [])
    assert ship([laptop.source], url).same == 2
    grown = next(laptop.source.rglob("*.jsonl"))
    grown.write_bytes(grown.read_bytes() + b'{"type":"summary","summary":"x"}\n')
    # The hook ships one session.
    assert ship_session(grown, url) == 1
    assert ship([laptop.source], url).files == 0
    # What the laptop deletes stays.
    grown.unlink()
    assert ship([laptop.source], url).failed == []
    machine = in_bucket(tmp_path / "machine", f"s3://{BUCKET}/transcripts/{{owner}}/{{host}}")
    machine.files = lambda: discover(machine.roots)[0]  # type: ignore[method-assign]
    machine.archive()
    assert len(day_contents.contents(machine.lake, DAY).held) == 2
    assert set(day_contents.owners(machine.lake).values()) == {("ann", "mac")}


def test_what_is_erased_leaves_the_bucket_and_the_copies(
    server: BucketServer, tmp_path: Path
) -> None:
    audit = in_bucket(tmp_path)
    audit.write(talk("ann"), talk("bob"))
    audit.archive()
    ann = session_id("ann")
    Forgotten().also([ann], None).write(audit.lake)
    assert erase.erase(audit.lake, DAY, {ann}) > 0
    held = day_contents.contents(lake_of(tmp_path / "other", LAKE), DAY).held
    assert list(held) == [f"{session_id('bob')}.jsonl"]
    assert len(list(audit.lake.root.glob("raw_sessions/day=*/*.parquet"))) == 1
    other = in_bucket(tmp_path / "other", audit.source)
    other.archive()
    assert ann.encode() not in b"".join(other.lines())
