"""What the publication is told about clusters beyond what the lake holds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Title:
    """How a judge, or a person, called a cluster."""

    title: str
    summary: str
    #: Who: the id of a model, or a name.
    by: str


@dataclass(frozen=True)
class ClusterNames:
    """Under which cluster failures are shown, and what clusters are called."""

    #: (cluster, fingerprint) -> the cluster it is shown under, where it is another.
    shown: Mapping[tuple[str, str], str] = field(default_factory=dict)
    #: By the cluster shown; the others have a title made from the rules.
    titles: Mapping[str, Title] = field(default_factory=dict)
    #: Example text of small groups may be published.
    show_examples: bool = False

    @property
    def identity(self) -> str:
        """Equal names, equal publication."""
        told = [
            sorted([*pair, public] for pair, public in self.shown.items()),
            sorted([one, *vars(title).values()] for one, title in self.titles.items()),
            self.show_examples,
        ]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]


#: Nothing was decided.
NO_NAMES = ClusterNames()
