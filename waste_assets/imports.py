"""Importing large libraries at the price of reading them."""

from __future__ import annotations

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager

from waste_assets.collector import at_rest


@contextmanager
def large_imports() -> Iterator[None]:
    """Import large libraries in this block.

    They make a million objects that live as long as the process. The garbage collector would
    look at all of them, again and again: meanwhile it rests, and afterwards it leaves them alone.
    """
    with at_rest():
        try:
            yield
        finally:
            gc.freeze()
            # At the end it takes them apart as ever.
            atexit.register(gc.unfreeze)
