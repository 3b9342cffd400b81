"""Sizing: from two measured corpora to what a company needs, by arithmetic that can be redone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).parents[1] / "benchmarks" / "sizing.py"


def measured(responses: int, size: int, cpu: float, peak: int, disk: int) -> dict[str, object]:
    """A corpus as `benchmarks.article --json` tells of it."""
    cold = {"case": "cold", "program": "waste-assets audit", "cpu": cpu, "peak_bytes": peak}
    other = {"case": "cold", "program": "ccusage daily", "cpu": 1.0, "peak_bytes": 1}
    return {
        "responses": responses,
        "bytes": size,
        "figures": [other, cold],
        "stages": [
            # The peak is that of a stage that hardly grows.
            {"name": "parsed_turns", "disk_bytes": disk, "peak_bytes": 2 * 10**9},
            {"name": "waste_mart", "disk_bytes": disk, "peak_bytes": peak},
        ],
    }


def sizing(path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(PROGRAM), str(path), *arguments], capture_output=True, text=True
    )


def test_what_is_needed_follows_from_what_was_measured(tmp_path: Path) -> None:
    # A tenth of the sessions of the published audit, and all: 0.1 GB of memory for 8,700 more.
    small = measured(13_309, 10**9, 30.0, 10**9, 10**8)
    large = measured(133_087, 10**10, 360.0, 11 * 10**8, 15 * 10**8)
    path = tmp_path / "growth.json"
    path.write_text(json.dumps([small, large]))
    found = sizing(path, "--terabytes", "1", "--cores", "10", "--overhead", "2", "--files", "2e6")
    assert found.returncode == 0, found.stderr
    told = {
        line.split("  ")[0]: line.split("  ", 1)[1].strip()
        for line in found.stdout.split("\n")[:-1]
    }
    assert told["responses"].startswith("13 million")
    # 36 s a GB: 10 hours, and twice that on ten cores is 2.
    assert told["CPU of the first backfill"].startswith("10 hours")
    assert told["on 10 cores"].startswith("2.0 hours")
    assert told["CPU bought"].startswith("$1.00")
    assert told["lake and the rest"].startswith("0.30 TB")
    # 16 GB, of which 0.99 are there without a session, at 11.5 kB each.
    assert told["sessions in 16 GB of memory"].startswith("1.3 million  waste_mart: 989 MB")
    assert told["data roots"].startswith("1 ")
    assert told["LIST, each look at all sources"].startswith("2,000, $0.01")
    assert told["the sensor, every 5 minutes"].startswith("$3 a day")


def test_one_corpus_tells_nothing_of_growth(tmp_path: Path) -> None:
    path = tmp_path / "growth.json"
    path.write_text(json.dumps([measured(1, 1, 1.0, 1, 1)]))
    found = sizing(path)
    assert found.returncode == 1 and "two corpora" in found.stderr
