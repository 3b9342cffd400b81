"""Is this stretch of work a dead end? Asked of flags that only a judgement can decide."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, get_args

from waste_assets.accounting.conversation import Session
from waste_assets.detectors.flag import Flag
from waste_assets.labels.digest import Digest, Spoken, later_in_words, said_after, steps_of
from waste_assets.labels.fenced import ABOUT_FENCE
from waste_assets.labels.question import Prompt, Question
from waste_assets.labels.task import AnswerModel, Confidence, Task, lowered

_Label = Literal["dead_end", "recovered", "polling", "feedback", "unclear"]
_STEPS, _AFTER = 4, 3


class Answer(AnswerModel):
    """A judgement about a stretch of work."""

    evidence: str
    label: Annotated[_Label, lowered]
    confidence: Confidence


_SYSTEM = f"""\
You audit logs of a coding agent. You are shown one short stretch of work in which tool calls \
failed, and what came after it. Decide whether the stretch was a dead end: effort on one sub-goal \
that ended without success, so that the tokens spent on it bought nothing.

{ABOUT_FENCE}

The data has these lines, where they are known:
goal: what the user had last asked for before the stretch.
call: one tool call of the stretch, in order: seconds since the call before it, the tool, how it \
ended (ok, FAILED, interrupted), what it was about, and after "::" what came back.
model said: what the agent said right after the stretch.
after: the calls that followed the stretch.
user said next: what the user wrote next.
then: how much more happened in the conversation.

Choose exactly one label:
dead_end: the sub-goal was given up, worked around without ever being reached, or handed back to \
the user unsolved; or the approach itself was wrong, such as the wrong tool, host, platform or \
path, and was dropped. What came after shows no success on that sub-goal.
recovered: the sub-goal was reached after all, in the same way or in another one. A failed attempt \
followed by a corrected one that works is recovered, not a dead end. So is a step that was needed \
in order to learn how to go on and whose answer was used right away.
polling: the same thing was asked again on purpose, in order to wait for something to become \
ready: a server that starts, a job that runs, a page that loads.
feedback: the failures are the answers that the work was about: red tests, compiler or linter \
messages, a search that finds nothing, a check that says no, while the work on their causes goes \
on. Failing is how such work is done.
unclear: the data does not show how it ended. Choose this rather than a guess.

How to decide:
1. Name the sub-goal of the failed calls. It is usually narrower than the goal.
2. Look at what came after for success on that same sub-goal. Success on something else does not \
count. Going on with other work without ever coming back to the sub-goal speaks for dead_end.
3. If the agent says that it will do without, skip it or use something else instead, and nothing \
shows that the replacement did what the sub-goal needed, it is dead_end.
4. One wrong guess that is corrected at once is recovered, even if the correction is a different \
command, as long as the answer that was wanted came back.
5. Do not be lenient because the overall goal was reached: judge the sub-goal only.

Write the evidence first: at most 25 words that name the sub-goal and the line that decides. Then \
the label. Then your confidence: high if the data shows the ending, medium if it is likely, low \
otherwise.\
"""

TASK = Task(
    Prompt("dead_end", "1", _SYSTEM, Answer, max_tokens=160),
    labelled_by="label",
    choices=get_args(_Label),
    undecided=frozenset(["unclear"]),
)
#: The labels that say that the flag is right; all others but the undecided say that it is wrong.
CONFIRMS = frozenset(["dead_end"])


def digest(flag: Flag, spoken: Spoken) -> Digest:
    """The stretch of a flag in outline."""
    conversation = flag.response.conversation
    calls = sorted(flag.calls, key=lambda call: call.number)
    first, last = calls[0], calls[-1]
    following = conversation.calls[last.number + 1 : last.number + 1 + _AFTER]
    return Digest(
        project=_project(conversation.session, flag),
        goals=spoken.before(first.response.number),
        steps=steps_of(calls, _STEPS),
        said=said_after(conversation, last.response.number),
        after=steps_of(following, _AFTER),
        asked_next=spoken.after(last.response.number),
        later=later_in_words(conversation, last, spoken),
    )


def question(text: str, day: date) -> Question:
    """The question about a stretch of work that is told in `text`."""
    return Question(TASK.prompt, text, day)


def _project(session: Session, flag: Flag) -> str | None:
    # A subagent may work elsewhere: what is named are the paths of its own calls.
    return flag.response.project or session.conversations[0].responses[0].project
