"""The source directories as a Dagster resource. They are opened read-only, always."""

from pathlib import Path

import dagster as dg

from waste_assets.transcripts.discover import SourceFile, check_roots, discover


class TranscriptSource(dg.ConfigurableResource["TranscriptSource"]):
    """Directories that hold transcripts; none is allowed, for sources may be gone."""

    roots: list[str]

    def files(self) -> tuple[list[SourceFile], list[tuple[str, str]]]:
        """The files to archive, and (path, reason) of what could not be looked at."""
        return discover(self.existing())

    def existing(self) -> list[Path]:
        """The roots that are there."""
        return check_roots(Path(root) for root in self.roots if Path(root).exists())
