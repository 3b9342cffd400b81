"""`waste-assets` as people run it: a process, its two streams, its exit status."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import shutil
import sqlite3
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest

from waste_assets.cli import commands
from waste_assets.lake.tables import SCHEMA_VERSION
from waste_assets_tests.program import PROGRAM, run
from waste_assets_tests.support import Audit, as_line, record, write_lines

TOKENS = {
    "input": "input_tokens", "output": "output_tokens", "read": "read_tokens",
    "write_5m": "write_5m_tokens", "write_1h": "write_1h_tokens",
}  # fmt: skip


def told(done: subprocess.CompletedProcess[bytes]) -> dict[str, Any]:
    """The one JSON object on standard output, and nothing else."""
    assert done.stdout.endswith(b"}\n"), done.stderr.decode()
    assert done.stdout.count(b"\n") == 1
    value = json.loads(done.stdout)
    assert isinstance(value, dict)
    return value


def complaint(done: subprocess.CompletedProcess[bytes], status: int = 2) -> str:
    """The one sentence on standard error of a command that could not do its work."""
    text = done.stderr.decode()
    assert done.returncode == status, text
    assert done.stdout == b""
    assert text.startswith("Error: ")
    assert text.count("\n") == 1, text
    return text.removeprefix("Error: ").strip()


@dataclass(frozen=True)
class Built:
    """A sample that has been audited once."""

    home: Path
    sample: Path
    data: Path
    audited: subprocess.CompletedProcess[bytes]

    @property
    def expected(self) -> dict[str, Any]:
        """What the sample must add up to."""
        value: dict[str, Any] = json.loads((self.sample / "expected.json").read_text())
        return value


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    home = tmp_path_factory.mktemp("cli")
    # A home without transcripts: the program generates a sample, and audits that.
    audited = run("audit", "--json", home=home)
    return Built(home, home / "data" / "sample", home / "data", audited)


def recorded_runs(data: Path) -> list[tuple[str, str]]:
    """The runs in the Dagster instance of a data root, with their status."""
    with sqlite3.connect(data / "dagster" / "history" / "runs.db") as con:
        return con.execute("SELECT run_id, status FROM runs ORDER BY run_id").fetchall()


# --- an audit ------------------------------------------------------------------------------


def test_nothing_heavy_is_imported_before_a_command_needs_it() -> None:
    heavy = {"anthropic", "dagster", "duckdb", "great_expectations", "pandas", "pyarrow", "rich"}
    code = f"import sys, waste_assets.cli; print(sorted({heavy} & {{*sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout == b"[]\n"


def test_the_module_does_what_the_program_does(tmp_path: Path) -> None:
    module = [sys.executable, "-m", "waste_assets.cli", "usage", "--data-root", str(tmp_path)]
    done = subprocess.run(module, capture_output=True)
    assert "waste-assets audit` first" in complaint(done)


def test_sample_writes_transcripts_and_says_how_many(tmp_path: Path) -> None:
    sample = tmp_path / "sample"
    done = run("sample", sample, "--sessions", "2", "--until", "2026-09-14", "--odd", home=tmp_path)
    expected = json.loads((sample / "expected.json").read_text())
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode() == (
        f"{expected['transcripts']:,} transcripts with {expected['lines']:,} lines in {sample}.\n"
    )
    assert len(list(sample.rglob("*.jsonl"))) == expected["transcripts"]


def test_where_there_are_no_transcripts_a_sample_is_generated(built: Built) -> None:
    assert built.audited.stderr == (
        b"No transcripts of Claude Code here: using a generated sample.\n"
    )


def test_an_audit_prints_one_json_object_that_adds_up(built: Built) -> None:
    assert built.audited.returncode == 0, built.audited.stderr.decode()
    account = told(built.audited)
    assert account["errors"] == []
    days = {row["day"]: row for row in account["by_day"]}
    assert days.keys() == built.expected["days"].keys()
    for day, totals in built.expected["days"].items():
        assert days[day]["responses"] == totals["responses"]
        assert days[day]["lower_bound_responses"] == totals["lower_bound"]
        for name, column in TOKENS.items():
            assert days[day][column] == totals[name], (day, name)
    assert account["coverage"]["lines"] == built.expected["lines"]
    assert account["coverage"]["quarantined_lines"] == 0
    assert account["files"]["found"] == built.expected["files"]
    assert account["totals"]["usd"] == pytest.approx(sum(d["usd"] for d in days.values()))


def test_an_audit_is_recorded_as_a_run_in_the_instance_below_the_data_root(built: Built) -> None:
    expected = sorted((run_id, "SUCCESS") for run_id in told(built.audited)["runs"])
    assert recorded_runs(built.data) == expected != []


def test_an_unchanged_audit_starts_no_run_and_says_the_same(built: Built) -> None:
    again = told(run("audit", built.sample, "--data-root", built.data, "--json", home=built.home))
    assert again["runs"] == []
    before = told(built.audited)
    assert [run_id for run_id, _ in recorded_runs(built.data)] == sorted(before["runs"])
    for name in ("totals", "coverage", "by_day", "by_project", "by_model", "files"):
        assert again[name] == before[name]


def test_a_lost_database_is_published_again_and_says_the_same(built: Built, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(built.data, data)
    (data / "bi" / "waste.duckdb").unlink()
    arguments = ("audit", built.sample, "--data-root", data, "--json")
    again = told(run(*arguments, home=tmp_path))
    assert (len(again["runs"]), again["errors"]) == (1, [])
    assert again["by_model"] == told(built.audited)["by_model"]
    assert len(recorded_runs(data)) == len(recorded_runs(built.data)) + 1
    # Planned once more, and from then on remembered.
    for _ in range(2):
        assert told(run(*arguments, home=tmp_path))["runs"] == []


def test_remedies_are_listed_with_what_to_copy(built: Built) -> None:
    rows = told(run("remedies", "--data-root", built.data, "--json", home=built.home))["remedies"]
    assert [row["rank"] for row in rows] == list(range(1, len(rows) + 1))
    done = run("remedies", "--data-root", built.data, "--limit", "3", home=built.home)
    text = done.stdout.decode()
    assert (done.returncode, done.stderr) == (0, b"")
    for row in rows[:3]:
        assert f"{row['rank']}. {row['remedy_id']}: {row['what']}" in text
        assert f"   Where: {row['place']}.\n" in text
        for line in row["change"].splitlines():
            assert f"       {line}\n" in text
    assert f"{len(rows) - 3} more" in text
    first = told(built.audited)["change_first"]
    assert [row["remedy_id"] for row in first] == [row["remedy_id"] for row in rows[:3]]


def test_a_remedy_that_was_applied_is_in_the_next_audit(built: Built, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(built.data, data)
    audit = ("audit", built.sample, "--data-root", data, "--json")
    first = told(run(*audit, home=tmp_path))["change_first"][0]["remedy_id"]
    day = sorted(built.expected["days"])[1]
    applied = ("remedies", "applied", first, "--on", day, "--data-root", data)
    done = run(*applied, home=tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
    assert f"{first} counts as applied on {day}" in done.stdout.decode()
    again = told(run(*audit, home=tmp_path))
    assert len(again["runs"]) == 1 and again["errors"] == []
    assert first not in [row["remedy_id"] for row in again["change_first"]]
    tracked = told(run("remedies", "--data-root", data, "--json", home=tmp_path))["tracking"]
    assert [(row["remedy_id"], row["status"]) for row in tracked] == [(first, "too early")]
    text = run("remedies", "--data-root", data, home=tmp_path).stdout.decode()
    assert f"{first}, {day}: too early" in text
    # Before the name of the command it means the same.
    withdrawn = ("remedies", "--data-root", data, *applied[1:5], "--withdrawn")
    assert run(*withdrawn, home=tmp_path).returncode == 0
    assert told(run(*audit, home=tmp_path))["change_first"][0]["remedy_id"] == first


def test_a_remedy_that_there_is_not_cannot_be_applied(built: Built, tmp_path: Path) -> None:
    assert "no remedy 'nonsense'" in complaint(
        run("remedies", "applied", "nonsense", home=tmp_path)
    )
    withdrawn = run("remedies", "applied", "paths", "--withdrawn", home=tmp_path)
    assert "paths was not applied on or before" in complaint(withdrawn)
    assert "run `waste-assets audit` first" in complaint(run("remedies", home=tmp_path))
    later = run("remedies", "applied", "paths", "--on", "2099-01-01", home=tmp_path)
    assert "2099-01-01 is still to come" in complaint(later)
    nowhere = ("remedies", "applied", "paths", "--project", "~/nowhere", "--data-root", built.data)
    assert "No session is of project '~/nowhere'" in complaint(run(*nowhere, home=tmp_path))
    names = run("audit", home=tmp_path, WASTE_ASSETS_NAMES="some")
    assert "WASTE_ASSETS_NAMES is 'some'" in complaint(names)


def test_the_account_can_be_read_in_a_terminal(built: Built) -> None:
    done = run("audit", built.sample, "--data-root", built.data, home=built.home)
    text = done.stdout.decode()
    assert done.returncode == 0
    assert done.stderr == b""
    totals = told(built.audited)["totals"]
    assert f"${totals['usd']:,.2f} at the API's list prices (also for subscribers)" in text
    assert f"{totals['responses']:,} responses on" in text
    assert "0 quarantined" in text
    assert len(text.splitlines()) <= 25
    # Nobody looks: no progress, no colours.
    assert "\x1b" not in text


def seen(*arguments: str | Path, home: Path, width: int, **environment: str) -> str:
    """What somebody sees in a terminal of 40 lines; both streams lead there."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    known = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    process = subprocess.Popen(
        [PROGRAM, *map(str, arguments)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=home,
        env={**known, "HOME": str(home), "TERM": "xterm-256color", **environment},
    )
    os.close(theirs)
    shown = bytearray()
    # A terminal that nobody holds any more is an error, where a pipe would be at its end.
    with suppress(OSError):
        while some := os.read(ours, 65_536):
            shown += some
    os.close(ours)
    assert process.wait(60) == 0, shown
    return shown.decode().replace("\r\n", "\n")


def test_in_a_real_terminal_the_story_fits_and_heads_are_bold(built: Built) -> None:
    arguments = ("audit", built.sample, "--data-root", built.data)
    text = seen(*arguments, home=built.home, width=80)
    # Whatever was drawn of progress is wiped away again.
    story = re.split(r"\x1b\[[0-9]*[ABCDGJK]|\r", text)[-1].replace("\x1b[?25h", "")
    assert len(story.strip().splitlines()) <= 25
    assert re.search(r"\x1b\[1mwaste +low", story)
    plain = re.sub(r"\x1b\[[?\d;]*\w", "", story)
    assert max(map(len, plain.splitlines())) <= 80


def test_a_terminal_without_colours_gets_none(built: Built) -> None:
    for arguments in (("usage",), ("detectors",), ("remedies",), ("clusters", "list")):
        text = seen(*arguments, "--data-root", built.data, home=built.home, width=120, NO_COLOR="1")
        assert {*re.findall(r"\x1b\[[\d;]*m", text)} <= {"\x1b[1m", "\x1b[0m"}, arguments


def leaves(command: click.Command, name: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, by what is typed."""
    if not isinstance(command, click.Group) or command.invoke_without_command:
        yield name, command
    if isinstance(command, click.Group):
        for inner, one in command.commands.items():
            yield from leaves(one, f"{name} {inner}".strip())


def test_every_command_speaks_json() -> None:
    silent = {
        name for name, command in leaves(commands) if "--json" not in
        {option for parameter in command.params for option in parameter.opts}
    }  # fmt: skip
    # What they print is JSON already, or a server's log, or nothing at all.
    assert silent == {"show", "ui", "hook-session-end"}


def test_quiet_says_nothing_where_nothing_is_the_matter(built: Built) -> None:
    done = run("audit", built.sample, "--data-root", built.data, "--quiet", home=built.home)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_the_usage_is_what_the_audit_published(built: Built) -> None:
    arguments = ("usage", "--data-root", built.data)
    account = told(run(*arguments, "--json", home=built.home))
    for name in ("totals", "by_day", "by_project", "by_model"):
        assert account[name] == told(built.audited)[name]
    text = run(*arguments, home=built.home).stdout.decode()
    assert sorted(built.expected["days"])[-1] in text and "by project" in text


def test_without_an_audit_there_is_no_usage(tmp_path: Path) -> None:
    assert "run `waste-assets audit` first" in complaint(run("usage", home=tmp_path))


def test_days_can_be_chosen_and_a_file_that_cannot_be_read_is_told(
    built: Built, tmp_path: Path
) -> None:
    sources = tmp_path / ".claude"
    shutil.copytree(built.sample, sources)
    folder = next((sources / "projects").iterdir())
    (folder / "broken.jsonl").symlink_to("/proc/self/mem")
    (folder / "gone.jsonl").symlink_to(folder / "nowhere.jsonl")
    (folder / "folder.jsonl").mkdir()
    day = sorted(built.expected["days"])[1]
    done = run(
        "audit", "--since", day, "--until", day, "--json", home=tmp_path, CLAUDE_CONFIG_DIR=sources
    )
    account = told(done)
    assert done.returncode == 0
    assert [row["day"] for row in account["by_day"]] == [day]
    assert account["totals"]["responses"] == built.expected["days"][day]["responses"]
    unreadable = {Path(path).name: reason for path, reason in account["files"]["unreadable"]}
    assert unreadable.keys() == {"broken.jsonl", "gone.jsonl"}
    assert account["files"]["read"] == built.expected["files"]
    assert (tmp_path / "data" / "bi" / "waste.duckdb").exists()


def test_a_full_disk_is_told_in_a_sentence_and_the_old_partitions_stay(
    built: Built, tmp_path: Path
) -> None:
    data, sources = tmp_path / "data", tmp_path / "sample"
    shutil.copytree(built.data, data)
    shutil.copytree(built.sample, sources)
    lake = Audit(tmp_path).lake
    before = {path: path.read_bytes() for path in lake.root.rglob("*.parquet")}
    # What does not compress, on a day that there is already.
    noise = os.urandom(6 << 20).hex()
    day = sorted(built.expected["days"])[0]
    line = record(
        1, "user", timestamp=f"{day}T12:00:00Z", message={"role": "user", "content": noise}
    )
    write_lines(Audit(tmp_path, sources), [as_line(line)])
    (tmp_path / "source" / "projects").rename(sources / "projects" / "more")
    arguments = ("audit", sources, "--data-root", data, "--json")
    done = run(*arguments, home=tmp_path, limit=3 << 20)
    assert done.returncode == 1
    assert told(done)["errors"]
    assert done.stderr.decode().startswith("Error: ")
    assert done.stderr.count(b"\n") == 1, done.stderr.decode()
    assert b"too large" in done.stderr
    assert {path: path.read_bytes() for path in lake.root.rglob("*.parquet")} == before
    assert [path.name for path in lake.root.rglob(".part*")] == []
    roomy = Audit(tmp_path, sources)
    roomy.run()
    assert roomy.counts()["lines"] == built.expected["lines"] + 1


# --- show ----------------------------------------------------------------------------------


def test_a_session_is_shown_byte_for_byte_and_so_is_each_of_its_lines(built: Built) -> None:
    path = max((built.sample / "projects").glob("*/*.jsonl"), key=lambda p: p.stat().st_size)
    whole = path.read_bytes()
    shown = run("show", path.stem, "--data-root", built.data, home=built.home)
    assert (shown.returncode, shown.stdout, shown.stderr) == (0, whole, b"")
    line = run("show", f"{path.stem}:3", "--data-root", built.data, home=built.home)
    assert line.stdout == whole.splitlines(keepends=True)[2]


def test_a_session_that_is_not_archived_is_a_sentence(built: Built) -> None:
    done = run("show", "nobody", "--data-root", built.data, home=built.home)
    assert "No transcript 'nobody' in the archive" in complaint(done)


# --- report --------------------------------------------------------------------------------


def test_report_says_where_the_page_is_that_the_audit_has_made(built: Built) -> None:
    done = run("report", home=built.home)
    page = built.data / "report" / "index.html"
    assert (done.returncode, done.stdout.decode(), done.stderr) == (0, f"{page}\n", b"")
    bill = told(built.audited)["waste"]["usd_spent"]
    assert f"${bill:,.2f}" in page.read_text("utf-8")
    assert "audit_report" in told(built.audited)["stages"]


def test_report_prints_its_figures_as_one_json_object(built: Built) -> None:
    figures = told(run("report", "--json", home=built.home))
    assert figures["waste"] == told(built.audited)["waste"]
    assert sum(row["usd"] for row in figures["owners"]) == pytest.approx(figures["totals"]["usd"])


def test_report_tells_one_session_as_text_as_json_and_as_a_page(built: Built) -> None:
    figures = told(run("report", "--json", home=built.home))
    session = figures["sessions"][0]["session_id"]
    done = run("report", "--session", session[:13], home=built.home)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode().startswith(f"Session {session}\n")
    one = told(run("report", "--session", session, "--json", home=built.home))
    assert one["usd"] == pytest.approx(figures["sessions"][0]["usd"])
    assert len(one["turns"]) == one["responses"]
    done = run("report", "--session", session, "--html", "--no-open", home=built.home)
    page = built.data / "report" / "sessions" / f"{session}.html"
    assert done.stdout.decode() == f"{page}\n"
    assert session in page.read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--html"], "--html makes the page of one session: give --session, and no --json."),
        (["--session", "nobody"], "No session 'nobody' has been accounted for"),
        (["--time-zone", "Mars/Olympus"], "unknown time zone 'Mars/Olympus'"),
    ],
)
def test_what_report_cannot_do_is_a_sentence(
    built: Built, arguments: list[str], sentence: str
) -> None:
    assert sentence in complaint(run("report", *arguments, home=built.home))


def test_a_report_of_nothing_is_a_sentence(built: Built, tmp_path: Path) -> None:
    assert "run `waste-assets audit` first" in complaint(run("report", home=tmp_path))
    shutil.copytree(built.data / "bi", tmp_path / "data" / "bi")
    assert "run `waste-assets audit`, which makes it" in complaint(run("report", home=tmp_path))


# --- what cannot be done -------------------------------------------------------------------


def test_a_directory_that_does_not_exist_is_a_sentence(tmp_path: Path) -> None:
    sentence = complaint(run("audit", tmp_path / "nowhere", home=tmp_path))
    assert sentence == (
        f"{tmp_path / 'nowhere'} does not exist: give a directory that holds transcripts."
    )
    assert not (tmp_path / "data").exists()


def test_an_empty_directory_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    sentence = complaint(run("audit", tmp_path / "empty", "--json", home=tmp_path))
    assert sentence.startswith(f"No transcript (*.jsonl) lies under {tmp_path / 'empty'}")


def test_a_file_instead_of_a_directory_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("{}\n")
    sentence = complaint(run("audit", tmp_path / "a.jsonl", home=tmp_path))
    assert sentence == f"{tmp_path / 'a.jsonl'} is a file: give the directory that it lies in."


def test_a_data_root_of_a_newer_version_is_refused_and_left_alone(
    built: Built, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "schema_version").write_text(f"{SCHEMA_VERSION + 1}\n")
    sentence = complaint(run("audit", built.sample, home=tmp_path))
    assert "written by a newer waste-assets" in sentence
    assert "update waste-assets" in sentence
    assert [path.name for path in data.iterdir()] == ["schema_version"]


def test_a_data_root_that_cannot_be_written_is_a_sentence(built: Built, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    sentence = complaint(
        run("audit", built.sample, "--data-root", tmp_path / "file" / "data", home=tmp_path)
    )
    assert "cannot be used as the data root" in sentence
    assert "--data-root" in sentence


def test_an_unknown_time_zone_is_a_sentence(built: Built, tmp_path: Path) -> None:
    done = run("audit", built.sample, "--time-zone", "Mars/Olympus", home=tmp_path)
    assert complaint(done) == "unknown time zone 'Mars/Olympus': use a name like Europe/Berlin"


def test_a_sample_is_never_written_over_something_else(built: Built) -> None:
    done = run("sample", built.sample, home=built.home)
    assert complaint(done) == (
        f"{built.sample} is not empty: give a directory that does not exist yet."
    )
