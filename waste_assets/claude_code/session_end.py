"""What runs when a session ends: its transcript is archived at once, and nothing else is done.

Claude Code waits for the hook, and stops it after a while. So the process that it has started
reads what it is told, leaves the work to one of its own, and ends. Whatever goes wrong is written
into `hook.log` below the data root and is never Claude Code's business.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NoReturn

from waste_assets.faults import Fault
from waste_assets.inert import without_controls
from waste_assets.lake.disk import disk_faults

LOG = "hook.log"
#: Above this size the log is begun anew, and the old one kept beside it.
_LOG_BYTES = 1 << 20


def session_ended(
    told: bytes, data_root: Path, time_zone: str, *, wait: bool = False, ship: str | None = None
) -> None:
    """Archive the session that Claude Code tells of, in a process that outlives this one.

    `told` is what the hook got on its standard input. With `wait` the work is done here. `ship`
    is the URL of a bucket that the session is put into as well.
    """
    if wait:
        _logged(told, data_root, time_zone, ship)
    elif os.fork() == 0:
        _apart(lambda: _logged(told, data_root, time_zone, ship))


def archive_session(data_root: Path, time_zone: str, transcript: Path) -> dict[str, Any]:
    """Archive one transcript and what lies beside it, as it is now.

    Returns:
        `files` read of the session, `unreadable`, and the `days` whose archive has changed.

    Raises:
        SourceError: there is no such transcript.
        StateError: the data root cannot be used.
        OSError: the archive cannot be written.
    """
    from waste_assets.lake.in_use import in_use
    from waste_assets.lake.place import lake_of
    from waste_assets.lake.source_catalog import SourceCatalog
    from waste_assets.lake.state import State
    from waste_assets.transcripts import archive
    from waste_assets.transcripts.days import Calendar
    from waste_assets.transcripts.discover import of_session

    calendar = Calendar(time_zone)
    files = of_session(transcript.absolute())
    days: set[date] = set()
    for file in files:
        days |= _days(file, calendar)
    # What is dated later is archived with today's lines.
    last = min(max(days), calendar.day_at(datetime.now(UTC)))
    first = min(*days, last)
    state = State(data_root)
    try:
        # Whoever audits next has the time to clean up.
        with in_use(data_root, sweep=False):
            report = archive.update(
                lake_of(data_root), SourceCatalog(state), files, first, last, calendar
            )
    finally:
        state.close()
    return {
        "files": report.files_read,
        "unreadable": report.unreadable,
        "days": [day.isoformat() for day in sorted(report.changed)],
    }


def _days(file: Any, calendar: Any) -> set[date]:
    """Days that the file is likely to touch; one that is missed here, the next audit archives."""
    from waste_assets.transcripts.peek import peek

    by_mtime = calendar.day_of_file(file.mtime_ns)
    if not file.is_lines:
        return {by_mtime}
    with suppress(OSError):
        stamps = peek(file).stamps
        return {calendar.day(stamp) for stamp in stamps} or {by_mtime}
    return {by_mtime}


def ship_session(transcript: Path, url: str) -> int:
    """Put one transcript and what lies beside it into a bucket; returns how many files changed.

    Raises:
        Fault, OSError: it cannot be read or put.
    """
    from waste_assets.transcripts.discover import of_session
    from waste_assets.transcripts.ship import ship

    # projects/<directory of the project>/<session>.jsonl
    root = transcript.absolute().parent.parent
    root = root.parent if root.name == "projects" else root
    done = ship([root], url, of_session(transcript.absolute()))
    if done.failed:
        path, reason = done.failed[0]
        raise Fault(f"{path} was not shipped: {reason}")
    return done.files


def _logged(told: bytes, data_root: Path, time_zone: str, ship: str | None) -> None:
    """Do the work, and write down what came of it."""
    started = time.perf_counter()
    session = "unknown session"
    try:
        event = json.loads(told)
        session = str(event.get("session_id", session))
        transcript = Path(event["transcript_path"]).expanduser()
        with disk_faults(data_root):
            done = archive_session(data_root, time_zone, transcript)
        days = ", ".join(done["days"]) or "nothing new"
        outcome = f"archived {done['files']} files ({days}), {_seconds(started)}"
        outcome += "".join(f"; {path}: {reason}" for path, reason in done["unreadable"])
        if ship:
            # Archived it is in any case.
            _note(data_root, f"{session}: {outcome}")
            outcome = f"shipped {ship_session(transcript, ship)} files, {_seconds(started)}"
    except Fault as error:
        outcome = f"not archived: {error}"
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        outcome = f"not archived: what Claude Code told is not understood ({error!r})"
    except Exception as error:
        outcome = f"not archived: {type(error).__name__}: {error}"
    _note(data_root, f"{session}: {outcome}")


def _note(data_root: Path, line: str) -> None:
    from waste_assets.redaction import redact

    now = datetime.now(UTC).isoformat(timespec="seconds")
    place = data_root / LOG
    with suppress(OSError):
        data_root.mkdir(parents=True, exist_ok=True)
        if place.exists() and place.stat().st_size > _LOG_BYTES:
            place.replace(place.with_name(f"{LOG}.old"))
        with place.open("a", encoding="utf-8", errors="replace") as handle:
            # Somebody will look at it in a terminal.
            handle.write(f"{now} {without_controls(redact(' '.join(line.split())))}\n")


def _seconds(started: float) -> str:
    return f"{time.perf_counter() - started:.2f} s"


def _apart(work: Callable[[], None]) -> NoReturn:
    """Do the work away from the terminal and the streams that this process was given."""
    try:
        # Signals to the terminal's processes, and to Claude Code's, reach it no more.
        os.setsid()
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(nowhere, stream)
        work()
    finally:
        os._exit(0)
