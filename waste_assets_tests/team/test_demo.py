"""Workers of which one is killed build what one process builds, row by row."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

servers = pytest.importorskip("benchmarks.team.servers")
pytest.importorskip("dagster_celery", reason="install waste-assets with its extra `team`")
missing = servers.missing()
pytestmark = pytest.mark.skipif(missing is not None, reason=str(missing))

ROOT = Path(__file__).parents[2]


def test_three_workers_of_which_one_is_killed_build_what_one_process_builds() -> None:
    program = [sys.executable, "-m", "benchmarks.team", "--patience", "300", "--plain"]
    size = ["--days", "4", "--sessions", "6", "--days-a-run", "2"]
    done = subprocess.run([*program, *size], capture_output=True, text=True, cwd=ROOT)
    told = done.stdout + done.stderr
    assert done.returncode == 0, told
    assert "killed worker-3 in the middle of a run" in told
    assert "Equal, row by row" in told
    # A worker that is kept from its work for long counts as lost, too.
    assert re.search(r"[1-9] of them lost and done again", told)
