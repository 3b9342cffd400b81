"""`ui`: Dagster, on a data root."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import click

from waste_assets.cli import options
from waste_assets.cli.faults import faults
from waste_assets.cli.settings import settings_of


@click.command()
@options.data_root
@options.time_zone
@click.option("--port", default=3000, show_default=True, help="Port on this machine.")
@click.option(
    "--no-automation", is_flag=True, help="Leave the schedule and the sensor off until asked for."
)
@click.argument("paths", nargs=-1)
def ui(
    data_root: Path, time_zone: str, port: int, no_automation: bool, paths: tuple[str, ...]
) -> None:
    """Start Dagster's UI, its schedule and its sensor, on this data root."""
    with faults():
        settings = settings_of(paths, data_root, time_zone)
        from waste_assets.audit import prepare_instance
        from waste_assets.killed_runs import end_killed_runs
        from waste_assets.report import serve

        prepare_instance(settings)
        end_killed_runs(settings)
        os.environ[serve.ADDRESS] = serve.start(settings.data_root / "report")
    if no_automation:
        os.environ["WASTE_ASSETS_AUTOMATION"] = "off"
    program = str(Path(sys.executable).with_name("dagster"))
    arguments = ["dev", "-m", "waste_assets.definitions", "-h", "127.0.0.1", "-p", str(port)]
    # A shell starts what runs in the background with interrupts ignored, and Dagster does on
    # SIGTERM what it does on an interrupt: without this it would never stop.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.execv(program, [program, *arguments])
