"""What the BI tables are made from beside the lake: what people decided, and what they allow."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from waste_assets.clusters.applied import Applied, AppliedRemedies
from waste_assets.clusters.shown import names as cluster_names
from waste_assets.labels.labelling import Labelling
from waste_assets.labels.spend import ledger
from waste_assets.labels.store import LabelStore
from waste_assets.lake.cluster_names import NO_NAMES, ClusterNames
from waste_assets.lake.lake import Lake
from waste_assets.lake.state import State


@dataclass(frozen=True)
class Ledger:
    """What the state database says of the spend on labels."""

    #: Identity of the rows; empty without any.
    version: str = ""
    #: Rows of `label_spend`.
    rows: Sequence[tuple[Any, ...]] = ()


@dataclass(frozen=True)
class Beside:
    """What a data root knows beside its lake."""

    #: Remedies that people have applied.
    applied: tuple[Applied, ...] = ()
    #: Remedies may name what only one project has.
    names: bool = False
    #: Under which cluster failures are shown, and what clusters are called.
    clusters: ClusterNames = NO_NAMES
    #: What labels have cost.
    spend: Ledger = Ledger()

    @property
    def identity(self) -> str:
        """Equal knowledge, equal publication."""
        told = repr((self.applied, self.names, self.clusters.identity, self.spend.version))
        return hashlib.sha256(told.encode()).hexdigest()[:16]


#: A lake alone.
NOTHING = Beside()


def beside(
    lake: Lake,
    state: State,
    labelling: Labelling | None = None,
    *,
    names: bool = False,
    show_examples: bool = False,
) -> Beside:
    """Read it, of now; `names` and `show_examples` say what may be told of a single project.

    `labelling` says whose titles of clusters count; without it there are only automatic ones.
    """
    store = LabelStore(state)
    return Beside(
        tuple(AppliedRemedies(state).all()),
        names,
        cluster_names(lake, state, labelling, show_examples=show_examples),
        Ledger(store.ledger_version(), ledger(store)),
    )
