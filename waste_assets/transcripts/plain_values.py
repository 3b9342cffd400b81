"""Single values of a record: names without secrets, numbers that a transcript can mean."""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import Any, overload

import msgspec

from waste_assets.redaction import without_secrets
from waste_assets.transcripts.decode import REFUSED, Quarantined, decode

#: No time in a transcript can mean more, and no number of lines.
_LIMIT, _LINES_LIMIT = 2**53, 2**31

_plain = msgspec.json.Decoder().decode


@overload
def safe_name(text: str) -> str: ...
@overload
def safe_name(text: str | None) -> str | None: ...
def safe_name(text: str | None) -> str | None:
    """A name without secrets: names are told everywhere, unlike what was said and done."""
    return text and _known(text)


_known = lru_cache(maxsize=65_536)(without_secrets)


def sane(value: int | None) -> int | None:
    """A number, unless no transcript can mean it and no column hold it."""
    return value if value is not None and abs(value) < _LIMIT else None


def small(value: int | None) -> int | None:
    """A number of lines or of searches, unless no transcript can mean it."""
    return value if value is not None and 0 <= value < _LINES_LIMIT else None


def dollars(value: float | None) -> float | None:
    """An amount, unless no transcript can mean it."""
    return value if value is not None and abs(value) < _LIMIT else None


def value_of(raw: bytes) -> Any:
    """The JSON of a raw field, which the line's own decoder has not looked into."""
    try:
        return _plain(raw) if raw else None
    except REFUSED:
        try:
            return decode(raw).records[0]
        except Quarantined:
            return None


def digest(data: bytes) -> str:
    """By what equal bytes are known to be equal."""
    return blake2b(data, digest_size=8).hexdigest()


def text_digest(text: str) -> str:
    """The same of a text."""
    return digest(text.encode("utf-8", "surrogatepass"))
