"""What a report is made from, and whether the one that is there was made from it."""

from __future__ import annotations

import hashlib
import re
from functools import cache
from importlib.resources import files
from pathlib import Path

from waste_assets.mart.publish import published_inputs

_MADE_FROM = re.compile(r'<meta name="waste-assets-inputs" content="([0-9a-f]*)">')
_LISTED = re.compile(r'href="sessions/([^"/]+\.html)"')


def report_inputs(bi: Path, zone: str) -> str:
    """Identity of the published database, the zone that times are told in, code and templates."""
    return hashlib.sha256(f"{published_inputs(bi)} {zone} {_rules()}".encode()).hexdigest()[:16]


def reported_inputs(folder: Path) -> str | None:
    """What the report there was made from; None where there is none, or a page of it is gone."""
    try:
        text = (folder / "index.html").read_text("utf-8", "replace")
    except OSError:
        return None
    if not all((folder / "sessions" / name).exists() for name in _LISTED.findall(text)):
        return None
    found = _MADE_FROM.search(text)
    return found[1] if found else None


@cache
def _rules() -> str:
    told = hashlib.sha256()
    here = files("waste_assets.report")
    for place in (here, here.joinpath("templates")):
        for rules in sorted(place.iterdir(), key=lambda path: path.name):
            if rules.name.endswith((".py", ".j2", ".css")):
                told.update(rules.read_bytes())
    return told.hexdigest()
