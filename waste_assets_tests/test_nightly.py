"""What cron, systemd and launchd are told: taken apart as they do it."""

from __future__ import annotations

import os
import plistlib
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from waste_assets.cli import commands
from waste_assets_tests.program import PROGRAM, run
from waste_assets_tests.test_cli import complaint, told

ODD = "with a space and 100% $HOME"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    made = tmp_path / ODD
    (made / "config" / "projects").mkdir(parents=True)
    return made


def wanted(home: Path) -> list[str]:
    return [
        PROGRAM, "audit", "--quiet", "--data-root", str(home / "data"), "--time-zone", "UTC",
        str(home / "config"),
    ]  # fmt: skip


def test_a_line_for_cron_runs_the_audit_of_this_installation(home: Path) -> None:
    done = run("nightly", "cron", home=home, CLAUDE_CONFIG_DIR=home / "config")
    (line,) = done.stdout.decode().splitlines()
    assert line.split()[:5] == ["15", "0", "*", "*", "*"]
    # What cron does: an unescaped % ends the command, and a shell gets the rest.
    command = line.split(maxsplit=5)[5]
    assert "%" not in command.replace(r"\%", "")
    assert shlex.split(command.replace(r"\%", "%")) == wanted(home)
    # Its arguments are those of the command.
    context = commands.commands["audit"].make_context("audit", wanted(home)[2:])
    assert context.params["quiet"] is True


def test_a_job_for_launchd(home: Path) -> None:
    done = run("nightly", "launchd", home=home, CLAUDE_CONFIG_DIR=home / "config")
    job = plistlib.loads(done.stdout)
    assert job["ProgramArguments"] == wanted(home)
    assert job["StartCalendarInterval"] == {"Hour": 0, "Minute": 15}


def test_units_for_systemd_are_what_systemd_takes(home: Path, tmp_path: Path) -> None:
    units = tmp_path / "units"
    written = run("nightly", "systemd", "--write", units, home=home,
                  CLAUDE_CONFIG_DIR=home / "config")  # fmt: skip
    assert written.returncode == 0, written.stderr
    texts = {path.name: path.read_text() for path in units.iterdir()}
    printed = told(run("nightly", "systemd", "--json", home=home,
                       CLAUDE_CONFIG_DIR=home / "config"))  # fmt: skip
    assert texts == printed
    assert texts.keys() == {"waste-assets.service", "waste-assets.timer", "waste-assets-ui.service"}
    line = next(t for t in texts["waste-assets.service"].splitlines() if t.startswith("ExecStart="))
    words = shlex.split(line.removeprefix("ExecStart="))
    assert [word.replace("%%", "%").replace("$$", "$") for word in words] == wanted(home)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd-analyze")
def test_systemd_finds_nothing_wrong_with_the_units(home: Path, tmp_path: Path) -> None:
    units = tmp_path / "units"
    run("nightly", "systemd", "--write", units, home=home)
    (tmp_path / "run").mkdir(mode=0o700)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--user", *map(str, sorted(units.iterdir()))],
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path / "run")},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_without_another_place_nothing_is_said_of_the_sources(home: Path) -> None:
    line = run("nightly", "cron", home=home).stdout.decode()
    assert "config" not in line.partition("--time-zone UTC")[2]
    zone = run("nightly", "cron", "--time-zone", "Mars/Olympus", home=home)
    assert complaint(zone) == "unknown time zone 'Mars/Olympus': use a name like Europe/Berlin"
