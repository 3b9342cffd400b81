"""What a publication costs as the history grows: of all of it, and of one new day.

Three histories that end on the same day, the longest 10 times and the second 3 times as long as the
first: of an audited data root, or of a generated sample. Of each is told, in seconds of processor
time (a process of its own each, median of the new days),

  all       the publication of everything where nothing was before
  new day   the next one, when a day has been added; its parts are
    detail    reading the day's partitions, and writing the tables that go by day
    wholes    what tells of all days together: sessions, clusters, remedies, estimates, drift
    twins     writing the Parquet twins of all tables
    rest      looking which days have changed, copying, committing, putting in place

and the size of the database. The detail of a new day must cost the same, however long the history
is: at ten times the history no more than 1.5 times as much, and 50 ms. The others grow with it.

Exit status: 0 it does; 1 it does not; 2 nothing could be measured.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

END = date(2026, 10, 31)
PARTS = ("detail", "wholes", "twins", "rest")


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data_root", type=Path, nargs="?", help="audited; without: a sample")
    parser.add_argument("--days", type=int, default=60, help="days of the sample (default 60)")
    parser.add_argument("--sessions", type=int, default=6, help="its sessions a day (default 6)")
    parser.add_argument("--rounds", type=int, default=3, help="new days of each history")
    parser.add_argument("--work", type=Path, help="where data is made (default: temporary)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--publish", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.publish:
        print(json.dumps(published(given.publish)))
        return 0
    try:
        with tempfile.TemporaryDirectory(prefix="publishing-", dir=given.work) as folder:
            root = given.data_root or sample(Path(folder), given.days, given.sessions)
            days = sorted(path.name for path in (root / "lake" / "parsed_turns").glob("day=*"))
            old, new = days[: -given.rounds], days[-given.rounds :]
            if len(old) < 10:
                raise FileNotFoundError(f"{root} holds too few days to make histories of.")
            results = [
                measure(
                    root / "lake", Path(folder) / str(times), old[-len(old) * times // 10 :], new
                )
                | {"times": times}
                for times in (1, 3, 10)
            ]
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    flat = results[-1]["detail"] <= 1.5 * results[0]["detail"] + 0.05
    if given.json:
        print(json.dumps({"results": results, "flat": flat}))
    else:
        tell(results)
        print("The detail of a new day costs the same." if flat else "Detail grows with history.")
    return 0 if flat else 1


def sample(folder: Path, days: int, sessions: int) -> Path:
    """A data root with a generated history."""
    program = [sys.executable, "-m", "waste_assets.cli"]
    counts = ["--sessions", str(sessions * days), "--days", str(days)]
    run([*program, "sample", str(folder / "source"), *counts, "--until", str(END), "--seed", "7"])
    run([*program, "audit", str(folder / "source"), "--data-root", str(folder / "made")])
    return folder / "made"


def measure(lake: Path, root: Path, old: list[str], new: list[str]) -> dict[str, Any]:
    """Publish a history, and then a few days more, one after another."""
    for day in old:
        lay_out(lake, root / "lake", day)
    whole = publish_apart(root)
    told = []
    for day in new:
        lay_out(lake, root / "lake", day)
        told.append(publish_apart(root))
    shutil.rmtree(root)
    return {
        "days": whole["days"],
        "flags": whole["flags"],
        "database_mb": round(told[-1]["bytes"] / 1e6, 1),
        "all": whole["cpu"],
        "new_day": statistics.median(one["cpu"] for one in told),
        **{part: statistics.median(one[part] for one in told) for part in PARTS},
    }


def lay_out(source: Path, target: Path, day: str) -> None:
    """Put the partitions of a day into a lake."""
    for part in source.glob(f"*/{day}/part.parquet"):
        place = target / part.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(part, place)


def run(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def publish_apart(root: Path) -> dict[str, Any]:
    """Publish in a process of its own, which has read nothing yet."""
    told: dict[str, Any] = json.loads(run([sys.executable, __file__, "--publish", str(root)]))
    return told


def published(root: Path) -> dict[str, Any]:
    """Publish here, and tell where the time went."""
    import duckdb

    from waste_assets.lake.lake import Lake
    from waste_assets.mart import publish as publishing

    spent = dict.fromkeys(PARTS, 0.0)

    def timed(name: str, part: str) -> None:
        function: Callable[..., Any] = getattr(publishing, name)

        def wrapped(*values: Any, **named: Any) -> Any:
            started = time.process_time()
            try:
                return function(*values, **named)
            finally:
                spent[part] += time.process_time() - started

        setattr(publishing, name, wrapped)

    for name, part in (
        ("bring_up_to_date", "detail"),
        ("_tables_of_days", "detail"),
        ("_tables_of_all", "wholes"),
        ("_export", "twins"),
    ):
        timed(name, part)
    cpu = time.process_time()
    publishing.publish(Lake(root / "lake"), root / "bi", END)
    cpu = time.process_time() - cpu
    spent["rest"] = cpu - sum(spent.values())
    database = root / "bi" / "waste.duckdb"
    with duckdb.connect(str(database), read_only=True) as con:
        days, flags = con.execute(
            "SELECT (SELECT count(DISTINCT day) FROM daily_usage), (SELECT count(*) FROM flags)"
        ).fetchall()[0]
    size = database.stat().st_size
    return {"cpu": cpu, "bytes": size, "days": days, "flags": flags, **spent}


def tell(results: list[dict[str, Any]]) -> None:
    """Print them as a table: seconds of processor time."""
    names = ("times", "days", "flags", "database_mb", "all", "new_day", *PARTS)
    print("  ".join(f"{name.replace('_', ' '):>11}" for name in names))
    for row in results:
        shown = (
            f"{row[name]:.2f}" if isinstance(row[name], float) else row[name] for name in names
        )
        print("  ".join(f"{value:>11}" for value in shown))


if __name__ == "__main__":
    sys.exit(main())
