"""What a rule of redaction is: a pattern, what must stand in a text for it, and its name."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

#: Where a word starts: also behind an escape sequence ('\\n' of JSON, '%3D', a colour of a
#: terminal), the last letter of which is no part of it.
START = (
    r"(?:(?<![A-Za-z0-9])|(?<=\\[nrt])|(?<=%[0-9A-Fa-f]{2})|(?<=\[\dm)|(?<=\[\d\dm)|(?<=;\d\dm))"
)


def marker(name: str) -> str:
    """What stands in the place of what was taken away."""
    return f"[REDACTED:{name}]"


@dataclass(frozen=True, slots=True)
class Rule:
    """A shape that secrets have.

    Patterns are linear in the text: repetitions are bounded, or take all that they can and are
    never entered again.
    """

    #: What the marker says was taken away.
    name: str
    #: In lower case. Where none of them stands in the text, the pattern is not tried.
    needles: tuple[str, ...]
    #: What its group `secret` matches is taken away; without such a group, the whole match.
    pattern: str
    #: Whether a match is one after all.
    accepts: Callable[[str], bool] | None = None
    #: Instead of a marker, for whole matches.
    replacement: str | None = None

    def apply(self, text: str, lowered: str) -> str:
        """The text without what the rule matches; `lowered` is the text in lower case."""
        for needle in self.needles:
            if needle in lowered:
                return compiled(self.pattern).sub(self.replacement or self._replace, text)
        return text

    def _replace(self, match: re.Match[str]) -> str:
        group: str | int = "secret" if "secret" in match.re.groupindex else 0
        if self.accepts is not None and not self.accepts(match[group]):
            return match[0]
        whole, offset = match[0], match.start()
        before, after = match.start(group) - offset, match.end(group) - offset
        return whole[:before] + marker(self.name) + whole[after:]


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """The pattern, compiled when a text first has what it needs: most rules never run."""
    return re.compile(pattern)
