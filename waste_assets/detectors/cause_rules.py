"""Why calls fail: one rule a row, tried in this order; the first that matches decides.

A rule looks only at calls whose result says that they failed. All of its patterns must be found:
`result` in the result's text, `final` at the start of the shell command that decided the exit
status (the last one), `shell` at the start of any of the commands, `tool` at the start of the
tool's name. Its id is `<cause>/<name>@<version>`; a changed pattern gets a new version.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cache


class Fault(StrEnum):
    """Who could have avoided a failure; `feedback` is how work is done, and no fault."""

    INFRASTRUCTURE = "infrastructure"
    HARNESS = "harness"
    MODEL = "model"
    USER = "user"
    FEEDBACK = "feedback"


#: The families of causes.
CAUSES = (
    "browser_playwright",
    "web_wall",
    "stale_auth",
    "missing_tool",
    "platform_confusion",
    "file_precondition",
    "permission",
    "timeout",
    "api_error",
    "command_precondition",
    "environment",
    "build_or_test",
    "probe_negative",
    "sibling_cancelled",
    "other",
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What rules see of a failed call."""

    tool: str
    result: str
    #: The command line of a shell call.
    line: str = ""
    #: Its commands, without `cd`, variables and wrappers.
    commands: tuple[str, ...] = ()
    #: Error messages of the command went to /dev/null.
    is_hushed: bool = False
    #: The command runs a program that the conversation built.
    runs_own_program: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """One row."""

    id: str
    fault: Fault
    result: re.Pattern[str] | None = None
    tool: re.Pattern[str] | None = None
    final: re.Pattern[str] | None = None
    shell: re.Pattern[str] | None = None
    #: Flags of the attempt that must be set.
    flags: tuple[str, ...] = ()

    @property
    def cause(self) -> str:
        """The family."""
        return self.id.partition("/")[0]

    def is_for(self, tool: str) -> bool:
        """Whether it speaks of this tool."""
        return self.tool is None or self.tool.match(tool) is not None

    def matches(self, attempt: Attempt) -> bool:
        """Whether every pattern is found."""
        # What is quick to tell comes first.
        return (
            self.is_for(attempt.tool)
            and all(getattr(attempt, flag) for flag in self.flags)
            and (
                self.final is None
                or (bool(attempt.commands) and self.final.match(attempt.commands[-1]) is not None)
            )
            and (self.shell is None or any(map(self.shell.match, attempt.commands)))
            and (self.result is None or self.result.search(attempt.result) is not None)
        )


def _rule(id_: str, fault: Fault, result: str = "", *flags: str, **patterns: str) -> Rule:
    # Dots stop at line ends and anchors mean lines: results are many lines of output.
    compiled = {name: re.compile(pattern, re.M) for name, pattern in patterns.items()}
    return Rule(id_, fault, re.compile(result, re.M) if result else None, flags=flags, **compiled)


_FILES = r"(Read|Edit|MultiEdit|Write|NotebookEdit|NotebookRead|Grep|Glob|LS)$"
_SHELL = r"(Bash|PowerShell)$"
_BROWSER = r"(?i:mcp__.*(playwright|puppeteer|browser|chrome|selenium))"
_WEB = r"(WebFetch|WebSearch)$"
#: Commands that ask a question and answer no by their exit status.
_PROBES = (
    r"(ls|eza|stat|test|\[\[?|which|command -v|type|whereis|hash|pgrep|pidof|lsof|grep|egrep|fgrep|"
    r"rg|ag|ack|diff|cmp|find|fd|compgen|nc|jobs|"
    r"git (diff|grep|check-ignore|ls-files|ls-remote|merge-base|show-ref|"
    r"cat-file|config|symbolic-ref|stash list)|"
    r"docker (ps|images|inspect)|systemctl (status|is-active)|npm (ls|list)|pip3? show|brew list)"
    r"(?![\w-])"
)
#: Commands that look at files.
_LOOKS = r"(cat|bat|head|tail|sed -n|wc|less|tree|file|du|realpath|readlink)\b"
#: Compilers, linters, formatters, tests, package scripts of these, and what guards a commit.
_BUILDS = (
    r"((go (build|test|vet|run|get|mod|list)|gofmt|gofumpt|golangci-lint|staticcheck"
    r"|gotestsum|"
    r"cargo|rustc|rustfmt|make|cmake|ninja|bazel|gradle|\./gradlew|mvn|\./mvnw|ant|sbt|swift|"
    r"xcodebuild|dotnet|msbuild|gcc|g\+\+|clang|javac|kotlinc|tsc|eslint|prettier|biome|oxlint|"
    r"stylelint|markdownlint\S*|vale|shellcheck|hadolint|yamllint|actionlint|pytest|tox|nox"
    r"|unittest|ruff|"
    r"mypy|pyright|flake8|black|isort|pylint|jest|vitest|mocha|playwright test|cypress|"
    r"rspec|rubocop|bundle exec|rake|mix (test|compile|format|credo|dialyzer|precommit|ci)|phpunit|"
    r"composer (test|lint)|terraform (validate|plan|fmt)|pre-commit|lefthook|husky|lint-staged|"
    r"commitlint|next build|vite build|webpack|rollup|esbuild|turbo|nx|svelte-check|vue-tsc"
    r"|astro check|"
    r"docusaurus build|alembic|prisma (generate|migrate|validate)|"
    r"git (commit|push)|gh run (watch|view)|python3? -m (pytest|unittest|mypy|ruff|black|flake8|"
    r"pylint|compileall|py_compile|build|tox))\b|"
    r"(npm|pnpm|yarn|bun|deno|mise|just|task|rake|moon|hatch|poetry|uv)\b.*\b"
    r"(test|tests|lint|build|check|fmt|format|typecheck|type-check|compile|ci|verify|e2e|"
    r"api:generate|generate|tsc)\b|"
    r"npm (t|start)\b|bun (test|x tsc)\b|node --(test|check)\b)"
)
_MISSING = r"[Nn]o such file or directory|cannot find the (path|file)|(?i:does not exist)"
_TIMED_OUT = (
    r"\A(Exit code \d+\s+)?Command timed out after|did not complete within its \S+ timeout"
    r"|\AExit code 124\b"
)
_TOOLCHAINS = (
    r"(docker|docker-compose|podman|go|gofmt|node|npm|npx|pnpm|yarn|bun|deno|python3?|pip3?|uv"
    r"|poetry|cargo|"
    r"rustc|java|javac|mvn|gradle|ruby|bundle|php|composer|mix|elixir|dotnet|swift|kubectl|psql|"
    r"make|cmake|gcc|clang|git|gh|mise|nix)"
)

INFRASTRUCTURE, HARNESS, MODEL, USER, FEEDBACK = Fault

# fmt: off
RULES: tuple[Rule, ...] = (
    # What the harness or the user said instead of running the call.
    _rule("sibling_cancelled/sibling@1", HARNESS,
          r"\A(<tool_use_error>)?(Sibling tool call errored|Cancelled: parallel tool call)"),
    _rule("permission/rejected@1", USER,
          r"\AThe user doesn't want to (proceed with this tool use|take this action)"),
    _rule("permission/interrupted@1", USER, r"\A\[Request interrupted by user"),
    _rule("permission/kept_planning@1", USER, r"\AUser (chose|rejected|declined)\b"),
    _rule("api_error/no_classifier@1", INFRASTRUCTURE,
          r"is temporarily unavailable, so auto mode cannot determine"),
    _rule("permission/rule@1", HARNESS,
          r"\A(Error: )?(Permission (to use|for this action)\b.*\bdenied"
          r"|Claude requested permissions\b)"
          r"|\A.{0,200}\bauto-denied\b|\A(<tool_use_error>)?Blocked: "),
    _rule("permission/hook@1", HARNESS, r"\A(<tool_use_error>)?(PreToolUse"
          r"|PermissionRequest)\b.*\bhook\b"),
    _rule("permission/sandbox@1", HARNESS, r"\A(Exit code \d+\s+)?.{0,200}(sandbox.*(denied"
          r"|not (allowed|permitted))|(denied|blocked) by (the )?sandbox)"),

    # The API.
    _rule("api_error/overloaded@1", INFRASTRUCTURE,
          r"\bAPI Error: (429|5\d\d)|\b(overloaded_error|rate_limit_error|api_error)\b"
          r"|hit your session limit", tool=r"(Task|Agent|Skill|SendMessage|WebSearch|WebFetch)$"),
    _rule("api_error/too_long@1", MODEL, r"\A(API Error: .*)?([Pp]rompt is too long"
          r"|Context limit reached)"),

    # Tools that are not there or were called wrongly.
    _rule("missing_tool/no_such_tool@1", MODEL,
          r"\A(<tool_use_error>)?(Error: )?No such tool available"),
    _rule("missing_tool/no_such_skill@1", MODEL,
          r"\A(<tool_use_error>)?Unknown (skill|command|slash command)\b"),
    _rule("missing_tool/skill_refused@1", MODEL,
          r"\A(<tool_use_error>)?Skill \S+ (cannot|is not)\b"),
    _rule("missing_tool/no_such_agent@1", MODEL, r"\A(<tool_use_error>)?Agent type '.*' not found"),
    _rule("missing_tool/no_such_task@1", MODEL,
          r"\A(<tool_use_error>)?(Error: )?No (task|shell|agent|process|session)\b.*\bfound\b"),
    _rule("missing_tool/bad_input@1", MODEL,
          r"\A(<tool_use_error>)?(InputValidationError|Error: Invalid (tool )?input)"
          r"|\AMCP error -3260[0-2]\b"),
    _rule("missing_tool/server_down@1", INFRASTRUCTURE,
          r"\b(MCP server\b.*\b(not connected|disconnected|failed|still connecting)"
          r"|MCP error -32000: Connection closed)",
          tool=r"(?!" + _BROWSER + r")"),

    # What file tools ask for.
    _rule("environment/harness_gone@1", HARNESS, r"\AENOENT\b.*\b(posix_)?spawn\b"),
    _rule("environment/spawn@1", INFRASTRUCTURE,
          r"(EAGAIN|ENOMEM|EMFILE).*spawn|spawn.*(EAGAIN|ENOMEM|EMFILE)|fork: (retry|Resource"
          r"|Cannot)"),
    _rule("environment/disk_full@1", INFRASTRUCTURE,
          r"No space left on device|ENOSPC\b|[Dd]isk quota exceeded"),
    _rule("file_precondition/not_read@1", MODEL, r"File has not been read yet", tool=_FILES),
    _rule("file_precondition/modified@1", HARNESS,
          r"File has been (modified since read|unexpectedly modified)", tool=_FILES),
    _rule("file_precondition/no_match@1", MODEL, r"String (to replace )?not found in file",
          tool=_FILES),
    _rule("file_precondition/not_unique@1", MODEL, r"Found \d+ matches of the string", tool=_FILES),
    _rule("file_precondition/no_change@1", MODEL,
          r"old_string and new_string are exactly the same", tool=_FILES),
    _rule("file_precondition/no_such_file@1", MODEL,
          r"\A(<tool_use_error>)?((File|Path|Directory) does not exist|ENOENT\b|No such file)",
          tool=_FILES),
    _rule("file_precondition/is_directory@1", MODEL, r"\bEISDIR\b|\bENOTDIR\b", tool=_FILES),
    _rule("file_precondition/too_large@1", MODEL, r"exceeds maximum allowed (tokens|size)",
          tool=_FILES),
    _rule("permission/file_mode@1", INFRASTRUCTURE, r"\b(EACCES|EPERM)\b", tool=_FILES),
    _rule("file_precondition/other@1", MODEL, r"\A<tool_use_error>", tool=_FILES),

    # Browsers and the web.
    _rule("browser_playwright/in_use@1", INFRASTRUCTURE, r"Browser is already in use",
          tool=_BROWSER),
    _rule("browser_playwright/bad_call@1", MODEL,
          r"outside allowed roots|modal state|SyntaxError|ReferenceError|not a valid selector"
          r"|strict mode violation"
          r"|call \w+ first|takes a \w+|not found in the current page|Ref \S+ not found",
          tool=_BROWSER),
    _rule("browser_playwright/failed@1", INFRASTRUCTURE, tool=_BROWSER),
    _rule("web_wall/refused@1", INFRASTRUCTURE,
          r"status code (403|429|451|503)\b|unable to fetch from|safe to fetch|Just a moment"
          r"|Attention Required"
          r"|[Cc]aptcha|[Cc]loudflare", tool=_WEB),
    _rule("stale_auth/web@1", INFRASTRUCTURE, r"status code (401|407)\b", tool=_WEB),
    _rule("other/http_404@1", MODEL, r"status code (404|410)\b", tool=_WEB),
    _rule("timeout/web@1", INFRASTRUCTURE, r"(?i)timed? ?out|timeout of \d+|ETIMEDOUT", tool=_WEB),
    _rule("environment/network@1", INFRASTRUCTURE,
          r"\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ENETUNREACH)\b|socket hang up"
          r"|getaddrinfo",
          tool=r"(WebFetch|WebSearch|mcp__)"),
    _rule("stale_auth/mcp@1", INFRASTRUCTURE,
          r"\b401\b|(?i:unauthori[sz]ed|invalid_grant|not authenticated|token (has )?expired"
          r"|re-?authenticate)",
          tool=r"mcp__"),
    _rule("timeout/mcp@1", INFRASTRUCTURE, r"(?i)timed out|timeout of \d+|MCP error -32001",
          tool=r"mcp__"),

    # Shell: what kept the command from running at all.
    _rule("timeout/hanging@1", INFRASTRUCTURE, _TIMED_OUT, tool=_SHELL,
          shell=r"(curl|wget|ssh|scp|rsync|nc|git (fetch|pull|clone|push)|gh|docker|npm (ci|i"
          r"|install)|pip3?|brew)\b"),
    _rule("timeout/too_short@1", MODEL, _TIMED_OUT, tool=_SHELL),
    _rule("file_precondition/no_such_folder@1", MODEL, r"\bcd:(\d+:)? .*(" + _MISSING + r")",
          tool=_SHELL),
    _rule("probe_negative/has_program@2", FEEDBACK,
          r"command not found|: not found|no \S+ in \(|\AExit code (1|127)\s*\Z"
          r"|is not recognized as|Could not find files",
          tool=_SHELL,
          shell=r"(command -v|which|type|hash|whereis|where(\.exe)?|(?i:get-command|gcm))(?=\s|$)"),
    _rule("probe_negative/has_module@1", FEEDBACK,
          r"ModuleNotFoundError|Cannot find module|ImportError",
          tool=_SHELL, final=r"(python3?|node) -[ce] \W*(import|from|require)\b"),
    _rule("platform_confusion/no_toolchain@1", INFRASTRUCTURE,
          r"command not found: " + _TOOLCHAINS + r"$|[: ]" + _TOOLCHAINS + r": (command )?not found"
          r"|'" + _TOOLCHAINS + r"' is not recognized", tool=_SHELL),
    _rule("platform_confusion/no_program@2", MODEL,
          r"command not found|^(/bin/)?(ba|z|da|a|k)?sh: .*: not found|is not recognized as"
          r"|fish: Unknown command\b"
          r"|The term '.*' is not recognized"
          r"|Command \"\S+\" not found|\bexecutable file not found"
          r"|\AExit code 127(?!\n.*No such file)", tool=_SHELL),
    _rule("platform_confusion/flags@1", MODEL,
          r"illegal option -- |invalid (option|command code) |extra characters at the end of"
          r"|invalid predicate"
          r"|sed: .*(command expected|unterminated|extra characters)|date: illegal"
          r"|stat: .*(illegal|invalid) option"
          r"|usage: (sed|cat|date|stat|xargs|readlink|find|head|tail|base64)\b", tool=_SHELL),
    _rule("platform_confusion/path_style@1", MODEL,
          r"[Cc]annot find the (path|drive)|Cannot find module '/[a-z]/|bad substitution"
          r"|unexpected EOF while looking for matching"
          r"|CRLF|\\r': command|line 1: syntax error near|parse error near", tool=_SHELL),
    _rule("platform_confusion/quoting@1", MODEL, r"shell quoting issues", tool=_SHELL),

    # Shell: a build, a test or a gate reports on the work.
    _rule("command_precondition/index_locked@1", INFRASTRUCTURE,
          r"index\.lock': File exists|could not write index",
          tool=_SHELL),
    _rule("environment/signing_agent@1", INFRASTRUCTURE,
          r"failed to write commit object|gpg failed to sign|1Password: ",
          tool=_SHELL),
    _rule("build_or_test/report@1", FEEDBACK,
          r"^(--- )?FAIL\b|\bFAILED\b|\bTests?:? +\d+ failed|\d+ (tests? )?failed"
          r"|\[build failed\]|error TS\d+|error\[E\d+\]"
          r"|pre-commit (hook|script)|pre-push|hook id: |husky - |✖ |^\[lint[\w:]*\]"
          r"|compilation (error|failed)|Build (error|failed)"
          r"|^\S+\.\w+:\d+:\d+:? |AssertionError|problems? \(\d+ error", tool=_SHELL,
          shell=_BUILDS),

    # Shell: probes that say no.
    _rule("probe_negative/no_wildcard_match@1", FEEDBACK, r"no matches found: ",
          tool=_SHELL, shell=r"(" + _PROBES + r"|" + _LOOKS + r")"),
    _rule("platform_confusion/unquoted_wildcard@1", MODEL, r"no matches found: ", tool=_SHELL),
    _rule("probe_negative/no_pull_request@1", FEEDBACK,
          r"no (open )?pull requests? found|no checks reported|no runs found|release not found",
          tool=_SHELL),
    _rule("build_or_test/checks_failed@1", FEEDBACK, r"^\S.*\tfail\t", tool=_SHELL,
          final=r"gh pr checks\b"),
    _rule("other/pending@1", FEEDBACK, r"^\S.*\tpending\t", tool=_SHELL, final=r"gh pr checks\b"),

    # Shell: who is allowed what, and what else must be there.
    _rule("stale_auth/shell@2", INFRASTRUCTURE,
          r"Permission denied \(publickey|Bad credentials|\bHTTP 401\b|gh auth login"
          r"|[Aa]uthentication failed"
          r"|could not read Username|ExpiredToken|token (has|is) expired|You must be logged in"
          r"|\b401 Unauthorized\b"
          r"|npm (ERR!|error) code E401|denied: requested access"
          r"|Unable to locate credentials|\b(az|gcloud auth|aws sso) login\b"
          r"|Reauthentication required|unauthorized: authentication required", tool=_SHELL),
    _rule("web_wall/shell@1", INFRASTRUCTURE,
          r"\bHTTP (403|429)\b|rate limit exceeded|returned error: (403|429)",
          tool=_SHELL),
    _rule("other/http_404@1", MODEL, r"\bHTTP 404\b|Could not resolve to an? "
          r"|Repository not found", tool=_SHELL),
    _rule("environment/no_service@1", INFRASTRUCTURE,
          r"(?i)connection refused|ECONNREFUSED|Cannot connect to the Docker daemon"
          r"|could not connect to server"
          r"|Failed to connect to|Could not resolve host|Temporary failure in name resolution"
          r"|Network is unreachable",
          tool=_SHELL),
    _rule("environment/no_answer@1", INFRASTRUCTURE, r"\AExit code (6|7|28|35|52|56)\b",
          tool=_SHELL,
          shell=r"(curl|wget)\b"),
    _rule("command_precondition/locked@1", INFRASTRUCTURE,
          r"database is locked|[Bb]locking waiting for file lock|Could not get lock"
          r"|resource busy|address already in use|EADDRINUSE|[Dd]atabase out of sync", tool=_SHELL),
    _rule("permission/not_allowed@1", INFRASTRUCTURE,
          r"Permission denied|\b(EACCES|EPERM)\b|Operation not permitted",
          tool=_SHELL),
    _rule("command_precondition/not_trusted@1", INFRASTRUCTURE,
          r"are not trusted\b|dubious ownership", tool=_SHELL),

    # Shell: commands called wrongly or too early.
    _rule("build_or_test/own_program@1", FEEDBACK, "", "runs_own_program", tool=_SHELL),
    _rule("command_precondition/wrong_place@1", MODEL,
          r"does not contain main module|cannot find main module|go\.mod file not found"
          r"|no Go files in"
          r"|named files must be \.go files|cannot run \*_test\.go|[Nn]o (configuration"
          r"|config) file (provided|found)"
          r"|not a git repository|could not find `?Cargo\.toml|no .*(shell|default|flake)\.nix"
          r"|package\.json.*ENOENT"
          r"|ENOENT.*package\.json|[Nn]o (Makefile|makefile|rule to make target)", tool=_SHELL),
    _rule("command_precondition/no_such_script@1", MODEL,
          r"RUN_NO_SCRIPT|[Mm]issing script|Script not found|[Nn]o such (task|target)"
          r"|[Tt]ask .* not found"
          r"|no task \S+ found", tool=_SHELL),
    _rule("command_precondition/wrong_flag@1", MODEL,
          r"unrecognized (subcommand|option|argument)|[Uu]nknown (flag|option|subcommand|command"
          r"|shorthand|switch)"
          r"|unexpected argument|invalid (flag|argument|choice)|flag provided but not defined"
          r"|accepts (at most )?\d+ arg"
          r"|requires (at least|an? )|[Tt]oo many arguments|missing (required )?(argument"
          r"|operand)|bad (flag|option)"
          r"|the following arguments are required|[Pp]lease (provide|specify) a|^usage: git\b",
          tool=_SHELL),
    _rule("command_precondition/bad_request@1", MODEL,
          r"doesn't accept argument|\bHTTP (400|422)\b|Invalid request|Field '\w+' doesn't exist"
          r"|Parse error on"
          r"|Expected type|Variable \$\w+ of type", tool=_SHELL),
    _rule("command_precondition/bad_filter@1", MODEL,
          r"^jq: (error|\d+ compile error)|yq: error|awk: (syntax|cmd\. line)",
          tool=_SHELL),
    _rule("command_precondition/bad_script@1", MODEL,
          r"File \"<(string|stdin)>\", line|^\[(eval|stdin)\]", tool=_SHELL),
    _rule("command_precondition/remote@1", MODEL,
          r"remote not found|No such remote|no upstream branch|No configured push destination",
          tool=_SHELL),
    _rule("environment/no_module@1", INFRASTRUCTURE,
          r"ModuleNotFoundError: No module named '(?!src\b|tests?\b|app\b)",
          tool=_SHELL, final=r"python3?\b (?!-m\b)"),
    _rule("command_precondition/ignored_path@1", MODEL,
          r"paths are ignored by one of your \.gitignore", tool=_SHELL),
    _rule("command_precondition/exists@1", MODEL,
          r"already exists|not under version control|is not a (commit|branch|tree)"
          r"|already checked out|nothing to commit"
          r"|no changes added to commit|not possible to fast-forward|would be overwritten"
          r"|[Nn]ot currently on",
          tool=_SHELL, shell=r"(git|gh|mkdir|docker|createdb|mv|ln|kubectl|terraform)\b"),
    _rule("command_precondition/conflict@1", FEEDBACK,
          r"^CONFLICT\b|[Mm]erge conflict|could not apply|Patch failed|patch does not apply",
          tool=_SHELL),
    _rule("command_precondition/push_rejected@1", MODEL,
          r"\[(remote )?rejected\]|non-fast-forward|\(fetch first\)",
          tool=_SHELL),
    _rule("file_precondition/no_such_revision@1", MODEL,
          r"unknown revision|did not match any file|bad revision|exists on disk, but not in"
          r"|pathspec '", tool=_SHELL,
          shell=r"(git|gh)\b"),

    # Shell: paths.
    _rule("file_precondition/part_missing@1", FEEDBACK,
          r"\AExit code [12]\n(?!.*(" + _MISSING + r"))\S", "is_hushed",
          tool=_SHELL, final=r"(ls|cat|head|tail|stat)\b"),
    _rule("probe_negative/listing@1", FEEDBACK, _MISSING, tool=_SHELL,
          final=_PROBES.replace("grep|egrep|fgrep|rg|", "")),
    _rule("probe_negative/silent@1", FEEDBACK, r"\A(Exit code [12]|Error)\s*\Z", tool=_SHELL,
          final=r"(" + _PROBES + r"|" + _LOOKS + r")"),
    _rule("probe_negative/exit_1@1", FEEDBACK, r"\AExit code 1\b(?![\s\S]*(" + _MISSING + r"))",
          tool=_SHELL, final=_PROBES),
    _rule("probe_negative/hushed@1", FEEDBACK, r"\AExit code \d+\b(?![\s\S]*(" + _MISSING + r"))",
          "is_hushed",
          tool=_SHELL, final=r"(" + _PROBES + r"|" + _LOOKS + r")"),
    _rule("file_precondition/no_such_path@1", MODEL,
          r"^\S*(grep|rg|sed|cat|head|tail|wc|rm|mv|cp|stat|ls|awk|open|chmod|find|bash|sh|source"
          r"|\(eval\))\b.*(" + _MISSING + r")"
          r"|(can't|cannot) (read|open|stat|access) .*(" + _MISSING + r")", tool=_SHELL),

    # Shell: the work itself.
    _rule("build_or_test/command@1", FEEDBACK, tool=_SHELL, shell=_BUILDS),
    _rule("file_precondition/missing@1", MODEL, _MISSING, tool=_SHELL),
    _rule("build_or_test/script@1", FEEDBACK,
          r"Traceback|SyntaxError|ModuleNotFoundError|Error: |^\s+at .*:\d+:\d+|panic: "
          r"|exit status \d", tool=_SHELL,
          final=r"((python3?|node|ruby|perl|php|bash|sh|zsh|deno|bun|tsx|ts-node|pwsh|Rscript|mix"
          r"|iex)\b (?!-[ce]\b)\S|\./)"),
)
# fmt: on


@cache
def rules_for(tool: str) -> tuple[Rule, ...]:
    """The rules that speak of a tool."""
    return tuple(rule for rule in RULES if rule.is_for(tool))
