"""`nightly`: an audit every night, without the UI."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from waste_assets.cli import options
from waste_assets.cli.faults import faults
from waste_assets.cli.terminal import echo

_SOURCES = "WASTE_ASSETS_SOURCES"


@click.command()
@click.argument("kind", type=click.Choice(["cron", "systemd", "launchd"]))
@click.argument("paths", nargs=-1)
@options.data_root
@options.time_zone
@click.option(
    "--write",
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write the files into this directory.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the files as one JSON object.")
def nightly(
    kind: str,
    paths: tuple[str, ...],
    data_root: Path,
    time_zone: str,
    directory: Path | None,
    as_json: bool,
) -> None:
    """Print what has cron, systemd or launchd run an audit every night, without the UI."""
    with faults():
        from waste_assets.nightly import nightly as files_of
        from waste_assets.settings import Settings
        from waste_assets.transcripts.days import Calendar
        from waste_assets.transcripts.sources import roots_of

        Calendar(time_zone)
        sources = roots_of(paths)
        # Neither variable is known to what starts in the night.
        if not paths and (os.environ.get("CLAUDE_CONFIG_DIR") or os.environ.get(_SOURCES)):
            sources = list(Settings.from_environment().sources)
        files = files_of(kind, data_root.absolute(), time_zone, sources)
        if directory:
            directory.mkdir(parents=True, exist_ok=True)
            for name, text in files.items():
                (directory / name).write_text(text)
    if as_json:
        echo(json.dumps(files))
    elif directory:
        echo(f"Written: {', '.join(str(directory / name) for name in files)}")
    else:
        # One is to be copied as it is; several have to be told apart.
        heads = {name: f"# {name}\n" if len(files) > 1 else "" for name in files}
        echo("\n".join(heads[name] + text for name, text in files.items()), nl=False)
