"""Publications count as a whole: whatever happens on the way, there is the old one or the new."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from waste_assets.lake.lake import Lake
from waste_assets.mart import publications
from waste_assets.mart.publications import current
from waste_assets.mart.publish import publish, published_inputs
from waste_assets.mart.tables import MART_TABLES
from waste_assets_tests.forks import FORKS, ended
from waste_assets_tests.mart.killed import publish_and_die
from waste_assets_tests.mart.lakes import (
    HALF,
    TODAY,
    WHOLE,
    Lakes,
    Rows,
    files_of,
    rows,
)

NAMES = {"waste.duckdb", *(f"{table.name}.parquet" for table in MART_TABLES)}


@pytest.fixture(scope="module")
def first(lakes: Lakes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root that has published half of the sessions; the lake has all of them by now."""
    root = tmp_path_factory.mktemp("first")
    half = dict.fromkeys(lakes.days, HALF)
    lakes.lay_out(Lake(root / "lake"), {}, half)
    publish(Lake(root / "lake"), root / "bi", TODAY)
    lakes.lay_out(Lake(root / "lake"), half, dict.fromkeys(lakes.days, WHOLE))
    return root


@pytest.fixture
def bi(first: Path, tmp_path: Path) -> Path:
    """The BI files of a copy of it, as they were published: with their links."""
    shutil.copytree(first, tmp_path / "data", symlinks=True)
    return tmp_path / "data" / "bi"


@pytest.fixture
def wanted(lakes: Lakes) -> Rows:
    """What the next publication has to say."""
    return lakes.from_nothing(dict.fromkeys(lakes.days, WHOLE))


def lake_of(bi: Path) -> Lake:
    return Lake(bi.with_name("lake"))


def as_before_there_were_links(bi: Path) -> None:
    """The layout of older versions: files, and nothing else."""
    for name in NAMES:
        content = (bi / name).read_bytes()
        (bi / name).unlink()
        (bi / name).write_bytes(content)
    (bi / "current").unlink()
    shutil.rmtree(bi / "versions")


def ids(bi: Path) -> set[str]:
    """Of which publications the files are that people find under the names."""
    told = [pq.read_metadata(bi / name).metadata[b"publication"].decode()
            for name in NAMES if name.endswith(".parquet")]  # fmt: skip
    with duckdb.connect(str(bi / "waste.duckdb"), read_only=True) as con:
        told += [str(value) for (value,) in con.execute(
            "SELECT value FROM meta WHERE key = 'publication'").fetchall()]  # fmt: skip
    return set(told)


def test_every_file_says_of_which_publication_it_is_and_equal_ones_say_the_same(bi: Path) -> None:
    (before,) = ids(bi)
    publish(lake_of(bi), bi, TODAY)
    (after,) = ids(bi)
    assert before != after
    publish(lake_of(bi), bi, TODAY)
    assert ids(bi) == {after}


def test_all_names_follow_one_link(bi: Path) -> None:
    assert files_of(bi) == {*NAMES, ".made_from.json"}
    for name in NAMES:
        assert str((bi / name).readlink()) == f"current/{name}"
    assert {path.name for path in bi.iterdir()} == {*NAMES, "current", "versions", ".lock"}
    # It can be moved.
    bi.rename(bi.with_name("elsewhere"))
    assert len(ids(bi.with_name("elsewhere"))) == 1


def test_a_publication_that_counts_no_more_stays_for_a_while(
    bi: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = current(bi)
    told = rows(held)
    publish(lake_of(bi), bi, TODAY)
    assert current(bi) != held and rows(held) == told
    long_ago = time.time() - 3_600
    os.utime(held, (long_ago, long_ago))
    publish(lake_of(bi), bi, TODAY)
    assert not held.exists()
    assert len(list((bi / "versions").iterdir())) == 2
    # However often one publishes, no more than so many stay.
    monkeypatch.setattr(publications, "_MOST_SUPERSEDED", 1)
    publish(lake_of(bi), bi, TODAY)
    assert len(list((bi / "versions").iterdir())) == 2


def test_files_of_the_older_layout_become_links_and_keep_their_names(
    bi: Path, wanted: Rows
) -> None:
    told = rows(bi)
    as_before_there_were_links(bi)
    assert rows(current(bi)) == told
    publish(lake_of(bi), bi, TODAY)
    assert all((bi / name).is_symlink() for name in NAMES)
    assert rows(bi) == wanted


def test_a_copy_that_has_followed_the_links_can_be_published_to(bi: Path) -> None:
    copy = bi.parent.with_name("copy") / "bi"
    shutil.copytree(bi.parent, copy.parent)
    assert not (copy / "waste.duckdb").is_symlink()
    assert rows(current(copy)) == rows(bi)
    publish(lake_of(copy), copy, TODAY)
    assert all((copy / name).is_symlink() for name in NAMES)
    assert len(ids(copy)) == 1 and ids(copy) != ids(bi)


def test_where_there_are_no_links_files_take_the_place_of_files(
    bi: Path, wanted: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_before_there_were_links(bi)

    def refuse(*_: object, **__: object) -> None:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    publish(lake_of(bi), bi, TODAY)
    assert not any(path.is_symlink() for path in bi.iterdir())
    assert len(ids(bi)) == 1
    assert rows(bi) == wanted


def test_a_name_that_was_deleted_or_replaced_comes_back(bi: Path) -> None:
    (bi / "waste.duckdb").unlink()
    (bi / "flags.parquet").unlink()
    (bi / "flags.parquet").write_bytes(b"something else")
    assert published_inputs(bi) is None
    publish(lake_of(bi), bi, TODAY)
    assert len(ids(bi)) == 1 and files_of(bi) == {*NAMES, ".made_from.json"}
    assert {path.name for path in bi.iterdir()} == {*NAMES, "current", "versions", ".lock"}


# --- killed on the way ---------------------------------------------------------------------


def killed(bi: Path, when: str) -> int | None:
    """The exit status of a process that publishes until then."""
    process = FORKS.Process(target=publish_and_die, args=(lake_of(bi).root, bi, when))
    return ended([process])[0]


#: In this order: of what was killed before, the next one finds what it has left.
LINKS = (
    "os.rename mart/facts.duckdb",
    "_export",
    "os.rename versions/.",
    "os.rename bi/current",
    "tidy",
)
FILES = ("os.link clusters.parquet", "os.rename bi/flags.parquet", "os.rename versions/.")


@pytest.mark.parametrize("points", [LINKS, FILES], ids=["links", "files"])
def test_killed_anywhere_a_publication_stays_whole_and_the_next_one_clears_up(
    bi: Path,
    points: tuple[str, ...],
    wanted: Rows,
) -> None:
    if points is FILES:
        as_before_there_were_links(bi)
    old, old_rows = ids(bi), rows(bi)
    for when in points:
        assert killed(bi, when) == -signal.SIGKILL, when
        if when == "tidy":
            # It counted already.
            assert ids(bi) != old and rows(bi) == wanted
        else:
            assert ids(bi) == old and rows(bi) == old_rows, when
    publish(lake_of(bi), bi, TODAY)
    assert rows(bi) == wanted and len(ids(bi)) == 1
    assert {path.name for path in bi.iterdir()} == {*NAMES, "current", "versions", ".lock"}
    assert not list((bi / "versions").glob(".*"))
    assert {path.name for path in bi.with_name("mart").iterdir()} == {"facts.duckdb"}


def test_of_two_at_once_one_wins_whole(bi: Path, wanted: Rows) -> None:
    both = [FORKS.Process(target=publish_and_die, args=(lake_of(bi).root, bi, ""))
            for _ in range(2)]  # fmt: skip
    assert ended(both) == [9, 9]
    assert len(ids(bi)) == 1 and rows(bi) == wanted
