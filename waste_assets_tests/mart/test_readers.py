"""Readers read while the pipeline publishes: no error, and never a mixture of two publications."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path

import pytest

from waste_assets.lake.lake import Lake
from waste_assets.mart.publish import publish
from waste_assets_tests.forks import FORKS
from waste_assets_tests.mart.lakes import TODAY, WHOLE, Days, Lakes
from waste_assets_tests.mart.reading import READERS, duckdb_database, read_on

TIMES = 20


def test_readers_never_meet_an_error_nor_a_mixed_state_while_twenty_publications_follow(
    lakes: Lakes, tmp_path: Path
) -> None:
    lake, bi, notes = Lake(tmp_path / "data" / "lake"), tmp_path / "data" / "bi", tmp_path / "notes"
    notes.mkdir()
    days: Days = dict.fromkeys(lakes.days, WHOLE)
    lakes.lay_out(lake, {}, days)
    publish(lake, bi, TODAY)
    publication, flags, usd, _ = duckdb_database(bi)
    published = {publication: (flags, usd)}
    readers = {name: FORKS.Process(target=read_on, args=(name, bi, notes)) for name in READERS}
    for reader in readers.values():
        reader.start()
    try:
        wait_for_all(notes, readers)
        for number in range(TIMES):
            chance = random.Random(number)
            wanted = lakes.another(days, chance)
            lakes.lay_out(lake, days, wanted)
            days = wanted
            publish(lake, bi, TODAY)
            publication, flags, usd, _ = duckdb_database(bi)
            published[publication] = (flags, usd)
            if number in (0, TIMES // 2):
                wait_for_all(notes, readers)
        wait_for_all(notes, readers)
    finally:
        (notes / "stop").touch()
        for reader in readers.values():
            reader.join(60)
    for name in READERS:
        told = json.loads((notes / f"{name}.json").read_text())
        assert told["errors"] == [], name
        seen = {one: found for one, found in told["seen"].items() if one}
        assert len(seen) >= 4, name
        for publication, found in seen.items():
            # Always the same, and what was published.
            ((flags, usd),) = found
            assert (flags, usd) == (
                published[publication][0],
                pytest.approx(published[publication][1]),
            )
    assert len(published) > TIMES / 2


def wait_for_all(notes: Path, readers: dict[str, object]) -> None:
    """Until each has read twice more, and so what counts now: however slow the machine is."""
    before = {name: reads(notes, name) for name in readers}
    until = time.monotonic() + 120
    while any(reads(notes, name) < before[name] + 2 * len(READERS[name]) for name in readers):
        assert time.monotonic() < until, "a reader does not read"
        if any((notes / f"{name}.json").exists() for name in readers):
            return
        time.sleep(0.02)


def reads(notes: Path, name: str) -> int:
    try:
        return int((notes / f"{name}.reads").read_text())
    except (OSError, ValueError):
        return 0
