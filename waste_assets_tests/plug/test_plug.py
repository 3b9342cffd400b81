"""The plug is pulled in every stage, and the disk is full: what comes next makes it good.

A small part of `benchmarks/plug.py`, which does the same hundreds of times.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from waste_assets_tests.plug.life import FIRST, Life, life
from waste_assets_tests.plug.roots import differences, held, stray_files

#: In the order in which one run meets them: each row of kills goes on where the last one stopped.
POINTS = (
    ("planning: os.rename schema_version...", 1),
    ("raw_sessions: os.rename lake/raw_sessions/...", 2),
    ("parsed_turns: os.rename lake/tool_calls/...", 1),
    ("haiku_labels: os.rename lake/haiku_labels/...", 1),
    ("waste_mart: os.rename bi/...", 2),
    ("audit_report: os.rename report/...", 1),
)


@pytest.fixture(scope="module")
def undisturbed() -> Iterator[Life]:
    """A first audit has been gone through, and can be begun anew."""
    memory = Path("/dev/shm")
    with (
        TemporaryDirectory(dir=memory if memory.is_dir() else None) as place,
        life(Path(place), stages_only=True) as one,
    ):
        one.prepare((FIRST,), points=False)
        yield one


def test_killed_in_every_stage_it_comes_to_the_same(undisturbed: Life) -> None:
    one = undisturbed
    one.begin(FIRST)
    for point in POINTS:
        assert one.command(FIRST, at=point) == -9, (point, one.program.stage, one.program.output)
    assert stray_files(one.data)
    assert one.finish(FIRST) == []
    assert one.check(FIRST) == []


def test_a_full_disk_is_told_and_made_good_once_there_is_room(
    undisturbed: Life, tmp_path: Path
) -> None:
    one, mounted = undisturbed, tmp_path / "small"
    mounted.mkdir()
    arguments = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(mounted)]
    if not shutil.which("mount") or subprocess.run(arguments, capture_output=True).returncode:
        pytest.skip("this user may not mount a small file system")
    try:
        one.begin(FIRST)
        expected = _elsewhere(one, mounted / "data")
        assert one.program.run(*expected) == 1
        (sentence,) = one.program.output.splitlines()
        assert sentence.startswith(f"Error: No space is left for {mounted / 'data'}: make room")
        assert stray_files(mounted / "data") == []
        subprocess.run(["mount", "-o", "remount,size=64m", str(mounted)], check=True)
        assert one.program.run(*expected) == 0, one.program.output
        assert one.program.run(one.data, *expected[1:4], str(one.data)) == 0, one.program.output
        assert differences(held(one.data), mounted / "data") == []
    finally:
        subprocess.run(["umount", str(mounted)], check=True)


def test_what_cannot_be_written_at_all_is_told(undisturbed: Life, tmp_path: Path) -> None:
    one, mounted = undisturbed, tmp_path / "sealed"
    mounted.mkdir()
    arguments = ["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(mounted)]
    if not shutil.which("mount") or subprocess.run(arguments, capture_output=True).returncode:
        pytest.skip("this user may not mount a file system")
    try:
        one.begin(FIRST)
        assert one.program.run(*_elsewhere(one, mounted)) != 0
        (sentence,) = one.program.output.splitlines()
        assert str(mounted) in sentence and "--data-root" in sentence
        assert list(mounted.iterdir()) == []
    finally:
        subprocess.run(["umount", str(mounted)], check=True)


def _elsewhere(one: Life, data: Path) -> tuple[Path, str, str, str, str]:
    return data, "audit", str(one.source), "--data-root", str(data)
