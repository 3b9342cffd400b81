"""Secrets that are known by the name they are given to: `DB_PASSWORD=…`, `"apiKey": "…"`.

What is given to the name of a password is one, unless it is code or a placeholder. What is given
to the name of a token or a key must look like one too: most tokens are those that models are
billed by, and most keys open no door.
"""

from __future__ import annotations

import re

from waste_assets.redaction.rule import marker
from waste_assets.redaction.values import (
    is_code,
    is_literal,
    is_path_or_url,
    is_random_without_doubt,
    looks_random,
)

_NEEDLES = ("pass", "pwd", "secret", "token", "key", "credential", "mnemonic", "seed")

_NAMED = re.compile(
    r"""(?:(?P<password>pass(?:word|wd|phrase|code)|pwd|(?<=[_-])pass|mnemonic|seed[_\ -]?phrase)
        |(?P<token>secret[_-]?access[_-]?key|secret|token|credentials?
            |(?:api|access|auth|private|secret|signing|encryption|master|account|admin|service|deploy
               |subscription|license|licence|(?<=[_-]))[\ _-]?key))
    (?P<suffix>[A-Za-z0-9_-]{0,24})
    (?P<between>
        \??[\\"'`]{0,8}\]?\s{0,4}
        (?:
            (?::\s{0,2}(?:str|string|SecretStr|&str|&'static\ str|Optional\[str\]|str\ \|\ None
                |string\ \|\ undefined)\s{0,2})?
            (?:=>|:=|\|\|=|\?\?=|={1,3}|:)\s{0,4}
            |,?\s{1,40}[\\"'`]{0,4}value[\\"'`]{0,4}\s{0,2}:\s{0,4}
            |(?<=["'`]),\s{0,4}(?=[\\"'`])
            |(?<=[A-Za-z0-9])>
            |(?<=\s)(?:is|was|are|as|to|of|:|->)\s{1,4}
            |(?<=\s)
        )
    )
    (?P<quote>\\{0,7}["'`])?""",
    re.VERBOSE | re.ASCII | re.IGNORECASE,
)
_QUOTED = {
    quote: re.compile(rf"(?:[^{quote}\\\n]|\\.){{0,4096}}+", re.ASCII) for quote in ("'", '"', "`")
}
_UNQUOTED = re.compile(r"[^\s\"'`;&|<>,]{1,512}", re.ASCII)
_REST = re.compile(r"[^\s\"'`;&|<>,]*+", re.ASCII)
_CLOSING = ").]}:\\"

_NAME = re.compile(r"[\w.-]{0,40}\Z", re.ASCII)
# Of the same value still: SECRET_KEY_BASE, token2, password_prod.
_SAME = re.compile(
    r"(?:[_-]?(?:base|base64|b64|value|string|key|prod|production|dev|staging|test|live|\d{1,2}))?\Z",
    re.ASCII | re.IGNORECASE,
)
# Of something else: what counts, names, dates or places it.
_OTHER = re.compile(
    r"(?:s|count|type|limit|budget|usage|size|len|length|name|id|url|uri|path|file|dir|field|ttl|at|"
    r"age|expiry|expires|policy|prefix|suffix|header|format|version|algorithm|alg|hint|min|max|"
    r"required|enabled|env|var)\Z",
    re.ASCII | re.IGNORECASE,
)
_NO_SECRET = re.compile(
    r"(?:public|cache|primary|foreign|sort|partition|unexpected|page|next|continuation|cursor|max|"
    r"min|num|total|input|output|object|row|hot|idempotency|dedupe|storage|registry|lookup|unique|"
    r"stop|eos|bos|pad|mask|design)[_.-]?\Z",
    re.ASCII | re.IGNORECASE,
)


def without_named_secrets(text: str, lowered: str) -> str:
    """The text with markers for values that belong to names of secrets."""
    for needle in _NEEDLES:
        if needle in lowered:
            break
    else:
        return text
    kept: list[str] = []
    done = at = 0
    while (match := _NAMED.search(text, at)) is not None:
        start = match.end()
        # Where the value is none, it may hold the name of one.
        at = start
        end = _end_of_secret(text, match, start)
        if end is None:
            continue
        name = "password" if match["password"] else "secret"
        kept += (text[done:start], marker(name))
        done = at = end
    if not kept:
        return text
    kept.append(text[done:])
    return "".join(kept)


def _end_of_secret(text: str, match: re.Match[str], start: int) -> int | None:
    """Where the value ends that starts here; None if it is no secret."""
    suffix, between, quote = match["suffix"], match["between"], match["quote"]
    before = _NAME.search(text, max(0, match.start() - 40), match.start())
    prefix = before[0] if before else ""
    name = match["password"] or match["token"]
    is_constant = (prefix + name + suffix).isupper()
    if not _SAME.match(suffix) and not (
        is_constant and suffix[0] == "_" and not _OTHER.search(suffix)
    ):
        return None
    if match["token"] and _NO_SECRET.search(prefix):
        return None

    if quote is None:
        found = _UNQUOTED.match(text, start)
        if found is None:
            return None
        value = found[0].rstrip(_CLOSING)
        end = start + len(value)
        if len(found[0]) == 512:
            rest = _REST.match(text, end)
            end = rest.end() if rest else end
    elif len(quote) == 1:
        found = _QUOTED[quote].match(text, start)
        end = found.end() if found else start
        value = text[start:end]
    else:
        # In a text within a text: up to the same sequence, or the end of what was cut.
        end = text.find(quote, start, start + 4096)
        if end < 0:
            end = min(len(text), start + 4096)
        value = text[start:end]
    if not is_literal(value):
        return None

    is_flag = prefix.startswith("-") and between.isspace()
    assigns = not between.isspace() and any(sign in between for sign in "=:>,")
    if match["password"]:
        return (
            end
            if _is_password(value, quote, between, is_constant, is_flag, assigns, name)
            else None
        )
    return end if _is_token(value, quote, between, is_constant, is_flag, assigns) else None


def _is_password(
    value: str,
    quote: str | None,
    between: str,
    constant: bool,
    flag: bool,
    assigns: bool,
    name: str,
) -> bool:
    # The working directory has the same name.
    if name.lower() == "pwd" and (is_path_or_url(value) or value.isdigit()):
        return False
    if flag:
        return not value.startswith("-") and not (quote is None and is_code(value))
    if not assigns or between.strip("\\\"'` ") == ",":
        # Prose, or a list of names.
        return looks_random(value) or (
            bool(between.strip())
            and len(value) >= 6
            and any(map(str.isdigit, value))
            and value.isascii()
            and not is_code(value)
        )
    if constant and between == "=":
        return not is_path_or_url(value)
    if quote is None:
        if is_code(value) or is_path_or_url(value) or len(value) < 3:
            return False
        if between in ("=", ">"):
            return True
        return any(not char.isalpha() and char not in "_-./" for char in value)
    # Sentences are messages about passwords; what is one to itself names a field.
    spaced = any(map(str.isspace, value))
    if name.lower() in ("passphrase", "mnemonic") or name.lower().startswith("seed"):
        return spaced or len(value) >= 6
    return not spaced and len(value) >= 3 and not is_code(value)


def _is_token(
    value: str, quote: str | None, between: str, constant: bool, flag: bool, assigns: bool
) -> bool:
    if constant and between == "=":
        return (
            len(value) >= 6
            and not is_path_or_url(value)
            and not value.isdigit()
            and not (quote is None and is_code(value))
            and not any(map(str.isspace, value))
        )
    if quote is None and is_code(value):
        return False
    if flag or assigns:
        return looks_random(value)
    return is_random_without_doubt(value)
