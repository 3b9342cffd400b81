"""Which failures are the same problem: a function of the failed call alone.

A family is named by the rule that knew the cause and, where a rule speaks of several problems, by
what tells them apart: the program or server, the rule that a compiler or linter reports, or the
message, under its name in the catalogue where one is near. Nothing depends on what else has
failed, so a failure is in the same family whenever and with whatever else it is looked at.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache

from waste_assets.clusters.catalogue import nearest
from waste_assets.clusters.fingerprint import VERSION, digest, fingerprint_id, template
from waste_assets.clusters.salient import Salient, salient
from waste_assets.detectors.cause_rules import RULES, Attempt, Rule
from waste_assets.detectors.causes import attempt_of


@dataclass(frozen=True, slots=True)
class Failed:
    """A failed call, as far as its family depends on it."""

    tool: str
    #: The rule that knew the cause, with its version; None: no rule did.
    cause_rule: str | None
    #: Beginning and, where it is longer, end of the result.
    result: str
    tail: str = ""
    #: The command of a shell call.
    command: str = ""


@dataclass(frozen=True, slots=True)
class Family:
    """Where a failure belongs."""

    cluster_id: str
    fingerprint_id: str
    #: What its family is known by, in words.
    title: str
    #: What stays of its message.
    template: str
    #: The line that was looked at, as it stands.
    line: str


#: What tells the problems of a rule apart. Rules that are not named here are one problem each.
_TOLD_APART: dict[str, tuple[str, ...]] = {
    "api_error/overloaded": ("message",),
    "browser_playwright/bad_call": ("message",),
    "browser_playwright/failed": ("message",),
    "build_or_test": ("report",),
    "command_precondition/bad_request": ("program", "message"),
    "command_precondition/exists": ("program",),
    "command_precondition/locked": ("message",),
    "command_precondition/wrong_flag": ("program",),
    "command_precondition/wrong_place": ("message",),
    "environment/network": ("tool",),
    "environment/no_service": ("message",),
    "file_precondition/other": ("message",),
    "missing_tool/bad_input": ("tool",),
    "missing_tool/no_such_tool": ("tool",),
    "other/http_404": ("tool",),
    "permission/rule": ("message",),
    "permission/hook": ("message",),
    "platform_confusion/flags": ("program",),
    "platform_confusion/no_toolchain": ("program",),
    "stale_auth/mcp": ("tool",),
    "stale_auth/shell": ("program",),
    "timeout/hanging": ("program",),
    "timeout/mcp": ("tool",),
    "web_wall/shell": ("program",),
}
_UNKNOWN = ("tool", "report")
#: Rules that know the same thing by different signs.
_SAME = {
    "build_or_test/command": "build_or_test",
    "build_or_test/report": "build_or_test",
    "build_or_test/script": "build_or_test",
}
_RULES = {rule.id: rule for rule in RULES}


def family(failed: Failed) -> Family:
    """The family of a failed call."""
    rule = _RULES.get(failed.cause_rule or "")
    said = salient(failed.result, failed.tail, rule.result if rule else None)
    # Without its version: a better pattern knows the same problem.
    name = (failed.cause_rule or "unknown").partition("@")[0]
    name = _SAME.get(name, name)
    parts = _TOLD_APART.get(name, ()) if failed.cause_rule else _UNKNOWN
    attempt = None
    if failed.command and not {"program", "report", "tool"}.isdisjoint(parts):
        attempt = attempt_of(failed.tool, failed.result, failed.command)
    masked = _masked(said)
    told = tuple(_part(part, failed, said, masked, rule, attempt) for part in parts)
    return Family(
        f"c{VERSION}-{_digest(name, told)}",
        _fingerprint_id(masked),
        _title(name, told),
        masked,
        said.line,
    )


def command_of(tool: str, input_text: str) -> str:
    """The command line of a shell call, from the beginning of its input."""
    if tool not in ("Bash", "PowerShell"):
        return ""
    try:
        line = json.loads(input_text).get("command")
    except (ValueError, AttributeError, RecursionError):
        # Cut off, or deeper than Python reads: what there is of the first string.
        match = _COMMAND.search(input_text)
        line = json.loads(f'"{match[1]}"', strict=False) if match else ""
    return line if isinstance(line, str) else ""


_COMMAND = re.compile(r'"command":\s*"((?:[^"\\]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*)')
_fingerprint_id = lru_cache(maxsize=8_192)(fingerprint_id)


@lru_cache(maxsize=8_192)
def _digest(name: str, told: tuple[str, ...]) -> str:
    return digest("\0".join((name, *told)))


def _title(name: str, told: tuple[str, ...]) -> str:
    cause, _, what = name.partition("/")
    words = f"{cause}: {what}" if what else cause
    return " · ".join((words.replace("_", " "), *filter(None, told)))


def _masked(said: Salient) -> str:
    line = template(said.line) if said.line else ""
    if said.reporter is None:
        return line
    return f"{said.reporter} {said.code}: {line}".rstrip(": ")


def _part(
    part: str,
    failed: Failed,
    said: Salient,
    masked: str,
    rule: Rule | None,
    attempt: Attempt | None,
) -> str:
    if part == "message":
        return _message(masked)
    if part == "tool":
        return _server(failed.tool) if attempt is None else ""
    if part == "program":
        return _program(attempt, said, rule)
    # A report: what the program says in a known format, or says at all.
    if said.reporter is None:
        return f"{_program(attempt, said, rule)} {_message(masked)}".strip()
    if said.reporter == "python":
        return f"python {said.code}"
    if said.code in ("does not compile", "SyntaxError"):
        return f"{said.reporter} {said.code} {_message(template(said.line))}"
    return f"{said.reporter} {said.code}"


@lru_cache(maxsize=16_384)
def _message(masked: str) -> str:
    """The name of a message: the well-known one that it is like, or its first words."""
    known = nearest(masked)
    if known is not None:
        return known.replace("_", " ")
    words = _WORD.findall(_MARK.sub(" ", masked))
    return " ".join(words[:_WORDS])


#: So many words tell a message: what follows is more often about its subject.
_WORDS = 6
_MARK = re.compile(r"<\w+>|\[redacted[^\]]*\]|\b(error|fatal|warning)\b:?")
_WORD = re.compile(r"[^\W\d_]{2,}|\d{3,}")


def _server(tool: str) -> str:
    return tool.split("__")[1] if tool.startswith("mcp__") and tool.count("__") > 1 else tool


def _program(attempt: Attempt | None, said: Salient, rule: Rule | None) -> str:
    """The program that failed: the one that speaks, that the rule is about, or that ran last."""
    if attempt is None or not attempt.commands:
        return ""
    names = [_name(command) for command in attempt.commands]
    speaker = _SPEAKER.match(said.line)
    for name in names:
        if speaker and speaker[1] == name.split(" ", 1)[0]:
            return name
    if rule and rule.shell:
        for command, name in zip(attempt.commands, names, strict=True):
            if rule.shell.match(command):
                return name
    doing = [name for name in names if name.split(" ", 1)[0] not in _FILTERS]
    return (doing or names)[-1]


_SPEAKER = re.compile(r"(?:error: )?([\w.-]+):")
#: They show what others print; a failure is seldom theirs.
_FILTERS = frozenset(("tail", "head", "grep", "wc", "sort", "cat", "tee", "uniq", "less", "cut"))
#: Programs of which the first argument says what they do.
_OF_TWO_WORDS = frozenset(
    (
        "aws", "az", "bun", "bundle", "cargo", "deno", "docker", "dotnet", "gcloud", "gh", "git",
        "go", "gradle", "helm", "just", "kubectl", "make", "mise", "mix", "mvn", "nix", "npm",
        "pip", "pip3", "pnpm", "poetry", "rails", "swift", "task", "terraform", "uv", "yarn",
    )
)  # fmt: skip
_SUBCOMMAND = re.compile(r"[a-z][\w-]*(:[\w:-]+)?\Z")


def _name(command: str) -> str:
    """The program of a command, with its subcommand where it has one."""
    words = command.split()
    if not words:
        return ""
    name = words[0].replace("\\", "/").rpartition("/")[2]
    rest = words[1:]
    if name in ("python", "python3") and rest[:1] == ["-m"] and len(rest) > 1:
        return rest[1]
    if name not in _OF_TWO_WORDS:
        return name if _PROGRAM.fullmatch(name) else ""
    if rest[:1] == ["run"] and len(rest) > 1:
        rest = rest[1:]
    return f"{name} {rest[0]}" if rest and _SUBCOMMAND.match(rest[0]) else name


_PROGRAM = re.compile(r"[\w.+-]{1,40}")
