"""`reasoning`: thinking above what is usual on turns that need none (candidates).

A turn is mechanical where all of its calls only look at something that stays as it is (a read, a
listing, `git status`) and it says nothing besides. What it thought beyond the usual for its model
is the excess; excesses that the estimate itself may be off by are left out. How much was thought
is recorded, or shared by characters where the text of the thinking is on record, or what the
calls leave of the output; the evidence says which. Where thinking stays in later prompts the
excess is carried along, and that is wasted too. Responses whose final usage never reached the
transcript have no known output and are skipped.

The usual is a fixed table and not computed from the transcripts at hand: a day's flags must not
depend on which other days are known, and a session rarely has enough such turns. It holds the
medians over those mechanical turns of a set of published transcripts (2025-06 to 2026-07) that
thought at all, for families with at least fifty of them, and the median of all others.
"""

from __future__ import annotations

from collections.abc import Iterator

from waste_assets.accounting.claims import CarryClaim, Claim, OutputClaim
from waste_assets.accounting.conversation import Response, Session
from waste_assets.accounting.sessions import thinking_tokens
from waste_assets.detectors import effects
from waste_assets.detectors.flag import Detector, Flag, Settings, Tier

CATEGORY = "reasoning"
#: Tokens, by what a model's name holds.
_USUAL = {"claude-fable-5": 415, "claude-opus-5": 248, "claude-sonnet-5": 254}
_USUAL_ELSEWHERE = 264
#: A call is framed by some 80 tokens that are not among its characters, and characters to a
#: token differ by a third.
_NOISE = 100


def detect(session: Session, settings: Settings) -> Iterator[Flag]:
    """The mechanical turns of a session that thought more than is usual."""
    world: effects.World | None = None
    for conversation in session.conversations:
        for response in conversation.responses:
            if not response.usage_final or not response.has_thinking or response.text_chars:
                continue
            usual = usual_thinking(response.model)
            # Most turns end here, and the world need not be looked at.
            if not response.calls or response.output_tokens - usual < _NOISE:
                continue
            world = world or effects.world(session)
            if not all(world.effect(call).is_pure_look for call in response.calls):
                continue
            thought = thinking_tokens(response, sum(call.input_chars for call in response.calls))
            if thought - usual >= _NOISE:
                yield _flag(response, thought, usual)


def usual_thinking(model: str | None) -> int:
    """Tokens that a model usually thinks on a mechanical turn, where it thinks."""
    found = (usual for name, usual in _USUAL.items() if name in (model or ""))
    return next(found, _USUAL_ELSEWHERE)


def _flag(response: Response, thought: int, usual: int) -> Flag:
    if response.thinking_tokens is not None:
        basis = "recorded"
    elif response.thinking_chars:
        basis = "by the characters of the thinking"
    else:
        basis = "what the calls leave of the output"
    calls = ", ".join(call.tool for call in response.calls[:3])
    claims: list[Claim] = [OutputClaim(response, usual, thought)]
    block, span = response.output_block, response.thought_span
    if block is not None and span is not None and span[0] + usual < span[1]:
        claims.append(CarryClaim(block.response, span[0] + usual, span[1]))
    more = f" and {len(response.calls) - 3} more" if len(response.calls) > 3 else ""
    return Flag(
        CATEGORY,
        "mechanical",
        Tier.CANDIDATE,
        f"{thought:,} tokens were thought before {calls}{more} ({basis}), {thought - usual:,} more "
        f"than is usual for the model",
        response,
        tuple(claims),
        tuple(response.calls),
    )


DETECTOR = Detector(CATEGORY, "inefficient", "1", detect)
