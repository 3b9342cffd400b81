"""What one API response may hold, and what its tool calls bring back.

Each function returns a step: something a conversation turns into a block when its time comes,
against the files as they are then. `conversation.respond(think("…"), read("a.py"), read("b.py"))`
is one response with three blocks. Sizes are tokens; a text that is not given is made up, exactly
as long as its tokens say.
"""

from collections.abc import Callable
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Literal

import orjson

from waste_assets.sample import faults
from waste_assets.sample.filler import numbered
from waste_assets.sample.planted import Span
from waste_assets.sample.tokens import tokens_of
from waste_assets.sample.workspace import Workspace

Denial = Literal["user-rejected", "permission-rule", "cancelled"]


@dataclass(frozen=True, slots=True)
class Prose:
    """A `text` or `thinking` block."""

    kind: Literal["text", "thinking"]
    text: str
    tokens: int


@dataclass(frozen=True, slots=True)
class Marker:
    """A block of another type, written as it is; costs no output."""

    block: dict[str, Any]
    tokens: int = 0


@dataclass(slots=True)
class Call:
    """A `tool_use` block and its result."""

    name: str
    input: dict[str, Any]
    tokens: int
    """Output tokens of the call itself."""
    result: str | list[dict[str, Any]] | None
    """None: no result ever arrives, as when Claude Code is killed."""
    result_tokens: int = 0
    details: object = None
    """`toolUseResult`; None leaves the field out."""
    is_error: bool = False
    denial: Denial | None = None
    seconds: float = 0.05
    spill: bool = False
    searches: int = 0
    id: str = ""
    """Tool call id, given when it is written."""
    line: str = ""
    """uuid of the line that the call stands on, given when it is written."""
    charge: int = -1
    """Number of the response in its conversation, given when it is written."""
    sent: Span | None = None
    """Where its input lies in later prompts."""
    entered: Span | None = None
    """Where its result lies in later prompts."""


Block = Prose | Marker | Call
Step = Callable[[Workspace], Block]


def say(text: str | None = None, *, tokens: int | None = None) -> Step:
    """A text block."""
    return _prose("text", text, tokens)


def think(text: str | None = None, *, tokens: int | None = None) -> Step:
    """A thinking block."""
    return _prose("thinking", text, tokens)


def _prose(kind: Literal["text", "thinking"], text: str | None, tokens: int | None) -> Step:
    def step(work: Workspace) -> Block:
        body = text if text is not None else work.filler.prose(tokens or 40)
        return Prose(kind, body, tokens_of(body) if tokens is None else tokens)

    return step


def tool(
    name: str,
    arguments: dict[str, Any],
    result: str | None = "",
    *,
    tokens: int | None = None,
    details: object = None,
    is_error: bool = False,
    denial: Denial | None = None,
    seconds: float = 0.05,
    spill: bool = False,
    searches: int = 0,
) -> Step:
    """Any tool call. `tokens`: size of the result; `result=None`: it never comes back."""

    def step(work: Workspace) -> Block:
        text = result
        if tokens is not None and text == "":
            text = work.filler.log(tokens)
        extra = details
        if text is not None and (is_error or denial) and details is None:
            extra = _error_details(text, denial)
        size = tokens_of(text or "") if tokens is None else tokens
        return Call(
            name,
            arguments,
            tokens_of(name) + tokens_of(orjson.dumps(arguments).decode()),
            text,
            size,
            extra,
            is_error or denial is not None,
            denial,
            seconds,
            spill,
            searches,
        )

    return step


def _error_details(text: str, denial: Denial | None) -> str:
    if denial == "user-rejected":
        return "User rejected tool use"
    return "Error: " + text.removeprefix("<tool_use_error>").removesuffix("</tool_use_error>")


def read(
    path: str,
    tokens: int | None = None,
    *,
    offset: int | None = None,
    limit: int | None = None,
    unchanged: bool = False,
    result: str | None = None,
    is_error: bool = False,
) -> Step:
    """Read a file. `tokens` sizes a file that is met for the first time (250 if not given).

    `offset` and `limit` are lines; `unchanged` is the harness answering that nothing changed.
    """

    def step(work: Workspace) -> Block:
        full = work.absolute(path)
        arguments: dict[str, Any] = {"file_path": full}
        if offset is not None:
            arguments["offset"] = offset
        if limit is not None:
            arguments["limit"] = limit
        if is_error:
            text = result or faults.NO_FILE.format(cwd=work.cwd)
            return tool("Read", arguments, text, is_error=True)(work)
        if unchanged:
            stub = {"type": "file_unchanged", "file": {"filePath": full}}
            return tool("Read", arguments, faults.UNCHANGED, details=stub)(work)
        lines = work.text(full, tokens or 250, result).split("\n")
        first = offset or 1
        part = lines[first - 1 : None if limit is None else first - 1 + limit]
        shown = "\n".join(part)
        file = {
            "filePath": full,
            "content": shown,
            "numLines": len(part),
            "startLine": first,
            "totalLines": len(lines),
        }
        text = numbered(shown, first)
        details = {"type": "text", "file": file}
        return tool("Read", arguments, text, tokens=tokens, details=details)(work)

    return step


def edit(
    path: str,
    old: str | None = None,
    new: str | None = None,
    *,
    result: str | None = None,
    is_error: bool = False,
) -> Step:
    """Change a file; without `old` and `new` one of its lines, chosen by the seed."""

    def step(work: Workspace) -> Block:
        full = work.absolute(path)
        before = work.text(full)
        was = old if old is not None else work.some_line(full)
        becomes = new if new is not None else work.filler.variation(was)
        arguments = {
            "file_path": full,
            "old_string": was,
            "new_string": becomes,
            "replace_all": False,
        }
        if is_error:
            text = result or faults.NO_MATCH.format(old=was)
            return tool("Edit", arguments, text, is_error=True)(work)
        work.put(full, before.replace(was, becomes, 1) if was in before else before + becomes)
        line = before[: max(before.find(was), 0)].count("\n") + 1
        details = {
            "filePath": full,
            "oldString": was,
            "newString": becomes,
            "originalFile": None,
            "structuredPatch": _patch(was, becomes, line),
            "userModified": False,
            "replaceAll": False,
        }
        text = result or f"The file {full} has been updated successfully."
        return tool("Edit", arguments, text, details=details, seconds=0.1)(work)

    return step


def _patch(old: str, new: str, line: int = 1) -> list[dict[str, Any]]:
    """What differs between two texts, the first of which begins on `line`."""
    was, becomes = old.split("\n"), new.split("\n")
    return [
        {
            "oldStart": line + low,
            "oldLines": high - low,
            "newStart": line + new_low,
            "newLines": new_high - new_low,
            "lines": [
                *("-" + one for one in was[low:high]),
                *("+" + one for one in becomes[new_low:new_high]),
            ],
        }
        for kind, low, high, new_low, new_high in SequenceMatcher(
            None, was, becomes, autojunk=False
        ).get_opcodes()
        if kind != "equal"
    ]


def write(
    path: str,
    text: str | None = None,
    *,
    tokens: int | None = None,
    result: str | None = None,
    is_error: bool = False,
) -> Step:
    """Write a whole file; `tokens` is the size of its made-up text."""

    def step(work: Workspace) -> Block:
        full = work.absolute(path)
        body = text if text is not None else work.filler.code(tokens or 250)
        arguments = {"file_path": full, "content": body}
        if is_error:
            return tool("Write", arguments, result or faults.FILE_NOT_READ, is_error=True)(work)
        known = work.knows(full)
        details: dict[str, Any] = {
            "type": "update" if known else "create",
            "filePath": full,
            "content": body,
            "structuredPatch": _patch(work.text(full), body) if known else [],
            "originalFile": None,
        }
        work.put(full, body)
        verb = "has been updated" if known else "has been created"
        answer = result or f"The file {full} {verb} successfully."
        return tool("Write", arguments, answer, details=details, seconds=0.1)(work)

    return step


def bash(
    command: str,
    result: str | None = "",
    *,
    tokens: int | None = None,
    is_error: bool = False,
    description: str | None = None,
    seconds: float = 0.8,
    spill: bool = False,
    denial: Denial | None = None,
) -> Step:
    """Run a command. `spill`: the output goes to `tool-results/`, with a preview in its place."""

    def step(work: Workspace) -> Block:
        arguments: dict[str, Any] = {"command": command}
        if description is not None:
            arguments["description"] = description
        text = work.filler.log(tokens) if result == "" and tokens is not None else result
        if is_error or denial or text is None:
            return tool(
                "Bash", arguments, text, tokens=tokens, is_error=is_error, denial=denial,
                seconds=seconds,
            )(work)  # fmt: skip
        details = {
            "stdout": text,
            "stderr": "",
            "interrupted": False,
            "isImage": False,
            "noOutputExpected": False,
        }
        return tool(
            "Bash", arguments, text, tokens=tokens, details=details, seconds=seconds, spill=spill
        )(work)

    return step


def grep(pattern: str, result: str = "", *, tokens: int | None = None) -> Step:
    """Search file contents."""

    def step(work: Workspace) -> Block:
        text = result or work.filler.log(tokens or 60)
        lines = text.count("\n") + 1
        details = {
            "mode": "content",
            "numFiles": 0,
            "filenames": [],
            "content": text,
            "numLines": lines,
        }
        arguments = {"pattern": pattern, "output_mode": "content", "-n": True}
        return tool("Grep", arguments, text, tokens=tokens, details=details)(work)

    return step


def glob(pattern: str, *paths: str) -> Step:
    """List files; without `paths` it finds those the conversation knows."""

    def step(work: Workspace) -> Block:
        found = [work.absolute(one) for one in paths] or work.paths()[:50]
        details = {
            "filenames": found,
            "durationMs": 20,
            "numFiles": len(found),
            "truncated": False,
        }
        text = "\n".join(found) or "No files found"
        return tool("Glob", {"pattern": pattern}, text, details=details)(work)

    return step


def todo(*tasks: str, done: int = 0) -> Step:
    """Send the whole todo list, of which the first `done` are finished."""

    def step(work: Workspace) -> Block:
        states = ["completed"] * done + ["in_progress"] + ["pending"] * len(tasks)
        new = [
            {"content": task, "status": state, "activeForm": task}
            for task, state in zip(tasks, states, strict=False)
        ]
        text = "Todos have been modified successfully. Please proceed with the current tasks."
        details = {"oldTodos": work.todos, "newTodos": new}
        work.todos = new
        return tool("TodoWrite", {"todos": new}, text, details=details)(work)

    return step


def web_search(query: str, *, searches: int = 1, tokens: int = 300) -> Step:
    """The WebSearch tool: its searches are billed, but only `searchCount` tells how many."""

    def step(work: Workspace) -> Block:
        text = work.filler.prose(tokens)
        details = {
            "query": query,
            "results": [text[:200]],
            "durationSeconds": 4.5,
            "searchCount": searches,
        }
        return tool(
            "WebSearch", {"query": query}, text, tokens=tokens, details=details, seconds=4.5,
            searches=searches,
        )(work)  # fmt: skip

    return step


def web_fetch(url: str, *, code: int = 200, tokens: int = 400) -> Step:
    """Fetch a page; a `code` of 400 or more is an error."""

    def step(work: Workspace) -> Block:
        arguments = {"url": url, "prompt": "What does this page say about it?"}
        if code >= 400:
            text = f"Request failed with status code {code}"
            return tool("WebFetch", arguments, text, is_error=True, seconds=1.5)(work)
        text = work.filler.prose(tokens)
        details = {
            "bytes": len(text) * 7,
            "code": code,
            "codeText": "OK",
            "result": text,
            "durationMs": 1_500,
            "url": url,
        }
        return tool("WebFetch", arguments, text, tokens=tokens, details=details, seconds=1.5)(work)

    return step
