"""Copy a corpus several times, each copy with ids of its own.

Lines keep their sizes and times; message, request and tool ids and uuids differ from copy to
copy, and the copies lie in projects of their own. So a corpus of N times the bytes holds N times
the responses, sessions and tokens.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Iterator
from pathlib import Path

_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID = re.compile(
    rb"\b(msg_|req_|toolu_|chatcmpl-)([A-Za-z0-9]{2})"
    rb"|\b([0-9a-f]{8})(?=-[0-9a-f]{4}-[0-9a-f]{4}-)"
    rb"|(?<=\bagent-)[0-9a-f]{6,8}(?=[.\"_])"
    rb'|(?<="agentId":")[0-9a-f]{6,8}(?=")'
)
MAX_COPIES = 52


def with_other_ids(text: bytes, copy: int) -> bytes:
    """The same text, of the same length, with the ids of another copy; copy 0 is the original."""
    if not copy:
        return text

    def replaced(match: re.Match[bytes]) -> bytes:
        if match[1]:
            first, second = match[2]
            place = _LETTERS.find(bytes([first]))
            return match[1] + bytes([_LETTERS[(max(place, 0) + copy) % 52], second])
        digits = match[0]
        mask = (1 << 4 * len(digits)) - 1
        return b"%0*x" % (len(digits), (int(digits, 16) + copy * 0x01010101) & mask)

    return _ID.sub(replaced, text)


def files(root: Path) -> Iterator[Path]:
    """Every file below the root's `projects`, or below the root where it has none."""
    start = root / "projects" if (root / "projects").is_dir() else root
    for directory, _, names in os.walk(start):
        for name in sorted(names):
            yield Path(directory, name).relative_to(start)


def scale(source: Path, target: Path, copies: int) -> int:
    """Write `copies` copies of a corpus below `target`; returns the bytes written."""
    start = source / "projects" if (source / "projects").is_dir() else source
    written = 0
    for relative in files(source):
        text = (start / relative).read_bytes()
        for copy in range(copies):
            project, *rest = relative.parts
            # A file that lies in no project's directory gets one.
            folder, rest = (project, rest) if rest else ("project", [project])
            name = with_other_ids("/".join(rest).encode(), copy).decode()
            place = target / "projects" / f"{folder}--{copy}" / name
            place.parent.mkdir(parents=True, exist_ok=True)
            written += place.write_bytes(with_other_ids(text, copy))
    return written


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("source", type=Path, help="directory with transcripts")
    parser.add_argument("target", type=Path, help="directory to make; must not exist")
    parser.add_argument("copies", type=int, help=f"how many copies, at most {MAX_COPIES}")
    given = parser.parse_args()
    if not given.source.is_dir():
        parser.error(f"{given.source} is no directory")
    if given.target.exists():
        parser.error(f"{given.target} exists already")
    if not 1 <= given.copies <= MAX_COPIES:
        parser.error(f"between 1 and {MAX_COPIES} copies: more would share ids")
    written = scale(given.source, given.target, given.copies)
    print(f"{given.copies} copies, {written / 1e6:,.1f} MB in {given.target}.")


if __name__ == "__main__":
    main()
