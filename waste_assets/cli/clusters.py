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
from waste_assets.cli.terminal import echo


@click.group()
def clusters() -> None:
    """Why calls fail, counted as problems that last; who decided that two are one."""


_as_of = click.option(
    "--as-of",
    type=click.DateTime(["%Y-%m-%d"]),
    help="As it was known at the end of that day (UTC).",
)
_why = click.option("--why", required=True, help="Why; it is kept with the decision.")
_json = click.option("--json", "as_json", is_flag=True, help="Print them as one JSON list.")
_json_object = click.option("--json", "as_json", is_flag=True, help="Print it as one JSON object.")
_by = click.option("--by", help="Who decides; the user of this process by default.")


@clusters.command("list")
@options.data_root
@_as_of
@_json
def clusters_list(data_root: Path, as_of: datetime | None, as_json: bool) -> None:
    """Print the clusters, the most frequent first."""
    with faults(), _registered(data_root) as (lake, state, _):
        from waste_assets.clusters.listing import listed, render

        # Answers have no past: as of a day clusters are called as the rules call them.
        called = None if as_of else _titles(data_root, lake, state)
        found = listed(lake, state, options.day(as_of), called)
    echo(_as_json(found) if as_json else render(found))


@clusters.command("show")
@click.argument("cluster")
@options.data_root
@_as_of
@_json
def clusters_show(cluster: str, data_root: Path, as_of: datetime | None, as_json: bool) -> None:
    """Print the messages that CLUSTER holds, masked."""
    with faults(), _registered(data_root) as (lake, state, _):
        from waste_assets.clusters.listing import parts, render_parts

        found = parts(lake, state, cluster, options.day(as_of))
    echo(_as_json(found) if as_json else render_parts(found))


@clusters.command("proposals")
@options.data_root
@_json
def clusters_proposals(data_root: Path, as_json: bool) -> None:
    """Print pairs of clusters that may be one problem; nothing is applied."""
    with faults(), _registered(data_root) as (lake, state, _):
        from waste_assets.clusters.listing import listed, proposals, render_proposals

        found = proposals(listed(lake, state))
    echo(_as_json(found) if as_json else render_proposals(found))


@clusters.command("merge")
@click.argument("cluster")
@click.argument("into")
@options.data_root
@_why
@_by
@_json_object
def clusters_merge(
    cluster: str, into: str, data_root: Path, why: str, by: str | None, as_json: bool
) -> None:
    """Show CLUSTER as part of INTO from now on; the next audit publishes it."""
    with faults(), _registered(data_root) as (lake, _, registry):
        from waste_assets.clusters.shown import pairs

        made = registry.merge(cluster, into, why, by or _user(), pairs(lake))
    told = f"{cluster} is shown as part of {into} from now on."
    _published_later(data_root, made, told, as_json)


@clusters.command("split")
@click.argument("cluster")
@click.argument("parts", nargs=-1, required=True)
@options.data_root
@_why
@_by
@_json_object
def clusters_split(
    cluster: str,
    parts: tuple[str, ...],
    data_root: Path,
    why: str,
    by: str | None,
    as_json: bool,
) -> None:
    """Show PARTS of CLUSTER, messages or merged clusters, as one of their own from now on."""
    with faults(), _registered(data_root) as (lake, _, registry):
        from waste_assets.clusters.shown import pairs

        made = registry.split(cluster, parts, why, by or _user(), pairs(lake))
    told = f"{', '.join(parts)} of {cluster} are {made.to_id} from now on."
    _published_later(data_root, made, told, as_json)


@clusters.command("history")
@options.data_root
@_json_object
def clusters_history(data_root: Path, as_json: bool) -> None:
    """Print who decided what, when and why, and what changes of rules could not carry over."""
    with faults(), _registered(data_root) as (_, _, registry):
        from waste_assets.clusters.listing import render_history

        decided, migrations = registry.aliases(), registry.migrations()
    if as_json:
        told = {
            name: [asdict(one) for one in rows]
            for name, rows in (
                ("decisions", decided),
                ("migrations", migrations),
            )
        }
        echo(json.dumps(told, default=str))
        return
    echo(render_history(decided))
    for migration in migrations:
        for lost in migration.lost:
            echo(
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


def _published_later(data_root: Path, made: Any, told: str, as_json: bool) -> None:
    from waste_assets.unchanged import forget

    forget(data_root.absolute())
    if as_json:
        echo(json.dumps(asdict(made), default=str))
    else:
        echo(f"{told} `waste-assets audit` publishes it.")


def _titles(data_root: Path, lake: Any, state: Any) -> Any:
    """What clusters are called by the answers that count now."""
    from waste_assets.cli.settings import label_settings
    from waste_assets.clusters.shown import names
    from waste_assets.labelling import labelled

    settings = label_settings(data_root)
    labelling = labelled(settings, state)
    return names(lake, state, labelling, show_examples=settings.show_examples).titles


def _as_json(found: Any) -> str:
    return json.dumps([asdict(one) for one in found], default=str)


def _user() -> str:
    from getpass import getuser

    return getuser()
