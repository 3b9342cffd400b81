"""How compilers, linters and tests report: one row a format, tried in this order.

`needle` is looked for first, for that is quick; `pattern` finds the first report in the text. Its
group `code` is the rule or the kind of error, by which reports are told apart; `said` is what the
report says, in words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Format:
    """How one program, or several that report alike, say what is wrong."""

    reporter: str
    needle: str
    pattern: re.Pattern[str]
    #: Stands for the code where the report has none.
    kind: str = ""


def _format(reporter: str, needle: str, pattern: str, kind: str = "") -> Format:
    return Format(reporter, needle, re.compile(pattern, re.M), kind)


# fmt: off
FORMATS = (
    # Types and compilation.
    _format("tsc", "error TS", r"error (?P<code>TS\d+): (?P<said>.*)"),
    _format("rustc", "error[E", r"error\[(?P<code>E\d+)\]: (?P<said>.*)"),
    _format("csc", "error CS", r"error (?P<code>CS\d+): (?P<said>.*)"),
    _format("golangci-lint", ".go:",
            r"^(?:\[[\w:]+\] )?\S+\.go:\d+(?::\d+)?: "
            r"(?P<said>.*) \((?P<code>[a-z]+)\)$"),
    _format("go", "[build failed]", r"^\S+\.go:\d+:\d+: (?P<said>.*)", "does not compile"),
    _format("go", "[setup failed]", r"^\S+\.go:\d+:\d+: (?P<said>.*)", "does not compile"),
    _format("go", "# ", r"^# \S+(?: \[\S+\])?\n\S+\.go:\d+:\d+: (?P<said>.*)", "does not compile"),
    _format("javac", ".java:", r"\.java:\d+: error: (?P<said>.*)", "does not compile"),
    _format("mypy", ": error: ",
            r"^\S+\.pyi?:\d+(?::\d+)?: error: "
            r"(?P<said>.*?)  \[(?P<code>[\w-]+)\]"),
    _format("pyright", "(report", r"error: (?P<said>.*?) \((?P<code>report\w+)\)"),
    _format("compiler", "error: ",
            r"^\S+:\d+:\d+: (?:fatal )?error: "
            r"(?P<said>.*)", "does not compile"),
    _format("node", "SyntaxError", r"^(?P<code>SyntaxError): (?P<said>.*)"),

    # Style and lint.
    _format("biome", " ━", r"\b(?P<code>(?:lint|assist)/\w+/\w+)\b|(?P<said>\bformat) ━", "format"),
    _format("markdownlint", " MD0", r"\b(?P<code>MD\d{3})(?:/[\w/-]+)? (?P<said>.*)"),
    _format("shellcheck", "SC", r"\b(?P<code>SC[12]\d{3})\b[^:]*:? ?(?P<said>.*)"),
    _format("hadolint", "DL", r"\b(?P<code>DL[34]\d{3})\b (?P<said>.*)"),
    _format("ruff", ".py:", r"^\S+\.py:\d+:\d+:? (?P<code>[A-Z]{1,4}\d{2,4}) (?P<said>.*)"),
    _format("ruff", "\n --> ", r"^(?P<code>[A-Z]{1,4}\d{3,4}) (?P<said>.*)\n\s*--> "),
    _format("eslint", "  error  ",
            r"^\s*\d+:\d+\s+error\s+"
            r"(?P<said>.*?)\s{2,}(?P<code>@?[\w/-]+)$"),
    _format("vale", "error", r"^\s*\d+:\d+\s+error\s+(?P<said>.*?)\s+(?P<code>[\w-]+\.[\w-]+)\s*$"),
    _format("prettier", "ode style issues", r"(?P<said>[Cc]ode style issues)", "format"),
    _format("formatter", "would reformat", r"(?P<said>would reformat)", "format"),
    _format("go mod tidy", "go.mod", r"^diff --git a/(?P<code>go\.mod)"),
    _format("commitlint", "subject-", r"\[(?P<code>(?:subject|type|scope|body|header)-[\w-]+)\]"),

    # Tests.
    _format("pytest", "\nE  ",
            r"^E +(?P<code>[\w.]*(?:Error|Exception|Exit|Warning|Failed))\b:? ?"
            r"(?P<said>.*)"),
    _format("pytest", "FAILED ",
            r"^FAILED \S+\.py\S* - (?P<code>[\w.]*(?:Error|Exception|Exit|Failed))\b:? ?"
            r"(?P<said>.*)"),
    _format("pytest", "FAILED ", r"^FAILED \S+\.py(?P<said>)", "test failed"),
    _format("go test", "--- FAIL", r"^\s*--- FAIL: \S+(?P<said>)", "test failed"),
    _format("go test", "panic: ", r"^panic: (?P<said>.*)", "panic"),
    _format("go test", "FAIL\t", r"^FAIL\t\S+(?P<said>)", "test failed"),
    _format("cargo test", "... FAILED", r"^test \S+ \.\.\. FAILED(?P<said>)", "test failed"),
    _format("jest", "●", r"^\s*● (?P<said>).* › ", "test failed"),
    _format("vitest", " FAIL ", r"^\s*FAIL\s+\S+\.(?:test|spec)\.\w+(?P<said>)", "test failed"),
    _format("jest", "FAIL ", r"^FAIL \S+\.(?:test|spec)\.\w+(?P<said>)", "test failed"),
    _format("bun test", "(fail)", r"^\(fail\)(?P<said>)", "test failed"),
    _format("unittest", "FAILED (", r"^FAILED \((?P<said>)(?:failures|errors)=", "test failed"),
    _format("playwright test", "passed (", r"^\s+\d+ failed$(?P<said>)", "test failed"),
    _format("rspec", "examples, ", r"\d+ examples, \d+ failures?(?P<said>)", "test failed"),
    _format("phpunit", "FAILURES!", r"^FAILURES!(?P<said>)", "test failed"),
    _format("junit", "Tests run:", r"Tests run: \d+, Failures: [1-9](?P<said>)", "test failed"),

    # What guards a commit.
    _format("pre-commit", "- hook id: ", r"^- hook id: (?P<code>[\w-]+)"),
    _format("lint-staged", "✖ ", r"^\s*(?:\[FAILED\]|✖) (?P<code>[\w@/-]+)[^\n]*:$"),
)
# fmt: on
