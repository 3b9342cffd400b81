"""Calls that failed for no reason of the work, and calls made again for nothing.

(a) A call fails, and its failure is neither feedback nor the user's will (see causes.py). Calls
that were cancelled because a call beside them failed belong to that one.
(b) After a failure the same tool is called again with the same or nearly the same input, within
8 calls, nothing having changed between, and fails in the same way. A repeat whose answer is
another one is polling or a closer look; one that succeeds is recovery. What changes elsewhere
(checks that still run) is waited for, not repeated.
"""

from __future__ import annotations

import re
from collections import defaultdict, deque
from collections.abc import Iterator

from rapidfuzz import fuzz

from waste_assets.accounting.claims import whole_call
from waste_assets.accounting.conversation import Call, Conversation, Session
from waste_assets.detectors import effects
from waste_assets.detectors.causes import Failure, failures
from waste_assets.detectors.flag import Detector, Flag, Settings, Tier
from waste_assets.detectors.wording import quoted, what

#: A repeat comes within so many calls.
_WITHIN = 8
#: In per cent, of the longest common subsequence to the mean length.
_NEARLY_SAME = 90
#: Rules of failures that pass by themselves: to ask again is to wait.
_WAITING = frozenset(["other/pending@1"])


def detect(session: Session, settings: Settings) -> Iterator[Flag]:
    """The failed and the repeated calls of a session."""
    world = effects.world(session)
    for conversation in session.conversations:
        failed = failures(conversation)
        if failed:
            yield from _failed(conversation, failed)
            yield from _repeated(conversation, failed, world)


def is_waste(failure: Failure) -> bool:
    """Whether a failure alone is waste."""
    return failure.fault not in ("feedback", "user")


def _failed(conversation: Conversation, failed: dict[str, Failure]) -> Iterator[Flag]:
    for response in conversation.responses:
        cancelled: list[Call] = []
        broken: list[tuple[Call, Failure]] = []
        for call in response.calls:
            failure = failed.get(call.id)
            if failure is not None and failure.cause == "sibling_cancelled":
                cancelled.append(call)
            elif failure is not None and is_waste(failure):
                broken.append((call, failure))
        for call, failure in broken:
            yield _flag("failed", failure, call, cancelled, _failure_in_words(call, failure))
            cancelled = []
        if cancelled:
            first, *others = cancelled
            words = (
                f"{what(first)} was cancelled because a call beside it failed"
                f"{_and_more(len(others))}"
            )
            yield _flag("cancelled", failed[first.id], first, others, words)


def _failure_in_words(call: Call, failure: Failure) -> str:
    return f"{what(call)} failed: {quoted(call.result_text)}"


def _and_more(others: int) -> str:
    return f", and {others} more" if others else ""


def _flag(rule: str, failure: Failure, call: Call, with_it: list[Call], words: str) -> Flag:
    calls = (call, *with_it)
    return Flag(
        category="retry_error",
        rule=rule,
        tier=Tier.CERTAIN if failure.is_known else Tier.LIKELY,
        evidence=words,
        response=call.response,
        claims=tuple(claim for one in calls for claim in whole_call(one)),
        calls=calls,
        wasted_calls=calls,
        cause=failure.cause,
        fault=failure.fault,
        cause_rule=failure.rule,
    )


def _repeated(
    conversation: Conversation, failed: dict[str, Failure], world: effects.World
) -> Iterator[Flag]:
    recent: dict[str, deque[Call]] = defaultdict(lambda: deque(maxlen=_WITHIN))
    prompts = prompts_before(conversation)
    for call in conversation.calls:
        failure = failed.get(call.id)
        if failure is None or call.outcome != "error" or failure.cause == "sibling_cancelled":
            continue
        if failure.fault == "feedback" and failure.rule not in _WAITING:
            for before in reversed(recent[call.tool]):
                if call.number - before.number > _WITHIN:
                    break
                if (
                    before.response is not call.response
                    and prompts[before.response.number] == prompts[call.response.number]
                    and _is_same_question(before, call, failure)
                    and _is_same_answer(before, call)
                    and not world.changed(before, call)
                ):
                    back = call.number - before.number
                    words = (
                        f"{what(call)} failed as it had {back} call{'s' * (back > 1)} before, "
                        "with nothing changed between"
                    )
                    # Feedback that is known already is none.
                    again = Failure(failure.cause, "model", failure.rule)
                    yield _flag("repeated", again, call, [], words)
                    break
        recent[call.tool].append(call)


def prompts_before(conversation: Conversation) -> list[int]:
    """For each response, how often the user had spoken before it."""
    counts, count = [], 0
    for response in conversation.responses:
        count += any(
            block.kind == "user_text" or block.subtype == "queued_command"
            for block in response.blocks
        )
        counts.append(count)
    return counts


def _is_same_question(before: Call, call: Call, failure: Failure) -> bool:
    if before.input_hash == call.input_hash:
        return True
    one, other = asked(before), asked(call)
    if failure.cause == "probe_negative":
        # A probe of another name is another question, however near the names.
        return one == other
    return is_nearly_same(before, call)


def is_nearly_same(before: Call, call: Call) -> bool:
    """Whether two calls of a tool have the same or nearly the same input."""
    if before.input_hash == call.input_hash:
        return True
    small, large = sorted((before.input_chars, call.input_chars))
    if small * 100 < large * _NEARLY_SAME * 0.9:
        return False
    return fuzz.ratio(asked(before), asked(call), score_cutoff=_NEARLY_SAME) > 0


def asked(call: Call) -> str:
    """What a call asks for, without its description and spare blanks."""
    line = effects.arguments(call).get("command") if call.tool in effects.SHELLS else None
    return " ".join((line if isinstance(line, str) else call.input_text).split())


def _is_same_answer(before: Call, call: Call) -> bool:
    if before.result_hash == call.result_hash:
        return True
    one, other = (_NUMBER.sub("0", c.result_text) for c in (before, call))
    return fuzz.ratio(one, other, score_cutoff=_NEARLY_SAME) > 0


_NUMBER = re.compile(r"\d+(\.\d+)?")

DETECTOR = Detector("retry_error", "outright", "1", detect)
