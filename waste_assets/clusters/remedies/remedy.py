"""A remedy: a change that can be copied, and where it goes.

Settings, variables, hooks and commands are those of Claude Code's documentation; a test holds
every change of the catalogue against their documented shape.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from waste_assets.clusters.finding import Finding


class Kind(StrEnum):
    """What a change is."""

    #: Lines for CLAUDE.md.
    CLAUDE_MD = "claude_md"
    #: JSON to be merged into settings.json: variables, permissions, hooks.
    SETTINGS = "settings"
    #: Typed into a terminal.
    COMMAND = "command"
    #: Typed into Claude Code.
    PROMPT = "prompt"
    #: What a person does otherwise from now on.
    HABIT = "habit"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of the projects that findings are from; None: they differ, or nobody knows."""

    #: 'macOS', 'Linux' or 'Windows'.
    system: str | None = None
    #: The package manager whose commands succeed.
    manager: str | None = None
    #: Folders that are worked in most, of which nothing is private.
    folders: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """What a change may say of the findings that it is for."""

    #: What it is about (files, programs, …), the dearest first, as far as it may be named.
    names: tuple[str, ...] = ()
    facts: Facts = field(default_factory=Facts)


Write = Callable[[Told], str]
Words = Callable[[Finding], str | None]


@dataclass(frozen=True, slots=True)
class Remedy:
    """An entry of the catalogue."""

    #: What people type; never changed, for people have noted that they applied it.
    id: str
    #: What goes wrong, as a headline.
    what: str
    #: What to do, in a sentence.
    advice: str
    kind: Kind
    write: Write
    #: What a finding is about, where the change names it.
    words: Words | None = None
    #: Whether such a word says nothing of a project: it is from a list, or Claude Code's own.
    is_public: Callable[[str], bool] = lambda word: False
    #: What it is where nothing may be named.
    unnamed: tuple[Kind, Write] | None = None

    def change(self, told: Told) -> tuple[Kind, str]:
        """What kind of change it is for these findings, and the text to copy."""
        if self.unnamed is not None and not told.names:
            kind, write = self.unnamed
            return kind, write(told)
        return self.kind, self.write(told)


def lines(*general: str, named: str = "") -> Write:
    """Lines for CLAUDE.md; `named` comes first where there is something to name."""

    def write(told: Told) -> str:
        first = [named.format(names=listed(told.names))] if named and told.names else []
        return "\n".join(f"- {line}" for line in (*first, *general))

    return write


def instead(named: str, general: str) -> Write:
    """A line for CLAUDE.md, or another one where there is nothing to name."""
    return lambda told: "- " + (named.format(names=listed(told.names)) if told.names else general)


def env(**variables: str) -> Write:
    """Environment variables in settings.json."""
    return lambda told: as_json({"env": variables})


def settings(**values: Any) -> Write:
    """Other keys of settings.json."""
    return lambda told: as_json(values)


def deny(rule: str, *general: str) -> Write:
    """Permission rules that deny: one for each name, or the general ones."""
    return lambda told: as_json(
        {"permissions": {"deny": [rule.format(name=name) for name in told.names] or list(general)}}
    )


def at_start(command: str) -> Write:
    """A hook that runs when a session starts; what it prints, Claude is told."""
    hook = {"matcher": "startup", "hooks": [{"type": "command", "command": command}]}
    return lambda told: as_json({"hooks": {"SessionStart": [hook]}})


def typed(text: str, *, each: str = "") -> Write:
    """Something to type, for each name where there are some."""
    return lambda told: (
        "\n".join(each.format(name=name) for name in told.names) if each and told.names else text
    )


def as_json(value: dict[str, Any]) -> str:
    """JSON on one line where that is short, else on several."""
    short = json.dumps(value)
    return short if len(short) <= 90 else json.dumps(value, indent=2)


def listed(names: Sequence[str]) -> str:
    """Names in code quotes, with commas."""
    return ", ".join(f"`{name}`" for name in names)
