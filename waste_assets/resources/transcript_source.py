"""The source directories as a Dagster resource. They are opened read-only, always."""

import dagster as dg

from waste_assets.lake.lake import Lake
from waste_assets.transcripts.discover import check_roots, discover
from waste_assets.transcripts.forgotten import Forgotten
from waste_assets.transcripts.listing import Listing
from waste_assets.transcripts.sources import Source


class TranscriptSource(dg.ConfigurableResource["TranscriptSource"]):
    """Directories and buckets that hold transcripts; none is allowed, for sources may be gone."""

    roots: list[str]

    def files(self, lake: Lake) -> tuple[Listing, list[tuple[str, str]]]:
        """The files to archive into a lake, and (path, reason) of what could not be looked at."""
        found, unlisted = discover(self.existing())
        return Forgotten.of(lake).without(found), unlisted

    def existing(self) -> list[Source]:
        """The roots that are there."""
        return check_roots(root for root in self.roots if Source.of(root).may_exist())
