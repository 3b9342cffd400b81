"""What decides about flags, and so makes them anew when it changes."""

from __future__ import annotations

import shutil
from importlib.resources import files
from pathlib import Path

import pytest

from waste_assets.detectors import flags

FOLDER = Path(str(files("waste_assets.detectors")))


def test_no_module_that_decides_needs_one_that_only_looks() -> None:
    looking = {name.removesuffix(".py") for name in flags.LOOKERS}
    assert all((FOLDER / name).is_file() for name in flags.LOOKERS)
    for module in FOLDER.glob("*.py"):
        if module.name not in flags.LOOKERS:
            text = module.read_text("utf-8")
            assert not [name for name in looking if f"detectors.{name} import" in text], module
            assert not [name for name in looking if f"detectors import {name}" in text], module


@pytest.mark.parametrize(
    ("module", "changes"), [("dead_end.py", True), ("wording.py", True), ("evaluate.py", False)]
)
def test_flags_are_made_anew_when_what_decides_about_them_changes(
    module: str, changes: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "waste_assets"
    shutil.copytree(FOLDER.parent, copy)
    monkeypatch.setattr(flags, "files", lambda name: tmp_path.joinpath(*name.split(".")))
    before = flags.rules.__wrapped__()
    with (copy / "detectors" / module).open("a") as file:
        file.write("# another rule\n")
    assert (flags.rules.__wrapped__() != before) is changes
