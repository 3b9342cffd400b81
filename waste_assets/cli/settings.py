"""The settings of a run: the environment's, and over them what the command line gives."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from waste_assets.cli.sample import generated


def settings_of(paths: tuple[str, ...], data_root: Path, time_zone: str) -> Any:
    """Settings for the transcripts in `paths`; without any, Claude Code's own or a sample."""
    from waste_assets.settings import Settings
    from waste_assets.transcripts.days import Calendar
    from waste_assets.transcripts.sources import roots_of

    Calendar(time_zone)
    found = Settings.from_environment()
    sources = tuple(roots_of(paths)) or found.sources
    if not sources:
        sources = (generated(data_root.absolute()),)
    return replace(found, data_root=data_root.absolute(), sources=sources, time_zone=time_zone)


def label_settings(data_root: Path) -> Any:
    """Settings for what is asked about a data root, whose transcripts are archived already."""
    from waste_assets.settings import Settings

    return replace(Settings.from_environment(), data_root=data_root.absolute())


def with_budget(settings: Any, max_usd: float | None) -> Any:
    """The settings with a budget for labels, USD; as they were where none is given."""
    if max_usd is None:
        return settings
    return replace(settings, labels=replace(settings.labels, max_usd=max_usd))
