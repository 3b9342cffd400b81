"""Every rule knows its text and leaves a near one alone; no rule hides behind another."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from waste_assets.detectors.cause_rules import CAUSES, RULES
from waste_assets.detectors.causes import attempt_of, rule_of


class Case(NamedTuple):
    """A failed call: its tool, the result, and the command line of a shell call."""

    tool: str
    result: str
    line: str = ""


def sh(line: str, result: str) -> Case:
    """A failed Bash call."""
    return Case("Bash", result, line)


#: By rule: what it must match, and a near miss that it must not.
CASES: dict[str, tuple[Case, Case]] = {
    "sibling_cancelled/sibling@1": (
        Case("Read", "<tool_use_error>Sibling tool call errored</tool_use_error>"),
        sh("cat notes.md", "Exit code 1\nnotes: Sibling tool call errored"),
    ),
    "permission/rejected@1": (
        Case("Edit", "The user doesn't want to proceed with this tool use. STOP what you are"),
        sh("./ask", "Exit code 1\nlog: The user doesn't want to proceed with this tool use"),
    ),
    "permission/interrupted@1": (
        Case("Task", "[Request interrupted by user for tool use]"),
        Case("Task", "Agent ended: [Request interrupted by user]"),
    ),
    "permission/kept_planning@1": (
        Case("ExitPlanMode", "User chose to stay in plan mode and continue planning"),
        Case("ExitPlanMode", "You are not in plan mode."),
    ),
    "api_error/no_classifier@1": (
        sh("rm -r x", "some-model is temporarily unavailable, so auto mode cannot determine it"),
        sh("curl -s host", "Exit code 1\nservice is temporarily unavailable"),
    ),
    "permission/rule@1": (
        sh("git push", "Permission to use Bash with command git push has been denied."),
        sh("psql", "Exit code 1\nERROR: Permission to use this table denied"),
    ),
    "permission/hook@1": (
        sh("rm -rf /", "PreToolUse:Bash hook error: [guard.py]: BLOCKED: dangerous"),
        sh("git commit", "Exit code 1\nPreToolUse is not set, hook error"),
    ),
    "permission/sandbox@1": (
        sh("touch /etc/x", "Exit code 1\ntouch: blocked by sandbox"),
        sh("pytest", "Exit code 1\nFAILED test_a.py\nsandbox: 3 files were made, then denied"),
    ),
    "api_error/overloaded@1": (
        Case("Task", "API Error: 529 overloaded"),
        sh("pytest", "Exit code 1\nFAILED test_api.py - rate_limit_error not raised"),
    ),
    "api_error/too_long@1": (
        Case("Task", "Prompt is too long"),
        Case("Task", "The reviewer says that the prompt is too long"),
    ),
    "missing_tool/no_such_tool@1": (
        Case("mcp__docs__find", "<tool_use_error>Error: No such tool available: mcp__docs__find"),
        Case("Task", "The agent says: No such tool available"),
    ),
    "missing_tool/no_such_skill@1": (
        Case("Skill", "<tool_use_error>Unknown skill: deploy</tool_use_error>"),
        Case("Skill", "Skill deploy failed: Unknown skill"),
    ),
    "missing_tool/skill_refused@1": (
        Case("Skill", "<tool_use_error>Skill deploy cannot be used by the model"),
        Case("Skill", "The skill deploy is not there"),
    ),
    "missing_tool/no_such_agent@1": (
        Case("Task", "Agent type 'tester' not found. Available agents: Explore"),
        Case("Task", "The agent reports: type 'tester' not found"),
    ),
    "missing_tool/no_such_task@1": (
        Case("TaskOutput", "<tool_use_error>No task found with ID: b12</tool_use_error>"),
        Case("TaskOutput", "The log says: No task found"),
    ),
    "missing_tool/bad_input@1": (
        Case("Grep", "<tool_use_error>InputValidationError: Grep failed: unexpected parameter"),
        sh("pytest", "Exit code 1\nFAILED - InputValidationError: name"),
    ),
    "missing_tool/server_down@1": (
        Case("mcp__tickets__get", "MCP error -32000: Connection closed"),
        Case("mcp__playwright__browser_click", "MCP error -32000: Connection closed"),
    ),
    "environment/harness_gone@1": (
        Case("Grep", "ENOENT: no such file or directory, posix_spawn '/opt/claude/rg'"),
        sh("node a.js", "Exit code 1\nError: spawn rg ENOENT"),
    ),
    "environment/spawn@1": (
        sh("ls", "Exit code 254\nbash: fork: Resource temporarily unavailable"),
        sh("git log", "Exit code 1\nfork of this repository: none"),
    ),
    "environment/disk_full@1": (
        sh("make", "Exit code 2\ncp: No space left on device"),
        sh("make", "Exit code 2\nerror: no space between words"),
    ),
    "file_precondition/not_read@1": (
        Case("Edit", "<tool_use_error>File has not been read yet. Read it first"),
        sh("./lint", "Exit code 1\nFile has not been read yet"),
    ),
    "file_precondition/modified@1": (
        Case("Edit", "File has been modified since read, either by the user or by a linter."),
        sh("make", "Exit code 2\nFile has been modified since read"),
    ),
    "file_precondition/no_match@1": (
        Case("Edit", "<tool_use_error>String to replace not found in file.\nString: a"),
        sh("./replace", "Exit code 1\nString to replace not found in file."),
    ),
    "file_precondition/not_unique@1": (
        Case("Edit", "<tool_use_error>Found 3 matches of the string to replace, but"),
        Case("Edit", "<tool_use_error>Found matches in 3 files"),
    ),
    "file_precondition/no_change@1": (
        Case("Edit", "No changes to make: old_string and new_string are exactly the same."),
        Case("Edit", "<tool_use_error>old_string is empty"),
    ),
    "file_precondition/no_such_file@1": (
        Case("Read", "<tool_use_error>File does not exist.</tool_use_error>"),
        sh("cat a.py", "Exit code 1\ncat: a.py: No such file or directory"),
    ),
    "file_precondition/is_directory@1": (
        Case("Read", "EISDIR: illegal operation on a directory, read '/src'"),
        sh("node a.js", "Exit code 1\nError: EISDIR: illegal operation on a directory"),
    ),
    "file_precondition/too_large@1": (
        Case("Read", "File content (30070 tokens) exceeds maximum allowed tokens (25000)."),
        sh("pytest", "Exit code 1\nFAILED - exceeds maximum allowed tokens"),
    ),
    "permission/file_mode@1": (
        Case("Write", "EACCES: permission denied, open '/etc/hosts'"),
        Case("Write", "<tool_use_error>permission is needed"),
    ),
    "file_precondition/other@1": (
        Case("Edit", "<tool_use_error>Cannot edit this kind of file</tool_use_error>"),
        Case("AskUserQuestion", "<tool_use_error>Cannot ask here</tool_use_error>"),
    ),
    "browser_playwright/in_use@1": (
        Case("mcp__playwright__browser_navigate", "Error: Browser is already in use for /cache"),
        Case("mcp__docs__find", "Browser is already in use"),
    ),
    "browser_playwright/bad_call@1": (
        Case("mcp__playwright__browser_file_upload", "Error: a.txt is outside allowed roots"),
        Case("mcp__playwright__browser_file_upload", "### Error\nTimeoutError: upload"),
    ),
    "browser_playwright/failed@1": (
        Case("mcp__My_Chrome__click", "### Error\nTimeoutError: locator.click: Timeout 5000ms"),
        Case("mcp__docs__find", "TimeoutError: 5000ms"),
    ),
    "web_wall/refused@1": (
        Case("WebFetch", "Request failed with status code 403"),
        Case("WebFetch", "Request failed with status code 404"),
    ),
    "stale_auth/web@1": (
        Case("WebFetch", "Request failed with status code 401"),
        Case("WebFetch", "Request failed with status code 4010"),
    ),
    "other/http_404@1": (
        Case("WebFetch", "Request failed with status code 404"),
        Case("WebFetch", "Request failed with status code 403"),
    ),
    "timeout/web@1": (
        Case("WebFetch", "timeout of 60000ms exceeded"),
        Case("WebFetch", "time to give up"),
    ),
    "environment/network@1": (
        Case("WebFetch", "getaddrinfo ENOTFOUND docs.example.org"),
        sh("curl docs", "Exit code 6\ncurl: (6) Could not resolve host: docs"),
    ),
    "stale_auth/mcp@1": (
        Case("mcp__tickets__get", "Unauthorized: token expired"),
        Case("mcp__tickets__get", "Ticket 4011 is closed"),
    ),
    "timeout/mcp@1": (
        Case("mcp__tickets__get", "MCP error -32001: Request timed out"),
        Case("mcp__playwright__browser_click", "Request timed out"),
    ),
    "timeout/hanging@1": (
        sh("curl http://localhost:8000/x", "Exit code 143\nCommand timed out after 2m 0s"),
        sh("go test ./...", "Exit code 143\nCommand timed out after 2m 0s"),
    ),
    "timeout/too_short@1": (
        sh("make bench", "Exit code 143\nCommand timed out after 2m 0s"),
        sh("make bench", "Exit code 2\nbench: a command timed out after 2 tries"),
    ),
    "file_precondition/no_such_folder@1": (
        sh("cd web && npm run build", "Exit code 1\nbash: line 1: cd: web: No such file or dir"
           "ectory"),
        sh("cat web/a.js", "Exit code 1\ncat: web/a.js: No such file or directory"),
    ),
    "probe_negative/has_program@2": (
        sh("which ruby node", "Exit code 1\nruby not found: no ruby in (/bin)"),
        sh("ruby --version", "Exit code 127\nbash: line 1: ruby: command not found"),
    ),
    "probe_negative/has_module@1": (
        sh('python3 -c "import torch; print(1)"', "Exit code 1\nModuleNotFoundError: torch"),
        sh("python3 train.py", "Exit code 1\nModuleNotFoundError: No module named 'torch'"),
    ),
    "platform_confusion/no_toolchain@1": (
        sh("docker ps -q | wc", "Exit code 127\n(eval):1: command not found: docker"),
        sh("tree .", "Exit code 127\n(eval):1: command not found: tree"),
    ),
    "platform_confusion/no_program@2": (
        sh("tree -L 2", "Exit code 127\nbash: line 1: tree: command not found"),
        sh("./run.sh", "Exit code 127\nbash: line 1: ./run.sh: No such file or directory"),
    ),
    "platform_confusion/flags@1": (
        sh("cat -A a.txt", "Exit code 1\ncat: illegal option -- A\nusage: cat [-belnstuv]"),
        sh("mytool -A", "Exit code 2\nunknown flag: -A"),
    ),
    "platform_confusion/path_style@1": (
        sh("type C:/a", "Exit code 1\nThe system cannot find the path specified."),
        sh("./a", "Exit code 1\ncannot find a way"),
    ),
    "platform_confusion/quoting@1": (
        sh("jq '.a \\!= 1' f", "Exit code 3\njq: error: syntax error (Unix shell quoting issues?)"),
        sh("jq '.a ! 1' f", "Exit code 3\njq: error: syntax error, unexpected"),
    ),
    "command_precondition/index_locked@1": (
        sh("git add a", "Exit code 128\nfatal: Unable to create '.git/index.lock': File exists."),
        sh("rm .git/index.lock", "Exit code 1\nrm: .git/index.lock: No such file or directory"),
    ),
    "environment/signing_agent@1": (
        sh("git commit -m x", "Exit code 128\nerror: gpg failed to sign the data"),
        sh("git commit -m x", "Exit code 1\nhusky - pre-commit script failed (code 1)"),
    ),
    "build_or_test/report@1": (
        sh("go test ./...", "Exit code 1\n--- FAIL: TestLogin (0.01s)\nFAIL"),
        sh("grep -c FAIL run.log", "Exit code 1\n0"),
    ),
    "probe_negative/no_wildcard_match@1": (
        sh("ls docs/*draft* 2>/dev/null", "Exit code 1\n(eval):1: no matches found: docs/*draft*"),
        sh("gh api repos/a/b?per_page=9", "Exit code 1\n(eval):1: no matches found: repos/a/b?"),
    ),
    "platform_confusion/unquoted_wildcard@1": (
        sh("gh api repos/a/b?per_page=9", "Exit code 1\n(eval):1: no matches found: repos/a/b?"),
        sh("ls docs/*draft*", "Exit code 1\n(eval):1: no matches found: docs/*draft*"),
    ),
    "probe_negative/no_pull_request@1": (
        sh("gh pr view --json url", 'Exit code 1\nno pull requests found for branch "x"'),
        sh("gh pr view --jsn url", "Exit code 1\nunknown flag: --jsn"),
    ),
    "build_or_test/checks_failed@1": (
        sh("gh pr checks 7", "Exit code 1\nE2E\tfail\t3m\thttps://ci\nLint\tpass\t9s\thttps://ci"),
        sh("gh pr checks 7", "Exit code 8\nE2E\tpending\t0\thttps://ci"),
    ),
    "other/pending@1": (
        sh("sleep 60 && gh pr checks 7", "Exit code 8\nE2E\tpending\t0\thttps://ci"),
        sh("gh pr list", "Exit code 1\npending: none"),
    ),
    "stale_auth/shell@2": (
        sh("ssh -i key a@b ls", "Exit code 255\na@b: Permission denied (publickey)."),
        sh("ls /root", "Exit code 2\nls: cannot open directory '/root': Permission denied"),
    ),
    "web_wall/shell@1": (
        sh("gh api x", "Exit code 1\ngh: API rate limit exceeded (HTTP 403)"),
        sh("gh api x", "Exit code 1\ngh: Not Found (HTTP 404)"),
    ),
    "environment/no_service@1": (
        sh("psql -c 'select 1'", "Exit code 2\ncould not connect to server: Connection refused"),
        sh("psql -c 'select'", "Exit code 1\nERROR: syntax error"),
    ),
    "environment/no_answer@1": (
        sh("curl -s http://localhost:3000/x", "Exit code 7"),
        sh("grep -q x y", "Exit code 7"),
    ),
    "command_precondition/locked@1": (
        sh("bd ready", "Exit code 1\nError: database is locked"),
        sh("bd ready", "Exit code 1\nError: the list is locked"),
    ),
    "permission/not_allowed@1": (
        sh("cp a /usr/bin", "Exit code 1\ncp: /usr/bin/a: Permission denied"),
        sh("cp a /usr/bim", "Exit code 1\ncp: /usr/bim: No such file or directory"),
    ),
    "command_precondition/not_trusted@1": (
        sh("mise run fmt", "Exit code 1\nmise ERROR Config files in mise.toml are not trusted."),
        sh("mise run fmt", "Exit code 1\nmise ERROR no task fmt found"),
    ),
    "build_or_test/own_program@1": (
        sh("go build -o /tmp/app . && /tmp/app serve", "Exit code 1\nbad port"),
        sh("/tmp/app serve", "Exit code 1\nbad port"),
    ),
    "command_precondition/wrong_place@1": (
        sh("go build ./...", "Exit code 1\npattern ./...: directory prefix . does not contain main"
           " module or its selected dependencies"),
        sh("go build ./...", "Exit code 1\na.go:3:1: undefined: x"),
    ),
    "command_precondition/no_such_script@1": (
        sh("npm run lnt", 'Exit code 1\nnpm error Missing script: "lnt"'),
        sh("npm run lint", "Exit code 1\nsrc/a.ts:3:1: missing semicolon"),
    ),
    "command_precondition/wrong_flag@1": (
        sh("gh pr diff 4 --stat", "Exit code 1\nunknown flag: --stat"),
        sh("gh pr diff 4", "Exit code 1\nno diff"),
    ),
    "command_precondition/bad_request@1": (
        sh("gh api graphql -f query=x", "Exit code 1\ngh: Field 'a' doesn't accept argument 'b'"),
        sh("gh api graphql -f query=x", "Exit code 1\ngh: Not Found (HTTP 404)"),
    ),
    "command_precondition/bad_filter@1": (
        sh("cat a.json | jq '.a['", "Exit code 3\njq: error: syntax error, unexpected end of file"),
        sh("./jq-tests", "Exit code 1\n2 of 9 went wrong"),
    ),
    "command_precondition/bad_script@1": (
        sh("python3 -c 'print('", 'Exit code 1\n  File "<string>", line 1\nSyntaxError: eof'),
        sh("python3 tool.py", 'Exit code 1\n  File "tool.py", line 1\nSyntaxError: eof'),
    ),
    "command_precondition/remote@1": (
        sh("mytool sync", "Exit code 1\ncould not find 'origin' remote: remote not found"),
        sh("mytool sync", "Exit code 1\nremote is slow"),
    ),
    "environment/no_module@1": (
        sh("python train.py", "Exit code 1\nModuleNotFoundError: No module named 'torch'"),
        sh("python -m pytest", "Exit code 1\nModuleNotFoundError: No module named 'shop'"),
    ),
    "command_precondition/ignored_path@1": (
        sh("git add docs", "Exit code 1\nThe following paths are ignored by one of your "
           ".gitignore files:\ndocs"),
        sh("git add dosc", "Exit code 128\nfatal: pathspec 'dosc' did not match any files"),
    ),
    "command_precondition/exists@1": (
        sh("git checkout -b x", "Exit code 128\nfatal: a branch named 'x' already exists"),
        sh("make", "Exit code 2\nx already exists"),
    ),
    "command_precondition/conflict@1": (
        sh("git merge main", "Exit code 1\nCONFLICT (content): Merge conflict in a.py"),
        sh("git merge mian", "Exit code 1\nmerge: mian - not something we can merge"),
    ),
    "command_precondition/push_rejected@1": (
        sh("git push", "Exit code 1\n ! [rejected] main -> main (fetch first)"),
        sh("git push", "Exit code 1\nhook id: lint\nlint failed"),
    ),
    "file_precondition/no_such_revision@1": (
        sh("git diff src/a.py", "Exit code 128\nfatal: ambiguous argument 'src/a.py': unknown "
           "revision or path not in the working tree."),
        sh("go mod tidy", "Exit code 1\ngo: reading lib@v9: unknown revision v9"),
    ),
    "file_precondition/part_missing@1": (
        sh("cat .gitignore web/.gitignore 2>/dev/null", "Exit code 1\nnode_modules"),
        sh("cat .gitignore web/.gitignore", "Exit code 1\ncat: web/.gitignore: No such file or "
           "directory"),
    ),
    "probe_negative/listing@1": (
        sh("ls -la commands/", "Exit code 2\nls: cannot access 'commands/': No such file or "
           "directory"),
        sh("grep -n x cli/a.py", "Exit code 2\ngrep: cli/a.py: No such file or directory"),
    ),
    "probe_negative/silent@1": (
        sh("grep -rn needle src", "Exit code 1"),
        sh("./needle", "Exit code 1"),
    ),
    "probe_negative/exit_1@1": (
        sh("git log --oneline | tail -3; pgrep -l server", "Exit code 1\nabc first"),
        sh("git log --oneline | tail -3; ./server", "Exit code 1\nabc first"),
    ),
    "probe_negative/hushed@1": (
        sh("echo one; ls build/ 2>/dev/null | tail -1", "Exit code 3\none"),
        sh("echo one; ./build 2>/dev/null", "Exit code 3\none"),
    ),
    "file_precondition/no_such_path@1": (
        sh("grep -n x web/a.js", "Exit code 2\ngrep: web/a.js: No such file or directory"),
        sh("grep -n x web/a.js", "Exit code 1"),
    ),
    "build_or_test/command@1": (
        sh("mise run test", "Exit code 1\nsomething went wrong"),
        sh("mytool run it", "Exit code 1\nsomething went wrong"),
    ),
    "file_precondition/missing@1": (
        sh("echo a > web/.env", "Exit code 1\n(eval):1: no such file or directory: web/.env"),
        sh("echo a > web/.env", "Exit code 1\n(eval):1: file exists: web/.env"),
    ),
    "build_or_test/script@1": (
        sh("python tool.py", 'Exit code 1\nTraceback (most recent call last):\n  File "tool.py"'),
        sh("mytool", "Exit code 1\nTraceback (most recent call last):"),
    ),
}  # fmt: skip


#: The same on other platforms and with other tools: what a rule must match, and what it must not.
ELSEWHERE: list[tuple[str, Case, Case]] = [
    (
        "probe_negative/has_program@2",
        Case("PowerShell", "Exit code 1\nThe term 'tree' is not recognized as a name of a cmdlet",
             "Get-Command tree"),
        Case("PowerShell", "Exit code 1\nThe term 'tree' is not recognized as a name of a cmdlet",
             "tree /f"),
    ),
    (
        "probe_negative/has_program@2",
        sh("where.exe ruby", "Exit code 1\nINFO: Could not find files for the given pattern(s)."),
        sh("./where-is-it", "Exit code 1\nCould not find files"),
    ),
    (
        "platform_confusion/no_program@2",
        sh("tree -L 2", "Exit code 127\nfish: Unknown command: tree"),
        sh("mytool tree", "Exit code 2\nUnknown command: tree"),
    ),
    (
        "platform_confusion/no_program@2",
        sh("tree -L 2", "Exit code 2\nash: tree: not found"),
        sh("mytool fetch", "Exit code 2\nmytool: branch: not found"),
    ),
    (
        "stale_auth/shell@2",
        sh("aws s3 ls", "Exit code 253\nUnable to locate credentials. Run \"aws configure\"."),
        sh("aws s3 ls", "Exit code 252\nUnable to locate the bucket"),
    ),
    (
        "stale_auth/shell@2",
        sh("az vm list", "Exit code 1\nERROR: Please run 'az login' to setup account."),
        sh("mytool up", "Exit code 1\nno field topaz login"),
    ),
    (
        "stale_auth/shell@2",
        sh("docker pull shop", "Exit code 1\nunauthorized: authentication required"),
        sh("curl -f host", "Exit code 22\nauthentication required: no"),
    ),
]  # fmt: skip


def rule_for(case: Case) -> str:
    """The id of the rule that knows a call."""
    return rule_of(attempt_of(*case)).id


def test_every_rule_has_its_cases() -> None:
    """None is untested, and none of the tests is of a rule that is gone."""
    assert [*dict.fromkeys(rule.id for rule in RULES)] == [
        *dict.fromkeys(rule.id for rule in RULES if rule.id in CASES)
    ]
    assert CASES.keys() <= {rule.id for rule in RULES}


@pytest.mark.parametrize("rule", CASES)
def test_a_rule_knows_its_text(rule: str) -> None:
    """Also among all the others: no rule before it takes it away."""
    assert rule_for(CASES[rule][0]) == rule


@pytest.mark.parametrize("rule", CASES)
def test_a_rule_leaves_a_near_miss_alone(rule: str) -> None:
    """What is nearly the text of a rule belongs to another rule, or to none."""
    assert rule_for(CASES[rule][1]) != rule


@pytest.mark.parametrize(("rule", "known", "other"), ELSEWHERE)
def test_a_rule_knows_other_platforms_and_tools(rule: str, known: Case, other: Case) -> None:
    assert rule_for(known) == rule
    assert rule_for(other) != rule


def test_rules_are_of_known_causes() -> None:
    """Every family that exists is known by some rule, and no rule is of another."""
    assert {rule.cause for rule in RULES} == set(CAUSES)
