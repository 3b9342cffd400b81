"""`labels`: what is sent to the model that judges, what came back, what it has cost."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import click

from waste_assets.cli import options
from waste_assets.cli.faults import EXIT_BUDGET, EXIT_CHECKS_FAILED, faults
from waste_assets.cli.settings import label_settings, with_budget
from waste_assets.cli.terminal import echo


@click.group(invoke_without_command=True)
@options.data_root
@click.option("--dry-run", is_flag=True, help="Print what would be sent, and what it would cost.")
@click.option("--json", "as_json", is_flag=True, help="Print it as one JSON object.")
@click.pass_context
def labels(context: click.Context, data_root: Path, dry_run: bool, as_json: bool) -> None:
    """Have Claude Haiku judge what rules cannot, within a budget."""
    if context.invoked_subcommand is not None:
        return
    if not dry_run:
        echo(context.get_help())
        return
    with faults():
        from waste_assets import labelling
        from waste_assets.labels.preview import lines

        settings = label_settings(data_root)
        seen = labelling.dry_run(settings)
    if as_json:
        echo(json.dumps(vars(seen)))
        return
    for line in lines(seen, settings.labels.judge, settings.labels.base_url):
        echo(line)


@labels.command()
@options.data_root
@options.max_usd
@click.option("--json", "as_json", is_flag=True, help="Print the numbers as one JSON object.")
def submit(data_root: Path, max_usd: float | None, as_json: bool) -> None:
    """Send what is to be judged; the answers are picked up later."""
    with faults():
        from waste_assets import labelling
        from waste_assets.labels.told import asked_lines

        settings = with_budget(label_settings(data_root), max_usd)
        asked = labelling.submit(settings, labelling.new_run())
    if as_json:
        echo(json.dumps(asdict(asked)))
    else:
        for line in asked_lines(asked):
            echo(line)
    if asked.told is not None:
        echo(f"Labels: {asked.told}", err=True)
    if asked.stopped is not None:
        sys.exit(EXIT_BUDGET if asked.stopped_for_money else EXIT_CHECKS_FAILED)


@labels.command()
@options.data_root
@click.option("--json", "as_json", is_flag=True, help="Print the numbers as one JSON object.")
def collect(data_root: Path, as_json: bool) -> None:
    """Pick up the answers that have come back."""
    with faults():
        from waste_assets import labelling
        from waste_assets.labels.told import collected_lines

        collected = labelling.pick_up(label_settings(data_root))
    if as_json:
        echo(json.dumps(vars(collected)))
    else:
        for line in collected_lines(collected):
            echo(line)
    for fault in collected.faults:
        echo(f"Labels: {fault}", err=True)
    if collected.faults:
        sys.exit(EXIT_CHECKS_FAILED)


@labels.command()
@options.data_root
@click.option("--json", "as_json", is_flag=True, help="Print the rows as one JSON list.")
def spend(data_root: Path, as_json: bool) -> None:
    """Print what labels have cost, by month, task and model."""
    with faults():
        from waste_assets import labelling
        from waste_assets.labels.told import spend_lines

        settings = label_settings(data_root)
        rows = labelling.spend(settings)
        left = labelling.left_this_month(settings)
    if as_json:
        echo(json.dumps([{**group, **asdict(figures)} for group, figures in rows]))
        return
    for line in spend_lines(rows):
        echo(line)
    if left is not None:
        echo(f"The month's budget has ${left:.4f} left.")
