"""Clocks that are wrong, and runs of the UI beside audits: what comes of it is what comes of one
audit that nothing disturbs.

Clocks are those of libfaketime, Debian's `faketime`; without it that part is skipped, and says so.
Each story ends with an audit by the right clock. Then all tables, pages and files must be what
they are where it was right all along. Ends with 1 where anything differs.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

# The tests are not installed: they stand beside this folder.
sys.path.append(str(Path(__file__).parent.parent))
from waste_assets.settings import Settings
from waste_assets_tests.plug.life import another_day, first_days
from waste_assets_tests.plug.roots import archived, differences, held, stray_files, written

#: What a process does that the UI starts for a run.
_RUN_OF_THE_UI = """
import sys
from datetime import date
from waste_assets.audit import instance_of
from waste_assets.automation import range_tags
from waste_assets.definitions import defs
from waste_assets.settings import Settings
with instance_of(Settings.from_environment()) as instance:
    done = defs.resolve_job_def("audit").execute_in_process(
        instance=instance, raise_on_error=False,
        tags=range_tags(*map(date.fromisoformat, sys.argv[1:])),
    )
sys.exit(not done.success)
"""
_LIBRARIES = ("/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/lib/faketime/libfaketimeMT.so.1")
_DAY, _YEAR = 86_400, 365 * 86_400


class Story:
    """A data root and its sources, beside one that nothing disturbs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.source, self.data, self.alone = folder / "source", folder / "data", folder / "alone"
        self._clock = folder / "clock"
        first_days(self.source)

    def audit(self, *, ahead: int | None = None) -> None:
        """An audit from its beginning to its end; `ahead` are seconds that its clock is wrong."""
        self.end(self.begin(ahead=ahead))
        self.audit_alone()

    def audit_alone(self) -> None:
        """The same where nothing is disturbed."""
        self.end(self.begin(self.alone))

    def begin(self, data: Path | None = None, *, ahead: int | None = None) -> subprocess.Popen[str]:
        """Start one."""
        program = str(Path(sys.executable).with_name("waste-assets"))
        arguments = [program, "audit", str(self.source), "--data-root", str(data or self.data)]
        return self._started([*arguments, "--quiet"], ahead)

    def run_of_the_ui(self) -> subprocess.Popen[str]:
        """Start a run as the UI does, over all days."""
        today = datetime.now(UTC).date()
        days = [(today - timedelta(days=n)).isoformat() for n in (12, 1)]
        return self._started([sys.executable, "-c", _RUN_OF_THE_UI, *days], None)

    def _started(self, command: list[str], ahead: int | None) -> subprocess.Popen[str]:
        settings = Settings(self.data, (self.source,), "UTC")
        known = {**os.environ, **settings.to_environment(), "HOME": str(self.folder)}
        known["ANTHROPIC_API_KEY"] = ""
        if ahead is not None:
            self.set_clock(ahead)
            known |= {
                "LD_PRELOAD": library(),
                "FAKETIME_TIMESTAMP_FILE": str(self._clock),
                "FAKETIME_NO_CACHE": "1",
                # It counts on, whatever happens to the clock.
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            }
        return subprocess.Popen(
            command, env=known, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def set_clock(self, ahead: int) -> None:
        """Put the clock of those that were started so."""
        fresh = self._clock.with_suffix(".new")
        fresh.write_text(f"{ahead:+d}\n")
        fresh.replace(self._clock)

    def end(self, process: subprocess.Popen[str]) -> str:
        """Wait for it; what it wrote."""
        told, _ = process.communicate()
        if process.returncode:
            raise RuntimeError(f"ended with {process.returncode}: {told[-800:]}")
        return told

    def wrong(self) -> list[str]:
        """What is not as where nothing was disturbed."""
        found = differences(held(self.alone), self.data)
        found += [f"left behind: {name}" for name in stray_files(self.data)]
        lost = written(self.source) - archived(self.data)
        return [*found, *([f"{sum(lost.values())} lines are not archived"] if lost else [])]


def library() -> str:
    """Where libfaketime is; empty where it is not installed."""
    found = (path for name in _LIBRARIES for path in Path("/").glob(name.lstrip("/")))
    return str(next(found, ""))


def back_by_a_day(story: Story) -> None:
    """Between two audits."""
    story.audit()
    another_day(story.source)
    story.audit(ahead=-_DAY)
    story.audit()


def back_before_all_of_it(story: Story) -> None:
    """To a time at which all days are still to come, from the start."""
    story.audit(ahead=-30 * _DAY)
    another_day(story.source)
    story.audit(ahead=-30 * _DAY)
    story.audit()


def forward_by_a_year(story: Story) -> None:
    """And back again."""
    story.audit()
    another_day(story.source)
    story.audit(ahead=_YEAR)
    story.audit()


def steps_within_an_audit(story: Story) -> None:
    """Back by a day, forward by two, and so on, while it works."""
    for change in (None, another_day):
        if change:
            change(story.source)
        process = story.begin(ahead=0)
        ahead = -_DAY
        while process.poll() is None:
            time.sleep(0.3)
            story.set_clock(ahead)
            ahead = -ahead
        story.end(process)
        story.audit_alone()
    story.audit()


def _beside(story: Story, first: Callable[[], subprocess.Popen[str]], *others: object) -> None:
    for change in (None, another_day):
        if change:
            change(story.source)
        processes = [first()]
        for other in others:
            time.sleep(0.5)
            assert callable(other)
            processes.append(other())
        waited = sum("waiting until it has ended" in story.end(one) for one in processes)
        print(f"    {waited} waited and said so")
        story.audit_alone()
    story.audit()


def a_run_of_the_ui_then_an_audit(story: Story) -> None:
    """Both at once, twice."""
    _beside(story, story.run_of_the_ui, story.begin)


def an_audit_then_a_run_of_the_ui(story: Story) -> None:
    """Both at once, twice."""
    _beside(story, story.begin, story.run_of_the_ui)


CLOCKS = (back_by_a_day, back_before_all_of_it, forward_by_a_year, steps_within_an_audit)
BESIDE = (a_run_of_the_ui_then_an_audit, an_audit_then_a_run_of_the_ui)


def main() -> int:
    """Tell each story."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    stories = {story.__name__: story for story in (*CLOCKS, *BESIDE)}
    parser.add_argument("--story", action="append", choices=stories)
    given = parser.parse_args()
    failures = 0
    for name in given.story or stories:
        tell = stories[name]
        words = name.replace("_", " ")
        if tell in CLOCKS and not library():
            print(f"{words}: SKIPPED, libfaketime is not installed (apt install faketime)")
            continue
        folder = Path(tempfile.mkdtemp(prefix="clocks-"))
        try:
            story = Story(folder)
            print(words, flush=True)
            tell(story)
            wrong = story.wrong()
        except RuntimeError as error:
            wrong = [str(error)]
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        failures += bool(wrong)
        print(*(f"    {one}" for one in wrong or ["as where nothing was disturbed"]), sep="\n")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
