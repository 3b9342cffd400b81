"""The worked example of docs/adding-a-detector.md: its code is added, and takes part."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from waste_assets.sample import conversation

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "adding-a-detector.md"
CODE = re.compile(r"^```(?:python)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with what the page says."""
    folder = tmp_path_factory.mktemp("tree")
    for package in ("waste_assets", "waste_assets_tests"):
        # What is compiled is taken along.
        shutil.copytree(ROOT / package, folder / package)
    detector, line, test, *_ = CODE.findall(PAGE.read_text("utf-8"))
    (folder / "waste_assets" / "detectors" / "idle_wait.py").write_text(detector)
    ledger = folder / "waste_assets" / "accounting" / "ledger.py"
    text = ledger.read_text("utf-8")
    assert text.count('    "cache_write",\n') == 1
    ledger.write_text(text.replace('    "cache_write",\n', f'{line}    "cache_write",\n'))
    (folder / "waste_assets_tests" / "detectors" / "test_idle_wait.py").write_text(test)
    return folder


def run(tree: Path, *arguments: str) -> str:
    """Run a module of the copy."""
    known = {k: v for k, v in os.environ.items() if not k.startswith(("WASTE_ASSETS", "DAGSTER"))}
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        capture_output=True, text=True, cwd=tree,
        env={**known, "PYTHONPATH": str(tree), "HOME": str(tree)},
    )  # fmt: skip
    assert done.returncode == 0, (done.stdout, done.stderr)
    return done.stdout


def test_its_own_test_passes(tree: Path) -> None:
    told = run(tree, "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider",
               "waste_assets_tests/detectors/test_idle_wait.py")  # fmt: skip
    assert "4 passed" in told


def test_an_audit_flags_counts_and_publishes_it(tree: Path) -> None:
    c = conversation("waits", start="2026-09-14T09:00:00Z").user("Go")
    c.bash("sleep 300", "").bash("pytest -q", "ok").say().write(tree / "source")
    told = json.loads(
        run(tree, "waste_assets.cli", "audit", "source", "--data-root", "data", "--json")
    )
    assert told["errors"] == []
    (row,) = (row for row in told["waste"]["by_category"] if row["category"] == "idle_wait")
    assert row["flags"] == 1 and 0 < row["usd_direct"] <= row["usd_avoidable"]
    # The ten add up to the bill, as the nine did.
    assert told["checks"]["failed"] == []
    assert "idle_wait" in (tree / "data" / "report" / "index.html").read_text("utf-8")
