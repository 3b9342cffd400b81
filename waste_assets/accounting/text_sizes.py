"""How large texts are in tokens and in characters, by model and kind of text.

No tokenizer is needed: where one block alone came into a prompt, the provider's own counts give
its size, and the transcript its characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from waste_assets.accounting.conversation import Block, Conversation, Response, Session
from waste_assets.transcripts.text_facts import IMAGE_CHARS

_KINDS = frozenset(("output", "tool_result", "user_text"))
_TEXTS = {"Read": "file", "Bash": "command_output", "PowerShell": "command_output"}
#: Images have no characters; these kinds of content and of results are images.
_IMAGES = frozenset(("image", "document", "pdf"))
_IMAGE_TOOL = re.compile(r"screenshot|image", re.IGNORECASE)
#: A request puts some tokens around every text, and counts are whole numbers: below a thousand
#: characters that is more than a hundredth.
_SAMPLE_CHARS = 1_000


@dataclass(slots=True)
class TextSize:
    """Texts of one kind that came into prompts of one model on one day."""

    #: All of them.
    all_tokens: int = 0
    #: Those whose size is known by itself, and what they add up to.
    blocks: int = 0
    tokens: int = 0
    chars: int = 0


def text_sizes(session: Session) -> Iterator[tuple[date, str, str, TextSize]]:
    """Day, model, kind of text and sizes, each combination once, in the order of the responses.

    The kinds are file, command_output, other_result, user_text and output.
    """
    found: dict[tuple[date, str, str], TextSize] = {}
    for conversation in session.conversations:
        _add(conversation, found)
    return ((*key, size) for key, size in found.items())


def _add(conversation: Conversation, found: dict[tuple[date, str, str], TextSize]) -> None:
    tools: dict[str, str] = {}
    before: Response | None = None
    for response in conversation.responses:
        if response.model is not None:
            # Growth is measured where one tokenizer counted both prompts.
            comparable = before is not None and before.model == response.model
            for block in response.blocks:
                if block.kind not in _KINDS or not block.chars:
                    continue
                tool = _tool(block, tools)
                key = (response.day, response.model, _text_kind(block, tool))
                size = found.setdefault(key, TextSize())
                size.all_tokens += block.tokens
                if comparable and _is_sample(block, tool, before):
                    size.blocks += 1
                    size.tokens += block.tokens
                    size.chars += block.chars
        tools.update((call.id, call.tool) for call in response.calls)
        before = response


def _tool(block: Block, tools: dict[str, str]) -> str:
    if block.kind != "tool_result" or block.tool_use_id is None:
        return ""
    return tools.get(block.tool_use_id, "")


def _text_kind(block: Block, tool: str) -> str:
    return _TEXTS.get(tool, "other_result") if block.kind == "tool_result" else block.kind


def _is_sample(block: Block, tool: str, before: Response | None) -> bool:
    """Whether the counted tokens are those of the characters, and of nothing else."""
    chars = block.chars or 0
    if block.basis != "measured" or chars < _SAMPLE_CHARS:
        return False
    if block.kind == "output":
        # Thinking that is dropped or hidden is in the count and not among the characters.
        return before is not None and not before.has_thinking
    is_image = block.subtype in _IMAGES or chars % IMAGE_CHARS == 0 or _IMAGE_TOOL.search(tool)
    return not is_image
