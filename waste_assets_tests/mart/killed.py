"""A process that publishes and is killed on the way."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from waste_assets.lake.lake import Lake
from waste_assets.mart import publications
from waste_assets.mart import publish as publishing
from waste_assets_tests.mart.lakes import TODAY


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def publish_and_die(lake: Path, bi: Path, when: str) -> None:
    """Die where it says: `EVENT TEXT`, before a change of files whose names hold the text.

    Or at the call of a function: of `_export`, or the second of `tidy`. Where it never comes to
    that, the process ends with the status 9.
    """
    event, _, text = when.partition(" ")
    if when == "_export":
        publishing._export = lambda *_: die()
    elif when == "tidy":
        tidy = publications.Publications.tidy

        def once(self: publications.Publications) -> None:
            tidy(self)
            publications.Publications.tidy = lambda _: die()  # type: ignore[method-assign]

        publications.Publications.tidy = once  # type: ignore[method-assign]
    elif text:

        def note(named: str, arguments: tuple[Any, ...]) -> None:
            if named == event and any(text in str(one) for one in arguments):
                die()

        sys.addaudithook(note)
    publishing.publish(Lake(lake), bi, TODAY)
    os._exit(9)
