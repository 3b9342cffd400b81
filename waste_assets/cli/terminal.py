"""Who looks on: a console for the account, bars for progress."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from waste_assets.inert import for_terminal


def echo(text: str = "", *, err: bool = False, nl: bool = True) -> None:
    """Print a line: what stands in it of transcripts is read by people, not by their terminal."""
    click.echo(for_terminal(text), err=err, nl=nl)


def console() -> Any:
    """Standard output: as wide as the terminal is, and where there is none, without colours.

    As with `echo`, no text that it prints acts.
    """
    from rich.console import Console
    from rich.segment import Segment

    class Inert(Console):
        def render(self, *arguments: Any, **options: Any) -> Iterator[Segment]:
            for text, style, control in super().render(*arguments, **options):
                yield Segment(text if control else for_terminal(text), style, control)

    return Inert(width=None if sys.stdout.isatty() else 120)


@contextmanager
def progress() -> Iterator[None]:
    """Progress bars on standard error, where somebody looks at it."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    from waste_assets.progress import watched

    columns = (
        TextColumn("{task.description:<16}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, Any] = {}

        def watch(label: str, done: float, total: float) -> None:
            if label not in tasks:
                tasks[label] = bars.add_task(label, total=total or 1)
            bars.update(tasks[label], completed=done, total=total or 1)

        with watched(watch):
            yield
