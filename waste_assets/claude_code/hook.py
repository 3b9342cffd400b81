"""The `SessionEnd` hook: putting it into a settings file, and taking it out again.

Claude Code runs the command of such a hook when a session ends, with a JSON object on its
standard input: `session_id`, `transcript_path`, `reason` and others. All `SessionEnd` hooks share
1.5 seconds, or the longest `timeout` that one of them asks for.
"""

from __future__ import annotations

import difflib
import json
import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from waste_assets.claude_code.json_text import insert, remove
from waste_assets.claude_code.settings import SettingsError, SettingsFile
from waste_assets.lake.place import LAKE
from waste_assets.program import program

EVENT, COMMAND = "SessionEnd", "hook-session-end"
#: It takes a fifth of a second; the rest is for a machine that is busy.
_TIMEOUT_SECONDS = 10


@dataclass(frozen=True)
class Change:
    """What would become of a settings file."""

    file: SettingsFile
    text: str
    #: What Claude Code will run.
    command: str | None = None

    @property
    def is_needed(self) -> bool:
        """Whether there is anything to write."""
        return self.text != self.file.text

    @property
    def diff(self) -> str:
        """The change as a unified diff."""
        name = str(self.file.path)
        before, after = (text.splitlines() for text in (self.file.text, self.text))
        return "\n".join(difflib.unified_diff(before, after, name, name, n=2, lineterm=""))


def command_for(data_root: Path, time_zone: str, ship: str | None = None) -> str:
    """The command line of the hook, as a shell takes it: this very installation, wherever the
    session ran. With `ship`, the URL of a bucket, the session is also put there."""
    given = ["--data-root", str(data_root), "--time-zone", time_zone]
    given += ["--lake", lake] if (lake := os.environ.get(LAKE)) else []
    given += ["--ship", ship] if ship else []
    return shlex.join([*program(), COMMAND, *given])


def installed(file: SettingsFile, command: str) -> Change:
    """The settings with the hook in them, once; one of another installation makes way.

    Raises:
        SettingsError: what stands under `hooks` is not what Claude Code reads there.
    """
    ours = list(_ours(file))
    wanted = {"type": "command", "command": command, "timeout": _TIMEOUT_SECONDS}
    if [hook for _, hook in ours] == [wanted]:
        return Change(file, file.text, command)
    text = _without(file)
    group = {"hooks": [wanted]}
    if not text.strip():
        text = "{}\n"
    hooks = json.loads(text).get("hooks")
    if hooks is None:
        text = insert(text, (), {EVENT: [group]}, key="hooks")
    elif EVENT not in hooks:
        text = insert(text, ("hooks",), [group], key=EVENT)
    else:
        text = insert(text, ("hooks", EVENT), group)
    return Change(file, text, command)


def uninstalled(file: SettingsFile) -> Change:
    """The settings without the hook, and without what held nothing else.

    Raises:
        SettingsError: what stands under `hooks` is not what Claude Code reads there.
    """
    return Change(file, _without(file))


def _without(file: SettingsFile) -> str:
    text = file.text
    # From the last one on, so that the places of the others stay.
    for way, _ in reversed(list(_ours(file))):
        text = remove(text, way)
        # What held nothing else goes with it: the list of the group and the group, the list of
        # the event, the hooks.
        for holder, emptied in ((way[:3], way[:4]), (way[:2], way[:2]), (way[:1], way[:1])):
            if _at(json.loads(text), emptied):
                break
            text = remove(text, holder)
    return text


def _ours(file: SettingsFile) -> Iterator[tuple[tuple[str | int, ...], dict[str, Any]]]:
    """Hooks that archive sessions, of this or another installation, with the way to each."""
    hooks = file.value.get("hooks", {})
    groups = _of(dict, hooks, file, "hooks").get(EVENT, [])
    for place, group in enumerate(_of(list, groups, file, f"hooks.{EVENT}")):
        entries = group.get("hooks", []) if isinstance(group, dict) else []
        for n, hook in enumerate(entries if isinstance(entries, list) else []):
            if isinstance(hook, dict) and _is_ours(hook.get("command")):
                yield ("hooks", EVENT, place, "hooks", n), hook


def _is_ours(command: Any) -> bool:
    return isinstance(command, str) and COMMAND in command.split() and "waste" in command


def _of(type_: type, value: Any, file: SettingsFile, name: str) -> Any:
    if not isinstance(value, type_):
        kind = "an object" if type_ is dict else "a list"
        raise SettingsError(
            f"{name} in {file.path} is not {kind}, as Claude Code wants it: nothing was written."
        )
    return value


def _at(value: Any, way: tuple[str | int, ...]) -> Any:
    for name in way:
        value = value[name]
    return value
