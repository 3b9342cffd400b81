"""The memory of a process and of all that it has started."""

from __future__ import annotations

import subprocess
from collections import defaultdict
from pathlib import Path


def sizes(root: int) -> list[int]:
    """Bytes of each process of a tree: proportional set sizes, or resident ones as `ps` tells.

    What several processes share is divided among them, so that the sum holds nothing twice.
    """
    if not Path("/proc/self/smaps_rollup").exists():
        return _sizes_by_ps(root)
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        try:
            for task in Path(f"/proc/{pid}/task").iterdir():
                waiting += map(int, (task / "children").read_text().split())
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    found.append(int(line.split()[1]) * 1024)
        except (OSError, ValueError):
            continue  # it has just ended
    return found


def _sizes_by_ps(root: int) -> list[int]:
    listed = subprocess.run(["ps", "-axo", "pid=,ppid=,rss="], capture_output=True, text=True)
    children: dict[int, list[int]] = defaultdict(list)
    resident: dict[int, int] = {}
    for line in listed.stdout.splitlines():
        pid, parent, size = map(int, line.split())
        children[parent].append(pid)
        resident[pid] = size * 1024
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        found.append(resident.get(pid, 0))
        waiting += children[pid]
    return found
