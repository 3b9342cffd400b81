"""Claude Code's settings files: where they are, what they say, and how one is changed."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from waste_assets.faults import Fault

_BOM = "\N{BOM}"


class SettingsError(Fault):
    """A settings file that cannot be read or changed; it has been left as it was."""


@dataclass(frozen=True)
class SettingsFile:
    """A settings file as it was read: `text` is empty where there is none."""

    #: Where it really lies: a link to it, as people with dotfiles have, stays a link.
    path: Path
    text: str
    value: dict[str, Any]

    @property
    def bom(self) -> bool:
        """Whether it begins with a byte order mark, which `text` leaves out."""
        return self.path.exists() and self.path.read_bytes().startswith(_BOM.encode())


def own_settings(environ: Mapping[str, str], home: Path) -> Path:
    """The user's settings file: in `CLAUDE_CONFIG_DIR` (the first, where it names several)."""
    configured = [part for part in environ.get("CLAUDE_CONFIG_DIR", "").split(",") if part.strip()]
    folder = Path(configured[0].strip()).expanduser() if configured else home / ".claude"
    return folder / "settings.json"


def project_settings(folder: Path) -> Path:
    """The settings of a project that are this user's own: an absolute path is not for others."""
    return folder / ".claude" / "settings.local.json"


def read_settings(path: Path) -> SettingsFile:
    """Read a settings file; one that does not exist has no settings.

    Raises:
        SettingsError: it cannot be read, is no JSON, or is no JSON object.
    """
    place = Path(os.path.realpath(path))
    try:
        text = place.read_bytes().decode("utf-8").removeprefix(_BOM)
    except FileNotFoundError:
        return SettingsFile(place, "", {})
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read ({error}): nothing was written.") from error
    if not text.strip():
        return SettingsFile(place, "", {})
    try:
        value = json.loads(text)
    except ValueError as error:
        raise SettingsError(
            f"{path} is not valid JSON ({error}): nothing was written. Take comments and trailing "
            "commas out of it, or add the hook by hand."
        ) from error
    if not isinstance(value, dict):
        raise SettingsError(f"{path} does not hold a JSON object: nothing was written.")
    return SettingsFile(place, text, value)


def write_settings(read: SettingsFile, text: str) -> Path | None:
    """Put the new text in the place of what was read, and keep that beside it.

    Returns:
        The backup; None where there was no file before.

    Raises:
        SettingsError: the file has changed since it was read, or cannot be written.
    """
    place = read.path
    if read_settings(place).text != read.text:
        raise SettingsError(f"{place} has just been changed: nothing was written. Try again.")
    backup = place.with_name(f"{place.name}.before-waste-assets") if place.exists() else None
    temporary = place.with_name(f".{place.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as handle:
            handle.write((_BOM if read.bom else "").encode() + text.encode())
            handle.flush()
            os.fsync(handle.fileno())
        if backup is not None:
            shutil.copymode(place, temporary)
            shutil.copy2(place, backup)
        temporary.replace(place)
    except OSError as error:
        raise SettingsError(
            f"{place} cannot be written ({error.strerror}): it is as it was."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
    return backup
