"""Names of files as they stand in a statement, where it takes no parameters: views, attachments."""

from __future__ import annotations

from collections.abc import Iterable


def quoted(value: object) -> str:
    """What stands between quotes in SQL."""
    return str(value).replace("'", "''")


def listed(parts: Iterable[object]) -> str:
    """A list of files, as `read_parquet` takes it."""
    return "[" + ", ".join(f"'{quoted(part)}'" for part in parts) + "]"
