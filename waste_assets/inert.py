"""Text that neither a terminal nor a browser obeys."""

from __future__ import annotations

import re

# Control characters, marks that turn the direction of what follows, characters without width,
# halves of a pair. The joiners of emoji stay, and so do blanks and line ends.
_ACTING = (
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e0fff"
)
_ACTS = re.compile(f"[{_ACTING}]")
#: A terminal goes back to the beginning of the line, and writes over it.
_ACTS_IN_A_TERMINAL = re.compile(f"\r(?!\n)|[{_ACTING}]")


def without_controls(text: str) -> str:
    """The text with `�` for each character that would act, or hide."""
    return _ACTS.sub("\ufffd", text)


def for_terminal(text: str) -> str:
    """The same for what is printed: lines and their indentation stay."""
    return (
        text if text.isascii() and text.isprintable() else _ACTS_IN_A_TERMINAL.sub("\ufffd", text)
    )
