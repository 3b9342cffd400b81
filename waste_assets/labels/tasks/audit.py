"""Was this response waste? Asked of a sample, in order to measure the rules themselves.

The judge does not learn what the rules said.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, get_args

from waste_assets.accounting.conversation import Call, Response
from waste_assets.labels.digest import (
    Digest,
    Spoken,
    Step,
    later_in_words,
    said_after,
    steps_of,
)
from waste_assets.labels.fenced import ABOUT_FENCE
from waste_assets.labels.question import Prompt, Question
from waste_assets.labels.task import AnswerModel, Confidence, Task, lowered

_Category = Literal["none", "dead_end", "retry_error", "file_reread", "oververbose_edit", "unclear"]
_STEPS, _AFTER, _BEFORE, _SAME_TARGET = 3, 3, 2, 2


class Answer(AnswerModel):
    """A judgement about a response."""

    evidence: str
    category: Annotated[_Category, lowered]
    confidence: Confidence


_SYSTEM = f"""\
You audit logs of a coding agent. You are shown one response of the agent with its tool calls, the \
calls before it that matter, and what came after. Decide whether its calls were waste: whether \
the work would have been no worse off without them.

{ABOUT_FENCE}

The data has these lines, where they are known:
goal: what the user had last asked for.
sizes: output tokens of the response, and for edits the lines that they changed.
earlier: calls before the response: the last ones, and older ones on the same target.
call: one tool call of the response: the tool, how it ended (ok, FAILED, interrupted), what it was \
about, and after "::" what came back, cut.
model said: what the agent said right after it.
after: the calls that followed.
user said next: what the user wrote next.
then: how much more happened in the conversation.

Choose exactly one category:
none: useful or normal work. This is the usual case.
retry_error: a call failed for a reason that says nothing about the work (a wrong path, a wrong \
flag, a missing program, a refused page, an expired login, a file not read before its edit); or a \
call that had failed was made again, the same or nearly the same, with nothing changed in between.
file_reread: a file, or a range of it, was read again although nothing had changed it since and \
its content was still at hand; or the same question was asked of the system again with nothing \
changed in between.
dead_end: the call is part of work on a sub-goal that was given up or handed back without success, \
after several failures or by abandonment.
oververbose_edit: much more was written or fetched than the work needed: a whole file written anew \
to change little of it, an edit that sends far more text than it changes, a very long result, a \
lock file or a bundle, long prose between calls, a whole list sent again unchanged.
unclear: the data does not show it. Choose this rather than a guess.

These are none, not waste:
- A red test, a failing build, a linter message, a commit hook that refuses, a search that finds \
nothing: feedback is how work is done. The same red test again with nothing changed is retry_error.
- The user rejected or interrupted the call.
- A read after an edit of that file, after a compaction, of another range, or by another agent.
- The same call with another answer: that is polling.
- Reading back once what was just written.
If several categories fit, choose the first of: dead_end, retry_error, file_reread, \
oververbose_edit. If the response holds both useful and wasted calls, judge the wasted ones.

Write the evidence first: at most 25 words that name the call and the line that decides. Then the \
category. Then your confidence: high if the data shows it, medium if it is likely, low otherwise.\
"""

TASK = Task(
    Prompt("audit", "1", _SYSTEM, Answer, max_tokens=160),
    labelled_by="category",
    choices=get_args(_Category),
    undecided=frozenset(["unclear"]),
)


def digest(response: Response, spoken: Spoken) -> Digest:
    """A response in outline; it has at least one call."""
    conversation = response.conversation
    first, last = response.calls[0], response.calls[-1]
    following = conversation.calls[last.number + 1 : last.number + 1 + _AFTER]
    sizes = (
        f"{response.output_tokens:,} output tokens" if response.usage_final else "output unknown"
    )
    for call in response.calls[:_STEPS]:
        if call.added_lines is not None or call.removed_lines is not None:
            sizes += f", +{call.added_lines or 0} -{call.removed_lines or 0} lines"
            sizes += f" of {call.file_lines}" if call.file_lines else ""
        if call.result_chars > 8_000:
            sizes += f", a result of {call.result_chars:,} characters"
    return Digest(
        project=response.project,
        goals=spoken.before(response.number),
        steps=steps_of(response.calls, _STEPS),
        said=said_after(conversation, response.number),
        after=steps_of(following, _AFTER),
        asked_next=spoken.after(response.number),
        later=later_in_words(conversation, last, spoken),
        earlier=_earlier(conversation.calls, first, response),
        more=(("sizes", sizes),),
    )


def question(text: str, day: date) -> Question:
    """The question about a response that is told in `text`."""
    return Question(TASK.prompt, text, day)


def _earlier(calls: list[Call], first: Call, response: Response) -> tuple[Step, ...]:
    targets = {call.target for call in response.calls if call.target}
    nearest = calls[max(first.number - _BEFORE, 0) : first.number]
    older = [call for call in calls[: first.number - len(nearest)] if call.target in targets]
    return steps_of([*older[-_SAME_TARGET:], *nearest], _SAME_TARGET + _BEFORE)
