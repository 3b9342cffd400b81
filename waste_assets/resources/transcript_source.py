"""The source directories as a Dagster resource. They are opened read-only, always."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from waste_assets.lake.lake import Lake
from waste_assets.transcripts.discover import Discovered, check_roots, discover
from waste_assets.transcripts.forgotten import Forgotten
from waste_assets.transcripts.sources import Source

#: What this process has just found in sources.
_listed: dict[tuple[str, ...], Discovered] = {}


@contextmanager
def listed_already(roots: Iterable[Path | str], found: Discovered) -> Iterator[None]:
    """While a run in this process is at work, believe that the sources hold these files.

    What changes meanwhile is for the next plan, as it is for a run that has listed them itself.
    """
    key = tuple(map(str, roots))
    _listed[key] = found
    try:
        yield
    finally:
        del _listed[key]


class TranscriptSource(dg.ConfigurableResource["TranscriptSource"]):
    """Directories and buckets that hold transcripts; none is allowed, for sources may be gone."""

    roots: list[str]

    def found(self, lake: Lake) -> Discovered:
        """The files to archive into a lake, and what could not be looked at."""
        found = _listed.get(tuple(self.roots)) or discover(self.existing())
        return Discovered(Forgotten.of(lake).without(found.files), found.unlisted)

    def existing(self) -> list[Source]:
        """The roots that are there."""
        return check_roots(root for root in self.roots if Source.of(root).may_exist())
