"""The short way of an audit: nothing that its result rests on has changed since the last one.

An audit that ends with nothing left to do writes down what it told, with the identity of all it
rests on: the sources, the settings, the day, the lake, the BI files, this code. While that is the
same, planning anew would find nothing, and neither the lake nor the catalog needs to be opened.
Only names, sizes and times of files are looked at here, and nothing heavy is imported.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from waste_assets.alerts.settings import AlertSettings
from waste_assets.lake.place import STATE, directory_of
from waste_assets.lake.whole import write_whole
from waste_assets.settings import LABELS_FILE, Settings
from waste_assets.transcripts.days import Calendar
from waste_assets.transcripts.discover import Discovered

_NAME = "unchanged.json"
_CODE = Path(__file__).parent
_RULES = (".py", ".sql", ".csv", ".yaml", ".j2", ".css")


def identity(settings: Settings, found: Discovered) -> str:
    """Identity of everything that a plan looks at; `found` is what the sources hold."""
    told = hashlib.sha256()
    today = Calendar(settings.time_zone).day_at(datetime.now(UTC))
    # Lines of tomorrow count when their day has come.
    alerts = AlertSettings.from_environment()
    rest = (settings, alerts, bool(alerts.webhook), today, found.unlisted)
    told.update(repr(rest).encode("utf-8", "surrogateescape"))
    told.update(found.files.identity.encode())
    # It changes what is known of the past; where it lies may hold a password.
    told.update(os.environ.get(STATE, "").encode())
    root = settings.data_root
    if "://" in settings.lake:
        _tell_bucket(told, settings.lake)
    lake = directory_of(root, "" if "://" in settings.lake else settings.lake)
    for place in (lake, root / "bi", root / "report", _CODE):
        for entry in _files(str(place)):
            # It may have been taken away since it was listed.
            with suppress(OSError):
                stat = entry.stat()
                told.update(_line(entry.path, stat.st_ino, stat.st_size, stat.st_mtime_ns))
    labels = settings.labels_file or root / LABELS_FILE
    with suppress(OSError):
        stat = labels.stat()
        told.update(_line(str(labels), stat.st_ino, stat.st_size, stat.st_mtime_ns))
    with suppress(OSError):
        told.update((root / "schema_version").read_bytes())
        # It changes with every use; but another one in its place may know less.
        told.update(_line("state.db", (root / "state.db").stat().st_ino))
    return told.hexdigest()


def recalled(data_root: Path, current: str) -> dict[str, Any] | None:
    """What the last audit told, where all it rests on is as it was."""
    try:
        noted = json.loads((data_root / _NAME).read_bytes())
        if noted["identity"] != current or time.time() >= (noted["until"] or float("inf")):
            return None
        told: dict[str, Any] = noted["told"]
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return told


def note(data_root: Path, current: str, until: float | None, told: dict[str, Any]) -> None:
    """Write down what an audit told that has left nothing to do.

    `until` is when a file's last line counts as finished, though nobody has touched it (seconds
    since 1970). Where it cannot be written, the next audit plans.
    """
    noted = {"identity": current, "until": until, "told": told}
    with suppress(OSError):
        write_whole(data_root / _NAME, json.dumps(noted, default=str).encode())


def forget(data_root: Path) -> None:
    """Let the next audit plan: what is published rests on something that is not a file."""
    with suppress(OSError):
        (data_root / _NAME).unlink(missing_ok=True)


def _tell_bucket(told: hashlib._Hash, url: str) -> None:
    from waste_assets.lake.objects import Place

    for found in Place.of(url).objects():
        told.update(_line(found.name, found.size, found.etag))


def _line(*values: object) -> bytes:
    return ("\0".join(map(str, values)) + "\n").encode("utf-8", "surrogateescape")


def _files(directory: str) -> Iterator[os.DirEntry[str]]:
    """The partitions, BI files or rules below a directory, in order."""
    try:
        with os.scandir(directory) as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
    except OSError:
        # What is wrong with it is for those to tell who need it.
        return
    for entry in listed:
        # What is being written has a name that begins with a dot until it is put in its place.
        if entry.name.startswith(".") or entry.name == "__pycache__":
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _files(entry.path)
        elif not directory.startswith(str(_CODE)) or entry.name.endswith(_RULES):
            yield entry
