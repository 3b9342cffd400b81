"""`subagent_overhead`: what it costs that work was given to a subagent (candidates).

- `cold_start`: the system prompt and tools of a subagent were written to the cache anew, where
  its parent's are read. Wasted is what they cost more than a read.
- `held_by_parent`: a subagent read lines of a file that its parent had read in the context from
  which it started the subagent. Wasted is what the result cost in the subagent's prompts.
- `no_report`: the subagent's report is empty or an error, never came, or came after its parent's
  last response. All that the subagent cost was for nothing, as far as its files are not.

A subagent may be worth all of this: it keeps its parent's context small.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from datetime import timedelta

from waste_assets.accounting.claims import CarryClaim, Claim, OutputClaim, PremiumClaim, carried
from waste_assets.accounting.conversation import Call, Conversation, Session
from waste_assets.accounting.rebuilds import MINIMUM
from waste_assets.detectors import effects
from waste_assets.detectors.effects import END, FileRange
from waste_assets.detectors.flag import Detector, Flag, Settings, Tier
from waste_assets.detectors.wording import path_of

CATEGORY = "subagent_overhead"
#: Smaller results are noise.
_SMALL = 200
#: A subagent answers for the first time soon after it was started.
_START = timedelta(minutes=1)
#: Agents of the harness, which go on from their parent's prompt.
_HARNESS = ("acompact", "aprompt_suggestion", "aside_question")
_FAILED = re.compile(
    r"\s*(?:API Error|\[Request interrupted|Prompt is too long|Execution error|"
    r"You've (?:hit|reached) your|Claude (?:AI )?usage limit)",
    re.IGNORECASE,
)
_TRAILER = re.compile(r"agentId: \S+.*", re.DOTALL)


def detect(session: Session, settings: Settings) -> Iterator[Flag]:
    """What the subagents of a session cost besides their work."""
    if len(session.conversations) < 2:
        return
    started = _started(session)
    held = _Held(session)
    for conversation in session.conversations:
        if conversation.is_main or conversation.agent.startswith(_HARNESS):
            continue
        yield from _cold_start(conversation)
        call = started.get(conversation.agent)
        if call is not None:
            yield from _held_by_parent(conversation, call, held)
            yield from _no_report(conversation, call)


def _started(session: Session) -> dict[str, Call]:
    """The call that started each subagent.

    The result of a call that failed or was killed names no subagent: it is the one whose parent
    is not known and which began to answer soon after, where there is one only.
    """
    started = dict(session.spawned_by)
    orphans = sorted(
        (conversation.responses[0].ts, conversation.agent)
        for conversation in session.conversations
        if not conversation.is_main and conversation.agent not in started
    )
    for conversation in session.conversations:
        for call in conversation.calls:
            if call.tool not in effects.AGENTS or call.subagent or call.outcome == "ok":
                continue
            near = bisect_left(orphans, (call.ts, ""))
            agents = [agent for ts, agent in orphans[near : near + 2] if ts - call.ts <= _START]
            if len(agents) == 1:
                started.setdefault(agents[0], call)
    return started


# --- cold starts -----------------------------------------------------------------------------


def _cold_start(conversation: Conversation) -> Iterator[Flag]:
    first = conversation.responses[0]
    if first.epoch_start != "first" or not first.blocks or first.blocks[0].kind != "base":
        return
    start, end = first.read_tokens, min(first.blocks[0].end, first.cached_to)
    if end - start < MINIMUM:
        return
    yield Flag(
        CATEGORY,
        "cold_start",
        Tier.CANDIDATE,
        f"The subagent began with {end - start:,} tokens of system prompt and tools that were not "
        f"in the cache",
        first,
        (PremiumClaim(first, start, end, "read"),),
    )


# --- files that the parent holds -------------------------------------------------------------


class _Held:
    """What each conversation of a session has read, by path; made where it is asked for."""

    def __init__(self, session: Session) -> None:
        self.world = effects.world(session)
        self._reads: dict[str, dict[str, list[tuple[int, FileRange, Call]]]] = {}

    def by(self, call: Call, wanted: FileRange) -> Call | None:
        """The call by which lines had come into the context that another call was made in."""
        conversation = call.response.conversation
        epoch = call.response.epoch
        found = self._of(conversation).get(wanted.path, [])
        for number, known, earlier in reversed(found):
            if number < call.number:
                if earlier.response.epoch != epoch:
                    return None
                if _covers(known, wanted) and _is_held(earlier, call):
                    return earlier
        return None

    def _of(self, conversation: Conversation) -> dict[str, list[tuple[int, FileRange, Call]]]:
        if conversation.agent not in self._reads:
            reads = self._reads[conversation.agent] = {}
            for call in conversation.calls:
                for known in self.world.effect(call).reads:
                    reads.setdefault(known.path, []).append((call.number, known, call))
        return self._reads[conversation.agent]


def _is_held(earlier: Call, call: Call) -> bool:
    """Whether the response that made a call had seen an earlier call, or made both."""
    return earlier.response is call.response or call.response.saw(earlier.response)


def _covers(known: FileRange, wanted: FileRange) -> bool:
    """Whether more than half of the wanted lines are among the known ones."""
    if known.from_end or wanted.from_end:
        return known == wanted
    if known.last == END and known.first <= wanted.first:
        return True
    shared = min(known.last, wanted.last) - max(known.first, wanted.first) + 1
    return shared * 2 > wanted.last - wanted.first + 1


def _held_by_parent(conversation: Conversation, started: Call, held: _Held) -> Iterator[Flag]:
    parent = started.response.conversation.agent
    for call in conversation.calls:
        block = call.result_block
        if call.failed or block is None or block.tokens < _SMALL:
            continue
        effect = held.world.effect(call)
        if effect.shows_more or not effect.reads:
            continue
        known = [held.by(started, wanted) for wanted in effect.reads]
        earlier = [one for one in known if one is not None]
        if len(earlier) < len(known):
            continue
        yield Flag(
            CATEGORY,
            "held_by_parent",
            Tier.CANDIDATE,
            f"{path_of(effect.reads[0].path)} was read ({block.tokens:,} tokens), which {parent} "
            f"had read at line {earlier[0].line_no} of its transcript before it started the "
            f"subagent",
            call.response,
            tuple(carried(block)),
            (call, earlier[0]),
        )


# --- subagents without a report --------------------------------------------------------------


def _no_report(conversation: Conversation, started: Call) -> Iterator[Flag]:
    why = _lost(conversation, started)
    if why is None:
        return
    last = conversation.responses[-1]
    claims: list[Claim] = [
        OutputClaim(response, 0, response.output_tokens) for response in conversation.responses
    ]
    claims += [
        CarryClaim(
            run.responses[0], run.kept, max(one.prompt_tokens for one in run.responses), "measured"
        )
        for run in conversation.runs
    ]
    yield Flag(
        CATEGORY,
        "no_report",
        Tier.CANDIDATE,
        f"The subagent answered {len(conversation.responses)} times, and {why}",
        last,
        tuple(claims),
        (started,),
        (started,),
    )


def _lost(conversation: Conversation, started: Call) -> str | None:
    """What became of a report that was of no use; None where it arrived."""
    if started.outcome == "no_result":
        return "its report never came"
    if started.failed:
        return "the call that had started it failed or was interrupted"
    parent = started.response.conversation.responses[-1]
    if parent.last_ts <= conversation.responses[-1].ts:
        return "its parent had no response after it was done"
    if started.result_kind == "async_launched":
        # The report comes as a message, whose text is not known here.
        return None
    report = _TRAILER.sub("", started.result_text).strip()
    if not report:
        return "its report is empty"
    if _FAILED.match(report):
        return "its report is an error"
    return None


DETECTOR = Detector(CATEGORY, "inefficient", "1", detect)
