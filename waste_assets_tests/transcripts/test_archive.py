"""The archive only grows: whatever becomes of the sources, no line is lost and none doubled."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from waste_assets.lake.tables import RAW_SESSIONS
from waste_assets.sample import Conversation, conversation
from waste_assets.sample.blocks import bash, read, say
from waste_assets.sample.oddities import ODDITIES
from waste_assets.transcripts.discover import check_roots, discover, of_session
from waste_assets.transcripts.lines import SETTLED_SECONDS
from waste_assets.transcripts.show import NotArchived, archived_lines
from waste_assets.transcripts.sources import SourceError
from waste_assets_tests.support import (
    FIRST,
    LAST,
    SESSION,
    Audit,
    as_line,
    assert_turns_are,
    record,
    write_lines,
)

MARCH_2, MARCH_3 = date(2026, 3, 2), date(2026, 3, 3)


@pytest.fixture
def audit(tmp_path: Path) -> Audit:
    return Audit(tmp_path)


def three_days(session: str = "days") -> Conversation:
    """A session over three days, with a subagent and a spilled result."""
    c = conversation(session, start="2026-03-02T22:00:00Z").user("Go").read("a.py", 300)
    c.across_midnight(say(), bash("ls", tokens=30)).user("More")
    with c.subagent("Explore") as agent:
        agent.grep("total")
    c.bash("git log -p", tokens=13_000, spill=True)
    return c.wait(hours=25).user("Again").say()


def written(audit: Audit) -> dict[str, bytes]:
    """The bytes of every transcript in the source, by its name."""
    return {path.name: path.read_bytes() for path in sorted(audit.source.rglob("*.jsonl"))}


def shown(audit: Audit, name: str) -> bytes:
    return b"".join(archived_lines(audit.lake, name))


def main_file(audit: Audit, c: Conversation) -> Path:
    return audit.source / c.path


def age(path: Path, seconds: float = SETTLED_SECONDS + 60) -> None:
    """Make a file look as if nobody had touched it for a while."""
    then = time.time() - seconds
    os.utime(path, (then, then))


# --- nothing is lost, nothing is doubled ---------------------------------------------------

Change = Callable[[Audit, Conversation], None]


def _delete_everything(audit: Audit, c: Conversation) -> None:
    shutil.rmtree(audit.source)


def _delete_the_main_file(audit: Audit, c: Conversation) -> None:
    main_file(audit, c).unlink()


def _cut_the_tail(audit: Audit, c: Conversation) -> None:
    path = main_file(audit, c)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _cut_whole_lines(audit: Audit, c: Conversation) -> None:
    path = main_file(audit, c)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:3]))


def _empty_the_file(audit: Audit, c: Conversation) -> None:
    main_file(audit, c).write_bytes(b"")


def _rename_the_project(audit: Audit, c: Conversation) -> None:
    folder = main_file(audit, c).parent
    folder.rename(folder.with_name("-home-dev-renamed"))


def _copy_the_project(audit: Audit, c: Conversation) -> None:
    folder = main_file(audit, c).parent
    shutil.copytree(folder, folder.with_name("-home-dev-copied"))


def _drop_the_head(audit: Audit, c: Conversation) -> None:
    path = main_file(audit, c)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[4:]))


def _touch(audit: Audit, c: Conversation) -> None:
    os.utime(main_file(audit, c))


@pytest.mark.parametrize(
    "change",
    [
        _delete_everything, _delete_the_main_file, _cut_the_tail, _cut_whole_lines,
        _empty_the_file, _rename_the_project, _copy_the_project, _drop_the_head, _touch,
    ],
    ids=lambda change: change.__name__.strip("_"),
)  # fmt: skip
def test_nothing_is_lost_or_doubled(audit: Audit, change: Change) -> None:
    c = three_days()
    truth = audit.write(c)
    audit.account()
    before, archived, tokens = written(audit), sorted(audit.lines()), audit.tokens()
    change(audit, c)
    for _ in range(2):
        audit.account()
        assert sorted(audit.lines()) == archived
        assert audit.tokens() == tokens
        assert_turns_are(audit, truth)
    for name, content in before.items():
        assert shown(audit, name) == content


@pytest.mark.parametrize("cut", [1, 40])
def test_a_file_cut_within_a_line_adds_no_part_of_it_even_when_settled(
    audit: Audit, cut: int
) -> None:
    path = write_lines(audit, [as_line(record(n)) for n in (1, 2, 3)])
    whole = path.read_bytes()
    audit.account()
    lines = whole.splitlines(keepends=True)
    path.write_bytes((lines[0] + lines[1])[:-cut])
    age(path)
    audit.account()
    assert shown(audit, SESSION) == whole
    assert (audit.counts()["lines"], audit.counts()["quarantined"]) == (3, 0)


def test_a_rewritten_head_adds_the_new_lines_and_keeps_the_old(audit: Audit) -> None:
    c = three_days()
    audit.write(c)
    audit.account()
    before, tokens = audit.lines(), audit.tokens()
    path = main_file(audit, c)
    new = as_line(record(1, "user", timestamp="2026-03-02T21:00:00.000Z")) + b"\n"
    path.write_bytes(new + b"".join(path.read_bytes().splitlines(keepends=True)[1:]))
    audit.account()
    assert sorted(audit.lines()) == sorted([*before, new])
    assert audit.tokens() == tokens


def test_lines_that_are_appended_are_added(audit: Audit) -> None:
    c = three_days()
    audit.write(c)
    audit.account()
    for _ in range(2):
        truth = audit.write(c.user("On").read("b.py", 200).say())
        report = audit.account()
        assert report.changed == {date(2026, 3, 4)}
        assert shown(audit, main_file(audit, c).name) == main_file(audit, c).read_bytes()
        assert_turns_are(audit, truth)


def test_a_session_resumed_in_a_new_file_adds_the_copies_but_no_tokens(audit: Audit) -> None:
    c = three_days("00000000-1111-4111-8111-111111111111")
    audit.write(c)
    audit.account()
    tokens = audit.tokens()
    copied = c.resume("ffffffff-1111-4111-8111-111111111111")
    copied.write(audit.source)
    main_file(audit, c).unlink()
    audit.account()
    assert audit.tokens() == tokens
    assert len(audit.lines()) == c.truth.lines + copied.truth.lines


def test_the_same_session_under_two_roots_is_archived_once(tmp_path: Path) -> None:
    roots = [tmp_path / "laptop", tmp_path / "backup"]
    audit = Audit(tmp_path, *roots)
    c = three_days()
    for root in roots:
        c.write(root)
    c.user("Only on the laptop").say().write(roots[0])
    audit.account()
    assert len(audit.lines()) == c.truth.lines
    assert_turns_are(audit, c.truth)
    assert shown(audit, c.session.id) == (roots[0] / c.path).read_bytes()


def test_a_line_that_truly_stands_there_twice_is_kept_twice(audit: Audit) -> None:
    c = conversation("twice").user("Go").say().relog(1)
    audit.write(c)
    for _ in range(2):
        audit.account()
        os.utime(main_file(audit, c))
        assert shown(audit, c.session.id) == main_file(audit, c).read_bytes()


def test_archiving_one_day_leaves_the_others_for_later(audit: Audit) -> None:
    c = three_days()
    truth = audit.write(c)
    audit.archive(MARCH_3, MARCH_3)
    assert audit.lake.days(RAW_SESSIONS) == [MARCH_3]
    audit.archive(FIRST, MARCH_2)
    audit.archive(MARCH_3 + timedelta(days=1), LAST)
    audit.turns()
    assert_turns_are(audit, truth)
    assert shown(audit, c.session.id) == main_file(audit, c).read_bytes()


def test_a_day_is_archived_again_as_the_same_bytes(audit: Audit) -> None:
    audit.write(three_days())
    audit.account()
    before = audit.parts(RAW_SESSIONS)
    for path in audit.source.rglob("*.jsonl"):
        os.utime(path)
    assert audit.archive().changed == set()
    assert audit.parts(RAW_SESSIONS) == before


# --- what is archived ----------------------------------------------------------------------


def test_everything_beside_a_transcript_is_archived_with_it(audit: Audit) -> None:
    stories = ("nested_and_background_subagents", "workflow", "spilled", "subagent_flat")
    truth = audit.write(*(c for n in stories for c in ODDITIES[n](n, "2026-03-02T10:00:00Z")))
    audit.account()
    rows = audit.rows(RAW_SESSIONS)
    files = {row["transcript"]: row for row in rows if row["kind"] == "file"}
    assert len(files) == truth.files - truth.transcripts
    assert {row["type"] for row in files.values()} == {"meta", "tool-result"}
    names = {row["transcript"] for row in rows if row["kind"] == "line"}
    assert len(names) == truth.transcripts
    assert any("/workflows/wf_1a2b3c/agent-" in name for name in names)
    assert any("/subagents/agent-" in name for name in names)
    assert any(name.startswith("agent-") for name in names)
    on_disk = {p.read_bytes() for p in audit.source.rglob("*") if p.is_file()}
    for row in files.values():
        assert row["raw"] in on_disk
        assert row["day"] == MARCH_2
    shutil.rmtree(audit.source)
    audit.account()
    assert audit.rows(RAW_SESSIONS) == rows


def test_a_spilled_result_lies_on_the_day_its_session_began(audit: Audit) -> None:
    c = three_days()
    audit.write(c)
    audit.account()
    assert {row["day"] for row in audit.rows(RAW_SESSIONS) if row["kind"] == "file"} == {MARCH_2}


def test_a_transcript_over_several_days_is_cut_at_its_midnights(audit: Audit) -> None:
    c = three_days()
    audit.write(c)
    audit.archive()
    for row in audit.rows(RAW_SESSIONS):
        if row["ts"] is not None and row["kind"] == "line":
            assert row["ts"].date() == row["day"]
    assert len(audit.lake.days(RAW_SESSIONS)) == 3


def test_lines_without_a_timestamp_stay_with_their_neighbours(audit: Audit) -> None:
    c = conversation("untimed", start="2026-03-02T23:59:00Z").mode().summary("Old").user("Go")
    c.title("A").say().wait(minutes=5).user("Go on").last_prompt().title("B")
    audit.write(c)
    audit.archive()
    days = {(row["line_no"], row["day"]) for row in audit.rows(RAW_SESSIONS)}
    assert days == {(n, MARCH_2 if n <= 5 else MARCH_3) for n in range(1, 9)}
    assert shown(audit, c.session.id) == main_file(audit, c).read_bytes()


def test_a_file_without_any_timestamp_takes_the_day_it_was_written(audit: Audit) -> None:
    path = write_lines(audit, [as_line({"type": "mode"}), as_line({"type": "summary"})])
    os.utime(path, (1_772_500_000, 1_772_500_000))
    audit.archive()
    assert audit.lake.days(RAW_SESSIONS) == [MARCH_3]
    assert shown(audit, SESSION) == path.read_bytes()


def test_an_empty_file_is_known_and_holds_nothing(audit: Audit) -> None:
    path = write_lines(audit, [])
    assert audit.account().files_read == 1
    assert audit.account().files_read == 0
    path.write_bytes(as_line(record(1)) + b"\n")
    audit.account()
    assert audit.tokens()["responses"] == 1


# --- the end of a file that is being written -----------------------------------------------


def test_a_last_line_that_is_still_being_written_is_taken_whole_next_time(audit: Audit) -> None:
    lines = [as_line(record(n)) for n in (1, 2)]
    path = write_lines(audit, lines)
    whole = path.read_bytes()
    path.write_bytes(whole[:-40])
    assert audit.account().pending_files == 1
    assert audit.counts()["lines"] == 1
    path.write_bytes(whole)
    assert audit.account().pending_files == 0
    assert audit.counts() == {
        "lines": 2, "decoded": 2, "repaired": 0, "quarantined": 0, "files": 0,
    }  # fmt: skip
    assert shown(audit, SESSION) == whole


def test_a_last_line_that_lacks_only_its_line_end_is_not_doubled_by_it(audit: Audit) -> None:
    path = write_lines(audit, [as_line(record(n)) for n in (1, 2)])
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    audit.account()
    assert audit.tokens()["responses"] == 2
    path.write_bytes(whole + as_line(record(3)) + b"\n")
    audit.account()
    assert audit.tokens()["responses"] == audit.counts()["lines"] == 3
    assert shown(audit, SESSION) == path.read_bytes()


def test_a_torn_line_that_nobody_finishes_is_quarantined_once_it_has_settled(
    audit: Audit,
) -> None:
    path = write_lines(audit, [as_line(record(n)) for n in (1, 2)])
    path.write_bytes(path.read_bytes()[:-40])
    audit.run()
    assert audit.counts()["quarantined"] == 0
    age(path)
    assert not audit.plan().is_empty
    audit.run()
    assert audit.counts() == {
        "lines": 2, "decoded": 1, "repaired": 0, "quarantined": 1, "files": 0,
    }  # fmt: skip
    assert shown(audit, SESSION) == path.read_bytes()


def test_a_torn_line_settles_although_its_file_never_changes_again(
    audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_lines(audit, [as_line(record(n)) for n in (1, 2)])
    path.write_bytes(path.read_bytes()[:-40])
    audit.run()
    assert audit.counts()["lines"] == 1
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + SETTLED_SECONDS + 60)
    assert not audit.plan().is_empty
    audit.run()
    assert audit.counts()["quarantined"] == 1


def test_a_torn_line_that_is_finished_after_all_gives_way_to_the_whole_one(audit: Audit) -> None:
    path = write_lines(audit, [as_line(record(n)) for n in (1, 2)])
    whole = path.read_bytes()
    path.write_bytes(whole[:-40])
    age(path)
    audit.account()
    path.write_bytes(whole + as_line(record(3)) + b"\n")
    audit.account()
    assert audit.counts()["lines"] == audit.counts()["decoded"] == 3
    assert shown(audit, SESSION) == path.read_bytes()


# --- byte for byte -------------------------------------------------------------------------

ODD_BYTES = [
    as_line(record(1)) + b"\r",
    b"\xef\xbb\xbf" + as_line(record(2)),
    b"",
    b"\x00" * 64,
    as_line(record(3)).replace(b"line 3", b"\xff\xfe\x80"),
    b"not JSON at all",
    as_line(record(4)).replace(b"line 4", rb"\ud800 \u0000"),
    as_line(record(5)) + b"\x00",
    b"\r",
]


def test_lines_come_back_byte_for_byte(audit: Audit) -> None:
    path = write_lines(audit, ODD_BYTES)
    audit.archive()
    assert shown(audit, SESSION) == path.read_bytes()
    for number, line in enumerate(ODD_BYTES, 1):
        assert shown(audit, f"{SESSION}:{number}") == line + b"\n"


@pytest.mark.parametrize("tail", [b"", b"\n", b"\r\n", b"\n\n\n"])
def test_the_end_of_a_file_comes_back_as_it_was(audit: Audit, tail: bytes) -> None:
    path = write_lines(audit, [])
    path.write_bytes(as_line(record(1)) + tail)
    audit.archive()
    assert shown(audit, SESSION) == path.read_bytes()


def test_a_session_is_shown_by_the_beginning_of_its_id_or_by_a_transcripts_name(
    audit: Audit,
) -> None:
    c = conversation("show").user("Go")
    agent = c.subagent("Explore")
    agent.done()
    audit.write(c)
    audit.archive()
    text = main_file(audit, c).read_bytes()
    assert shown(audit, c.session.id[:8]) == text
    own = audit.source / agent.path
    assert shown(audit, own.name) == shown(audit, own.name.removesuffix(".jsonl"))
    assert shown(audit, f"{c.session.id}/subagents/{own.name}") == own.read_bytes()


def test_what_is_not_archived_is_refused_in_a_sentence(audit: Audit) -> None:
    audit.write(conversation("a").user().say())
    audit.archive()
    session = audit.rows(RAW_SESSIONS)[0]["session_id"]
    for place, told in (("nobody", "No transcript"), (f"{session}:99", "no line 99")):
        with pytest.raises(NotArchived, match=told):
            list(archived_lines(audit.lake, place))


# --- the sources are only read -------------------------------------------------------------


def test_sources_stay_as_they_are_also_where_nobody_may_write(audit: Audit) -> None:
    audit.write(three_days())
    folders = [audit.source, *(p for p in audit.source.rglob("*") if p.is_dir())]
    for path in audit.source.rglob("*"):
        os.utime(path, (1_772_500_000, 1_772_500_000))
    for folder in folders:
        folder.chmod(0o555)

    def state() -> dict[str, tuple[int, int, int, bytes]]:
        return {
            str(p): (s.st_mode, s.st_mtime_ns, s.st_nlink, b"" if p.is_dir() else p.read_bytes())
            for p in sorted(audit.source.rglob("*"))
            for s in [p.stat()]
        }

    before = state()
    audit.account()
    assert state() == before
    for folder in folders:
        folder.chmod(0o755)


def test_a_backfill_opens_each_source_file_once(audit: Audit) -> None:
    audit.write(three_days("a"), three_days("b"))
    opened: list[str] = []
    audit.archive(opened=opened.append)
    assert sorted(opened) == sorted(file.path for file in audit.files())
    opened.clear()
    audit.archive(opened=opened.append)
    assert opened == []


_WATCHED = """
import sys
from pathlib import Path
opened = []
def hook(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, bytes)):
        opened.append(arguments)
sys.addaudithook(hook)
from waste_assets_tests.support import Audit
audit = Audit(Path(sys.argv[1]))
audit.archive()
below = str(audit.source)
for path, mode, flags in opened:
    if str(path).startswith(below):
        print(path, flags & 0o3)
"""


def test_the_operating_system_too_sees_each_source_file_opened_once_and_only_to_read(
    audit: Audit,
) -> None:
    audit.write(three_days())
    told = subprocess.run(
        [sys.executable, "-c", _WATCHED, str(audit.folder)],
        capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    opened = [line.rsplit(" ", 1) for line in told.stdout.splitlines()]
    files = sorted(file.path for file in audit.files())
    assert sorted(path for path, _ in opened if Path(path).is_file()) == files
    assert {mode for _, mode in opened} <= {"0"}


def test_a_file_that_cannot_be_read_is_told_and_costs_nothing_else(audit: Audit) -> None:
    audit.write(conversation("fine").user().say())
    folder = audit.source / "projects" / "-home-dev-shop"
    (folder / "broken.jsonl").symlink_to("/proc/self/mem")
    (folder / "gone.jsonl").symlink_to(folder / "nowhere.jsonl")
    (folder / "folder.jsonl").mkdir()
    _, unlisted = discover([audit.source])
    assert [Path(path).name for path, _ in unlisted] == ["gone.jsonl"]
    for _ in range(2):
        report = audit.run()
        assert [Path(path).name for path, _ in report.unreadable] == ["broken.jsonl"]
        assert audit.tokens()["responses"] == 1
    assert audit.plan().days == set()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not let it be written")
def test_a_name_that_is_no_text_is_told_and_costs_nothing_else(audit: Audit) -> None:
    audit.write(conversation("fine").user().say())
    told = as_line(record(1)) + b"\n"
    folder = os.fsencode(audit.source / "projects" / "-home-dev-shop")
    for name in (b"\xff.jsonl", b"\xff.txt", b"caf\xc3\xa9\n.jsonl"):
        Path(os.fsdecode(folder + b"/" + name)).write_bytes(told)
    other = Path(os.fsdecode(folder + b"-\xfe"))
    other.mkdir()
    (other / "a.jsonl").write_bytes(told)
    _, unlisted = discover([audit.source])
    assert sorted(Path(path).name for path, _ in unlisted) == [
        r"-home-dev-shop-\xfe",
        r"\xff.jsonl",
    ]
    assert all(why == "its name is not UTF-8: rename it" for _, why in unlisted)
    audit.run()
    assert audit.tokens()["responses"] == 2
    with pytest.raises(SourceError, match=r"xfe cannot be read: its name is not UTF-8"):
        check_roots([other])
    with pytest.raises(SourceError, match=r"xfe/a.jsonl cannot be read: its name is not UTF-8"):
        of_session(other / "a.jsonl")


#: Goes deeper than Python calls, then deeper than a path can be long.
_DOWN = """
import os, sys
told = sys.stdin.buffer.read()
for name in ("deep.jsonl", "deeper.jsonl"):
    for _ in range(1_200):
        os.mkdir("d")
        os.chdir("d")
    with open(name, "wb") as file:
        file.write(told)
"""


def test_directories_may_nest_as_deep_as_the_system_lets_them(audit: Audit) -> None:
    told = b"".join(as_line(record(n)) + b"\n" for n in (1, 2))
    # Not below what Python removes afterwards: it calls itself for each.
    deep = tempfile.mkdtemp()
    try:
        subprocess.run([sys.executable, "-c", _DOWN], input=told, cwd=deep, check=True)
        files, unlisted = discover([deep])
        assert [Path(path).name for path in files.paths()] == ["deep.jsonl"]
        assert len(unlisted) == 1 and "too long" in unlisted[0][1]
        audit.files = lambda: files  # type: ignore[method-assign]
        audit.run()
        assert audit.tokens()["responses"] == 2
    finally:
        subprocess.run(["rm", "-r", deep], check=True)


def test_a_file_that_disappears_between_listing_and_reading_is_told(audit: Audit) -> None:
    audit.write(conversation("a").user().say(), conversation("b").user().say())
    victim = audit.files()[0].path

    def vanish(path: str) -> None:
        if path == victim:
            Path(path).unlink()

    report = audit.archive(opened=vanish)
    audit.turns()
    assert [path for path, _ in report.unreadable] == [victim]
    assert audit.tokens()["responses"] == 1


def test_a_full_disk_leaves_the_old_partition_and_no_litter(
    audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    c = three_days()
    audit.write(c)
    audit.account()
    before = audit.parts()
    audit.write(c.user("More").say())

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        audit.archive()
    monkeypatch.undo()
    assert audit.parts() == before
    assert [p.name for p in audit.lake.root.rglob(".part*")] == []
    audit.account()
    assert_turns_are(audit, c.truth)


def test_every_line_is_archived_with_its_session_type_and_project(audit: Audit) -> None:
    c = conversation("labels").user("Go").respond(read("a.py"))
    audit.write(c)
    audit.archive()
    (path,) = audit.lake.parts(RAW_SESSIONS)
    rows = pq.read_table(path).to_pylist()
    assert [row["type"] for row in rows] == ["user", "assistant", "user"]
    assert {row["session_id"] for row in rows} == {c.session.id}
    assert {row["project"] for row in rows} == {"/home/dev/shop"}
    assert {row["path"] for row in rows} == {str(main_file(audit, c))}
