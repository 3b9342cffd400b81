"""Dagster's events as they are stored: what they tell of errors, and what was logged, holds no
secret.

Steps let no secret out themselves (`redaction.errors`); this is for what Dagster and the libraries
around a step say.
"""

from __future__ import annotations

from typing import Any

from dagster._core.events import DagsterEventType
from dagster._core.events.log import EventLogEntry

from waste_assets.redaction import without_secrets

#: Thousands in a run; what is in them is made here, of texts that were redacted before.
_OURS = frozenset(
    one.value
    for one in (
        DagsterEventType.ASSET_MATERIALIZATION,
        DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
        DagsterEventType.ASSET_OBSERVATION,
        DagsterEventType.ASSET_CHECK_EVALUATION,
        DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED,
    )
)


def redacted(event: EventLogEntry) -> EventLogEntry:
    """The event without secrets; one that has none comes back as it is."""
    happened = event.dagster_event
    if happened is not None and happened.event_type_value in _OURS:
        return event
    clean: EventLogEntry = _clean(event)
    return clean


def _clean(value: Any) -> Any:
    """The value with all texts in it redacted; itself where nothing had to be."""
    if isinstance(value, str):
        return without_secrets(value)
    if isinstance(value, dict):
        entries = {key: _clean(one) for key, one in value.items()}
        return entries if any(entries[key] is not value[key] for key in value) else value
    replace = getattr(value, "_replace", None)
    if isinstance(value, tuple) and replace is not None:
        fields = {name: getattr(value, name) for name in replace.__self__._fields}
        changed = {name: clean for name, one in fields.items() if (clean := _clean(one)) is not one}
        return replace(**changed) if changed else value
    if isinstance(value, (list, tuple)):
        members = [_clean(one) for one in value]
        same = all(new is old for new, old in zip(members, value, strict=True))
        return value if same else type(value)(members)
    return value
