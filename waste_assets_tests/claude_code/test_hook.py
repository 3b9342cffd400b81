"""The hook: into the settings and out again, and what happens when a session ends."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from waste_assets.claude_code.hook import command_for
from waste_assets.lake.tables import PARSED_TURNS
from waste_assets.sample import conversation
from waste_assets_tests.program import PROGRAM, run
from waste_assets_tests.support import Audit
from waste_assets_tests.test_cli import complaint, told

SETTINGS = """{
    "$schema": "https://json.schemastore.org/claude-code-settings.json",
    "permissions": {"allow": ["Bash(ls:*)", "Read(ä/**)"], "deny": []},
    "hooks": {
        "Stop": [{"hooks": [{"type": "command", "command": "say done"}]}],
        "SessionEnd": [
            {"matcher": "logout", "hooks": [{"type": "command", "command": "tidy", "timeout": 3}]}
        ]
    },
    "someFutureSetting": {"b": 1, "a": [1, 2]}
}
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / ".claude").mkdir()
    return tmp_path


def settings_of(home: Path) -> Path:
    return home / ".claude" / "settings.json"


def hooks_of(path: Path) -> list[dict[str, Any]]:
    value = json.loads(path.read_text())
    return [hook for group in value["hooks"]["SessionEnd"] for hook in group["hooks"]]


# --- the settings --------------------------------------------------------------------------


def test_it_is_shown_first_and_written_where_somebody_agrees(home: Path) -> None:
    path = settings_of(home)
    path.write_text(SETTINGS)
    path.chmod(0o600)
    shown = run("install-hook", home=home)
    assert path.read_text() == SETTINGS
    assert b"Nobody answered: nothing was written" in shown.stderr and shown.returncode == 2
    assert b"+" in shown.stdout and b"hook-session-end" in shown.stdout
    written = run("install-hook", "--yes", home=home)
    assert (written.returncode, written.stderr) == (0, b"")
    assert [hook["command"] for hook in hooks_of(path)] == [
        "tidy", command_for(home / "data", "UTC"),
    ]  # fmt: skip
    for line in SETTINGS.splitlines()[:5]:
        assert line in path.read_text()
    assert path.with_name("settings.json.before-waste-assets").read_text() == SETTINGS
    assert path.stat().st_mode & 0o777 == 0o600
    assert sorted(p.name for p in path.parent.iterdir()) == [
        "settings.json", "settings.json.before-waste-assets",
    ]  # fmt: skip


def test_twice_is_once_and_out_again_is_as_before(home: Path) -> None:
    path = settings_of(home)
    path.write_text(SETTINGS)
    run("install-hook", "--yes", home=home)
    once = path.read_text()
    again = run("install-hook", "--yes", home=home)
    assert b"installed already" in again.stdout and path.read_text() == once
    moved = run("install-hook", "--yes", "--data-root", "else where", home=home)
    assert moved.returncode == 0
    assert [str(home / "else where") in hook["command"] for hook in hooks_of(path)] == [False, True]
    assert run("uninstall-hook", "--yes", home=home).returncode == 0
    assert path.read_text() == SETTINGS
    assert b"no hook to take out" in run("uninstall-hook", "--yes", home=home).stdout


def test_where_there_are_no_settings_they_are_made(home: Path) -> None:
    config = home / "config"
    done = run("install-hook", "--yes", home=home, CLAUDE_CONFIG_DIR=f"{config},{home / 'other'}")
    assert done.returncode == 0, done.stderr
    assert len(hooks_of(config / "settings.json")) == 1
    run("install-hook", "--yes", "--project", home=home)
    assert len(hooks_of(home / ".claude" / "settings.local.json")) == 1
    assert not settings_of(home).exists()


def test_a_link_to_the_settings_stays_a_link(home: Path) -> None:
    real = home / "dotfiles.json"
    real.write_text("{}")
    settings_of(home).symlink_to(real)
    assert run("install-hook", "--yes", home=home).returncode == 0
    assert settings_of(home).is_symlink() and len(hooks_of(real)) == 1


def test_json_shows_the_change_and_writes_only_where_it_is_told_to(home: Path) -> None:
    change = told(run("install-hook", "--json", home=home))
    assert change["needed"] and not change["written"] and not settings_of(home).exists()
    assert told(run("install-hook", "--json", "--yes", home=home))["written"]
    assert hooks_of(settings_of(home))[0]["command"] == change["command"]
    assert not told(run("install-hook", "--json", "--yes", home=home))["needed"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{\n  // mine\n  "model": "opus"\n}', "is not valid JSON"),
        ('{"model": "opus",}', "is not valid JSON"),
        ("[]", "does not hold a JSON object"),
        ('{"hooks": []}', "hooks in "),
        ('{"hooks": {"SessionEnd": {}}}', "hooks.SessionEnd in "),
    ],
)
def test_what_is_not_understood_is_left_alone(home: Path, text: str, sentence: str) -> None:
    settings_of(home).write_text(text)
    said = complaint(run("install-hook", "--yes", home=home))
    assert sentence in said and "nothing was written" in said
    assert settings_of(home).read_text() == text
    assert len(list((home / ".claude").iterdir())) == 1


# --- the end of a session ------------------------------------------------------------------


def ended(audit: Audit, path: Path) -> bytes:
    return json.dumps(
        {
            "session_id": path.stem,
            "transcript_path": str(path),
            "cwd": str(audit.folder),
            "hook_event_name": "SessionEnd",
            "reason": "prompt_input_exit",
        }
    ).encode()


def end(audit: Audit, event: bytes, *options: str) -> subprocess.CompletedProcess[bytes]:
    """Run the command that is installed as Claude Code does: by a shell, the event as input."""
    return subprocess.run(
        " ".join([command_for(audit.data, "UTC"), *options]),
        shell=True,
        input=event,
        capture_output=True,
        timeout=10,
        cwd="/",
        env={"PATH": os.environ["PATH"]},
    )


def log_of(audit: Audit) -> str:
    path = audit.data / "hook.log"
    return path.read_text() if path.exists() else ""


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def audit(tmp_path: Path) -> Audit:
    made = Audit(tmp_path / "with a space")
    c = conversation("mine", start="2026-09-01T22:00:00Z").user("Go").read("a.py", 400)
    with c.subagent("Explore") as agent:
        agent.grep("total").say()
    c.wait(hours=5).user("More").say()
    made.write(c, conversation("other").user("Hi").say())
    return made


def test_a_session_is_archived_whole_when_it_ends_and_the_audit_counts_it(audit: Audit) -> None:
    sessions = {f.session for f in audit.files() if f.is_lines}
    mine = next(path for path in map(Path, (f.path for f in audit.files())) if _has_agent(path))
    done = end(audit, ended(audit, mine), "--wait")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    of_mine = [f for f in audit.files() if f.session == mine.stem]
    assert len(sessions) == 2 and len(of_mine) > 2
    written = b"".join(sorted(Path(f.path).read_bytes() for f in of_mine if f.is_lines))
    assert sorted(audit.lines()) == sorted(written.splitlines(keepends=True))
    assert f"{mine.stem}: archived {len(of_mine)} files (2026-09-01, 2026-09-02)" in log_of(audit)
    # Afterwards an audit finds the days by itself, and reads only what it has not.
    assert audit.plan().days
    assert audit.run().files_read == len(audit.files()) - len(of_mine)
    assert {row["session_id"] for row in audit.rows(PARSED_TURNS)} == sessions
    end(audit, ended(audit, mine), "--wait")
    assert "nothing new" in log_of(audit).splitlines()[-1]


def _has_agent(path: Path) -> bool:
    return path.with_suffix("").is_dir()


def test_it_waits_for_an_audit_but_claude_code_does_not_wait_for_it(audit: Audit) -> None:
    path = next(Path(f.path) for f in audit.files() if _has_agent(Path(f.path)))
    audit.lake.root.mkdir(parents=True)
    # As an audit holds the days that it archives.
    with (audit.lake.root / ".raw_sessions.lock").open("w") as handle:
        fcntl.lockf(handle, fcntl.LOCK_EX)
        started = time.monotonic()
        assert end(audit, ended(audit, path)).returncode == 0
        assert time.monotonic() - started < 5
        time.sleep(0.5)
        assert log_of(audit) == "" and not audit.lines()
    until(lambda: "archived" in log_of(audit))
    assert path.read_bytes().splitlines(keepends=True)[0] in audit.lines()


@pytest.mark.parametrize(
    ("event", "logged"),
    [
        (b"", "is not understood"),
        (b"[]", "is not understood"),
        (b'{"session_id": "s"}', "s: not archived"),
        (b'{"session_id": "s", "transcript_path": "/nowhere/at/all.jsonl"}', "s: not archived"),
    ],
)
def test_whatever_goes_wrong_is_logged_and_no_matter_of_claude_codes(
    tmp_path: Path, event: bytes, logged: str
) -> None:
    audit = Audit(tmp_path)
    done = end(audit, event, "--wait")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert logged in log_of(audit) and log_of(audit).count("\n") == 1


def test_a_data_root_that_cannot_be_used_is_no_matter_of_claude_codes(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("in the way")
    done = end(Audit(tmp_path), b"{}", "--wait")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_neither_dagster_nor_the_engines_are_imported_for_it(audit: Audit) -> None:
    path = Path(audit.files()[0].path)
    code = (
        "import io, sys; from waste_assets import cli; "
        "sys.argv = ['waste-assets', 'hook-session-end', '--wait', '--data-root', sys.argv[1]]; "
        "cli.commands(standalone_mode=False); "
        "print(sorted({'dagster', 'duckdb', 'great_expectations'} & {*sys.modules}))"
    )
    python = str(Path(PROGRAM).with_name("python"))
    done = subprocess.run(
        [python, "-c", code, str(audit.data)], input=ended(audit, path), capture_output=True
    )
    assert (done.stdout, done.stderr) == (b"[]\n", b"")
    assert "archived" in log_of(audit)


def test_a_transcript_can_be_archived_by_hand(audit: Audit) -> None:
    path = next(f.path for f in audit.files() if _has_agent(Path(f.path)))
    arguments = ("archive", path, "--data-root", audit.data)
    assert told(run(*arguments, "--json", home=audit.folder))["days"] == [
        "2026-09-01", "2026-09-02",
    ]  # fmt: skip
    assert b"nothing new" in run(*arguments, home=audit.folder).stdout
    gone = run("archive", audit.folder / "gone.jsonl", home=audit.folder)
    assert "does not exist" in complaint(gone)
