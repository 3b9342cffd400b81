"""When the rules change, clusters keep the ids that people know.

The failed calls of the days that were clustered by other rules are clustered again, and old and
new clusters are compared by the calls they hold. A new id that did not exist before, and that
holds at least half of the calls of an old one that exists no more, is carried: the old id stays
its name. What could not be carried is written down. It happens once for each set of rules, before
any day is written by them, whichever process comes first.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date

import duckdb

from waste_assets.clusters.registry import Lost, Registry
from waste_assets.clusters.stage import failure_clusters, rules, rules_of
from waste_assets.lake.lake import Lake
from waste_assets.lake.tables import FAILURE_CLUSTERS

#: A new cluster that holds this share of an old one's calls is the same.
OVERLAP = 0.5
_IDS = ["tool_use_id", "response_id", "cluster_id", "fingerprint_id"]


def migrate(lake: Lake, registry: Registry) -> bool:
    """Carry ids over to the rules as they are; False where there was nothing to do.

    Raises:
        OSError, duckdb.Error: the lake cannot be read.
    """
    current = rules()
    with lake.lock(FAILURE_CLUSTERS, date.min, date.min):
        by_day = {day: rules_of(lake, day) for day in lake.days(FAILURE_CLUSTERS)}
        days = [day for day, made_by in by_day.items() if made_by != current]
        if not days or any(one.to_rules == current for one in registry.migrations()):
            return False
        clusters: Counter[tuple[str, str]] = Counter()
        fingerprints: Counter[tuple[str, str]] = Counter()
        with duckdb.connect(":memory:", config={"threads": 1, "memory_limit": "256MB"}) as con:
            for day in days:
                old = _by_call(lake.read(FAILURE_CLUSTERS, [day], _IDS).to_pylist())
                new = _by_call(failure_clusters(con, lake, [day]).select(_IDS).to_pylist())
                for call in old.keys() & new.keys():
                    clusters[old[call][0], new[call][0]] += 1
                    fingerprints[old[call][1], new[call][1]] += 1
        before = ", ".join(sorted({str(by_day[day]) for day in days}))
        carried, lost = compare(clusters)
        # Splits name fingerprints.
        named = {m for alias in registry.aliases() if alias.kind == "split" for m in alias.members}
        parts = [(new, old) for new, old in compare(fingerprints)[0] if old in named]
        return registry.carry(before, current, [*carried, *parts], lost)


def _by_call(rows: Iterable[Mapping[str, str]]) -> dict[tuple[str, str], tuple[str, str]]:
    return {
        (row["tool_use_id"], row["response_id"]): (row["cluster_id"], row["fingerprint_id"])
        for row in rows
    }


def compare(moved: Mapping[tuple[str, str], int]) -> tuple[list[tuple[str, str]], list[Lost]]:
    """What is carried, as (new id, old id), and what is lost; `moved` counts (old, new).

    Of several old clusters that went into one, the one with the most calls there names it: with
    at least half of each, no other matching carries more.
    """
    sizes: Counter[str] = Counter()
    targets: dict[str, list[tuple[int, str]]] = defaultdict(list)
    after = {new for _, new in moved}
    for (old, new), count in sorted(moved.items()):
        sizes[old] += count
        targets[old].append((count, new))
    gone = [old for old in sizes if old not in after]
    carried: dict[str, str] = {}
    lost: list[Lost] = []
    for count, old, new in sorted(_largest(gone, targets), key=lambda one: (-one[0], *one[1:])):
        share = count / sizes[old]
        if share >= OVERLAP and new not in carried and new not in sizes:
            carried[new] = old
        else:
            lost.append(Lost(old, sizes[old], new, round(share, 4)))
    return sorted(carried.items()), sorted(lost, key=lambda one: (-one.occurrences, one.cluster_id))


def _largest(
    gone: Sequence[str], targets: Mapping[str, list[tuple[int, str]]]
) -> Iterator[tuple[int, str, str]]:
    """Of each old cluster the new one that holds most of it."""
    for old in gone:
        count, new = min(targets[old], key=lambda one: (-one[0], one[1]))
        yield count, old, new
