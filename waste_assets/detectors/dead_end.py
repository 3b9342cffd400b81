"""Spans of work on one sub-goal that end without success.

A run: three or more failures in a row on one sub-goal, with no success on it since. Failures of
one parallel batch count once; successful looks in between do not break the run, success on the
sub-goal does, in whatever way, and then its failures are retry_error each. The run is a dead end
where the work stops there or goes back to the user; where other work follows, somebody must judge
whether the sub-goal was reached in a way that nobody can see. So must runs of red tests and
builds.

A sub-goal is what several calls are about: the file that an edit must go into, the folder in
which files are looked for, a host, a command that must work, the tools of one server.
Subcommands of one program that fail with the same error are one sub-goal: that it works at all.
Failures that no rule knows count as well, but a run that has any is left to a judge.

Abandoned: fewer failures, and nothing on the sub-goal after them; for somebody to judge.
Cut: an output that ended at the limit of tokens. Ended: the last call of a session failed, and
nothing came after it.

The flag covers the failures and the looks right between them, less the files first learned there
and used later.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

from rapidfuzz import fuzz

from waste_assets.accounting.claims import Claim, OutputClaim, carried, whole_call
from waste_assets.accounting.conversation import Call, Conversation, Response, Session
from waste_assets.detectors import effects
from waste_assets.detectors.causes import Failure, failures
from waste_assets.detectors.effect import normalised
from waste_assets.detectors.flag import Detector, Flag, Settings, Tier
from waste_assets.detectors.retry_error import asked, is_waste, prompts_before
from waste_assets.detectors.wording import cleaned, path_of, quoted, what

_FAILURES = 3
#: Who comes back to a sub-goal after more calls than these starts anew.
_PAUSE = 20
#: More looks than these between two failures are work of their own.
_LOOKS = 4
#: Shells and agents do work of many kinds: the tool alone is no sub-goal.
_SEARCHES = frozenset(["Grep", "Glob", "LS"])
_SEARCHING = re.compile(r"(?:grep|egrep|rg|ag|ack|find|fd|git grep|git ls-files)\b")
_HOST = re.compile(r"https?://([^/\s:'\"]+)|\b(?:ssh|scp|rsync)\b[^|;&\n]*?\s[\w.-]+@([\w.-]+)")
_LOCAL = frozenset(["localhost", "127.0.0.1", "0.0.0.0", "[::1]"])
#: Words of a command that say what it is about: the program, and a subcommand.
_HEAD = re.compile(r"(?:[A-Za-z_]\w*=\S*\s+|sudo\s+)*([\w./~+-]+)(?:\s+([a-z][\w:-]*))?")
_STEP = re.compile(r"&&|\|\||[;|\n]")
#: A program whatever its subcommand, with the error that it ends in.
_PROGRAM = "program"
_EXIT = re.compile(r"\A(?:Error: )?Exit code \d+\s*")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_ERROR_CHARS = 300
#: In per cent, of the longest common subsequence to the mean length.
_SAME_ERROR = 90
#: Runs of red tests and builds are kept apart from those of other failures.
_RED = ", red"
_PLACING = frozenset(["cd", "export", "source", "set", "echo", "sleep", "pushd", "."])


def detect(session: Session, settings: Settings) -> Iterator[Flag]:
    """The dead ends of a session."""
    world = effects.world(session)
    for conversation in session.conversations:
        failed = failures(conversation)
        claimed: set[str] = set()
        if failed:
            work = _Work(conversation, failed, world)
            for run in work.runs():
                if not claimed.issuperset(call.id for call in run.failed):
                    claimed.update(call.id for call in run.failed)
                    yield work.flag(run)
        for response in conversation.responses:
            if response.stop_reason == "max_tokens":
                yield _cut(response)
        yield from _ended(conversation, failed, claimed)


@dataclass(slots=True)
class _Run:
    """Failures in a row on one sub-goal."""

    goal: tuple[str, str]
    is_feedback: bool
    failed: list[Call] = field(default_factory=list)
    #: Responses that hold a failure: those of one batch count once.
    batches: int = 0
    #: No failure of it is one that no rule knows.
    is_known: bool = True

    def add(self, call: Call, failure: Failure) -> None:
        """One more failure."""
        self.is_known &= failure.is_known
        if not self.failed or self.failed[-1].response is not call.response:
            self.batches += 1
        self.failed.append(call)

    @property
    def is_long(self) -> bool:
        """There were enough failures."""
        return self.batches >= _FAILURES

    @property
    def last(self) -> Call:
        """The last failure."""
        return self.failed[-1]


class _Work:
    """The calls of a conversation, with what failed among them and what they did."""

    def __init__(
        self, conversation: Conversation, failed: dict[str, Failure], world: effects.World
    ) -> None:
        self._calls = conversation.calls
        self._failed = failed
        self._world = world
        self._prompts = prompts_before(conversation)

    def runs(self) -> list[_Run]:
        """The runs that no success has ended; the surest, then the longest first."""
        open_: dict[tuple[str, str], _Run] = {}
        programs = _Programs(open_)
        ended: list[_Run] = []
        said = self._prompts[0]
        for call in self._calls:
            if self._prompts[call.response.number] != said:
                said = self._prompts[call.response.number]
                for goal in [goal for goal, run in open_.items() if run.is_long]:
                    if self._ending(open_[goal].last):
                        ended.append(open_.pop(goal))
            failure = self._failed.get(call.id)
            if failure is None:
                if open_:
                    for goal in (*_reached(call, self._world, open_), *programs.reached(call)):
                        open_.pop(goal, None)
            elif _counts(failure):
                is_red = not is_waste(failure)
                for kind, name in (*_goals(call), *programs.goals(call, is_red)):
                    goal = (kind + _RED, name) if is_red else (kind, name)
                    run = open_.get(goal)
                    if run is None or call.number - run.last.number > _PAUSE:
                        if run is not None and run.is_long:
                            ended.append(run)
                        run = open_[goal] = _Run(goal, is_red)
                    run.add(call, failure)
        runs = ended + [run for run in open_.values() if run.is_long or self._abandoned(run)]
        return sorted(runs, key=lambda r: (r.is_feedback, -len(r.failed), r.failed[0].number))

    def flag(self, run: _Run) -> Flag:
        """A run as a flag."""
        ending = self._ending(run.last)
        is_sure = run.is_long and run.is_known and ending is not None and not run.is_feedback
        looks = self._looks(run)
        calls = sorted((*run.failed, *looks), key=lambda call: call.number)
        failure = self._failed[run.last.id]
        return Flag(
            category="dead_end",
            rule="run" if run.is_long else "abandoned",
            tier=Tier.LIKELY if is_sure else Tier.CANDIDATE,
            evidence=(
                f"{run.batches} failure{'s in a row' * (run.batches > 1)} on {_in_words(run)}, the "
                f"last {quoted(run.last.result_text)}, and no success on it; then "
                f"{ending or 'other work followed'}"
            ),
            response=run.failed[0].response,
            claims=tuple(_span(calls)),
            calls=(*run.failed, *looks),
            wasted_calls=tuple(calls),
            cause=failure.cause,
            fault=failure.fault,
            cause_rule=failure.rule,
            needs_judgement=not is_sure,
        )

    def _abandoned(self, run: _Run) -> bool:
        """Whether a short run may be one that was given up, for somebody to judge.

        A file that is not where it was looked for needs no second look.
        """
        return run.is_known and not run.is_feedback and run.goal[0] != "folder"

    def _ending(self, last: Call) -> str | None:
        """How the work stopped after a failure; None where it went on with something else."""
        asked, worked = self._asked_next[last.number], self._worked_next[last.number]
        if worked < asked:
            return None
        before = self._prompts[last.response.number]
        if asked < len(self._calls) or self._prompts[-1] != before:
            return "it went back to the user"
        return "the session ended"

    @cached_property
    def _asked_next(self) -> list[int]:
        """Of each call the number of the first one after it that follows another prompt."""
        said = [self._prompts[call.response.number] for call in self._calls]
        return _next(one != other for one, other in pairwise(said))

    @cached_property
    def _worked_next(self) -> list[int]:
        """Of each call the number of the first one after it that did more than look."""
        return _next(self._worked(call) for call in self._calls[1:])

    def _worked(self, call: Call) -> bool:
        if call.id in self._failed:
            return False
        effect = self._world.effect(call)
        return effect.changes or not effect.looks

    def _looks(self, run: _Run) -> list[Call]:
        """Looks right between the failures, less those at files that were used later."""
        looks = []
        for one, other in pairwise(run.failed):
            if other.number - one.number - 1 > _LOOKS:
                continue
            for call in self._calls[one.number + 1 : other.number]:
                effect = self._world.effect(call)
                if call.id in self._failed or effect.changes or not effect.looks:
                    continue
                if not any(self._was_useful(look.path, run) for look in effect.reads):
                    looks.append(call)
        return looks

    def _was_useful(self, path: str, run: _Run) -> bool:
        """Whether a file was first learned in a run and used after it."""
        first, last = self._touched[path]
        return first >= run.failed[0].number and last > run.last.number

    @cached_property
    def _touched(self) -> dict[str, tuple[int, int]]:
        """Numbers of the first and the last call that read or wrote a file."""
        touched: dict[str, tuple[int, int]] = {}
        for call in self._calls:
            effect = self._world.effect(call)
            for path in (*(look.path for look in effect.reads), *effect.writes):
                touched[path] = (touched.get(path, (call.number, 0))[0], call.number)
        return touched


def _next(is_one: Iterable[bool]) -> list[int]:
    """Of each place the first one after it that is one; `is_one` tells from the second place on.

    Where there is none, the number of places.
    """
    told = list(is_one)
    found = [len(told) + 1]
    for place in range(len(told), 0, -1):
        found.append(place if told[place - 1] else found[-1])
    return found[::-1]


def _counts(failure: Failure) -> bool:
    """Whether a failure can be one of a run."""
    return failure.fault != "user" and failure.cause not in ("sibling_cancelled", "probe_negative")


class _Programs:
    """Programs that fail with an error of theirs, whatever the subcommand."""

    def __init__(self, open_: dict[tuple[str, str], _Run]) -> None:
        self._open = open_
        #: By program the errors that it ended in, each with the commands that had it.
        self._known: dict[str, dict[tuple[str, str], set[str]]] = {}

    def goals(self, call: Call, is_red: bool) -> Iterator[tuple[str, str]]:
        """A failed call's program with its error, named as where the same error came before."""
        head = _head(asked(call)) if call.tool in effects.SHELLS else ""
        error = _NUMBER.sub("0", _EXIT.sub("", call.result_text)).strip()[:_ERROR_CHARS]
        if not head or not error:
            return
        kind = _PROGRAM + _RED if is_red else _PROGRAM
        program = head.partition(" ")[0]
        known = self._known.setdefault(program, {})
        goal = kind, f"{program}\0{error}"
        if goal not in known:
            for other in list(known):
                run = self._open.get(other)
                if run is None:
                    del known[other]
                elif call.number - run.last.number > _PAUSE:
                    # Who comes back after a pause starts anew. What is too short to be told is
                    # of no use then; of the rest somebody may still find that it works.
                    if not run.is_long:
                        del known[other]
                elif other[0] == kind and fuzz.ratio(
                    other[1].partition("\0")[2], error, score_cutoff=_SAME_ERROR
                ):
                    goal = other
                    break
        known.setdefault(goal, set()).add(head)
        yield _PROGRAM, goal[1]

    def reached(self, call: Call) -> Iterator[tuple[str, str]]:
        """The sub-goals on which a call that went well is a success."""
        if call.tool in effects.SHELLS and self._known:
            head = _head(asked(call))
            known = self._known.get(head.partition(" ")[0], {})
            # Another subcommand that works does not make those work that failed.
            for goal in [goal for goal, heads in known.items() if head in heads]:
                del known[goal]
                yield goal


def _goals(call: Call) -> Iterator[tuple[str, str]]:
    """The sub-goals that a call is about."""
    tool, target = call.tool, call.target
    if tool in effects.SHELLS:
        line = asked(call)
        for host in _hosts(line):
            yield "host", host
        head = _head(line)
        if head:
            yield "command", head
    elif tool.startswith("mcp__"):
        yield "server", tool.split("__")[1]
    elif tool in ("WebFetch", "WebSearch"):
        yield from (("host", host) for host in _hosts(target or ""))
    elif tool in effects.EDITORS and target:
        yield "file", _normalised(call)
    elif tool in _SEARCHES:
        yield "tool", "search"
    elif tool == "Read" and target:
        yield "folder", _normalised(call).rpartition("/")[0]
    else:
        yield "tool", tool


def _reached(
    call: Call, world: effects.World, open_: dict[tuple[str, str], _Run]
) -> Iterator[tuple[str, str]]:
    """The sub-goals on which a call that went well is a success."""
    effect, tool = world.effect(call), call.tool
    for kind, name in _goals(call):
        if kind == "server":
            # Another tool that works does not make those work that failed.
            tried = open_.get((kind, name))
            if tried is None or all(one.tool != tool for one in tried.failed):
                continue
        yield kind, name
        yield kind + _RED, name
    for path in effect.writes:
        yield "file", path
    for range_ in effect.reads:
        yield "folder", range_.path.rpartition("/")[0]
    if tool in effects.SHELLS:
        line = asked(call)
        if any(_SEARCHING.match(step.strip()) for step in _STEP.split(line)):
            yield "tool", "search"
        if effect.reach >= effects.Reach.UNKNOWN:
            # A script may have written any file that it names.
            for kind, name in open_:
                if kind == "file" and name.rpartition("/")[2] in line:
                    yield kind, name


def _in_words(run: _Run) -> str:
    """The sub-goal of a run.

    Part of a command line may be part of a secret. It is named where it is still there once
    the whole line is without secrets.
    """
    kind, name = run.goal[0].removesuffix(_RED), path_of(run.goal[1].partition("\0")[0])
    if kind in ("command", "host", _PROGRAM) and name not in cleaned(asked(run.last)):
        return f"one {kind}"
    return f"the {kind} {name}"


def _hosts(text: str) -> Iterator[str]:
    for found in _HOST.finditer(text):
        host = found[1] or found[2]
        if host not in _LOCAL:
            yield host


def _head(line: str) -> str:
    """The program and subcommand of the first command that does anything."""
    for step in _STEP.split(line):
        found = _HEAD.match(step.strip().lstrip("({"))
        if found is not None and found[1] not in _PLACING:
            return f"{found[1]} {found[2]}" if found[2] else found[1]
    return ""


def _normalised(call: Call) -> str:
    return normalised(call.target or "", call.response.project)


def _span(calls: list[Call]) -> Iterator[Claim]:
    """What the calls cost, and the whole output of responses that held nothing else."""
    ids = {call.id for call in calls}
    seen: set[str] = set()
    for call in calls:
        response = call.response
        if all(one.id in ids for one in response.calls):
            if response.id in seen:
                continue
            seen.add(response.id)
            yield from _whole_output(response)
            for one in response.calls:
                if one.result_block is not None:
                    yield from carried(one.result_block)
        else:
            yield from whole_call(call)


def _whole_output(response: Response) -> Iterator[Claim]:
    if response.output_tokens:
        yield OutputClaim(response, 0, response.output_tokens)
    if response.output_block is not None:
        yield from carried(response.output_block)


def _cut(response: Response) -> Flag:
    calls = tuple(response.calls)
    return Flag(
        category="dead_end",
        rule="cut",
        tier=Tier.LIKELY,
        evidence=f"the output was cut at the limit, after {response.output_tokens:,} tokens",
        response=response,
        claims=tuple(_whole_output(response)),
        calls=calls,
    )


def _ended(
    conversation: Conversation, failed: dict[str, Failure], claimed: set[str]
) -> Iterator[Flag]:
    """The failures of the last response, if nothing came after them."""
    if not conversation.is_main or not conversation.responses:
        return
    response = conversation.responses[-1]
    calls = response.calls
    lost = [call for call in calls if call.id in failed and is_waste(failed[call.id])]
    if not lost or len(lost) < len(calls) or claimed.issuperset(call.id for call in lost):
        return
    failure = failed[lost[0].id]
    yield Flag(
        category="dead_end",
        rule="ended",
        tier=Tier.LIKELY,
        evidence=f"the session ended with {what(lost[0])}, which failed: "
        f"{quoted(lost[0].result_text)}",
        response=response,
        claims=tuple(_span(lost)),
        calls=tuple(lost),
        wasted_calls=tuple(lost),
        cause=failure.cause,
        fault=failure.fault,
        cause_rule=failure.rule,
    )


DETECTOR = Detector("dead_end", "outright", "1", detect)
