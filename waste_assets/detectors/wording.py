"""Words for evidence: short enough for a line, exact enough to be found in the transcript.

Whatever findings tell of a transcript's text goes through here: secrets are taken out and home
directories become `~` while the text is whole, and only then it is cut.
"""

from __future__ import annotations

import re
from functools import lru_cache

from waste_assets.accounting.conversation import Call
from waste_assets.redaction import redact
from waste_assets.transcripts.call_facts import TARGET_CHARS

_CHARS = 90
_BLANKS = re.compile(r"\s+")
_TAGS = re.compile(r"</?tool_use_error>|\AExit code \d+\s+(?=\S)")
_LAST_WORD = re.compile(r"[^\s/]*\Z")

#: A text without secrets. The same call is told of in several tables.
cleaned = lru_cache(maxsize=2048)(redact)


def quoted(text: str) -> str:
    """The beginning of a text, in quotes."""
    line = _BLANKS.sub(" ", _TAGS.sub("", cleaned(text))).strip()
    return f'"{line if len(line) <= _CHARS else line[: _CHARS - 1] + "…"}"'


def subject(call: Call) -> str | None:
    """What a call is about, as the tables show it."""
    if call.target is None:
        return None
    text = cleaned(call.target)
    # Where it was cut before, its last word may be half a secret that nothing marks as one.
    return text if len(call.target) < TARGET_CHARS else _LAST_WORD.sub("…", text, count=1)


def what(call: Call) -> str:
    """A call by its tool and what it was about: 'Read of src/app.py'."""
    target = _short(subject(call) or "")
    return f"{call.tool} of {target}" if target else call.tool


def path_of(path: str | None) -> str:
    """A path, or another name of what was worked on."""
    return _short(cleaned(path or ""))


def place_of(call: Call) -> str:
    """Where a call stands, as `waste-assets show` finds it."""
    # The folders before it are named after a home directory.
    return f"line {call.line_no} of {call.transcript.rpartition('/')[2]}"


def _short(text: str) -> str:
    text = _BLANKS.sub(" ", text).strip()
    if len(text) <= _CHARS:
        return text
    # The end of a path tells more than its beginning.
    return "…" + text[1 - _CHARS :] if "/" in text[:2] else text[: _CHARS - 1] + "…"
