"""`clusters`: which failures are one problem, and who decided that."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from waste_assets.cli import options
from waste_assets.cli.faults import InputFault, faults


@click.group()
def clusters() -> None:
    """Why calls fail, counted as problems that last; who decided that two are one."""


_as_of = click.option(
    "--as-of",
    type=click.DateTime(["%Y-%m-%d"]),
    help="As it was known at the end of that day (UTC).",
)
_why = click.option("--why", required=True, help="Why; it is kept with the decision.")
_by = click.option("--by", help="Who decides; the user of this process by default.")


@clusters.command("list")
@options.data_root
@_as_of
@click.option("--json", "as_json", is_flag=True, help="Print the clusters as one JSON list.")
def clusters_list(data_root: Path, as_of: datetime | None, as_json: bool) -> None:
    """Print the clusters, the most frequent first."""
    with faults(), _registered(data_root) as (lake, state, _):
        from waste_assets.clusters.listing import listed, render

        found = listed(lake, state, options.day(as_of))
    click.echo(
        json.dumps([asdict(one) for one in found], default=str) if as_json else render(found)
    )


@clusters.command("show")
@click.argument("cluster")
@options.data_root
@_as_of
def clusters_show(cluster: str, data_root: Path, as_of: datetime | None) -> None:
    """Print the messages that CLUSTER holds, masked."""
    with faults(), _registered(data_root) as (lake, state, _):
        from waste_assets.clusters.listing import parts, render_parts

        found = parts(lake, state, cluster, options.day(as_of))
    click.echo(render_parts(found))


@clusters.command("proposals")
@options.data_root
def clusters_proposals(data_root: Path) -> None:
    """Print pairs of clusters that may be one problem; nothing is applied."""
    with faults(), _registered(data_root) as (lake, state, _):
        from waste_assets.clusters.listing import listed, proposals, render_proposals

        found = proposals(listed(lake, state))
    click.echo(render_proposals(found))


@clusters.command("merge")
@click.argument("cluster")
@click.argument("into")
@options.data_root
@_why
@_by
def clusters_merge(cluster: str, into: str, data_root: Path, why: str, by: str | None) -> None:
    """Show CLUSTER as part of INTO from now on; the next audit publishes it."""
    with faults(), _registered(data_root) as (lake, _, registry):
        from waste_assets.clusters.shown import pairs

        registry.merge(cluster, into, why, by or _user(), pairs(lake))
    _published_later(data_root, f"{cluster} is shown as part of {into} from now on.")


@clusters.command("split")
@click.argument("cluster")
@click.argument("parts", nargs=-1, required=True)
@options.data_root
@_why
@_by
def clusters_split(
    cluster: str, parts: tuple[str, ...], data_root: Path, why: str, by: str | None
) -> None:
    """Show PARTS of CLUSTER, messages or merged clusters, as one of their own from now on."""
    with faults(), _registered(data_root) as (lake, _, registry):
        from waste_assets.clusters.shown import pairs

        made = registry.split(cluster, parts, why, by or _user(), pairs(lake))
    _published_later(data_root, f"{', '.join(parts)} of {cluster} are {made.to_id} from now on.")


@clusters.command("history")
@options.data_root
def clusters_history(data_root: Path) -> None:
    """Print who decided what, when and why, and what changes of rules could not carry over."""
    with faults(), _registered(data_root) as (_, _, registry):
        from waste_assets.clusters.listing import render_history

        decided, migrations = registry.aliases(), registry.migrations()
    click.echo(render_history(decided))
    for migration in migrations:
        for lost in migration.lost:
            click.echo(
                f"{migration.at[:19]}  lost   {lost.cluster_id}: {lost.occurrences:,} calls, "
                f"{lost.overlap:.0%} of them now in {lost.mostly_in}"
            )


@contextmanager
def _registered(data_root: Path) -> Iterator[tuple[Any, Any, Any]]:
    """The lake, the state database and what was decided about clusters."""
    from waste_assets.clusters.registry import Registry
    from waste_assets.lake.place import lake_of
    from waste_assets.lake.state import State

    root = data_root.absolute()
    lake = lake_of(root)
    if not lake.exists():
        raise InputFault(f"There is nothing in {data_root}: run `waste-assets audit` first.")
    state = State(root)
    try:
        yield lake, state, Registry(state)
    finally:
        state.close()


def _published_later(data_root: Path, told: str) -> None:
    from waste_assets.unchanged import forget

    forget(data_root.absolute())
    click.echo(f"{told} `waste-assets audit` publishes it.")


def _user() -> str:
    from getpass import getuser

    return getuser()
