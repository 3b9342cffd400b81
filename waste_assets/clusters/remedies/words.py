"""What findings are about, in words that may stand in a file of instructions.

Words come from transcripts: they are from flags, where secrets are out of them, and only those
that look like what they are meant to be (a path, a program, a host) are taken. A sentence that
somebody hid in the name of a file is none of these.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

from waste_assets.clusters.finding import Finding
from waste_assets.detectors.shell import read

#: So many names, so long at most.
_NAMES = 5
_FILE = re.compile(r"[\w.@+~-][\w./@+~-]{0,79}")
_PROGRAM = re.compile(r"[A-Za-z][\w.+-]{0,29}")
_HOST = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")
_TOOL = re.compile(r"[A-Za-z][\w-]{0,79}")
_CLEANED = re.compile(r"REDACTED|…")
_FILE_TOOLS = frozenset(["Read", "Edit", "MultiEdit", "Write", "NotebookEdit"])
_READ_OF = re.compile(r"\bread of (\S+?)(?: lines \d|,| in this context|: the harness)")
_NOT_FOUND = (
    re.compile(r"command not found: ([\w.+-]+)"),
    re.compile(r"\b([\w.+-]+): (?:command )?not found"),
    re.compile(r"\bCommand \"([\w.+-]+)\" not found"),
    re.compile(r"'([\w.+-]+)' is not recognized|[Tt]he term '([\w.+-]+)'"),
    re.compile(r"\bexec: \\?\"([\w.+-]+)\\?\": executable file not found"),
)
_MODULE = re.compile(r"No module named '([\w.]+)'")
_SKILL = re.compile(r"Unknown (?:skill|command|slash command):? ?/?([\w:-]+)")
_BY_THE_WAY = frozenset(["cd", "echo", "export", "set", "source", "sleep", "true", "printf"])
_SUBCOMMAND = re.compile(r"[a-z][a-z-]{1,20}")
_LOCK = re.compile(r"(?:\A|/)([\w.-]*(?:[-.]lock\.(?:json|ya?ml)|\.lock|bun\.lockb|go\.sum))\Z")
_KNOWN_LOCKS = frozenset(
    ["package-lock.json", "pnpm-lock.yaml", "yarn.lock", "bun.lock", "bun.lockb", "Cargo.lock",
     "poetry.lock", "uv.lock", "Gemfile.lock", "composer.lock", "go.sum", "flake.lock"]
)  # fmt: skip
_BUNDLE = re.compile(r"\.(min\.js|min\.css|js\.map|css\.map|bundle\.js|chunk\.js)\Z")
_FOLDER = re.compile(
    r"/(node_modules|bower_components|dist|build|target|out|vendor|third_party|\.next|\.nuxt|"
    r"\.output|coverage|__pycache__|site-packages|\.venv|Pods|DerivedData)/"
)


class Names:
    """What findings are about: how dear each name is, and in which projects it occurs."""

    def __init__(self) -> None:
        self._usd: dict[str, float] = {}
        self._projects: dict[str, int] = {}

    def add(self, word: str, usd: float, findings: int, projects: int) -> None:
        """So many findings of so many projects are about this; `usd` is what they have cost."""
        # What costs nothing counts for its number.
        self._usd[word] = usd + 1e-9 * findings
        self._projects[word] = projects

    def told(self, may_say: Callable[[str], bool]) -> tuple[tuple[str, ...], int]:
        """The dearest names, and how many are withheld.

        A name that only one project has says something of that project: it is withheld, unless it
        may be said.
        """
        told = [w for w, projects in self._projects.items() if projects > 1 or may_say(w)]
        told.sort(key=lambda word: (-self._usd[word], word))
        return tuple(told[:_NAMES]), len(self._usd) - len(told)


def files(finding: Finding) -> str | None:
    """A file, below its project where it lies there."""
    if finding.tool_name in _FILE_TOOLS:
        path = finding.target
    else:
        match = _READ_OF.search(finding.evidence)
        path = match[1] if match else None
    return _path(path, finding.project)


def injected(finding: Finding) -> str | None:
    """The file or the hook that injects a text."""
    return _path(finding.target, finding.project)


def injecting_server(finding: Finding) -> str | None:
    """The MCP server that injects a text."""
    return _if(_TOOL, finding.target)


def machine_written(finding: Finding) -> str | None:
    """A pattern for the files of machines that a finding is about: only well-known names."""
    path = (finding.target or "").replace("\\", "/")
    match = _LOCK.search(path)
    if match:
        return match[1] if match[1] in _KNOWN_LOCKS else "*.lock"
    if match := _BUNDLE.search(path):
        return f"*.{match[1]}"
    return f"{match[1]}/**" if (match := _FOLDER.search(path)) else None


def programs(finding: Finding) -> str | None:
    """A program that was not found."""
    for pattern in _NOT_FOUND:
        if match := pattern.search(finding.evidence):
            return _if(_PROGRAM, next(group for group in match.groups() if group))
    return None


def commands(finding: Finding) -> str | None:
    """The command of a shell call: the program and its subcommand.

    Where a line runs several commands nobody knows which of them it was.
    """
    if finding.tool_name not in ("Bash", "PowerShell") or not finding.target:
        return None
    said = [
        [word for word in command.words if word.startswith("-") or "=" not in word]
        for command in read(finding.target).commands
        if not command.piped
    ]
    kept = [words for words in said if words and words[0] not in _BY_THE_WAY]
    if len(kept) != 1:
        return None
    program = _if(_PROGRAM, kept[0][0].rpartition("/")[2])
    second = kept[0][1] if len(kept[0]) > 1 else ""
    return f"{program} {second}" if program and _SUBCOMMAND.fullmatch(second) else program


def hosts(finding: Finding) -> str | None:
    """The host of a web page."""
    if finding.tool_name != "WebFetch":
        return None
    try:
        host = urlsplit(finding.target or "").hostname
    except ValueError:
        return None
    return _if(_HOST, host)


def tools(finding: Finding) -> str | None:
    """The tool that was called."""
    return _if(_TOOL, finding.tool_name)


def is_built_in(tool: str) -> bool:
    """Whether it is a tool of Claude Code, which everybody has."""
    return not tool.startswith("mcp__")


def servers(finding: Finding) -> str | None:
    """The MCP server of the tool that was called."""
    parts = (finding.tool_name or "").split("__")
    return _if(_TOOL, parts[1]) if parts[0] == "mcp" and len(parts) > 2 else None


def modules(finding: Finding) -> str | None:
    """A Python module that was missing."""
    match = _MODULE.search(finding.evidence)
    return _if(_PROGRAM, match[1].partition(".")[0]) if match else None


def skills(finding: Finding) -> str | None:
    """A skill that is not there."""
    match = _SKILL.search(finding.evidence)
    return _if(_PROGRAM, match[1]) if match else None


def _path(path: str | None, project: str | None) -> str | None:
    if not path:
        return None
    path = path.replace("\\", "/")
    root = (project or "").replace("\\", "/").rstrip("/") + "/"
    return _if(_FILE, path.removeprefix(root) if len(root) > 1 else path)


def _if(pattern: re.Pattern[str], word: str | None) -> str | None:
    return word if word and pattern.fullmatch(word) and not _CLEANED.search(word) else None
