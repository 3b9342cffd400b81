"""The catalog of sources, as one process keeps it while others write to the database."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from waste_assets.lake.catalog import CatalogEntry
from waste_assets.lake.known_files import KnownFiles
from waste_assets.lake.source_catalog import SourceCatalog
from waste_assets.lake.state import State
from waste_assets_tests.forks import FORKS


def entry(name: str, size: int, *days: int) -> CatalogEntry:
    held = {date(2026, 3, day): f"{name}{size}{day}" for day in days}
    return CatalogEntry(f"/{name}", f"{name}.jsonl", size, size * 7, size, size % 2, held)


def told(catalog: SourceCatalog, *names: str) -> dict[str, CatalogEntry | None]:
    known = catalog.read()
    assert known.rows_of([hash(f"/{name}") for name in names]).max(initial=-1) < len(known)
    return {name: known.get(f"/{name}") for name in names}


@pytest.mark.parametrize("place", ["file", "postgres"])
def test_the_catalog_that_is_kept_is_that_of_the_database(
    tmp_path: Path, place: str, request: pytest.FixtureRequest
) -> None:
    """Whoever writes: this process, another one (that has no part in what is kept), or both."""
    url = request.getfixturevalue("setting") if place == "postgres" else None
    older = [entry("a", 1, 2, 3), entry("b", 2), entry("c", 3, 4)]
    with closing(State(tmp_path, url)) as state, ProcessPoolExecutor(1, FORKS) as other:
        catalog = SourceCatalog(state)
        catalog.record(older)
        first = catalog.read()
        assert told(catalog, "a", "b", "c", "d") == dict(zip("abcd", [*older, None], strict=True))
        assert catalog.read() is first

        # A file that has grown, one that is new.
        catalog.record([entry("c", 9, 4, 5), entry("d", 4)])
        newer = [*older[:2], entry("c", 9, 4, 5), entry("d", 4)]
        assert told(catalog, *"abcd") == dict(zip("abcd", newer, strict=True))
        kept, read = catalog.read(), KnownFiles(catalog._chunks())
        assert kept is not first and sorted(kept.keys) == sorted(read.keys)
        for known in (kept, read):
            assert known.sessions_on([date(2026, 3, 5)]) == {"c"}
            assert known.begins({"a", "c", "d"}) == {"a": date(2026, 3, 2), "c": date(2026, 3, 4)}
        assert len(first) == 3 and first["/c"] == older[2]

        other.submit(remembered, tmp_path, url, entry("a", 8, 8)).result()
        assert told(catalog, "a")["a"] == entry("a", 8, 8)
        other.submit(remembered, tmp_path, url, entry("e", 8, 8)).result()
        catalog.record([entry("f", 6)])
        assert told(catalog, *"aef") == {
            "a": entry("a", 8, 8), "e": entry("e", 8, 8), "f": entry("f", 6)
        }  # fmt: skip
        catalog.forget(lambda transcript, days: transcript == "b.jsonl")
        assert told(catalog, *"bf") == {"b": None, "f": entry("f", 6)}


def remembered(data_root: Path, url: str | None, one: CatalogEntry) -> None:
    with closing(State(data_root, url)) as state:
        SourceCatalog(state).record([one])
