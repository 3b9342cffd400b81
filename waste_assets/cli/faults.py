"""How a command ends that could not do what it was asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from waste_assets.faults import Fault
from waste_assets.inert import for_terminal
from waste_assets.lake.disk import DiskFault

EXIT_CHECKS_FAILED, EXIT_USAGE, EXIT_BUDGET = 1, 2, 3


class InputFault(click.ClickException):
    """What was given cannot be used; the message says what to do."""

    exit_code = EXIT_USAGE


class RunFault(click.ClickException):
    """A run could not go on, and nothing is wrong with what was given."""

    exit_code = EXIT_CHECKS_FAILED


@contextmanager
def faults() -> Iterator[None]:
    """Say in one sentence what is wrong with the input."""
    try:
        yield
    except DiskFault as error:
        raise RunFault(str(error)) from error
    except (Fault, ValueError) as error:
        raise InputFault(for_terminal(str(error))) from error
    except OSError as error:
        told = f"{error.strerror}: {error.filename or 'the data root'}"
        raise InputFault(for_terminal(told)) from error
