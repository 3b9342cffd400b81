"""What stands in messages and attachments: their text, its size, and how it begins."""

from __future__ import annotations

import re
from typing import Any

from waste_assets.transcripts.call_facts import TARGET_CHARS

#: What an image weighs against text when a count is shared by characters: about 1,500 tokens.
IMAGE_CHARS = 6_000
REMINDER, _REMINDER_END = "<system-reminder>", "</system-reminder>"
#: Fields of attachments that say which one it is: the file or the hook.
_NAMES = ("displayPath", "path", "filename", "hookName")
#: What is kept of the beginning of an injected text.
_OPENING_CHARS = 80
_BLANK = re.compile(r"\s+")


def text_of(content: Any) -> str:
    """The text of a tool result, in whatever shape it came."""
    if isinstance(content, str):
        return content
    texts: list[str] = []
    waiting = [content]
    while waiting:
        part = waiting.pop()
        if isinstance(part, list):
            waiting += reversed(part)
            continue
        text = part.get("text") if isinstance(part, dict) else part
        if isinstance(text, str) and text:
            texts.append(text)
    return "\n".join(texts)


def images_in(content: Any) -> int:
    """How many images and documents a tool result has."""
    if not isinstance(content, list):
        return 0
    return sum(isinstance(c, dict) and c.get("type") in ("image", "document") for c in content)


def reminders_in(text: str) -> list[str]:
    """The reminders that the harness appended to a tool result."""
    found = []
    start = 0
    while (start := text.find(REMINDER, start)) >= 0:
        end = text.find(_REMINDER_END, start)
        if end < 0:
            break
        end += len(_REMINDER_END)
        found.append(text[start:end])
        start = end
    return found


def opening(reminder: str) -> str | None:
    """How an injected text begins: enough to know it again."""
    text = _BLANK.sub(" ", reminder[: 2 * _OPENING_CHARS].replace(REMINDER, "")).strip()
    return text[:_OPENING_CHARS] or None


def source_of(attachment: dict[str, Any]) -> str | None:
    """Which file, hook or server an attachment comes from; None where it does not say."""
    added = attachment.get("addedNames")
    names = [attachment.get(field) for field in _NAMES]
    # Several of them have no name in common.
    names += added if isinstance(added, list) and len(added) == 1 else []
    found = next((name for name in names if isinstance(name, str) and name), None)
    return found and found[:TARGET_CHARS]


def chars_in(value: Any) -> int:
    """Characters of all the text in a JSON value."""
    chars = 0
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, str):
            chars += len(part)
        elif isinstance(part, list):
            waiting += part
        elif isinstance(part, dict):
            waiting += part.values()
    return chars
