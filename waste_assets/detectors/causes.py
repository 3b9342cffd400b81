"""Cause and fault of every failed call, by the rules of cause_rules.py and by what came before.

A rule knows the cause from the failed call alone. The fault may also depend on the conversation:
who changed the file, whether the tool had worked, whether the same call was refused before.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from waste_assets.accounting.conversation import Call, Conversation
from waste_assets.detectors.cause_rules import Attempt, Fault, Rule, rules_for
from waste_assets.detectors.effect import Reach, normalised
from waste_assets.detectors.effects import SHELLS, arguments, of, touches
from waste_assets.detectors.shell import read

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
    """The failures of a conversation by call id; time is linear in its calls.

    They are found once, and held by the conversation itself.
    """
    return conversation.once(_failures_by_id)


def _failures_by_id(conversation: Conversation) -> dict[str, Failure]:
    return dict(_failures(conversation.calls))


def _failures(calls: Sequence[Call]) -> Iterator[tuple[str, Failure]]:
    before = _Before()
    for call in calls:
        if call.outcome == "no_result":
            yield call.id, Failure(_NO_RESULT.cause, str(_NO_RESULT.fault), _NO_RESULT.id)
        elif call.failed:
            attempt = before.attempt(call)
            rule = _DENIALS.get(call.denial or "") or rule_of(attempt)
            fault = before.fault(call, attempt, rule)
            if rule.id == _MODIFIED and _changed_by_itself(calls, call):
                fault = Fault.MODEL
            yield call.id, Failure(rule.cause, str(fault), rule.id)
        before.add(call)


def _changed_by_itself(calls: Sequence[Call], failed: Call) -> bool:
    """Whether a command of the conversation wrote a file that was found modified since read."""
    path = normalised(failed.target or "", failed.response.project)
    for number in range(failed.number - 1, max(failed.number - _FAR, -1), -1):
        call = calls[number]
        if call.target == failed.target and not call.failed:
            return False
        if call.tool in SHELLS:
            effect = of(call)
            if effect.reach >= Reach.FORMAT or touches(effect, path):
                return True
    return False


_MODIFIED = "file_precondition/modified@1"
#: So many calls back nobody looks for who changed a file.
_FAR = 200


def attempt_of(
    tool: str, result: str, line: str = "", built: Iterable[str] = frozenset()
) -> Attempt:
    """A failed call as rules see it.

    `line` is the command of a shell call, `built` the programs that the conversation has built.
    """
    if tool not in SHELLS:
        return Attempt(tool, result)
    commands, is_hushed = _shell_commands(line, tool == "PowerShell")
    own = {*built, *_OUTPUT.findall(line)}
    runs_own_program = any(one.split(" ", 1)[0] in own for one in commands)
    return Attempt(tool, result, line, commands, is_hushed, runs_own_program)


def rule_of(attempt: Attempt) -> Rule:
    """The first rule that matches, or one of the two that say that none does."""
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
        line = _line(call) if call.tool in SHELLS else ""
        return attempt_of(call.tool, call.result_text, line, self._built)

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
        elif call.tool in SHELLS and "-o" in call.input_text and not call.failed:
            self._built.update(_OUTPUT.findall(_line(call)))
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


def _line(call: Call) -> str:
    line = arguments(call).get("command")
    return line if isinstance(line, str) else ""


def _shell_commands(line: str, powershell: bool) -> tuple[tuple[str, ...], bool]:
    """The commands of a line without `cd`, variables and wrappers; whether errors are hushed."""
    told = read(line, powershell=powershell).commands
    texts = [" ".join(command.words) for command in told if command.words]
    stripped = [_PREFIX.sub("", text) for text in texts]
    kept = [text for text in stripped if text and not _BY_THE_WAY.match(text)]
    hushed = any(
        operator in _HUSHED and target == "/dev/null"
        for command in told
        for operator, target in command.redirections
    )
    return tuple(kept or texts), hushed


_HUSHED = frozenset(["2>", "&>", ">&", "2>>", "&>>"])
_PREFIX = re.compile(
    r"^(?:(?:sudo|command(?= \w+ )|exec|nohup|env|xargs(?: -\S+)*)\s+"
    r"|[A-Za-z_]\w*=\S*\s+"
    r"|timeout\s+(?:-\S+\s+)*\S+\s+|npx\s+(?:-\S+\s+)*|bunx\s+|uvx\s+"
    r"|(?:rtk|pnpm exec|pnpm dlx|yarn dlx|uv run|poetry run|mise exec --|bundle exec"
    r"|nix develop --command|nix-shell --run|dotenv --)\s+(?=\w))*"
)
_BY_THE_WAY = re.compile(
    r"(cd|pushd|popd|echo|printf|sleep|export|set|source|true|wait|\(|\))(\s|$)|[A-Za-z_]\w*=\S*$"
)
