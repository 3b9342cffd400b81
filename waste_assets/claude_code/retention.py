"""Claude Code's clean-up: which transcripts it deletes before they are archived."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from waste_assets.claude_code.settings import SettingsError, read_settings
from waste_assets.lake.known_files import KnownFiles
from waste_assets.lake.lake import Lake
from waste_assets.transcripts.bucket import is_object
from waste_assets.transcripts.changes import Changes
from waste_assets.transcripts.listing import Listing
from waste_assets.transcripts.sources import Source

#: What Claude Code does where nothing is said, days.
DEFAULT_DAYS = 30
#: The next nightly run, and one that the machine slept through.
_NEXT_RUN_SECONDS = 2 * 86_400
_SETTING = "cleanupPeriodDays"
#: Transcripts that are named.
_NAMED = 5


@dataclass(frozen=True)
class Retention:
    """What the clean-up threatens."""

    #: After so many days without a change Claude Code deletes a transcript: the shortest of all
    #: sources.
    cleanup_days: float
    #: Transcripts, and the files beside them, that may be deleted before the next nightly run
    #: and are not archived as they are now.
    at_risk: int = 0
    #: When the first of them may go, UTC; in the past where it may go at any moment.
    first_loss: str | None = None
    #: Some of them, the first to go first.
    paths: list[str] = field(default_factory=list)

    def told(self) -> dict[str, Any]:
        """As a plain object, with the `warning` in words."""
        return asdict(self) | {"warning": self.sentence or None}

    @property
    def sentence(self) -> str:
        """What is the matter, and what to do; empty where nothing is."""
        if self.at_risk:
            return (
                f"{self.at_risk:,} transcripts that are not archived may be deleted by Claude Code "
                f"from {self.first_loss} on ({_SETTING} is {self.cleanup_days:g}): run "
                "`waste-assets audit` without --since and --until, see what it cannot read, or "
                f"raise {_SETTING} in Claude Code's settings.json."
            )
        if self.cleanup_days * 86_400 <= _NEXT_RUN_SECONDS:
            return (
                f"Claude Code deletes transcripts after {self.cleanup_days:g} days "
                f"({_SETTING}), which one missed night is enough for: run "
                "`waste-assets install-hook`, or raise it."
            )
        return ""


def retention(
    lake: Lake,
    roots: Iterable[Path | Source],
    files: Listing,
    known: KnownFiles,
    now: datetime | None = None,
) -> Retention:
    """Compare the age of what is not archived with the clean-up of its source."""
    moment = (now or datetime.now(UTC)).timestamp()
    folders = [Path(s.root) for s in map(_source, roots) if not s.is_bucket]
    periods = {str(folder): cleanup_days(folder) for folder in folders}
    expiring = []
    for file in _not_archived(lake, files, known):
        days = next(
            (period for root, period in periods.items() if file.path.startswith(f"{root}/")),
            # Nobody cleans a bucket up.
            None if is_object(file.path) else DEFAULT_DAYS,
        )
        if days is None:
            continue
        expires = file.mtime_ns / 1e9 + days * 86_400
        if expires <= moment + _NEXT_RUN_SECONDS:
            expiring.append((expires, file.path))
    expiring.sort()
    shortest = min(periods.values(), default=DEFAULT_DAYS)
    if not expiring:
        return Retention(shortest)
    first = datetime.fromtimestamp(expiring[0][0], UTC).isoformat(timespec="minutes")
    return Retention(shortest, len(expiring), first, [path for _, path in expiring[:_NAMED]])


def _not_archived(lake: Lake, files: Listing, known: KnownFiles) -> Listing:
    """The files of which the archive does not hold every line, as they are now."""
    changes = Changes(files, known)
    # A file may have been read for the sake of other days.
    return files.chosen(changes.differs | changes.lacking(lake))


def _source(root: Path | Source) -> Source:
    return root if isinstance(root, Source) else Source.of(root)


def cleanup_days(root: Path) -> float:
    """`cleanupPeriodDays` of a source: of the settings of the directory, or what Claude Code
    takes where they say nothing that it understands."""
    folder = root.parent if root.name == "projects" else root
    try:
        told = read_settings(folder / "settings.json").value.get(_SETTING)
    except SettingsError:
        return DEFAULT_DAYS
    if isinstance(told, int | float) and not isinstance(told, bool) and told >= 1:
        return told
    return DEFAULT_DAYS
