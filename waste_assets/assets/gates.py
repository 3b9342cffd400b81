"""Gates between the stages, where workers share a backfill: each is one asset over all slices.

A day's rows come from all days of its sessions, and which these are is known only once the stage
before has built them. So no slice of a stage begins before all slices of the stage before have
been built and have passed their checks. Where one run does all there are none: it does one stage
after another anyway.
"""

from collections.abc import Iterable

import dagster as dg

from waste_assets.assets.described import OWNERS
from waste_assets.lake.tables import FLAG_TABLES, RAW_SESSIONS, TURN_TABLES, Table
from waste_assets.partitions import is_sliced
from waste_assets.redaction.errors import quotes_no_secret
from waste_assets.team.stages import await_others

ARCHIVE, TURNS, FLAGS = "archive_complete", "turns_complete", "flags_complete"


def after(gate: str) -> list[dg.AssetDep]:
    """What a stage depends on besides its tables."""
    return [dg.AssetDep(gate)] if is_sliced else []


def _gate(name: str, tables: Iterable[Table], before: str) -> dg.AssetsDefinition:
    @dg.asset(
        name=name,
        description=f"All days of the backfill are built and checked, before {before}.",
        deps=[
            dg.AssetDep(table.name, partition_mapping=dg.AllPartitionMapping()) for table in tables
        ],
        group_name="gates",
        owners=OWNERS,
    )
    @quotes_no_secret
    def gate(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        """Wait until the other runs have ended."""
        return dg.MaterializeResult(metadata={"runs": await_others(context.instance, context.run)})

    return gate


GATES = (
    [
        _gate(ARCHIVE, [RAW_SESSIONS], "turns are read from it"),
        _gate(TURNS, TURN_TABLES, "sessions are looked through"),
        _gate(FLAGS, FLAG_TABLES, "anything is asked about them"),
    ]
    if is_sliced
    else []
)
