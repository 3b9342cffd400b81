"""An audit every night without the UI: what cron, systemd or launchd have to be told.

Made for this installation and data root, with absolute paths: none of the three knows a shell's
`PATH` or working directory.
"""

from __future__ import annotations

import os
import plistlib
import re
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

from waste_assets.lake.place import LAKE
from waste_assets.program import program

_NAME = "waste-assets"
_LABEL = "local.waste-assets"
_HOUR, _MINUTE = 0, 15


def nightly(
    kind: str, data_root: Path, time_zone: str, paths: Sequence[Path | str]
) -> dict[str, str]:
    """The files that make `kind` (one of `KINDS`) run an audit each night: text by name."""
    given = ["--data-root", str(data_root), "--time-zone", time_zone]
    # What starts in the night knows no variable.
    given += ["--lake", lake] if (lake := os.environ.get(LAKE)) else []
    audit = [*program(), "audit", "--quiet", *given, *map(str, paths)]
    ui = [*program(), "ui", *given, *map(str, paths)]
    return KINDS[kind](audit, ui, data_root)


def _cron(audit: list[str], _ui: list[str], _data_root: Path) -> dict[str, str]:
    # Cron takes a bare % for the end of the command.
    command = shlex.join(audit).replace("%", r"\%")
    return {"crontab": f"{_MINUTE} {_HOUR} * * * {command}\n"}


def _systemd(audit: list[str], ui: list[str], _data_root: Path) -> dict[str, str]:
    return {
        f"{_NAME}.service": f"""\
[Unit]
Description=Archive and audit Claude Code transcripts

[Service]
Type=oneshot
ExecStart={_systemd_line(audit)}
# WASTE_ASSETS_WEBHOOK and other variables, one NAME=value a line.
EnvironmentFile=-%h/.config/waste-assets.env
Nice=10
IOSchedulingClass=idle
""",
        f"{_NAME}.timer": f"""\
[Unit]
Description=Audit Claude Code transcripts every night

[Timer]
OnCalendar=*-*-* {_HOUR:02}:{_MINUTE:02}:00
# A night that the machine slept through is made up for.
Persistent=true
RandomizedDelaySec=5min

[Install]
WantedBy=timers.target
""",
        f"{_NAME}-ui.service": f"""\
[Unit]
Description=Dagster's UI of the audit, with its schedule and its sensor

[Service]
ExecStart={_systemd_line(ui)}
EnvironmentFile=-%h/.config/waste-assets.env
KillSignal=SIGINT
Restart=on-failure
RestartSec=30

[Install]
WantedBy=default.target
""",
    }


def _systemd_line(arguments: list[str]) -> str:
    """An argument list as systemd reads it: quoted, with its `%` and `$` for themselves."""
    return " ".join(map(_systemd_word, arguments))


def _systemd_word(word: str) -> str:
    word = word.replace("%", "%%").replace("$", "$$")
    if re.fullmatch(r"[\w@%+=:,./$-]+", word):
        return word
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _launchd(audit: list[str], _ui: list[str], data_root: Path) -> dict[str, str]:
    job = {
        "Label": _LABEL,
        "ProgramArguments": audit,
        # A night that the machine slept through is made up for when it wakes.
        "StartCalendarInterval": {"Hour": _HOUR, "Minute": _MINUTE},
        "StandardOutPath": str(data_root / "nightly.log"),
        "StandardErrorPath": str(data_root / "nightly.log"),
        "ProcessType": "Background",
        "LowPriorityIO": True,
    }
    return {f"{_LABEL}.plist": plistlib.dumps(job, sort_keys=False).decode()}


KINDS: dict[str, Callable[[list[str], list[str], Path], dict[str, str]]] = {
    "cron": _cron,
    "systemd": _systemd,
    "launchd": _launchd,
}
