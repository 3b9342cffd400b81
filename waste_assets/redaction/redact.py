"""The rules, one after the other."""

from __future__ import annotations

from collections.abc import Iterable

from waste_assets.redaction import people, tokens
from waste_assets.redaction.named import without_named_secrets
from waste_assets.redaction.rule import Rule

_MOST_ROUNDS = 8


def redact(text: str) -> str:
    """The text with a marker, `[REDACTED:what]`, for each secret and `~` for home directories.

    A text without secrets comes back as it is, and what was redacted once does not change again.
    """
    text = without_secrets(text)
    return _apply(people.RULES, text, text.lower())


def without_secrets(text: str) -> str:
    """The text with a marker for each secret; people and their directories stay in it."""
    # A marker may lay open what its secret hid, a second one on its other side for instance.
    for _ in range(_MOST_ROUNDS):
        lowered = text.lower()
        new = without_named_secrets(_apply(tokens.RULES, text, lowered), lowered)
        if new == text:
            break
        text = new
    return text


def redact_all(texts: Iterable[str | None]) -> list[str | None]:
    """Redact each; None stays None. Equal texts are looked at once."""
    known: dict[str | None, str | None] = {None: None}
    redacted = []
    for text in texts:
        if text not in known:
            known[text] = redact(text) if text else text
        redacted.append(known[text])
    return redacted


def _apply(rules: Iterable[Rule], text: str, lowered: str) -> str:
    for rule in rules:
        text = rule.apply(text, lowered)
    return text
