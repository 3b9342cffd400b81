"""A few hundred tokens that say what a reader needs to judge a stretch of work.

What was wanted, the calls with their outcomes, what was said, what followed. Never a transcript:
each text is cut to a line, and the whole to `MOST_CHARS`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from waste_assets.accounting.conversation import Call, Conversation
from waste_assets.labels.fenced import Fence, fenced
from waste_assets.labels.fingerprint import salient
from waste_assets.labels.texts import Place
from waste_assets.transcripts.call_facts import TARGET_CHARS

#: Some 700 tokens at 2.5 characters each, which is few for prose and usual for code.
MOST_CHARS = 1_750
#: Shorter than this, what was wanted stands in the text before it ("yes, go on").
_SHORT_GOAL = 40
_GOAL, _SAID, _NEXT = 300, 240, 160
#: Results are kept up to these sizes in the tables.
_RESULT_CUTS = frozenset((300, 1_000))
_OUTCOMES = {"ok": "ok", "error": "FAILED", "no_result": "interrupted"}


@dataclass(frozen=True, slots=True)
class Step:
    """One call: what it was about, how it ended, what came back."""

    tool: str
    about: str
    outcome: str
    result: str
    #: Calls left out between the step before and this one.
    skipped: int = 0
    #: Seconds since the step before it.
    after_seconds: float = 0.0
    about_is_cut: bool = False
    result_is_cut: bool = False

    def told(self, fence: Fence, about: int, result: int) -> str:
        """The step on one line."""
        waited = f"+{self.after_seconds:.0f}s " if self.after_seconds >= 1 else ""
        between = f"({self.skipped} other calls) " if self.skipped else ""
        text = salient(self.result) if self.outcome == "FAILED" else self.result
        # A line of the middle cannot have been cut.
        is_cut = self.result_is_cut and self.result.endswith(text)
        shown = fence.line(text, result, cut=is_cut)
        subject = fence.line(self.about, about, cut=self.about_is_cut)
        answer = f" :: {shown}" if shown else ""
        return f"{between}{waited}{fence.line(self.tool, 60)} {self.outcome}: {subject}{answer}"


@dataclass(frozen=True)
class Digest:
    """A stretch of work in outline; texts that lie in the archive are named by their places."""

    project: str | None
    #: What was wanted, the oldest first: the last user texts before the stretch.
    goals: tuple[Place, ...] = ()
    steps: tuple[Step, ...] = ()
    #: What the model said right after the stretch.
    said: tuple[Place, ...] = ()
    after: tuple[Step, ...] = ()
    #: What the user said next.
    asked_next: Place | None = None
    #: How the conversation went on, in figures.
    later: str = ""
    #: Earlier calls on the same target.
    earlier: tuple[Step, ...] = ()
    #: What else the kind of question needs, as harmless text.
    more: tuple[tuple[str, str], ...] = field(default=())

    @property
    def places(self) -> tuple[Place, ...]:
        """The lines whose text is needed."""
        return (*self.goals, *self.said, *((self.asked_next,) if self.asked_next else ()))

    def text(self, said: Mapping[Place, str]) -> str:
        """The digest as a question carries it: without secrets and names, fenced as data."""
        fence = Fence(self.project)
        # What was wanted right before comes last, and older wishes only where it says little.
        wanted = [said[place] for place in self.goals if place in said]
        chosen = wanted[-1:] if wanted and len(wanted[-1]) >= _SHORT_GOAL else wanted[-2:]
        goal = " / ".join(fence.line(text, _GOAL // len(chosen)) for text in chosen)
        prose = "\n".join(said[place] for place in self.said if place in said)
        next_ = said.get(self.asked_next, "") if self.asked_next else ""
        head = [("goal", goal), *self.more]
        earlier = [("earlier", step.told(fence, 90, 70)) for step in self.earlier]
        steps = [("call", step.told(fence, 110, 160)) for step in self.steps]
        tail = [
            ("model said", fence.line(prose, _SAID)),
            ("user said next", fence.line(next_, _NEXT)),
            ("then", self.later),
        ]
        after = [("after", step.told(fence, 90, 70)) for step in self.after]
        while True:
            whole = fenced([*head, *earlier, *steps, tail[0], *after, *tail[1:]])
            if len(whole) <= MOST_CHARS:
                return whole
            # What is furthest from the matter goes first.
            if after:
                after.pop()
            elif earlier:
                earlier.pop(0)
            else:
                steps.pop(len(steps) // 2)


@dataclass(frozen=True)
class Spoken:
    """The places of user texts in a conversation, by the number of the response that read them."""

    places: tuple[tuple[int, Place], ...]

    def before(self, number: int, most: int = 2) -> tuple[Place, ...]:
        """The last texts that a response or an earlier one had read, the oldest first."""
        return tuple(place for read, place in self.places if read <= number)[-most:]

    def after(self, number: int) -> Place | None:
        """The first text that a later response read."""
        return next((place for read, place in self.places if read > number), None)

    def count_after(self, number: int) -> int:
        """How often the user spoke after a response."""
        return sum(read > number for read, _ in self.places)


def steps_of(calls: Sequence[Call], most: int) -> tuple[Step, ...]:
    """The calls as steps; of many the first ones and the last ones."""
    chosen = list(calls)
    if len(chosen) > most:
        head = most // 2
        chosen = [*calls[:head], *calls[head - most :]]
    steps = []
    before: Call | None = None
    for call in chosen:
        skipped = call.number - before.number - 1 if before else 0
        seconds = _seconds(before.ts, call.ts) if before else 0.0
        steps.append(_step(call, max(skipped, 0), seconds))
        before = call
    return tuple(steps)


def said_after(conversation: Conversation, number: int) -> tuple[Place, ...]:
    """The lines on which the response after a given one may have said something."""
    if number + 1 >= len(conversation.responses):
        return ()
    response = conversation.responses[number + 1]
    if not response.text_chars:
        return ()
    # Claude Code writes a line for each block of a response: prose comes before its calls.
    first = response.line_no
    last = response.calls[0].line_no if response.calls else first + 2
    return tuple(
        Place(response.transcript, line) for line in range(first, min(last, first + 3) + 1)
    )


def later_in_words(conversation: Conversation, last: Call, spoken: Spoken) -> str:
    """How a conversation went on after a call."""
    calls = len(conversation.calls) - last.number - 1
    asked = spoken.count_after(last.response.number)
    if not calls and not asked:
        return "nothing: the session ended there"
    return f"{calls} more calls, the user spoke {asked} more times"


def spoken_in(conversation: Conversation, places: Iterable[tuple[str, Place]]) -> Spoken:
    """The user texts of a conversation; `places` are (response that read it first, line)."""
    numbers = {response.id: response.number for response in conversation.responses}
    found = [(numbers[name], place) for name, place in places if name in numbers]
    return Spoken(tuple(sorted(found)))


def _step(call: Call, skipped: int, seconds: float) -> Step:
    return Step(
        call.tool,
        call.target or "",
        _OUTCOMES.get(call.outcome, call.outcome),
        call.result_text,
        skipped,
        seconds,
        len(call.target or "") >= TARGET_CHARS,
        len(call.result_text) in _RESULT_CUTS,
    )


def _seconds(one: datetime, other: datetime) -> float:
    return max((other - one).total_seconds(), 0.0)
