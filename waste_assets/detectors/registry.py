"""All detectors: the modules of this folder that have a `DETECTOR`."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

import waste_assets.detectors as folder
from waste_assets.accounting.conversation import Session
from waste_assets.accounting.ledger import PRECEDENCE
from waste_assets.detectors.flag import Detector, Flag, Settings


@cache
def detectors() -> tuple[Detector, ...]:
    """The detectors, in the order of precedence."""
    modules = [import_module(f"{folder.__name__}.{m.name}") for m in iter_modules(folder.__path__)]
    found = [module.DETECTOR for module in modules if hasattr(module, "DETECTOR")]
    return tuple(sorted(found, key=lambda detector: PRECEDENCE.index(detector.category)))


def detect(session: Session, settings: Settings) -> list[Flag]:
    """The flags of all detectors, in the order of precedence."""
    return [flag for detector in detectors() for flag in detector.detect(session, settings)]
