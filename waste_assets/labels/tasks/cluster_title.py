"""What would a person call this cluster of failures, and do about it?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any

from pydantic import BeforeValidator

from waste_assets.detectors.cause_rules import CAUSES
from waste_assets.labels.fenced import ABOUT_FENCE, Fence, fenced
from waste_assets.labels.question import Prompt, Question
from waste_assets.labels.task import AnswerModel, Task

_TEMPLATE, _EXEMPLAR, _EXEMPLARS = 300, 220, 3
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
template: what the messages have in common; names, paths and counts are masked (PATH, FILE, URL, \
HEX, ID, TIME, N, 'X').
counts: how many calls, in how many sessions, with which tools.
example: one of the messages.

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
    Prompt("cluster_title", "1", _SYSTEM, Answer, max_tokens=260),
    labelled_by="title",
    choices=(),
)


def question(
    template: str,
    calls: int,
    sessions: int,
    tools: Sequence[str],
    exemplars: Sequence[str],
    day: date,
    project: str | None = None,
) -> Question:
    """The question about one cluster.

    Counts are told by their order of size only: the same cluster is asked about again when it has
    grown tenfold, and not with every call. `exemplars` are whole messages, as they are in the
    transcripts; `project` is where they are from, if all are from one.
    """
    fence = Fence(project)
    tools_told = ", ".join(fence.line(tool, 40) for tool in sorted(set(tools))[:4])
    counts = f"{_about(calls)} calls in {_about(sessions)} sessions with {tools_told}"
    fields = [("template", fence.line(template, _TEMPLATE)), ("counts", counts)]
    fields += [("example", fence.line(one, _EXEMPLAR)) for one in exemplars[:_EXEMPLARS]]
    return Question(TASK.prompt, fenced(fields), day)


def _about(count: int) -> str:
    if count < 10:
        return "a few" if count > 1 else "single"
    return f"at least {10 ** (len(str(count)) - 1):,}"
