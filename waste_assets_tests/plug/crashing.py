"""A process that runs commands of `waste-assets`, each in a fork of its own, and kills them.

Run as a program it imports everything once, for to import it anew for each of hundreds of runs
would take most of the time. For each order on its standard input it forks a child that is the
command from its first line to its last: what is killed (SIGKILL) is a process with all its
threads, files and locks. No code for it is in the product.

The points at which it can be killed are those at which it is about to change something that
another process could see (an audit hook of the interpreter tells: files opened for writing,
renamed, removed, linked, locked, sockets connected), and the lines of the functions that write.
They are numbered in the order in which a run meets them. A kill inside of a call of DuckDB, Arrow
or SQLite comes by the clock, from outside.
"""

from __future__ import annotations

import gc
import importlib
import json
import mmap
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

#: Before the first step of Dagster's job, and after its last one.
BEFORE, AFTER = "planning", "telling"
_STAGE_BYTES = 256
_EVENTS = frozenset(
    (
        "os.rename", "os.remove", "os.link", "os.mkdir", "os.rmdir", "os.truncate", "fcntl.flock",
        "fcntl.lockf", "socket.connect", "sqlite3.connect",
    )
)  # fmt: skip
#: Functions whose lines are points, by the end of their file's name.
_WRITERS = {
    "lake/lake.py": {"append", "commit", "discard", "_open", "write", "writer", "remove", "lock"},
    "lake/state.py": {
        "writing",
        "create",
        "exclusively",
        "check_schema",
    },
    "lake/source_catalog.py": {"record", "_changing"},
    "alerts/sent.py": {"claim"},
    "lake/in_use.py": None,
    "lake/whole.py": None,
    "transcripts/archive.py": {"update", "_update_portions"},
    "transcripts/archive_days.py": {"run"},
    "transcripts/day_writer.py": {"commit", "_write"},
    "transcripts/facts.py": {"finish"},
    "accounting/crossings.py": None,
    "clusters/migration.py": None,
    "clusters/registry.py": None,
    "labels/asking.py": {"_send_some", "_pick_up", "_settle_lines", "_settle"},
    "labels/store.py": {"reserve", "submitted", "_mark", "settle", "note_asking"},
    "mart/publish.py": None,
    "report/site.py": None,
    "resources/event_log.py": {"_create", "store_event_batch", "_store_asset_events"},
    "unchanged.py": {"note", "forget"},
    "audit.py": {"prepare_instance", "_execute"},
    "claude_code/session_end.py": None,
}
#: The same line counts so many times in a stage.
_TIMES = 3
_VARIES = re.compile(
    r"day=\d{4}-\d\d-\d\d|[0-9a-f]{8}-[0-9a-f-]{27}|\.\d+\.[0-9a-f]{8}\b|\b[0-9a-f]{16,}\b"
)


class Points:
    """Counts the points that a run meets, notes them, and kills at one."""

    def __init__(self, order: dict[str, Any]) -> None:
        self._root = order["data"]
        self._at: tuple[str, int] | None = tuple(order["at"]) if order.get("at") else None
        self._list: str | None = order.get("list")
        self._group: bool = order["group"]
        self._folder = str(Path(order["stage"]).parent)
        self._met: Counter[str] = Counter()
        self._lines: Counter[tuple[str, str, int]] = Counter()
        self._order: list[str] = []
        self._alike = 0
        self._stage = BEFORE
        self._busy = threading.local()
        self._files: dict[str, Any] = {}
        with open(order["stage"], "r+b") as handle:
            self._shown = mmap.mmap(handle.fileno(), _STAGE_BYTES)
        self.enter(BEFORE)

    def enter(self, stage: str) -> None:
        """The run has come to a stage."""
        self._stage = stage
        self._show(stage)

    def _show(self, text: str) -> None:
        self._shown[:] = text.encode()[:_STAGE_BYTES].ljust(_STAGE_BYTES)

    def meet(self, where: str) -> None:
        """A point: kill here, if it is the one."""
        point = f"{self._stage}: {where}"
        self._met[point] += 1
        if self._list is not None:
            self._order.append(point)
        if self._is_the_one(point):
            self._show(point)
            _kill(os.getpid(), group=self._group)

    def _is_the_one(self, point: str) -> bool:
        if self._at is None:
            return False
        wanted, times = self._at
        if not wanted.endswith("..."):
            return self._at == (point, self._met[point])
        self._alike += point.startswith(wanted[:-3])
        return self._alike == times

    def watch(self) -> None:
        """Begin to count."""
        sys.addaudithook(self._event)
        if self._at is None or ":L" in self._at[0] or self._list:
            threading.settrace(self._call)
            sys.settrace(self._call)

    def end(self) -> None:
        """Write down what was met."""
        sys.settrace(None)
        if self._list is not None:
            listed, self._list = self._list, None
            Path(self._folder, "modules").write_text(json.dumps(sorted(sys.modules)))
            Path(listed).write_text(json.dumps(self._order))

    def _event(self, event: str, args: tuple[Any, ...]) -> None:
        if event != "open" and event not in _EVENTS:
            return
        if getattr(self._busy, "now", False):
            return
        self._busy.now = True
        try:
            if event == "open":
                path, _, flags = args
                if not isinstance(flags, int) or not flags & (os.O_WRONLY | os.O_RDWR):
                    return
                place = str(path)
            elif event == "socket.connect" or event.startswith("fcntl."):
                self.meet(event)
                return
            else:
                place = str(args[1] if event in ("os.rename", "os.link") else args[0])
            if place.startswith(self._root):
                self.meet(f"{event} {_VARIES.sub('*', place.removeprefix(self._root))}")
        finally:
            self._busy.now = False

    def _call(self, frame: FrameType, event: str, _: Any) -> Any:
        code = frame.f_code
        names = self._files.get(code.co_filename, False)
        if names is False:
            place = code.co_filename.rpartition("/waste_assets/")[2]
            known = place != code.co_filename and place in _WRITERS
            names = self._files[code.co_filename] = (_WRITERS[place] or ()) if known else None
        if names is None or (names and code.co_name not in names) or code.co_name == "<module>":
            return None
        return self._line

    def _line(self, frame: FrameType, event: str, _: Any) -> Any:
        if event == "line":
            key = (self._stage, frame.f_code.co_filename, frame.f_lineno)
            self._lines[key] += 1
            if self._lines[key] <= _TIMES:
                file = frame.f_code.co_filename.rpartition("/waste_assets/")[2]
                self.meet(f"{file}:L{frame.f_lineno}")
        return self._line


def _import_everything(*, stages_only: bool) -> None:
    """All that a command would import on its way."""
    import warnings

    warnings.filterwarnings("ignore")
    import anthropic  # noqa: F401

    import waste_assets.alerts.raised
    import waste_assets.audit
    import waste_assets.claude_code.retention
    import waste_assets.claude_code.session_end
    import waste_assets.cli
    import waste_assets.labels.client
    import waste_assets.plan
    import waste_assets.report.account
    import waste_assets.report.terminal
    import waste_assets_tests.plug.stages  # noqa: F401

    if not stages_only:
        import great_expectations  # noqa: F401

        import waste_assets.automation
        import waste_assets.checks.expectations
        import waste_assets.definitions  # noqa: F401


def _follow_stages(points: Points) -> None:
    """Let the points know which step of Dagster's job is at work."""
    from waste_assets.resources.event_log import BatchedSqliteEventLogStorage as Storage

    store = Storage.store_event

    def seen(self: Storage, event: Any) -> None:
        happened = event.dagster_event
        if happened is not None and happened.event_type_value == "STEP_START":
            points.enter(str(happened.step_key))
        elif happened is not None and happened.event_type_value == "RUN_SUCCESS":
            points.enter(AFTER)
        store(self, event)

    Storage.store_event = seen  # type: ignore[method-assign]


def work(order: dict[str, Any]) -> int:
    """Be the command that an order tells of; returns its exit status."""
    # A group of its own: itself, and whatever it starts.
    os.setpgid(0, 0)
    os.environ.update(order["environment"])
    output = os.open(order["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
    os.dup2(output, 1)
    os.dup2(output, 2)
    if order.get("processes"):
        from waste_assets import processes

        processes._WORTH_A_PROCESS = 0
    points = Points(order)
    if order.get("stages_only"):
        from waste_assets import audit
        from waste_assets_tests.plug.stages import run_stages

        audit._execute = partial(run_stages, entered=points.enter)  # type: ignore[assignment]
    else:
        _follow_stages(points)
    if order.get("input"):
        os.dup2(os.open(order["input"], os.O_RDONLY), 0)
    if order.get("at") or order.get("list"):
        points.watch()
    from waste_assets.cli import commands

    try:
        commands(order["arguments"])
    except SystemExit as ended:
        points.end()
        sys.stdout.flush()
        sys.stderr.flush()
        return ended.code if isinstance(ended.code, int) else bool(ended.code)
    return 0


class Crashing:
    """The program, started once."""

    def __init__(self, folder: Path, *, stages_only: bool = False) -> None:
        self.folder, self._stages_only = folder, stages_only
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "stage").write_bytes(b" " * _STAGE_BYTES)
        more = ["stages_only"] if stages_only else []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "waste_assets_tests.plug.crashing", str(folder), *more],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # Not installed, and started from wherever the tests or the benchmark are.
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )

    def __enter__(self) -> Crashing:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def start(
        self,
        data: Path,
        *arguments: str,
        at: tuple[str, int] | None = None,
        listed: Path | None = None,
        environment: dict[str, str] | None = None,
        processes: bool = False,
        stdin: Path | None = None,
        group: bool = False,
    ) -> int:
        """Begin a command on a data root; returns its process id.

        `at`: a point, and the how many-th time that it is met; `...` stands for any end of it.
        `group`: all that it has started is killed with it, as where a machine loses its power.
        """
        order = {
            "data": f"{data}/", "arguments": arguments, "at": at,
            "list": listed and str(listed), "environment": environment or {},
            "processes": processes, "stage": str(self.folder / "stage"),
            "output": str(self.folder / "output"), "input": stdin and str(stdin),
            "stages_only": self._stages_only, "group": group,
        }  # fmt: skip
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def ended(self) -> int:
        """Wait for the command: its exit status, negative where a signal ended it."""
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())

    def run(self, data: Path, *arguments: str, **options: Any) -> int:
        """A command from its beginning to its end."""
        self.start(data, *arguments, **options)
        return self.ended()

    def run_for(self, seconds: float, data: Path, *arguments: str, **options: Any) -> int:
        """A command that is killed after some seconds, if it is still there."""
        child = self.start(data, *arguments, **options)
        kill = partial(_kill, child, group=options.get("group", False))
        timer = threading.Timer(seconds, kill)
        timer.start()
        status = self.ended()
        timer.cancel()
        return status

    @property
    def stage(self) -> str:
        """The stage, or the point, at which the last command was."""
        return (self.folder / "stage").read_bytes().decode().strip()

    @property
    def output(self) -> str:
        """What the last command has written."""
        return (self.folder / "output").read_text(errors="replace")


def _kill(process: int, *, group: bool) -> None:
    # It may have ended, or not be at the head of its group yet.
    with suppress(ProcessLookupError):
        if group and os.getpgid(process) == process:
            os.killpg(process, signal.SIGKILL)
        else:
            os.kill(process, signal.SIGKILL)


def until(true: Callable[[], bool], seconds: float = 30) -> bool:
    """Wait until something is so; whether it came to be."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def main() -> None:
    """Carry out orders until there are none."""
    _import_everything(stages_only="stages_only" in sys.argv)
    known = Path(sys.argv[1], "modules")
    for line in sys.stdin:
        # What only the first run has shown to be needed.
        if known.exists():
            for name in json.loads(known.read_text()):
                with suppress(Exception):
                    importlib.import_module(name)
            known.unlink()
        gc.freeze()
        child = os.fork()
        if child == 0:
            status = 70
            try:
                status = work(json.loads(line))
            except BaseException as error:
                print(repr(error), file=sys.stderr, flush=True)
            os._exit(status)
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
