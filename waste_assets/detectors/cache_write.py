"""`cache_write`: a broken or an unused cache.

- `rebuild_<cause>`: tokens that the response before had cached were written again, or sent
  uncached (accounting/rebuilds.py says what that is and knows the causes). Wasted is what they
  cost more than a read. Certain where the cause is on record; likely where it is inferred or
  unknown; a candidate where it is the price of something else (a compaction, a rewind) or the
  provider's own doing (a write that could not be read yet).
- `unread`: tokens that a response wrote and the next one did not read, or after which there is no
  next one. Wasted is what they cost more than plain input. Nobody knows that an answer is the
  last one, so these are candidates, but for a conversation of a single answer that was written
  to the cache as a whole: one that is never gone on with need not be cached.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from waste_assets.accounting.claims import PremiumClaim
from waste_assets.accounting.conversation import Conversation, Response, Session
from waste_assets.accounting.rebuilds import (
    FIVE_MINUTES,
    HOUR,
    MINIMUM,
    RECORDED_CAUSES,
    Rebuild,
    rebuilds,
)
from waste_assets.detectors.flag import Detector, Flag, Settings, Tier

CATEGORY = "cache_write"
_WHY = {
    "messages": "earlier messages had changed",
    "system": "the system prompt had changed",
    "tools": "the list of tools had changed",
    "model": "the model was switched",
    "effort": "the effort was switched",
    "speed": "fast mode was switched",
    "version": "the version of Claude Code changed",
    "compaction": "the context was compacted",
    "cut": "the context was cut",
    "not_ready": "they were written a moment before and could not be read yet",
    "resume": "the conversation was resumed or forked",
    "unknown": "nothing in the transcript says why",
}
#: The price of something that was wanted, or the provider's own doing.
_INHERENT = frozenset(["compaction", "cut", "not_ready"])


def detect(session: Session, settings: Settings) -> Iterator[Flag]:
    """The rebuilds of a session, and the writes that nothing read."""
    for conversation in session.conversations:
        for rebuild in rebuilds(conversation):
            yield _rebuilt(rebuild)
        yield from _unread(conversation)


def _rebuilt(rebuild: Rebuild) -> Flag:
    response = rebuild.response
    return Flag(
        CATEGORY,
        f"rebuild_{rebuild.cause}",
        _tier(rebuild),
        f"{rebuild.tokens:,} prompt tokens that the response before had cached were paid for "
        f"again (read: {rebuild.start:,}): {_told(rebuild)}",
        response,
        (PremiumClaim(response, rebuild.start, rebuild.end, "read"),),
        cause=rebuild.cause,
        cause_rule="recorded" if rebuild.is_recorded else "inferred",
    )


def _tier(rebuild: Rebuild) -> Tier:
    if rebuild.cause in _INHERENT:
        return Tier.CANDIDATE
    # After a cut what could have been kept is an estimate.
    response = rebuild.response
    is_sure = rebuild.cause in RECORDED_CAUSES and not (response.epoch_start or response.is_rewound)
    if rebuild.cause == "tools" and not rebuild.is_recorded:
        is_sure = False
    return Tier.CERTAIN if is_sure else Tier.LIKELY


def _told(rebuild: Rebuild) -> str:
    if rebuild.cause == "idle" and rebuild.idle is not None:
        kept = {HOUR: "an hour", FIVE_MINUTES: "five minutes"}.get(rebuild.lifetime or HOUR)
        why = f"{_span(rebuild.idle)} idle, and the cache is kept for {kept}"
    else:
        why = _WHY[rebuild.cause]
        if rebuild.cause == "unknown" and rebuild.idle is not None:
            why += f", {_span(rebuild.idle)} after the response before"
    reason = rebuild.response.miss_reason
    return f"{why} (recorded: {reason})" if reason else why


def _span(time: timedelta) -> str:
    seconds = int(time.total_seconds())
    if seconds < 600:
        return f"{seconds // 60} min {seconds % 60} s"
    if seconds < 7_200:
        return f"{seconds // 60} min"
    return f"{seconds / 3_600:.0f} h"


def _unread(conversation: Conversation) -> Iterator[Flag]:
    responses = conversation.responses
    for response, following in zip(responses, [*responses[1:], None], strict=True):
        if following is not None and following.epoch_start == "compaction":
            # The request that made the summary read it, and stands in no transcript.
            continue
        start = max(response.read_tokens, following.read_tokens if following else 0)
        if response.cached_to - start < MINIMUM:
            continue
        yield _left(response, start, following)


def _left(response: Response, start: int, following: Response | None) -> Flag:
    conversation = response.conversation
    is_whole = response.cached_to - start > response.prompt_tokens // 2
    is_alone = len(conversation.responses) == 1 and response.epoch_start == "first"
    is_unread = is_alone and is_whole and not _is_shared(response)
    if is_unread:
        why = "the conversation is this one answer"
    elif following is None:
        why = "the conversation ends here"
    elif following.is_rewound:
        why = "the conversation went back to before them"
    else:
        why = "the next response wrote them again or sent them uncached"
    return Flag(
        CATEGORY,
        "unread",
        Tier.LIKELY if is_unread else Tier.CANDIDATE,
        f"{response.cached_to - start:,} prompt tokens were written to the cache and never read: "
        f"{why}",
        response,
        (PremiumClaim(response, start, response.cached_to, "input"),),
        cause=_left_by(is_unread, following),
    )


def _left_by(is_unread: bool, following: Response | None) -> str:
    if is_unread:
        return "one_shot"
    if following is None:
        return "end"
    return "rewind" if following.is_rewound else "rebuilt"


def _is_shared(response: Response) -> bool:
    """Whether another conversation may have read what this one wrote."""
    if response.conversation.is_main:
        # The next session in the same folder begins with the same prompt.
        return True
    kept = HOUR if response.write_1h_tokens else FIVE_MINUTES
    return any(
        other.responses[0].read_tokens > response.read_tokens
        and timedelta(0) <= other.responses[0].ts - response.ts <= kept
        for other in response.conversation.session.conversations
        if other is not response.conversation and other.responses
    )


DETECTOR = Detector(CATEGORY, "inefficient", "1", detect)
