"""Who may read what is written: its owner, or by choice the group."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from waste_assets.privacy import SHARED, keep_private, tighten


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def mode(place: Path) -> int:
    return stat.S_IMODE(place.lstat().st_mode)


@pytest.mark.parametrize(
    ("given", "before", "file", "folder"),
    [("", 0, 0o600, 0o700), ("group", 0, 0o640, 0o750), ("group", 0o077, 0o600, 0o700)],
)
def test_what_is_made_is_private_or_shared_with_the_group(
    tmp_path: Path, given: str, before: int, file: int, folder: int
) -> None:
    os.umask(before)
    keep_private({SHARED: given})
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_text("")
    assert (mode(tmp_path / "folder" / "file"), mode(tmp_path / "folder")) == (file, folder)


def test_another_value_is_a_sentence() -> None:
    with pytest.raises(ValueError, match="group"):
        keep_private({SHARED: "everybody"})


@pytest.mark.parametrize(("given", "left"), [("", 0o700), ("group", 0o750)])
def test_an_open_data_root_is_closed_where_it_is_ours(
    tmp_path: Path, given: str, left: int
) -> None:
    elsewhere = tmp_path / "elsewhere"
    for place in (elsewhere, tmp_path / "lake", tmp_path / "of somebody"):
        place.mkdir(mode=0o755)
    (tmp_path / "bi").symlink_to(elsewhere)
    tighten(tmp_path, {SHARED: given})
    assert mode(tmp_path / "lake") == left
    assert mode(elsewhere) == mode(tmp_path / "of somebody") == 0o755
