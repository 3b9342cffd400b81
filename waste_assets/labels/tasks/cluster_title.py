"""What would a person call this cluster of failures, and do about it?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

from pydantic import BeforeValidator

from waste_assets.detectors.cause_rules import CAUSES
from waste_assets.labels.fenced import ABOUT_FENCE, Fence, fenced
from waste_assets.labels.question import Prompt, Question
from waste_assets.labels.task import AnswerModel, Task

_TEMPLATE, _EXAMPLE, _TOOLS, _GROWTH = 300, 220, 4, 4
_NO_LETTER = re.compile(r"[^a-z0-9]+")


def _slug(value: Any) -> Any:
    """As slugs are written: 'Web wall!' is web_wall."""
    return _NO_LETTER.sub("_", value.lower()).strip("_")[:40] if isinstance(value, str) else value


class Answer(AnswerModel):
    """A name for a cluster."""

    evidence: str
    title: str
    summary: str
    cause: Annotated[str, BeforeValidator(_slug)]
    remedy: str


_SYSTEM = f"""\
You name clusters of failed tool calls of a coding agent for a report that its user reads. You are \
shown what the messages of one cluster have in common, how often it happened, and up to three of \
the messages. Say what a person would call this problem and what the user should change so that it \
stops.

{ABOUT_FENCE}

The data has these lines, where they are known:
cause: what rules take the cause for, by a pattern; it may be wrong.
counts: how many calls, in how many sessions, with which tools.
template: what messages of it have in common, the most frequent first; names, paths and counts are \
masked, as ‹path›, ‹url›, ‹n› or ‹q›.
example: one of these messages.

Write these fields, in this order:
evidence: at most 20 words: the words of the data that decide.
title: two to six words, as a heading: what goes wrong, with the tool or program if it matters. No \
counts, no paths, no names of projects or people, no final full stop. Two clusters with the same \
problem should get the same title.
summary: one sentence of at most 30 words that says what happens and why it costs tokens.
cause: a slug in lower case with underscores. Use one of the known causes if it fits: \
{", ".join(CAUSES)}. Only if none of them fits, and the problem is one that other people have too, \
make a new one of the same kind: one to three words, general, such as docker_network. Never make a \
slug out of a name.
remedy: one sentence, in the imperative, of at most 30 words: one concrete change that the user \
can make to the project's CLAUDE.md, to settings or permissions, to a hook, to an MCP server, to \
the machine, or to how they ask. Say what to write or to set. Do not advise to "be careful", to \
"retry", or to read documentation. If nothing can be done, say so: "Nothing to change: ...".

Do not invent facts that the data does not show. If the template tells too little, give the \
title "Unclear failures" with the cause other, and a remedy that says what to log.\
"""

TASK = Task(
    Prompt("cluster_title", "2", _SYSTEM, Answer, max_tokens=260),
    labelled_by="title",
    choices=(),
)


@dataclass(frozen=True)
class Message:
    """What calls of a cluster have said."""

    #: Masked.
    template: str
    #: One of them, and the directory of the project that it is from.
    example: str | None = None
    project: str | None = None


def question(
    messages: Sequence[Message],
    *,
    calls: int,
    sessions: int,
    tools: Sequence[str],
    cause: str,
    day: date,
) -> Question:
    """The question about one cluster, of its most frequent messages.

    Counts are told in powers of four, rounded down: they change seldom.
    """
    fence = Fence()
    told = ", ".join(fence.line(tool, 40) for tool in tools[:_TOOLS])
    counts = (
        f"at least {_about(calls):,} calls in at least {_about(sessions):,} sessions with {told}"
    )
    fields = [("cause", fence.line(cause, 60)), ("counts", counts)]
    for one in messages:
        example = Fence(one.project).line(one.example, _EXAMPLE)
        fields += [("template", fence.line(one.template, _TEMPLATE)), ("example", example)]
    return Question(TASK.prompt, fenced(fields), day)


def _about(count: int) -> int:
    size = 1
    while size * _GROWTH <= count:
        size *= _GROWTH
    return size
