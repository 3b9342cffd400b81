"""Cause and fault of every failed call, by the rules of cause_rules.py and by what came before.

A rule knows the cause from the failed call alone. The fault may also depend on the conversation:
who changed the file, whether the tool had worked, whether the same call was refused before.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec

from waste_assets.accounting.conversation import Call, Conversation
from waste_assets.detectors.cause_rules import Attempt, Fault, Rule, rules_for

_DENIALS = {
    "user-rejected": Rule("permission/rejected@1", Fault.USER),
    "cancelled": Rule("permission/interrupted@1", Fault.USER),
    "permission-rule": Rule("permission/rule@1", Fault.HARNESS),
}
#: A call that was cut off has no result at all.
_NO_RESULT = Rule("permission/no_result@1", Fault.USER)
#: What no rule knows: a judgement may.
_UNKNOWN = Rule("other/unknown@1", Fault.INFRASTRUCTURE)
#: A program that ends with a status of its own says something about the work.
_UNKNOWN_STATUS = Rule("other/status@1", Fault.FEEDBACK)
_UNKNOWN_IDS = frozenset((_UNKNOWN.id, _UNKNOWN_STATUS.id))


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a call failed."""

    cause: str
    fault: str
    #: Id of the rule that knew it.
    rule: str

    @property
    def is_feedback(self) -> bool:
        """The failure says something about the work; alone it is no waste."""
        return self.fault == Fault.FEEDBACK

    @property
    def is_known(self) -> bool:
        """A rule knew the cause."""
        return self.rule not in _UNKNOWN_IDS


def failures(conversation: Conversation) -> dict[str, Failure]:
    """The failures of a conversation by call id; time is linear in its calls."""
    return dict(_failures(conversation.calls))


def _failures(calls: Iterable[Call]) -> Iterator[tuple[str, Failure]]:
    before = _Before()
    for call in calls:
        if call.outcome == "no_result":
            yield call.id, Failure(_NO_RESULT.cause, str(_NO_RESULT.fault), _NO_RESULT.id)
        elif call.failed:
            attempt = before.attempt(call)
            rule = _rule_of(call, attempt)
            yield call.id, Failure(rule.cause, str(before.fault(call, attempt, rule)), rule.id)
        before.add(call)


def _rule_of(call: Call, attempt: Attempt) -> Rule:
    if call.denial in _DENIALS:
        return _DENIALS[call.denial]
    for rule in rules_for(attempt.tool):
        if rule.matches(attempt):
            return rule
    return _UNKNOWN_STATUS if attempt.commands else _UNKNOWN


class _Before:
    """What of a conversation's earlier calls decides about a failure."""

    def __init__(self) -> None:
        #: Programs that were built, by path.
        self._built: set[str] = set()
        #: MCP servers that answered.
        self._answered: set[str] = set()
        #: How often the same call was refused.
        self._refused: Counter[tuple[str, str | None]] = Counter()

    def attempt(self, call: Call) -> Attempt:
        """The call as rules see it."""
        command = shell_command(call)
        if command is None:
            return Attempt(call.tool, call.result_text)
        commands = shell_commands(command)
        built = self._built.union(_OUTPUT.findall(command))
        return Attempt(
            call.tool,
            call.result_text,
            command,
            commands,
            is_hushed=bool(_HUSHED.search(command)),
            runs_own_program=any(one.split(" ", 1)[0] in built for one in commands),
        )

    def fault(self, call: Call, attempt: Attempt, rule: Rule) -> str:
        """Whose fault it was."""
        name = rule.id.partition("@")[0]
        if name in _REFUSALS and self._refused[call.tool, call.input_hash] >= 2:
            return Fault.MODEL
        if name == "missing_tool/no_such_tool" and _server(call.tool) in self._answered:
            return Fault.INFRASTRUCTURE
        if name == "command_precondition/wrong_flag" and _was_rewritten(attempt):
            return Fault.HARNESS
        return rule.fault

    def add(self, call: Call) -> None:
        """The call belongs to what came before from now on."""
        if call.tool.startswith("mcp__"):
            self._answered.add(_server(call.tool))
        elif call.tool == "Bash" and "-o" in call.input_text and not call.failed:
            self._built.update(_OUTPUT.findall(shell_command(call) or ""))
        if call.failed:
            self._refused[call.tool, call.input_hash] += 1


_REFUSALS = frozenset(("permission/rule", "permission/hook", "permission/sandbox"))


def _server(tool: str) -> str:
    return tool.split("__")[1] if tool.startswith("mcp__") else tool


def _was_rewritten(attempt: Attempt) -> bool:
    """The usage shown is that of a program that the call did not name: a hook put it before."""
    usage = _USAGE.search(attempt.result)
    return usage is not None and usage[1] not in attempt.line


_USAGE = re.compile(r"^Usage: (\S+)", re.M)
_OUTPUT = re.compile(r"(?<=\s)-o[ =](\S+)")
_HUSHED = re.compile(r"(2>|&>|>&) ?/dev/null")


# --- shell commands ------------------------------------------------------------------------


def shell_command(call: Call) -> str | None:
    """The command of a shell call, as far as its input was kept; None for other tools."""
    if call.tool not in ("Bash", "PowerShell"):
        return None
    try:
        return str(msgspec.json.decode(call.input_text, type=_ShellInput).command)
    except msgspec.DecodeError:
        # Only the beginning of a long input is kept.
        found = _CUT_COMMAND.search(call.input_text)
        if found is None:
            return ""
        text = found[1].rstrip("\\")
        return _ESCAPE.sub(lambda escape: _ESCAPES.get(escape[1], escape[1]), text)


class _ShellInput(msgspec.Struct):
    command: str = ""


_CUT_COMMAND = re.compile(r'"command":\s*"((?:[^"\\]|\\.)*\\?)', re.S)
_ESCAPE = re.compile(r"\\(.)", re.S)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


def shell_commands(command: str) -> tuple[str, ...]:
    """The commands of a command line, without `cd`, variables, wrappers and here-documents."""
    text = _HEREDOC.sub(r"<<", command)
    parts = _SPLIT.split(_QUOTED.sub(_hidden, text))
    stripped = (_PREFIX.sub("", part.strip()) for part in parts if part)
    kept = [part for part in stripped if part and not _BY_THE_WAY.match(part)]
    return tuple(kept or [part.strip() for part in parts if part and part.strip()])


def _hidden(quoted: re.Match[str]) -> str:
    # What is quoted separates nothing; its words stay, for paths are quoted as well.
    return _SEPARATORS.sub("_", quoted[0])


_HEREDOC = re.compile(r"<<-?\s*(['\"]?)(\w+)\1.*?(^\s*\2$|\Z)", re.S | re.M)
_QUOTED = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'[^']*'", re.S)
_SEPARATORS = re.compile(r"[\n;|&]")
_SPLIT = re.compile(r"&&|\|\||\|&|[;|\n]|(?<![>&\d])&(?![>&\d])")
_PREFIX = re.compile(
    r"^(?:[({!]\s*|(?:then|do|else|if|while|time|sudo|command(?= \w+ )|exec|nohup|env"
    r"|xargs(?: -\S+)*)\s+"
    r"|[A-Za-z_]\w*=(?:\"[^\"]*\"|'[^']*'|\S*)\s+"
    r"|timeout\s+(?:-\S+\s+)*\S+\s+|npx\s+(?:-\S+\s+)*|bunx\s+|uvx\s+"
    r"|(?:rtk|pnpm exec|pnpm dlx|yarn dlx|uv run|poetry run|mise exec --|bundle exec"
    r"|nix develop --command|nix-shell --run|dotenv --)\s+(?=\w))*"
)
_BY_THE_WAY = re.compile(
    r"(cd|pushd|popd|echo|printf|sleep|export|set|source|true|wait|fi|done"
    r"|#)(\s|$)"
)
