"""One session at its end: `archive`, and the hook of Claude Code that has it done."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import click

from waste_assets.cli import options
from waste_assets.cli.faults import EXIT_CHECKS_FAILED, InputFault, faults
from waste_assets.cli.terminal import echo
from waste_assets.lake.disk import disk_faults


@click.command()
@click.argument("transcript", type=click.Path(path_type=Path))
@options.data_root
@options.time_zone
@click.option("--json", "as_json", is_flag=True, help="Print what was done as one JSON object.")
def archive(transcript: Path, data_root: Path, time_zone: str, as_json: bool) -> None:
    """Archive one transcript now, with what lies beside it; the next audit accounts for it."""
    with faults():
        from waste_assets.claude_code.session_end import archive_session

        with disk_faults(data_root.absolute()):
            done = archive_session(data_root.absolute(), time_zone, transcript)
    days = ", ".join(done["days"]) or "nothing new"
    echo(json.dumps(done) if as_json else f"{done['files']:,} files archived: {days}.")
    for path, reason in done["unreadable"]:
        echo(f"Error: {path}: {reason}", err=True)
    if done["unreadable"]:
        sys.exit(EXIT_CHECKS_FAILED)


@click.command("hook-session-end", hidden=True)
@options.data_root
@options.time_zone
@click.option("--wait", is_flag=True, help="Archive before ending, not after it.")
@click.option("--ship", help="Put it into this bucket as well.")
def hook_session_end(data_root: Path, time_zone: str, wait: bool, ship: str | None) -> None:
    """Archive the session of which Claude Code tells on standard input."""
    from waste_assets.claude_code.session_end import session_ended

    session_ended(sys.stdin.buffer.read(), data_root.absolute(), time_zone, wait=wait, ship=ship)


_settings_file = (
    click.option(
        "--settings",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Settings file; Claude Code's own if not given.",
    ),
    click.option("--project", is_flag=True, help="This project's .claude/settings.local.json."),
    click.option("--yes", is_flag=True, help="Write without asking."),
    click.option("--json", "as_json", is_flag=True, help="Print the change as one JSON object."),
)


def _of_a_settings_file(command: Any) -> Any:
    for option in reversed(_settings_file):
        command = option(command)
    return command


@click.command("install-hook")
@options.data_root
@options.time_zone
@click.option("--ship", metavar="URL", help="Also put it into a bucket: s3://bucket/prefix.")
@_of_a_settings_file
def install_hook(
    data_root: Path,
    time_zone: str,
    ship: str | None,
    settings: Path | None,
    project: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Have Claude Code archive each transcript the moment its session ends.

    Shows what it would write into Claude Code's settings, and asks.
    """
    with faults():
        from waste_assets.claude_code.hook import command_for, installed
        from waste_assets.transcripts.days import Calendar

        Calendar(time_zone)
        command = command_for(data_root.absolute(), time_zone, ship)
        change = installed(_read_settings(settings, project), command)
        if change.file.value.get("disableAllHooks") is True:
            echo(f"disableAllHooks is set in {change.file.path}: no hook runs.", err=True)
        _change_settings(change, yes, as_json, "The hook is installed already.")


@click.command("uninstall-hook")
@_of_a_settings_file
def uninstall_hook(settings: Path | None, project: bool, yes: bool, as_json: bool) -> None:
    """Take the hook out of Claude Code's settings again; the archive stays."""
    with faults():
        from waste_assets.claude_code.hook import uninstalled

        change = uninstalled(_read_settings(settings, project))
        _change_settings(change, yes, as_json, "There is no hook to take out.")


def _read_settings(settings: Path | None, project: bool) -> Any:
    from waste_assets.claude_code.settings import own_settings, project_settings, read_settings

    if settings and project:
        raise InputFault("Give --settings or --project, not both.")
    own = own_settings(os.environ, Path.home())
    return read_settings(settings or (project_settings(Path.cwd()) if project else own))


def _change_settings(change: Any, yes: bool, as_json: bool, nothing: str) -> None:
    """Show the change, ask, and write it; as JSON it is only written where `--yes` says so."""
    from waste_assets.claude_code.settings import write_settings

    place, backup = change.file.path, None
    if not as_json:
        echo(change.diff if change.is_needed else f"{nothing} ({place})")
    write = change.is_needed and (yes or (not as_json and _agreed(place)))
    if write:
        backup = write_settings(change.file, change.text)
    if as_json:
        told = {
            "settings": str(place),
            "needed": change.is_needed,
            "written": write,
            "backup": backup and str(backup),
            "command": change.command,
            "diff": change.diff,
        }
        echo(json.dumps(told))
    elif write:
        echo(f"Written to {place}" + (f"; as it was: {backup}" if backup else ""))


def _agreed(place: Path) -> bool:
    try:
        return click.confirm(f"Write this to {place}?")
    except click.Abort as error:
        raise InputFault(
            "Nobody answered: nothing was written. --yes writes without asking."
        ) from error
