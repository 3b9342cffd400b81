"""`cache_read`: tokens that every later prompt carries along for nothing.

- `duplicate`: the same text that nobody typed (a reminder, an attachment, CLAUDE.md, a list of
  skills) entered the context again while an earlier copy was still in it. The second and later
  copies are wasted. Copies of 200 tokens in all are noise.
- `prefix`: what stands before a session's first message (system prompt, tools, instructions, and
  what is injected with the first prompt) is larger than the budget: the excess, in that epoch and
  in the later ones of the conversation, which begin with the same prefix. Its size is that of the
  smallest prompt base of the conversation, for all of them hold it. A candidate where the first
  prompt may hold a conversation whose beginning is in no transcript: it was in the cache already,
  or it is larger than any prefix.
- `unreferenced` (candidate): a file was read, and of the calls that followed none names it. What
  the model wrote or thought about it is not looked at, so this only says where to look.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from posixpath import basename

from waste_assets.accounting.claims import CarryClaim, Claim, carried
from waste_assets.accounting.conversation import Block, Call, Conversation, Response, Session
from waste_assets.detectors.flag import Detector, Flag, Settings, Tier
from waste_assets.detectors.wording import path_of

CATEGORY = "cache_read"
_NOISE = 200
#: What users put in with a first prompt; everything else that is injected is the harness's.
_WANTED = frozenset(["file", "compact_file_reference", "queued_command", "edited_text_file"])
#: Larger than the system prompt with hundreds of tools in it.
_LARGEST_PREFIX = 100_000
#: Shorter results cost less than the doubt about them.
_LARGE = 2_000
#: So many responses must follow: what was asked last needs no further calls.
_FOLLOWING = 10
#: A name of a file is one or several of these.
_WORDS = re.compile(r"[\w.+@#%~$-]+")
#: Blanks for all other characters of plain text, which is four times as fast as the pattern.
_BLANKED = str.maketrans({chr(c): " " for c in range(128) if not _WORDS.match(chr(c))})


def detect(session: Session, settings: Settings) -> Iterator[Flag]:
    """What the conversations of a session carry along for nothing."""
    for conversation in session.conversations:
        for epoch in conversation.epochs:
            yield from _duplicates(epoch)
        if conversation.is_main:
            yield from _prefix(conversation, settings.prefix_budget)
        yield from _unreferenced(conversation)


def _injected(block: Block) -> bool:
    return block.kind in ("reminder", "attachment") or (
        block.kind == "user_text" and block.subtype == "injected"
    )


# --- the same text again ---------------------------------------------------------------------


def _duplicates(epoch: list[Response]) -> Iterator[Flag]:
    # By text the copies that came in while the context held the first of them.
    copies: list[list[Block]] = []
    held: dict[str, list[Block]] = {}
    for response in epoch:
        if response.is_rewound:
            held = {
                text: blocks
                for text, blocks in held.items()
                if blocks[0].end <= response.held_tokens
            }
        for block in response.blocks:
            if block.content_hash and block.tokens and _injected(block):
                if block.content_hash not in held:
                    copies.append([])
                    held[block.content_hash] = copies[-1]
                held[block.content_hash].append(block)
    # One flag where several texts are repeated for the first time.
    found: dict[str, list[list[Block]]] = {}
    for blocks in copies:
        if sum(block.tokens for block in blocks[1:]) >= _NOISE:
            found.setdefault(blocks[1].response.id, []).append(blocks)
    for texts in found.values():
        again = [block for blocks in texts for block in blocks[1:]]
        told = "; ".join(_copies_told(blocks) for blocks in texts[:3])
        more = f"; and {len(texts) - 3} other texts" if len(texts) > 3 else ""
        yield Flag(
            CATEGORY,
            "duplicate",
            Tier.LIKELY,
            f"The context held the same injected text already: {told}{more}",
            again[0].response,
            tuple(claim for block in again for claim in carried(block)),
            cause=texts[0][0].subtype or texts[0][0].kind,
            about=texts[0][0].name,
        )


def _copies_told(blocks: list[Block]) -> str:
    first, *again = blocks
    where = f" at line {first.line_no}" if first.line_no else ""
    times = f"{len(again)} more times" if len(again) > 1 else "once more"
    name = first.subtype or first.kind
    which = f" {path_of(first.name)}" if first.name else ""
    return f"{name}{which}{where} ({first.chars or 0:,} characters) {times}"


# --- the prefix ------------------------------------------------------------------------------


def _prefix(conversation: Conversation, budget: int) -> Iterator[Flag]:
    first = conversation.responses[0]
    if first.epoch_start != "first" or not first.blocks or first.blocks[0].kind != "base":
        return
    base = first.blocks[0]
    bases = [epoch[0].blocks[0] for epoch in conversation.epochs if epoch[0].blocks]
    size = min(block.end for block in bases if block.kind == "base")
    claims: list[Claim] = []
    # What is injected with the first prompt comes after the base, and counts on top of it.
    total = size
    for block in first.blocks:
        if _injected(block) and block.subtype not in _WANTED:
            claims += carried(block, beyond=max(budget - total, 0))
            total += block.tokens
    if total <= budget:
        return
    if size > budget:
        claims += [
            CarryClaim(block.response, budget, min(size, block.end), block.basis)
            for block in bases
            if block.kind == "base" and block.end > budget
        ]
    # A first prompt that is all in the cache is the next one of some conversation.
    is_sure = size <= _LARGEST_PREFIX and first.read_tokens < base.end - _LARGE
    doubt = "" if is_sure else ", unless it holds a conversation that is in no transcript"
    yield Flag(
        CATEGORY,
        "prefix",
        Tier.LIKELY if is_sure else Tier.CANDIDATE,
        f"The session begins with {total:,} tokens before the first message, "
        f"{total - budget:,} above the budget of {budget:,}{doubt}",
        first,
        tuple(claims),
    )


# --- results that nobody came back to --------------------------------------------------------


def _unreferenced(conversation: Conversation) -> Iterator[Flag]:
    last = len(conversation.responses) - 1
    for call in _never_named(_large_reads(conversation), conversation.calls):
        assert call.result_block is not None
        yield Flag(
            CATEGORY,
            "unreferenced",
            Tier.CANDIDATE,
            f"{path_of(call.target)} was read ({call.result_block.tokens:,} tokens), and none of "
            f"the calls of the {last - call.response.number} responses that followed names it",
            call.response,
            tuple(carried(call.result_block)),
            (call,),
        )


def _large_reads(conversation: Conversation) -> dict[int, str]:
    """Reads that left much behind and had much follow them: names of files by call number."""
    last = len(conversation.responses) - 1
    return {
        call.number: basename(call.target.replace("\\", "/"))
        for call in conversation.calls
        if call.tool == "Read"
        and call.target
        and not call.failed
        and call.result_block is not None
        and call.result_block.tokens >= _LARGE
        and last - call.response.number >= _FOLLOWING
    }


def _never_named(names: dict[int, str], calls: list[Call]) -> list[Call]:
    """The calls, in order, whose file no later call has in its input: with or without suffix."""
    found: list[Call] = []
    words: set[str] = set()
    first = min(names, default=len(calls))
    for call in reversed(calls[first:]):
        name = names.get(call.number)
        if name and name.partition(".")[0] not in words and not words.issuperset(_words(name)):
            found.append(call)
        words.update(_words(call.input_text))
    return found[::-1]


def _words(text: str) -> list[str]:
    return text.translate(_BLANKED).split() if text.isascii() else _WORDS.findall(text)


DETECTOR = Detector(CATEGORY, "inefficient", "1", detect)
