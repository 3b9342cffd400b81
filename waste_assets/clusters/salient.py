"""Of a failed result, the one line that says what went wrong.

Results are up to 2,000 characters here: their beginning and, of longer ones, their end. What
compilers, linters and tests print is known by its format (reports.py); of a Python traceback the
last line counts; otherwise the line by which the cause was known; of anything else the first line
with a word that speaks of failure, or the last.
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


def salient(text: str, tail: str = "", known_by: re.Pattern[str] | None = None) -> Salient:
    """The line that says it; an empty one where the result says nothing.

    `known_by` is the pattern of the rule that knew the cause.
    """
    if tail:
        text, tail = _whole_lines(text, tail)
    head = _plain(text)
    whole = f"{head}\n{_plain(tail)}" if tail else head
    return (
        _reported(whole)
        or _raised(whole)
        or _matched(head, known_by)
        or Salient(_telling(head, whole))
    )


def _whole_lines(text: str, tail: str) -> tuple[str, str]:
    """Beginning and end of a long result without the lines that were cut.

    Half a line is no message, and half a secret cannot be told from a word.
    """
    head, _, cut = text.rpartition("\n")
    if all(map(_is_noise, head.splitlines())):
        head = f"{head}\n{_LAST_WORD.sub('', cut)}"
    return head, tail.partition("\n")[2]


_LAST_WORD = re.compile(r"\S*\Z")


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
            # A linter of linters says which rule of its linter it was.
            if own := _OWN_CODE.match(said):
                code = own[1]
            return Salient(said, one.reporter, code)
    return None


_OWN_CODE = re.compile(r"([A-Z]{1,3}\d{3,4}): ")


def _raised(text: str) -> Salient | None:
    """The last line of the last traceback."""
    if "Traceback (most recent" not in text and "\n  File " not in text:
        return None
    raised = _RAISED.findall(text)
    if not raised:
        return None
    name, said = raised[-1]
    return Salient(said.strip(), "python", name.rpartition(".")[2])


_RAISED = re.compile(
    r"^([A-Za-z_][\w.]*(?:Error|Exception|Interrupt|Exit|Warning|NotFound|Timeout))\b:?(.*)", re.M
)


def _matched(text: str, known_by: re.Pattern[str] | None) -> Salient | None:
    """The line at the beginning of what the rule found."""
    match = known_by.search(text) if known_by else None
    if match is None or not match[0].strip():
        return None
    # A match may begin with the line end before what it is about.
    at = match.start() + len(match[0]) - len(match[0].lstrip())
    line = text[
        text.rfind("\n", 0, at) + 1 : (text.find("\n", at) + 1 or len(text) + 1) - 1
    ].strip()
    return None if _is_noise(line) else Salient(line)


def _telling(head: str, whole: str) -> str:
    said = [line for line in map(str.strip, whole.splitlines()) if not _is_noise(line)]
    for line in said:
        if _FAILURE.search(line) and not _NO_FAILURE.search(line):
            return line
    return said[-1] if said else head.strip().split("\n", 1)[0]


def _is_noise(line: str) -> bool:
    """The line says nothing of its own: a status, a heading, or how far somebody has come."""
    return _NOISE.match(line) is not None or _LETTER.search(line) is None


_NOISE = re.compile(
    r"((Exit code|exit status:?) -?\d+|Error:?|#+ \w+( \w+)?|.*\bERROR task failed)$"
    r"|\[(STARTED|COMPLETED|SKIPPED)\]|(ok|\?) {2,}|[=*-]{2,}|=== |--- PASS|> |\$ "
)
_LETTER = re.compile(r"[^\W\d_]{2}")
_FAILURE = re.compile(
    r"(?i)\b(error|fatal|fail(ed|s|ure)?|cannot|can't|could ?n[o']t|unable|not (found|a|allowed"
    r"|supported|permitted|recognized|exist|available|valid|defined)|no such|denied|invalid"
    r"|unknown|missing|refused|rejected|tim(ed? ?out|eout)|exception|panic|abort(ed)?|unexpected"
    r"|illegal|undefined|unrecognized|usage:|conflict|exceeds?|doesn't|does not|already|forbidden"
    r"|unauthori[sz]ed|must|required|expired|blocked|locked|killed|ENOENT|EACCES|E[A-Z]{4,})\b"
)
_NO_FAILURE = re.compile(r"(?i)\b(0 (errors?|failures?|failed)|no errors?|warn(ing)?)\b")
