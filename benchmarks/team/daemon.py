"""Dagster's daemon, which looks every second what there is to do.

Where it asks for the runs of a backfill it looks every 30 seconds, and no setting changes that.
Over hours nobody notices; here each of the stages would wait for it.
"""

import sys

from dagster._daemon import controller
from dagster._daemon.cli import cli

controller.DEFAULT_DAEMON_INTERVAL_SECONDS = 1

if __name__ == "__main__":
    cli(["run", *sys.argv[1:]])
