"""The data root as a Dagster resource: lake, state database, BI files."""

from pathlib import Path

import dagster as dg

from waste_assets.lake.lake import Lake
from waste_assets.lake.state import State
from waste_assets.transcripts.days import Calendar


class DataRoot(dg.ConfigurableResource["DataRoot"]):
    """Everything that the project writes lies below one directory."""

    path: str
    time_zone: str = "UTC"

    @property
    def root(self) -> Path:
        """The directory."""
        return Path(self.path)

    @property
    def lake(self) -> Lake:
        """The lake below it."""
        return Lake(self.root / "lake")

    @property
    def bi(self) -> Path:
        """Where the BI files are published."""
        return self.root / "bi"

    @property
    def calendar(self) -> Calendar:
        """Days as this data root counts them."""
        return Calendar(self.time_zone)

    def state(self) -> State:
        """Open the state database; the caller closes it."""
        return State(self.root)
