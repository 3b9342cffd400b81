"""What a tool call does to the state of the world: what it reads, writes, or may change.

Detectors ask two questions: was this seen before, and could it have changed since. The answers
lean to caution: what is not known to leave files alone may have changed any of them.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import replace
from typing import Any

import msgspec

from waste_assets.accounting.conversation import Call, Session
from waste_assets.detectors.effect import END, Effect, FileRange, Reach, lies_in, normalised
from waste_assets.detectors.shell_effects import effect as effect_of_line
from waste_assets.detectors.shell_effects import grows
from waste_assets.transcripts.decode import REFUSED_OR_DEEP

__all__ = ["END", "Effect", "FileRange", "Reach", "World", "arguments", "of", "world"]

SHELLS = frozenset(["Bash", "PowerShell"])
EDITORS = frozenset(["Edit", "MultiEdit", "Write", "NotebookEdit"])
AGENTS = frozenset(["Task", "Agent"])
#: Subagents that have no tools to change anything with.
_READERS = frozenset(["explore", "plan", "statusline-setup", "claude-code-guide"])
#: Results of shells above this size were cut, so that nobody knows which lines were shown.
_SHOWN_CHARS = 29_000

_LOOKS = frozenset(["Grep", "Glob", "LS", "LSP", "NotebookRead"])
_VOLATILE = frozenset(
    [
        "WebFetch",
        "WebSearch",
        "BashOutput",
        "TaskOutput",
        "AgentOutputTool",
        "TaskGet",
        "TaskList",
        "Monitor",
        "ListMcpResourcesTool",
        "ReadMcpResourceTool",
    ]
)
#: They concern the conversation and nothing else.
_TALK = frozenset(
    [
        "ToolSearch",
        "TodoWrite",
        "TodoRead",
        "TaskCreate",
        "TaskUpdate",
        "AskUserQuestion",
        "Skill",
        "SlashCommand",
        "EnterPlanMode",
        "ExitPlanMode",
        "ReportFindings",
        "StructuredOutput",
        "SendUserMessage",
    ]
)
_MCP_LOOK = re.compile(
    r"(?:\A|_)(?:get|list|read|search|query|resolve|find|view|fetch|show|describe|snapshot|"
    r"take_screenshot|screenshot|console|network_requests|diagnostics|status|inspect)(?:_|\Z)"
)
_MCP_EDIT = re.compile(r"(?:\A|_)(?:write|edit|replace|insert|rename|move|delete|create)_?")
_CUT_COMMAND = re.compile(r'"command"\s*:\s*"((?:[^"\\]|\\.)*)')
_STUB = re.compile(
    r"(?:<system-reminder>)?\s*(?:File unchanged since last read|Wasted call|"
    r"This file is already in your context)",
    re.IGNORECASE,
)


def arguments(call: Call) -> dict[str, Any]:
    """The input of a call; of one that was not kept whole, only a command's beginning."""
    if call.input_chars <= len(call.input_text):
        try:
            value = msgspec.json.decode(call.input_text)
        except REFUSED_OR_DEEP:
            return {}
        return value if isinstance(value, dict) else {}
    told = _CUT_COMMAND.search(call.input_text)
    if told is None:
        return {}
    text = told.group(1)
    # The cut may have gone through an escape.
    for end in (len(text), text.rfind("\\")):
        try:
            return {"command": msgspec.json.decode(f'"{text[:end]}"')}
        except msgspec.DecodeError:
            continue
    return {}


def is_unchanged_stub(call: Call) -> bool:
    """Whether the harness answered a read by saying that nothing had changed."""
    return call.result_kind == "file_unchanged" or (
        call.tool == "Read" and _STUB.match(call.result_text) is not None
    )


def of(call: Call) -> Effect:
    """What a call does to the world. What a subagent does is in its own calls, not here."""
    if call.denial is not None:
        return Effect()
    tool = call.tool
    cwd = call.response.project
    if tool in SHELLS:
        return _shell(call, cwd)
    if tool == "Read":
        return Effect(_read(call, cwd), looks=True)
    if tool in EDITORS:
        if call.failed:
            return Effect()
        if call.target is None:
            return Effect(reach=Reach.UNKNOWN)
        return Effect(writes=(normalised(call.target, cwd),))
    if tool in _LOOKS:
        return Effect(looks=True)
    if tool in _VOLATILE:
        return Effect(looks=True, volatile=True)
    if tool in _TALK:
        return Effect()
    if tool in AGENTS:
        return _agent(call)
    if tool.startswith("mcp__"):
        return _mcp(tool.rpartition("__")[2], tool)
    return Effect(reach=Reach.STATE)


def _shell(call: Call, cwd: str | None) -> Effect:
    told = arguments(call)
    line = told.get("command")
    if not isinstance(line, str):
        return Effect(reach=Reach.UNKNOWN)
    cut = call.input_chars > len(call.input_text)
    effect = effect_of_line(line, cwd, powershell=call.tool == "PowerShell", cut=cut)
    shown = (
        call.outcome == "ok"
        and call.result_chars < _SHOWN_CHARS
        and not call.result_text.startswith("<persisted-output>")
    )
    background = told.get("run_in_background") is True
    volatile = effect.volatile or background or any(grows(r.path) for r in effect.reads)
    if shown and not background and volatile == effect.volatile:
        return effect
    reads = effect.reads if shown and not background else ()
    return replace(effect, reads=reads, volatile=volatile)


def _read(call: Call, cwd: str | None) -> tuple[FileRange, ...]:
    if call.outcome != "ok" or call.target is None:
        return ()
    path = normalised(call.target, cwd)
    if call.first_line is not None and call.shown_lines:
        return (FileRange(path, call.first_line, call.first_line + call.shown_lines - 1),)
    told = arguments(call)
    offset, limit = told.get("offset"), told.get("limit")
    first = max(offset, 1) if isinstance(offset, int) else 1
    last = first + limit - 1 if isinstance(limit, int) and limit > 0 else END
    return (FileRange(path, first, last),)


def _agent(call: Call) -> Effect:
    kind = arguments(call).get("subagent_type")
    if isinstance(kind, str) and kind.lower() in _READERS:
        return Effect()
    return Effect(reach=Reach.UNKNOWN)


def _mcp(name: str, tool: str) -> Effect:
    if _MCP_LOOK.search(name):
        return Effect(looks=True, volatile=True)
    if _MCP_EDIT.search(name) and ("file" in tool or "serena" in tool):
        return Effect(reach=Reach.ANYTHING)
    return Effect(reach=Reach.STATE)


class World:
    """The calls of a session, of all its agents, in the order of time, with their effects.

    Agents work on the same files, so that what one changes is changed for all.
    """

    def __init__(self, session: Session) -> None:
        placed: list[tuple[Any, int, int, Call]] = []
        for rank, conversation in enumerate(session.conversations):
            latest = None
            for call in conversation.calls:
                # Within a conversation its own order holds, whatever the clock says.
                latest = call.ts if latest is None else max(latest, call.ts)
                placed.append((latest, rank, call.number, call))
        placed.sort(key=lambda entry: entry[:3])
        told = session.by_agent
        self.events: list[tuple[Call, Effect]] = []
        self._place: dict[str, int] = {}
        #: For each reach, the places of the calls that reach so far or farther.
        self._reaching: list[list[int]] = [[] for _ in Reach]
        self._writes: list[int] = []
        for place, (_, _, _, call) in enumerate(placed):
            # The calls of a subagent that is on record are among the events.
            effect = Effect() if call.subagent in told else of(call)
            self.events.append((call, effect))
            self._place[call.id] = place
            for places in self._reaching[1 : effect.reach + 1]:
                places.append(place)
            if effect.writes:
                self._writes.append(place)

    def effect(self, call: Call) -> Effect:
        """What a call of the session does."""
        return self.events[self._place[call.id]][1]

    @staticmethod
    def paths_of_edit(call: Call) -> tuple[str, ...]:
        """The files that an editing tool was to change, whether it did or not."""
        if call.tool not in EDITORS or call.target is None:
            return ()
        return (normalised(call.target, call.response.project),)

    def changed(self, after: Call, before: Call, least: Reach = Reach.STATE) -> bool:
        """Whether a call between two others wrote a file or reached as far as `least`.

        In logarithmic time; the two themselves do not count.
        """
        start, end = self._place[after.id], self._place[before.id]
        for places in (self._writes, self._reaching[least]):
            index = bisect_right(places, start)
            if index < len(places) and places[index] < end:
                return True
        return False


def world(session: Session) -> World:
    """The world of a session; made once, and held by the session itself."""
    return session.once(World)


def touches(effect: Effect, path: str) -> bool:
    """Whether an effect writes a path, or a folder that it lies in."""
    return any(lies_in(path, written) for written in effect.writes)
