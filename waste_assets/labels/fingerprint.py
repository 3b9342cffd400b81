"""Failures that say the same, told by one name: what is judged once for all of them.

The line of a message that says what went wrong, with names, paths and counts masked; what tells
failures apart, such as an exit status, an HTTP status or the number of a diagnostic, stays.
"""

from __future__ import annotations

import hashlib
import re

from waste_assets.labels.fenced import Fence

#: Part of every fingerprint: changed with the masks, so that old and new ones never mix.
_VERSION = "fp1"
_MOST_CHARS = 400
_EXIT = re.compile(r"\A\s*(Exit code \d+)\b")
_TELLING = re.compile(
    r"error|fail|fatal|cannot|can't|could not|unable|denied|refused|not found|no such|invalid|"
    r"unexpected|unknown|missing|exception|panic|timed? ?out|unsupported|illegal",
    re.IGNORECASE,
)
_TRACEBACK = re.compile(r"Traceback \(most recent call last\)")
_TAGS = re.compile(r"</?[a-z_-]+>")
#: Tried in this order.
_PATH = r"(?:~|\.{1,2}|[A-Za-z]:)?(?:[/\\][\w.@+~-]+){2,}[/\\]?|~/[\w.-]+|\./[\w.-]+"
_FILE = r"\b[\w-]+(?:/[\w.-]+)*\.(?:[a-z]{1,4}\d?|toml|json|yaml|html|lock)\b(?![(\w])"
# Three digits are a status. What stands behind such a word is one, too.
_COUNT = r"(?<![\w.-])(?!(?<=code )|(?<=status )|(?<=HTTP ))(?:\d{4,}|\d{1,2})(?:\.\d+)*(?![\w.])"
_MASKS = tuple(
    (re.compile(pattern), mask)
    for pattern, mask in (
        (r"[a-z][a-z0-9+.-]*://\S+", "URL"),
        (r"(?i)\b[0-9a-f]{8}-[0-9a-f-]{20,}\b", "ID"),
        (r"\b(?:toolu|msg|req)_\w+", "ID"),
        (r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?\S*)?", "TIME"),
        (_PATH, "PATH"),
        (_FILE, "FILE"),
        (r"\"[^\"]{1,200}\"|(?<!\w)'[^'\n]{1,200}'(?!\w)", "'X'"),
        (r"(?i)\b(?:0x)?(?=[0-9a-f]*\d)[0-9a-f]{7,}\b", "HEX"),
        (_COUNT, "N"),
    )
)


def fingerprint(text: str) -> str:
    """The name of a failure: equal for texts that differ in names and counts alone."""
    return f"{_VERSION}_{hashlib.blake2b(template(text).encode(), digest_size=8).hexdigest()}"


def template(text: str) -> str:
    """What the texts of a failure have in common: one line, without secrets."""
    told = Fence().line(salient(text), _MOST_CHARS)
    for pattern, mask in _MASKS:
        told = pattern.sub(mask, told)
    return re.sub(r"\b(\w+)(?:[ ,]+\1\b)+", r"\1", told)


def salient(text: str) -> str:
    """The line that says what went wrong, after the exit status where there is one."""
    text = _TAGS.sub("", text).strip()
    status = _EXIT.match(text)
    lines = [line.strip() for line in text[status.end() if status else 0 :].splitlines()]
    lines = [line for line in lines if line]
    if not lines:
        return text
    if any(_TRACEBACK.search(line) for line in lines):
        chosen = lines[-1]
    else:
        chosen = next((line for line in lines if _TELLING.search(line)), lines[-1])
    return f"{status[1]}: {chosen}" if status else chosen
