"""What a company's transcripts need, from what the audit of smaller corpora was measured to need.

    .venv/bin/python -m benchmarks.article corpus corpus3 corpus10 --json growth.json
    .venv/bin/python benchmarks/sizing.py growth.json [--terabytes 10] [--files 52e6]

CPU, disk and memory come from the cold audits of `growth.json`: CPU and disk by the byte of
transcripts, from the largest corpus; memory and its growth by the session, of each stage, from the
smallest and the largest: the stage that has the peak here is not the one that grows most. Requests
and rows by the file and by the day-partition are counted by `benchmarks/workers.py`. Prices are
list prices of a cloud, in USD, and arguments.
"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: Sessions and responses of the published audit: the generated corpora keep the ratio.
SESSIONS_A_RESPONSE = 9_667 / 133_087


@dataclass(frozen=True)
class Memory:
    """Memory of all processes in a stage."""

    stage: str
    #: Without history, and what each session adds; bytes.
    base: float
    a_session: float

    @classmethod
    def of(cls, stage: str, sessions: list[float], peaks: list[float]) -> Memory:
        """From the peaks of two histories of so many sessions."""
        slope = (peaks[1] - peaks[0]) / (sessions[1] - sessions[0])
        return cls(stage, peaks[0] - slope * sessions[0], slope)

    def fitting(self, limit: float) -> float:
        """How many sessions fit into so many bytes."""
        return (limit - self.base) / self.a_session if self.a_session > 0 else math.inf


@dataclass(frozen=True)
class Rates:
    """What was measured; per byte of transcripts where nothing else is said."""

    cpu_s: float
    lake_bytes: float
    responses: float
    #: Of each stage.
    memory: list[Memory]

    @classmethod
    def of(cls, measured: list[dict[str, Any]]) -> Rates:
        """From the corpora of `benchmarks.article --json`, smallest first.

        Raises:
            ValueError: there are fewer than two corpora.
        """
        if len(measured) < 2:
            raise ValueError(
                "Growth needs two corpora at least: see `python -m benchmarks.article`"
            )
        small, large = measured[0], measured[-1]
        sessions = [one["responses"] * SESSIONS_A_RESPONSE for one in (small, large)]
        memory = [
            Memory.of(one["name"], sessions, [one["peak_bytes"], other["peak_bytes"]])
            for one, other in zip(small["stages"], large["stages"], strict=True)
            # Some are over before anybody has looked.
            if one["peak_bytes"] and other["peak_bytes"]
        ]
        return cls(
            _cold(large)["cpu"] / large["bytes"],
            sum(stage["disk_bytes"] for stage in large["stages"]) / large["bytes"],
            large["responses"] / large["bytes"],
            memory,
        )


def _cold(one: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(
        f for f in one["figures"] if f["case"] == "cold" and f["program"].startswith("waste-assets")
    )
    return found


def rows(rates: Rates, asked: argparse.Namespace) -> list[tuple[str, str, str]]:
    """What it comes to: what, how much, how it was reckoned."""
    size = asked.terabytes * 1e12
    responses = size * rates.responses
    sessions = responses * SESSIONS_A_RESPONSE
    hours = size * rates.cpu_s / 3600
    lake = size * rates.lake_bytes
    # The stage that is the first to have no room for more.
    full = min(rates.memory, key=lambda stage: stage.fitting(asked.memory_gb * 1e9))
    most = full.fitting(asked.memory_gb * 1e9)
    roots = -(-sessions // most)
    parts = asked.days * roots
    gets = asked.files * asked.gets_a_file + parts * asked.requests_a_day
    lists = asked.files / 1000
    return [
        ("responses", f"{responses / 1e6:,.0f} million", f"{rates.responses * 1e9:,.0f} a GB"),
        ("sessions", f"{sessions / 1e6:,.1f} million", "13.8 responses each"),
        (
            "CPU of the first backfill",
            f"{hours:,.0f} hours",
            f"{rates.cpu_s * 1e9:,.1f} s a GB",
        ),
        (
            f"on {asked.cores:g} cores",
            f"{hours * asked.overhead / asked.cores:,.1f} hours",
            f"a worker takes {asked.overhead:g} times as long as one process",
        ),
        (
            "CPU bought",
            f"${hours * asked.overhead * asked.usd_core_hour:,.2f}",
            f"${asked.usd_core_hour} a core and hour",
        ),
        ("lake and the rest", f"{lake / 1e12:,.2f} TB", f"{rates.lake_bytes:.1%} of transcripts"),
        (
            "storage, transcripts too",
            f"${(size + lake) / 1e9 * asked.usd_gb_month:,.0f} a month",
            f"${asked.usd_gb_month} a GB and month",
        ),
        (
            f"sessions in {asked.memory_gb:g} GB of memory",
            f"{most / 1e6:,.1f} million",
            f"{full.stage}: {full.base / 1e6:,.0f} MB and {full.a_session / 1e3:,.1f} kB a session",
        ),
        ("data roots", f"{roots:,.0f}", "sessions over what fits into memory"),
        (
            "GET and PUT of the backfill",
            f"{gets / 1e6:,.0f} million, ${gets / 1e3 * asked.usd_thousand_gets:,.0f}",
            f"{asked.gets_a_file:g} a file, {asked.requests_a_day:g} a day and root",
        ),
        (
            "LIST, each look at all sources",
            f"{lists:,.0f}, ${lists / 1e3 * asked.usd_thousand_lists:,.2f}",
            "1,000 names each",
        ),
        (
            "the sensor, every 5 minutes",
            f"${288 * lists / 1e3 * asked.usd_thousand_lists:,.0f} a day",
            "288 looks",
        ),
        (
            "once a night",
            f"${2 * lists / 1e3 * asked.usd_thousand_lists:,.2f} a day",
            "two looks: what is there, and what is left",
        ),
        ("Postgres, source_files", f"{asked.files / 1e6:,.0f} million rows", "one a file"),
        (
            "Postgres, event_logs",
            f"{parts * asked.events_a_day / 1e3:,.0f} thousand rows",
            f"{asked.events_a_day:g} a day and root",
        ),
    ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("measured", type=Path, help="written by benchmarks.article --json")
    for name, default, told in (
        ("terabytes", 10.0, "of transcripts"),
        ("files", 0.0, "that they lie in; 1.17 a session if not given, as generated"),
        ("days", 365.0, "that they are of"),
        ("cores", 64, "of all workers together"),
        ("overhead", 2.4, "time of one worker over that of one process, see benchmarks/workers.py"),
        ("memory_gb", 16.0, "of the machine that plans and publishes"),
        ("gets_a_file", 3.0, "two looks at its ends, and reading it"),
        ("requests_a_day", 240.0, "of a day-partition, see benchmarks/workers.py"),
        ("events_a_day", 45.0, "rows of a day-partition, see benchmarks/workers.py"),
        ("usd_core_hour", 0.05, ""),
        ("usd_gb_month", 0.023, ""),
        ("usd_thousand_gets", 0.0004, ""),
        ("usd_thousand_lists", 0.005, ""),
    ):
        flag = "--" + name.replace("_", "-")
        parser.add_argument(flag, type=float, default=default, help=f"{told} (default {default})")
    asked = parser.parse_args()
    try:
        rates = Rates.of(json.loads(asked.measured.read_text("utf-8")))
    except (OSError, ValueError) as error:
        raise SystemExit(f"{asked.measured}: {error}") from error
    asked.files = asked.files or (
        1.17 * asked.terabytes * 1e12 * rates.responses * SESSIONS_A_RESPONSE
    )
    found = rows(rates, asked)
    widths = [max(len(row[n]) for row in found) for n in range(2)]
    for what, much, how in found:
        print(f"{what:{widths[0]}}  {much:>{widths[1]}}  {how}")


if __name__ == "__main__":
    main()
