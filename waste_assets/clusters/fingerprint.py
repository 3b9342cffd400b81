"""What stays of a message when all that differs from one occurrence to the next is masked.

Paths, addresses, ids, times, names and numbers become marks; numbers that mean something (exit
codes, HTTP statuses, errno, the codes of compilers, linters and MCP) stay. Equal templates are
the same message: its fingerprint is a hash of them. VERSION is part of the id, so that an id
never changes its meaning.
"""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import blake2b

from waste_assets.redaction import redact

#: Raised with every change of what is masked: ids of old and new rules never mix.
VERSION = 1
_CHARS = 200
#: Longer lines are minified code or data: their beginning tells.
_LOOKED_AT = 600

# The first alternative that matches at a place decides.
_WORDS = re.compile(
    r"""
    (?P<keep>
        \[REDACTED(?::[\w ]+)?\]
        | \b(?:exit\ (?:code|status)|status(?:\ code)?|HTTP(?:/\d(?:\.\d)?)?|code|errno|signal)
            [:=]?\ ?-?\d{1,5}\b
        | \b[45]\d\d\ (?=[A-Z][a-z])
        | \[Errno\ \d+\]
        | -32\d{3}\b
        | \bSQLSTATE\W?\w{5}
        | \b(?:TS|CS|MD|SC|DL|RUF|UP|SIM|PL[CERW]?|ANN|ARG|[EFWCNBSD]|ORA-|ERR_[A-Z]+)\d{2,5}\b
        | \b(?:ERR|ER)_[A-Z_]+\b
        | \b\w+(?:Error|Exception|Warning)\b
        | \b(?:page|locator|frame|context|browser|browserType)\.\w+(?=:\ )
    )
    | (?P<url> \b[a-z][a-z0-9+.-]{1,12}://[^\s'"<>)]+ )
    | (?P<address> [\w.+-]+@[\w-]+(?:\.[\w-]+)+ )
    | (?P<time>
        \d{4}[-/]\d\d[-/]\d\d(?:[T\ ]\d\d:\d\d(?::\d\d)?(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?)?
        | \b\d{1,2}:\d\d:\d\d(?:[.,]\d+)?
    )
    | (?P<id>
        \b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b
        | \b(?=[0-9a-f]*\d)[0-9a-f]{7,64}\b
        | \b(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[A-Za-z0-9_-]{20,}\b
    )
    | (?P<q> (?<!\w)(?:'[^'\n]*'|`[^`\n]*`)(?!\w) | "[^"\n]*" | [“‘][^”’\n]*[”’] )
    | (?P<path>
        (?<![\w<])(?:[A-Za-z]:[\\/]|~?/|\.{1,2}[\\/])[^\s:,;'"()\[\]<>|]+
        | (?<![\w<./-])@?[\w.+*-]+(?:[\\/][\w.@+*$-]+)+
        | \b[\w-]+(?:\.[\w-]+)*\.(?:pyi?|[cm]?[jt]sx?|go|rs|rb|java|kts?|cs|c|h|cc|cpp|hpp|swift
            |php|lua|sh|bash|zsh|ps1|sql|json[lc5]?|ya?ml|toml|lock|md|mdx|txt|html?|css|scss|vue
            |svelte|xml|csv|ini|cfg|conf|env|log|mod|sum|pdf|png|jpe?g|svg|zip|gz|db|sqlite)\b
    )(?P<at> (?:[:(]\d+(?:[:,]\d+)?\)?)? )
    | (?P<n> 0x[0-9a-fA-F]+ | [-+]?\d[\d.,_]*(?:\ ?(?:ms|[kMG]i?B|bytes|tokens)\b|[smhd%]\b)? )
    | (?P<word> [A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)*(?:\(\))? )
    """,
    re.X,
)
_NAME = re.compile(r"[a-z0-9][A-Z]|_|\$|\w\.\w|\(\)")
_DIGITS = re.compile(r"\d+")
_BLANKS = re.compile(r"\s+")
_REPEATED = re.compile(r"(<\w+>)(?:[\s,;:]+\1)+")


@lru_cache(maxsize=8_192)
def template(line: str) -> str:
    """The message without what differs: no secret, no path, no name, in small letters."""
    masked = _WORDS.sub(_mark, redact(line[:_LOOKED_AT]))
    masked = _REPEATED.sub(r"\1", _BLANKS.sub(" ", masked)).strip().lower()
    return masked[:_CHARS].rstrip()


def _mark(match: re.Match[str]) -> str:
    kind, text = match.lastgroup, match[0]
    if kind == "keep":
        return text
    if kind == "word":
        return "<name>" if _NAME.search(text) else _DIGITS.sub("<n>", text)
    return "<path>" if kind == "at" else f"<{kind}>"


def fingerprint_id(template_: str) -> str:
    """The id of a template."""
    return f"f{VERSION}-{digest(template_)}"


def digest(text: str) -> str:
    """Sixteen hexadecimal digits."""
    return blake2b(text.encode("utf-8", "replace"), digest_size=8).hexdigest()
