"""The processes of a run as a Dagster resource: started once, for all stages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
from pydantic import PrivateAttr

from waste_assets.processes import Processes


class Workers(dg.ConfigurableResource["Workers"]):
    """Processes that work for one stage after another; to start them anew costs each a second."""

    #: How many; 0: one a core.
    count: int = 0
    _processes: Processes = PrivateAttr()

    @property
    def processes(self) -> Processes:
        """The processes, which start with the first work that is worth it."""
        return self._processes

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[Workers]:
        """For as long as the run lasts."""
        with Processes(self.count) as self._processes:
            yield self
