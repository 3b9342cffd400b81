"""Remedies of failed calls: by the rule that knew the cause, else by the family of causes."""

from __future__ import annotations

from collections.abc import Callable

from waste_assets.clusters.remedies import words
from waste_assets.clusters.remedies.remedy import (
    Kind,
    Remedy,
    Told,
    Words,
    at_start,
    deny,
    env,
    instead,
    lines,
    listed,
    typed,
)


def _line(
    id_: str,
    what: str,
    *general: str,
    named: str = "",
    words_: Words | None = None,
    advice: str = "Say it in CLAUDE.md, where every session reads it.",
    is_public: Callable[[str], bool] = lambda word: False,
) -> Remedy:
    """A remedy that is lines for CLAUDE.md."""
    write = lines(*general, named=named)
    return Remedy(id_, what, advice, Kind.CLAUDE_MD, write, words_, is_public)


def _paths(told: Told) -> str:
    known = f" Folders here: {listed(told.facts.folders)}." if told.facts.folders else ""
    return (
        "- Paths are relative to the root of the repository: find a file (Glob, `git ls-files`) "
        f"before reading it, and never guess one.{known}"
    )


def _programs(told: Told) -> str:
    known = [f"- Not installed here: {listed(told.names)}."] if told.names else []
    if told.facts.manager:
        known.append(f"- The package manager here is `{told.facts.manager}`.")
    if told.facts.system:
        known.append(f"- {_TOOLS[told.facts.system]}")
    return "\n".join(
        known or ["- Check `command -v NAME` before using a program that is not POSIX."]
    )


_TOOLS = {
    "macOS": "The system is macOS with BSD tools: `sed -i ''`, `stat -f`, `date -v`, no `grep -P`.",
    "Linux": "The system is Linux with GNU tools: `sed -i`, `stat -c`, `date -d`; not `gsed`.",
    "Windows": "The system is Windows: quote paths, use forward slashes in Bash, no `sudo`.",
}


def _tools(told: Told) -> str:
    return (
        f"- {_TOOLS[told.facts.system]}"
        if told.facts.system
        else (
            "- Find out with `uname` which tools there are before using flags that BSD and GNU "
            "do not share (`sed -i`, `stat`, `date`, `grep -P`)."
        )
    )


def _scripts(told: Told) -> str:
    manager = told.facts.manager
    run = f"`{manager} run`" if manager in ("npm", "pnpm", "yarn", "bun") else "the README"
    return f"- Scripts and tasks have the names that {run} lists: look before running one."


def _modules(told: Told) -> str:
    runner = {"uv": "uv run python", "poetry": "poetry run python"}.get(told.facts.manager or "")
    missing = f" Not installed: {listed(told.names)}." if told.names else ""
    return f"- Run Python by `{runner or '.venv/bin/python'}`, which has the packages.{missing}"


_PATHS = Remedy(
    "paths",
    "paths that were guessed and are not there",
    "Say where things are.",
    Kind.CLAUDE_MD,
    _paths,
)
_MISSING_PROGRAMS = Remedy(
    "missing-programs",
    "programs that are not installed",
    "Install what is worth having, and name what is not there.",
    Kind.CLAUDE_MD,
    _programs,
    words.programs,
)
_ISOLATED = "claude mcp add playwright -- npx @playwright/mcp@latest --isolated"
_SNAPSHOT = (
    "Browser: take a new snapshot before each click or text; references of an older one are gone."
)
_WALL = (
    "WebFetch cannot read pages behind logins, CAPTCHAs and bot walls: use an API, `gh`, a mirror "
    "or WebSearch."
)
_LOGIN = "gh auth status >/dev/null 2>&1 || echo 'gh is not logged in: ask the user to log in'"
_DOCKER = "docker info >/dev/null 2>&1 || echo 'Docker is not running: do not use it'"
_WITHIN = "File tools: Read a file before the first Edit or Write; looking by `cat` does not count."
_QUOTES = (
    "Shell: quote paths and patterns with spaces, brackets or stars; put scripts with nested "
    "quotes into a file."
)

#: By rule, without its version.
BY_CAUSE_RULE: dict[str, Remedy] = {
    "file_precondition/no_match": _line(
        "edit-exact-text",
        "edits of text that is not in the file",
        "Copy the old text of an Edit from a Read made after the last change: formatters and "
        "earlier edits move it. Indent as in the file, without line numbers.",
        named="Read these again before editing them: {names}.",
        words_=words.files,
    ),
    "file_precondition/not_read": _line(
        "read-before-edit", "edits of files that were not read before", _WITHIN
    ),
    "file_precondition/modified": _line(
        "modified-since-read",
        "edits of files that something had changed since they were read",
        "Formatters and generators rewrite files: run them last, and read a file again after them.",
        named="These change by themselves: {names}.",
        words_=words.files,
    ),
    "file_precondition/not_unique": _line(
        "unique-edits",
        "edits whose old text stands in several places",
        "Quote enough in Edit to be unique, or set replace_all.",
    ),
    "file_precondition/no_change": _line(
        "edits-that-change", "edits that change nothing", "Leave out an Edit whose texts are equal."
    ),
    "file_precondition/no_such_file": _PATHS,
    "file_precondition/no_such_path": _PATHS,
    "file_precondition/missing": _PATHS,
    "file_precondition/no_such_folder": Remedy(
        "working-directory",
        "folders that are not below the one where a command runs",
        "Let each command begin in the project's folder.",
        Kind.SETTINGS,
        env(CLAUDE_BASH_MAINTAIN_PROJECT_WORKING_DIR="1"),
    ),
    "file_precondition/is_directory": _line(
        "read-files-not-folders",
        "folders given to Read",
        "Read takes files: list folders by Glob or `ls`.",
    ),
    "file_precondition/too_large": _line(
        "read-by-ranges",
        "files too large for one read",
        "Read large files by ranges (offset, limit), or search them.",
        named="Too large to read whole: {names}.",
        words_=words.files,
    ),
    "file_precondition/no_such_revision": _line(
        "git-names",
        "branches, tags and paths that git does not know",
        "Look names up before using them: `git branch -a`, `git tag`, `git ls-files`.",
    ),
    "browser_playwright/in_use": Remedy(
        "isolated-browser",
        "browsers that another session holds",
        "Give each session a browser of its own; remove the old entry first "
        "(claude mcp remove playwright).",
        Kind.COMMAND,
        typed(_ISOLATED),
    ),
    "browser_playwright/bad_call": _line(
        "browser-calls", "browser calls on elements that are gone", _SNAPSHOT
    ),
    "web_wall/refused": Remedy(
        "walled-sites",
        "web pages that refuse",
        "Deny the sites that always refuse, so that other ways are taken at once.",
        Kind.SETTINGS,
        deny("WebFetch(domain:{name})"),
        words.hosts,
        unnamed=(Kind.CLAUDE_MD, lines(_WALL)),
    ),
    "web_wall/shell": _line("rate-limits", "APIs that refuse or limit requests", _WALL),
    "stale_auth/shell": Remedy(
        "log-in-first",
        "commands that are not logged in",
        "Let the session begin with a look at the login; change the command to yours.",
        Kind.SETTINGS,
        at_start(_LOGIN),
    ),
    "stale_auth/mcp": Remedy(
        "mcp-login",
        "MCP servers whose login ran out",
        "Log in again before the session, or disable the server.",
        Kind.PROMPT,
        typed("/mcp"),
    ),
    "missing_tool/no_such_tool": _line(
        "missing-tools",
        "tools that this version or this machine does not have",
        "Use only tools that are listed; where one is missing say so, and do not try it again.",
        named="These tools are not there: {names}.",
        words_=words.tools,
        is_public=words.is_built_in,
        advice="Connect what is asked for (claude mcp add), or take its name out of prompts, "
        "agents and skills.",
    ),
    "missing_tool/no_such_skill": _line(
        "missing-skills",
        "skills and commands that are not there",
        "Use only skills that are listed.",
        named="There is no skill {names}.",
        words_=words.skills,
        advice="Install the skill, or take its name out of CLAUDE.md and prompts.",
    ),
    "missing_tool/bad_input": _line(
        "tool-parameters",
        "tools called with wrong parameters",
        "Give tools only parameters of their schema.",
        named="Mind the parameters of {names}.",
        words_=words.tools,
        is_public=words.is_built_in,
    ),
    "missing_tool/server_down": Remedy(
        "drop-dead-servers",
        "MCP servers that do not answer",
        "Repair the server, or drop it: its tools are offered and fail.",
        Kind.COMMAND,
        typed("claude mcp list", each="claude mcp remove {name}"),
        words.servers,
    ),
    "platform_confusion/no_program": _MISSING_PROGRAMS,
    "platform_confusion/no_toolchain": _MISSING_PROGRAMS,
    "platform_confusion/flags": Remedy(
        "bsd-or-gnu",
        "flags of another system's tools",
        "Say which system it is.",
        Kind.CLAUDE_MD,
        _tools,
    ),
    "command_precondition/index_locked": _line(
        "one-git-at-a-time",
        "git commands that lock each other out",
        "Run one git command at a time: no parallel calls that touch the index.",
    ),
    "command_precondition/wrong_place": Remedy(
        "command-folder",
        "commands run in the wrong folder",
        "Let each command begin in the project's folder, and name the folder in the command.",
        Kind.SETTINGS,
        env(CLAUDE_BASH_MAINTAIN_PROJECT_WORKING_DIR="1"),
    ),
    "command_precondition/no_such_script": Remedy(
        "script-names",
        "scripts and tasks that do not exist",
        "Say what the scripts are called.",
        Kind.CLAUDE_MD,
        _scripts,
    ),
    "command_precondition/wrong_flag": _line(
        "command-flags",
        "flags and subcommands that do not exist",
        "Look at `--help` before using a flag that is not in this file.",
        named="Look at `--help` first with {names}.",
        words_=words.commands,
    ),
    "command_precondition/bad_filter": _line(
        "short-filters",
        "jq, yq and awk programs with errors",
        "Put a jq or awk program of more than one step into a file, and try it on a small input.",
    ),
    "command_precondition/bad_script": _line(
        "scripts-in-files",
        "scripts within quotes that do not run",
        "Write scripts of more than a few lines into a file, and run that.",
    ),
    "command_precondition/exists": _line(
        "already-there",
        "things made that are there already",
        "Ask before making: `git status`, `git worktree list`, `gh pr view`, `mkdir -p`.",
    ),
    "environment/no_service": Remedy(
        "start-services",
        "services that are not running",
        "Start what is needed before the session, and let it begin with a look; change the "
        "command to yours.",
        Kind.SETTINGS,
        at_start(_DOCKER),
    ),
    "environment/no_module": Remedy(
        "python-environment",
        "Python run without its packages",
        "Say how Python is run here.",
        Kind.CLAUDE_MD,
        _modules,
        words.modules,
    ),
    "environment/harness_gone": Remedy(
        "restart-after-upgrade",
        "tools of Claude Code that an upgrade had taken away",
        "A session that runs while its version is removed loses its search tools.",
        Kind.SETTINGS,
        env(DISABLE_AUTOUPDATER="1"),
    ),
    "environment/signing_agent": _line(
        "signing",
        "commits that could not be signed",
        "If signing fails, stop and ask the user to unlock the signing key; do not retry.",
        advice="Unlock the key before the session.",
    ),
    "timeout/too_short": Remedy(
        "longer-timeouts",
        "commands stopped by the time limit",
        "Raise the limit, or run long commands in the background.",
        Kind.SETTINGS,
        env(BASH_DEFAULT_TIMEOUT_MS="300000", BASH_MAX_TIMEOUT_MS="1200000"),
    ),
    "timeout/mcp": Remedy(
        "mcp-timeouts",
        "MCP tools that run out of time",
        "Give them more time, or drop the server.",
        Kind.SETTINGS,
        env(MCP_TOOL_TIMEOUT="120000"),
    ),
    "api_error/too_long": Remedy(
        "compact-in-time",
        "prompts too long for the model",
        "Compact before the context is full.",
        Kind.PROMPT,
        typed("/compact"),
    ),
    "other/http_404": _line(
        "find-addresses",
        "addresses that do not exist",
        "Do not guess addresses: find them (WebSearch, `gh repo view`) before fetching.",
    ),
}
#: By family of causes.
BY_CAUSE: dict[str, Remedy] = {
    "browser_playwright": _line(
        "browser-failures",
        "browser steps that fail",
        "Browser: check that the page answers (`curl -sf URL`) before opening it, wait for an "
        "element rather than a time, and stop after two failures.",
    ),
    "web_wall": _line("web-walls", "web pages that refuse", _WALL),
    "stale_auth": _line(
        "stale-logins",
        "logins that ran out",
        "On a 401 stop and ask the user to log in; do not retry.",
        advice="Log in before the session: tokens of gh, cloud and package tools run out.",
    ),
    "missing_tool": _line(
        "listed-tools", "tools and agents that are not there", "Use only what is listed as there."
    ),
    "platform_confusion": _line("shell-quoting", "quoting and paths of another shell", _QUOTES),
    "file_precondition": _line("file-tools", "file tools used against their rules", _WITHIN),
    "permission": Remedy(
        "permissions",
        "calls that are denied",
        "Allow what is always granted (/permissions), and name what is not.",
        Kind.CLAUDE_MD,
        instead(
            "These are denied here, do not try them: {names}.",
            "What was denied once is denied again: ask, or take another way.",
        ),
        words.commands,
    ),
    "timeout": _line(
        "hanging-commands",
        "commands and pages that hang",
        "Give network commands a limit of time (`curl --max-time 20`), and run servers in the "
        "background.",
    ),
    "api_error": Remedy(
        "api-limits",
        "the API's limits",
        "Limits are shared by all sessions that run at the same time.",
        Kind.HABIT,
        typed("Run fewer sessions and subagents at the same time."),
    ),
    "command_precondition": _line(
        "command-conditions",
        "commands run where they cannot work",
        "Before commands that change something look at the state: `git status`, what runs, what "
        "exists.",
        advice="Write the project's commands down, with their flags.",
    ),
    "environment": _line(
        "environment",
        "a machine that is not ready",
        "On a full disk, a dead network or missing service stop and say so; do not retry.",
        advice="Mend disk, network and services before the session.",
    ),
    "build_or_test": _line(
        "build-commands",
        "builds and tests run wrongly",
        "Run a red test again only after a change.",
        advice="Write the commands for build and tests down.",
    ),
    "sibling_cancelled": _line(
        "cancelled-siblings",
        "calls cancelled because one beside them failed",
        "Send calls in parallel only where each of them is sure to work.",
    ),
}
OTHER = _line(
    "other-failures",
    "failed calls of no known cause",
    "When a call fails for an unclear reason look at the cause before the next try.",
    advice="Open the example, and look at what came before it.",
)
REPEATED = _line(
    "repeats-after-failure",
    "calls repeated after a failure, with nothing changed",
    "Never run a failed command again before something has changed: the code, the input, the "
    "environment.",
)
