"""Whether a value is a secret, or stands where one will stand, or is code."""

from __future__ import annotations

import re

# Variables, templates, and what people write for 'put yours here'.
_PLACEHOLDER = re.compile(
    r"""(?:\$[\w({?!:]|\$\$?\Z|\{\{?|<|%[(\w%{]|\*{2}|•|…|\.{3}|\[REDACTED|\#\{|@\{|!\w+\ |
        \Z|x{3,}|X{3,}|(?:your|my|the|some|insert|replace|enter|change|placeholder|redacted|dummy|
        example)[-_\ ]?(?:[A-Za-z0-9]+[-_\ ])*(?:key|token|secret|password|here|me|it|value)?\Z|
        (?:redacted|placeholder|omitted|hidden|masked|none|null|nil|undefined|true|false)\Z)""",
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
_WORD_OF_CODE = re.compile(
    r"(?:string|str|bytes|text|any|object|boolean|bool|int|integer|number|float|optional|required|"
    r"void|unknown|never|char|varchar|self|this|await|async|new|function|def|return|import|from|if|"
    r"else|not|and|or|in|is|process|os|env|environ|config|ctx|req|request|response|args|options|"
    r"type|secretstr|nonnull|final|const|let|var|public|private|static)\Z",
    re.IGNORECASE | re.ASCII,
)
# What names a variable that holds the secret rather than being one.
_NAME_OF_SECRET = re.compile(
    r"[A-Za-z_]*?(?:password|passwd|passphrase|pwd|pass|secret|token|key|credentials?)_?\d?\Z",
    re.IGNORECASE | re.ASCII,
)
_CODE = re.compile(
    r"!{0,2}[A-Za-z_$][\w$]*+(?:\(|\[|::|->|!?\.[A-Za-z_$][\w$]*+(?:[.(\[?!)]|\Z)|\?\.|\)|\}|\?\?)"
    r"|[&*!@(\[{][\w({\[\"']"
)
_PATH_OR_URL = re.compile(
    r"~?[/\\]|\.{1,2}/|[A-Za-z]:[\\/]|[a-z][a-z0-9+.-]*://|[\w./-]*\.[a-z]{1,5}\Z"
)
# Ids and digests, which name things and open none.
_ID = re.compile(
    r"(?:toolu|srvtoolu|msg|req|call|chatcmpl|resp|run|thread|step|sha\d+|md5)[_:-]"
    r"|\d{4}-\d\d-\d\d|v?\d+(?:\.\d+)+|0x[0-9a-f]{1,16}\Z",
    re.IGNORECASE | re.ASCII,
)
_WORDS_AND_NUMBER = re.compile(r"[A-Za-z]+(?:[_.:-][A-Za-z]+)*[_.:-]?\d{1,5}\Z", re.ASCII)
_PLAIN_WORDS = re.compile(r"[A-Za-z]+(?:[_.:/-][A-Za-z]+)*\Z", re.ASCII)
_TOKEN = re.compile(r"[A-Za-z0-9_+/=.~:%@!#^-]+\Z", re.ASCII)
_DIGITS = re.compile(r"\d", re.ASCII)
_UPPER = re.compile(r"[A-Z]", re.ASCII)
_LOWER = re.compile(r"[a-z]", re.ASCII)


def is_literal(value: str) -> bool:
    """Whether it is neither empty, nor a variable, nor a placeholder."""
    return bool(value) and not _PLACEHOLDER.match(value)


def is_code(value: str) -> bool:
    """Whether an unquoted value is an expression, a type or a variable of a telling name."""
    return (
        bool(_WORD_OF_CODE.match(value.rstrip("?)]}")))
        or bool(_CODE.match(value))
        or bool(_NAME_OF_SECRET.match(value))
    )


def is_path_or_url(value: str) -> bool:
    """Whether it says where something is."""
    return bool(_PATH_OR_URL.match(value))


def looks_random(value: str) -> bool:
    """Whether a machine made it up: beside a name of secrets, that is one."""
    if len(value) < 8 or not _TOKEN.match(value):
        return False
    if _ID.match(value) or is_path_or_url(value) or _WORDS_AND_NUMBER.match(value):
        return False
    digits = len(_DIGITS.findall(value))
    if digits == 0:
        # A base64 of twenty letters has no digit in one case of thirty; camel case has few
        # capitals.
        capitals = len(_UPPER.findall(value))
        if _PLAIN_WORDS.match(value.rstrip("=")):
            return (
                value.isalpha() and len(value) >= 24 and len(value) < 3 * capitals < 2 * len(value)
            )
        return len(value) >= 20
    letters = len(_UPPER.findall(value)) + len(_LOWER.findall(value))
    return digits >= 2 and letters >= 2


def is_random_without_doubt(value: str) -> bool:
    """Whether it can be nothing else, whatever stands beside it."""
    return (
        len(value) >= 20
        and looks_random(value)
        and "/" not in value[:1]
        and all(part.search(value) for part in (_DIGITS, _UPPER, _LOWER))
        and len(_DIGITS.findall(value)) >= 3
        and len(set(value)) >= 12
    )
