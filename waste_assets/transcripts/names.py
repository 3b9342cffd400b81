"""Names of transcripts that a person can type."""

from __future__ import annotations

import re

_SESSION = re.compile(r"([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_AGENT = re.compile(r"(agent-[0-9a-f]{8})[0-9a-f]+")


def short_name(place: str) -> str:
    """The beginning of what Claude Code named, which `show` takes as well; else all of it.

    `place` is a transcript and a line of it, `<session>.jsonl:12`.
    """
    transcript, _, line = place.rpartition(":")
    name = transcript.rpartition("/")[2].removesuffix(".jsonl")
    for pattern in (_SESSION, _AGENT):
        if match := pattern.fullmatch(name):
            return f"{match[1]}:{line}"
    return place
