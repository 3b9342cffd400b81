"""Of a failed result, the one line that says what went wrong.

Results are up to 2,000 characters here: their beginning and, of longer ones, their end. What
compilers, linters and tests print is known by its format (reports.py); of a Python traceback the
last line counts; of anything else the first line with a word that speaks of failure, or the last.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from waste_assets.clusters.reports import FORMATS


@dataclass(frozen=True, slots=True)
class Salient:
    """What went wrong, in a line."""

    line: str
    #: The program whose format it is, and the rule or kind that it reports.
    reporter: str | None = None
    code: str | None = None


def salient(text: str, tail: str = "") -> Salient:
    """The line that says it; an empty one where the result says nothing."""
    head = _plain(text)
    whole = f"{head}\n{_plain(tail)}" if tail else head
    return _reported(whole) or _raised(whole) or Salient(_telling(head, whole))


def _plain(text: str) -> str:
    text = _TAGS.sub("", text)
    return _ESCAPES.sub("", text) if "\x1b" in text or "[" in text else text


#: Colours, also where the escape character was lost.
_ESCAPES = re.compile(r"\x1b\[[\d;]*[A-Za-z]|(?<![\w\[])\[\d{1,2}(?:;\d{1,3})*m")
_TAGS = re.compile(r"</?tool_use_error>|<error>|</error>")


def _reported(text: str) -> Salient | None:
    for one in FORMATS:
        if one.needle in text and (match := one.pattern.search(text)):
            told = match.groupdict()
            code = told.get("code") or one.kind
            said = (told.get("said") or "").strip()
            return Salient(f"{one.reporter} {code} {said}".strip(), one.reporter, code)
    return None


def _raised(text: str) -> Salient | None:
    """The last line of the last traceback."""
    if "Traceback (most recent" not in text and "\n  File " not in text:
        return None
    raised = _RAISED.findall(text)
    return Salient(raised[-1][0], "python", raised[-1][1].rpartition(".")[2]) if raised else None


_RAISED = re.compile(
    r"^(([A-Za-z_][\w.]*(?:Error|Exception|Interrupt|Exit|Warning|NotFound|Timeout))\b.*)", re.M
)


def _telling(head: str, whole: str) -> str:
    lines = [line for line in map(str.strip, whole.splitlines()) if line]
    said = [line for line in lines if not _STATUS.fullmatch(line) and _LETTER.search(line)]
    for line in said:
        if _FAILURE.search(line) and not _NO_FAILURE.search(line):
            return line
    if said:
        return said[-1]
    return head.strip().split("\n", 1)[0]


_STATUS = re.compile(r"(Exit code|exit status:?) -?\d+|Error:?")
_LETTER = re.compile(r"[^\W\d_]{2}")
_FAILURE = re.compile(
    r"(?i)\b(error|fatal|fail(ed|s|ure)?|cannot|can't|could ?n[o']t|unable|not (found|a|allowed"
    r"|supported|permitted|recognized|exist|available|valid|defined)|no such|denied|invalid"
    r"|unknown|missing|refused|rejected|tim(ed? ?out|eout)|exception|panic|abort(ed)?|unexpected"
    r"|illegal|undefined|unrecognized|usage:|conflict|exceeds?|doesn't|does not|already|forbidden"
    r"|unauthori[sz]ed|must|required|expired|blocked|locked|killed|ENOENT|EACCES|E[A-Z]{4,})\b"
)
_NO_FAILURE = re.compile(r"(?i)\b(0 (errors?|failures?|failed)|no errors?|warning)\b")
