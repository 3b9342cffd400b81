"""Words for evidence: short enough for a line, exact enough to be found in the transcript."""

from __future__ import annotations

import re

from waste_assets.accounting.conversation import Call

_CHARS = 90
_BLANKS = re.compile(r"\s+")
_TAGS = re.compile(r"</?tool_use_error>|\AExit code \d+\s+(?=\S)")


def quoted(text: str) -> str:
    """The beginning of a text, in quotes."""
    line = _BLANKS.sub(" ", _TAGS.sub("", text)).strip()
    return f'"{line if len(line) <= _CHARS else line[: _CHARS - 1] + "…"}"'


def what(call: Call) -> str:
    """A call by its tool and what it was about: 'Read of src/app.py'."""
    target = _BLANKS.sub(" ", call.target or "").strip()
    if not target:
        return call.tool
    if len(target) > _CHARS:
        # The end of a path tells more than its beginning.
        target = "…" + target[1 - _CHARS :] if "/" in target[:2] else target[: _CHARS - 1] + "…"
    return f"{call.tool} of {target}"
