"""The command line of this very installation, for those who run it later and from elsewhere."""

from __future__ import annotations

import sys
from pathlib import Path


def program() -> list[str]:
    """`waste-assets` as the beginning of an argument list, with an absolute path."""
    installed = Path(sys.executable).with_name("waste-assets")
    if installed.exists():
        return [str(installed)]
    return [sys.executable, "-m", "waste_assets.cli"]
