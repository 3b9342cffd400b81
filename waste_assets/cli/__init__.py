"""`waste-assets`: a face on the assets, with no logic of its own.

A file is a group of commands. Nothing heavy is imported before a command needs it: worker
processes import this package too.
"""

from __future__ import annotations

import os
import sys

import click

from waste_assets.cli import (
    audit,
    clusters,
    evaluate,
    forget,
    hook,
    labels,
    look,
    nightly,
    questions,
    remedies,
    sample,
    ship,
    ui,
)
from waste_assets.cli.faults import faults
from waste_assets.privacy import keep_private


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="waste-assets")
def commands() -> None:
    """Find the tokens of Claude Code that buy nothing."""
    with faults():
        keep_private()


for _command in (
    audit.audit,
    look.usage,
    look.detectors,
    look.report,
    look.show,
    labels.labels,
    evaluate.evaluate,
    clusters.clusters,
    remedies.remedies,
    questions.questions,
    hook.archive,
    hook.hook_session_end,
    hook.install_hook,
    hook.uninstall_hook,
    forget.forget,
    ship.ship,
    nightly.nightly,
    ui.ui,
    sample.sample,
):
    commands.add_command(_command)


def main() -> None:
    """Run one command, and be gone."""
    try:
        commands()
    except SystemExit as ended:
        # What Dagster and its libraries have brought along takes seconds to take apart.
        if "dagster" in sys.modules and isinstance(ended.code, int | None):
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(ended.code or 0)
        raise
