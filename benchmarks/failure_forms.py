"""Failed calls as programs word them: known causes, many forms of each, Zipf sizes, one-off noise.

A form is a tool, a command (of shell calls) and a result, with slots for what differs from one
occurrence to the next. `TUNED` are forms that rules may be improved with; `HELD_OUT` were written
after the rules of version 1 were frozen, and no rule was changed because of them: a rule that is
changed after a look at them needs new ones.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass

B = "Bash"
Form = tuple[str, str, str]

TUNED: dict[str, tuple[Form, ...]] = {
    "edit_text_not_found": (
        ("Edit", "", "<tool_use_error>String to replace not found in file.\nString: {word} = {name}({n})</tool_use_error>"),
        ("MultiEdit", "", "String to replace not found in file.\nString: return {name}({word})"),
    ),
    "file_not_read": (
        ("Edit", "", "<tool_use_error>File has not been read yet. Read it first before writing to it.</tool_use_error>"),
        ("Write", "", "File has not been read yet. Read it first before writing to it."),
    ),
    "path_guessed": (
        ("Read", "", "<tool_use_error>File does not exist. Note: your current working directory is {path}.</tool_use_error>"),
        ("Read", "", "ENOENT: no such file or directory, open '{path}'"),
    ),
    "red_pytest": (
        (B, "pytest -q {path}", "Exit code 1\nF\n=== FAILURES ===\n{path}:{n}: in {name}\nE   AssertionError: assert {n} == {n}\nFAILED {file}::{name} - AssertionError: assert {n}\n{n} failed in {n}.{n}s"),
        (B, "python -m pytest", "Exit code 1\nE   assert {n} == {n}\nE   AssertionError\n{n} failed, {n} passed"),
    ),
    "red_go_test": (
        (B, "go test ./...", "Exit code 1\n--- FAIL: {Name} (0.{n}s)\n    {word}_test.go:{n}: got {n}, want {n}\nFAIL\nFAIL\t{host}/{word}\t0.{n}s"),
        (B, "go test -run {Name} ./{word}", "Exit code 1\n=== RUN   {Name}\n    {word}_test.go:{n}: unexpected {word}\n--- FAIL: {Name} (0.0{n}s)\nFAIL"),
    ),
    "type_error_ts": (
        (B, "npx tsc --noEmit", "Exit code 2\n{tsfile}({n},{n}): error TS2322: Type '{word}' is not assignable to type '{Name}'."),
        (B, "npm run typecheck", "Exit code 2\n\n> {word}@1.{n}.0 typecheck\n> tsc --noEmit\n\n{tsfile}({n},{n}): error TS2322: Type '{Name}' is not assignable to type '{word}'."),
    ),
    "unused_import_go": (
        (B, "go build ./...", "Exit code 1\n# {host}/{word}\n{word}.go:{n}:{n}: \"{word}\" imported and not used"),
        (B, "go vet ./...", "Exit code 1\n# {host}/{word}\n{word}/{word}.go:{n}:{n}: \"{word}/{word}\" imported and not used"),
    ),
    "no_python_module": (
        (B, "python3 {file}", "Exit code 1\nTraceback (most recent call last):\n  File \"{path}\", line {n}, in <module>\n    import {word}\nModuleNotFoundError: No module named '{word}'"),
        (B, "python {file} --{word}", "Exit code 1\nTraceback (most recent call last):\n  File \"{file}\", line {n}, in <module>\n    from {word}.{word} import {Name}\nModuleNotFoundError: No module named '{word}.{word}'"),
    ),
    "connection_refused": (
        (B, "curl -s http://localhost:{port}/{word}", "Exit code 7\ncurl: (7) Failed to connect to localhost port {port} after {n} ms: Connection refused"),
        (B, "psql -h localhost {word}", "Exit code 2\npsql: error: connection to server at \"localhost\" (127.0.0.1), port {port} failed: Connection refused\n\tIs the server running on that host and accepting TCP/IP connections?"),
    ),
    "docker_down": (
        (B, "docker compose up -d", "Exit code 1\nCannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"),
        (B, "docker ps", "Exit code 1\nERROR: Cannot connect to the Docker daemon at unix://{path}. Is the docker daemon running?"),
    ),
    "port_taken": (
        (B, "npm start", "Exit code 1\nError: listen EADDRINUSE: address already in use :::{port}\n    at Server.setupListenHandle [as _listen2] (node:net:{n}:{n})"),
        (B, "go run ./cmd/{word}", "Exit code 1\n{time} listen tcp :{port}: bind: address already in use\nexit status 1"),
    ),
    "web_refused": (
        ("WebFetch", "", "Request failed with status code 403"),
        ("WebFetch", "", "Error: Request failed with status code 403 for {url}"),
    ),
    "web_gone": (
        ("WebFetch", "", "Request failed with status code 404"),
        ("WebFetch", "", "Error: Request failed with status code 404 for {url}"),
    ),
    "not_logged_in": (
        (B, "gh pr view {n}", "Exit code 4\nTo get started with GitHub CLI, please run:  gh auth login\nAlternatively, populate the GH_TOKEN environment variable"),
        (B, "gh api repos/{word}/{word}", "Exit code 1\ngh: Bad credentials (HTTP 401)\nTry authenticating with:  gh auth login"),
    ),
    "gnu_flag_on_bsd": (
        (B, "sed -i s/a/b/ {path}", "Exit code 1\nsed: 1: \"{path}\": extra characters at the end of {word} command"),
        (B, "sed -i 's/{word}/{word}/' {file}", "Exit code 1\nsed: 1: \"{file}\": command {word} expects \\ followed by text"),
    ),
    "no_such_program": (
        (B, "{word} --list", "Exit code 127\n(eval):1: command not found: {word}"),
        (B, "{word} {path} && {word}", "Exit code 127\nbash: line 1: {word}: command not found"),
    ),
    "gh_flag_unknown": (
        (B, "gh pr list --{word}", "Exit code 1\nunknown flag: --{word}\n\nUsage:  gh pr list [flags]"),
        (B, "gh pr list --{word} {n}", "Exit code 1\nunknown shorthand flag: 'q' in -q{word}\n\nUsage:  gh pr list [flags]"),
    ),
    "branch_conflict": (
        (B, "git merge {word}", "Exit code 1\nAuto-merging {path}\nCONFLICT (content): Merge conflict in {path}\nAutomatic merge failed; fix conflicts and then commit the result."),
        (B, "git rebase main", "Exit code 1\nCONFLICT (modify/delete): {file} deleted in {id} and modified in HEAD.\nerror: could not apply {id}... {word} {word}"),
    ),
    "eslint_unused": (
        (B, "npx eslint src", "Exit code 1\n\n{path}\n  {n}:{n}  error  '{word}' is defined but never used  @typescript-eslint/no-unused-vars\n\n✖ {n} problems ({n} errors, 0 warnings)"),
        (B, "npm run lint", "Exit code 1\n\n> {word}@0.{n}.0 lint\n> eslint .\n\n{path}\n  {n}:{n}  error  '{Name}' is assigned a value but never used  @typescript-eslint/no-unused-vars\n\n✖ 1 problem (1 error, 0 warnings)"),
    ),
    "browser_gone": (
        ("mcp__playwright__browser_click", "", "### Error\nError: locator.click: Target page, context or browser has been closed"),
        ("mcp__playwright__browser_snapshot", "", "Error: page.title: Target page, context or browser has been closed"),
    ),
    "browser_timeout": (
        ("mcp__playwright__browser_navigate", "", "### Error\nTimeoutError: page.goto: Timeout {n}ms exceeded.\nCall log:\n  - navigating to \"{url}\", waiting until \"load\""),
        ("mcp__playwright__browser_click", "", "TimeoutError: locator.click: Timeout {n}ms exceeded.\nCall log:\n  - waiting for locator('{word}')"),
    ),
    "browser_in_use": (
        ("mcp__playwright__browser_navigate", "", "Error: Browser is already in use for {path}, use --isolated to run multiple instances of the same browser"),
        ("mcp__playwright__browser_tabs", "", "### Error\nError: Browser is already in use for {path}, use --isolated to run multiple instances of the same browser"),
    ),
    "user_said_no": (
        ("Edit", "", "The user doesn't want to proceed with this tool use. The tool use was rejected (eg. if it was a file edit, the new_string was NOT written to the file)."),
        (B, "git push", "The user doesn't want to proceed with this tool use. The tool use was rejected. To tell you how to proceed, the user said:\n{word} {word} {word}"),
    ),
    "tool_not_there": (
        ("mcp__linear__get_issue", "", "<tool_use_error>Error: No such tool available: mcp__linear__get_issue</tool_use_error>"),
        ("mcp__linear__list_issues", "", "Error: No such tool available: mcp__linear__list_issues"),
    ),
    "command_too_slow": (
        (B, "npm test", "Command timed out after 2m 0.0s\n{word} {word}"),
        (B, "make all", "Exit code 143\nCommand timed out after {n}m 0.0s"),
    ),
    "disk_full": (
        (B, "docker build .", "Exit code 1\nERROR: failed to solve: write {path}: no space left on device\nNo space left on device"),
        (B, "npm ci", "Exit code 228\nnpm error code ENOSPC\nnpm error syscall write\nnpm error errno -28"),
    ),
    "no_such_table": (
        (B, "psql -c 'select 1 from {word}'", "Exit code 1\nERROR:  relation \"{word}\" does not exist\nLINE 1: select {n} from {word}"),
        (B, "sqlite3 {word}.db 'select {n}'", "Exit code 1\nError: in prepare, no such table: {word}"),
    ),
    "push_refused": (
        (B, "git push", "Exit code 1\nTo {url}\n ! [rejected]        {word} -> {word} (fetch first)\nerror: failed to push some refs to '{url}'"),
        (B, "git push origin {word}", "Exit code 1\nTo github.com:{word}/{word}.git\n ! [rejected]        {word} -> {word} (non-fast-forward)\nerror: failed to push some refs"),
    ),
}  # fmt: skip
HELD_OUT: dict[str, tuple[Form, ...]] = {
    "edit_text_not_found": (
        ("Edit", "", "String not found in file. Failed to apply edit.\n{word} {word}: {n}"),
        ("Edit", "", "<tool_use_error>String to replace not found in file.\nString:     if {word} is None:\n        raise {Name}({n})</tool_use_error>"),
    ),
    "file_not_read": (
        ("NotebookEdit", "", "<tool_use_error>File has not been read yet. Read it first before writing to it.</tool_use_error>"),
        ("MultiEdit", "", "Error: File has not been read yet. Use the Read tool on {path} first."),
    ),
    "path_guessed": (
        ("Read", "", "File does not exist. Did you mean {file}?"),
        ("Grep", "", "Path does not exist: {path}. Note: your current working directory is {path}."),
    ),
    "red_pytest": (
        (B, "uv run pytest -x", "Exit code 1\n{file}:{n}: in {name}\n    assert {word}.{name}() == {n}\nE   AssertionError: assert '{word}' == '{word}'\n!!!!! stopping after 1 failures !!!!!"),
        (B, "poetry run pytest tests/{word} -k {word}", "Exit code 1\n=== short test summary info ===\nFAILED {file}::{Name}::{name} - AssertionError\n=== {n} failed, {n} deselected in {n}.{n}s ==="),
    ),
    "red_go_test": (
        (B, "cd {word} && go test -race ./... 2>&1 | tail -30", "Exit code 1\nok  \t{host}/{word}\t0.{n}s\n    --- FAIL: {Name}/{word}_{word} (0.00s)\n        {word}_test.go:{n}: Error Trace:\nFAIL\t{host}/{word}/{word}\t{n}.{n}s"),
        (B, "make test", "Exit code 2\ngo test ./...\n--- FAIL: {Name} (1.{n}s)\n    {word}_test.go:{n}: {word} mismatch (-want +got)\nFAIL\nmake: *** [Makefile:{n}: test] Error 1"),
    ),
    "type_error_ts": (
        (B, "pnpm exec tsc -p {word}", "Exit code 1\n{tsfile}:{n}:{n} - error TS2322: Type '{Name}<{word}>' is not assignable to type 'never'.\n\n{n}   const {word} = {name};"),
        (B, "bun run build", "Exit code 1\n$ tsc && vite build\n{tsfile}({n},{n}): error TS2322: Type 'undefined' is not assignable to type 'string'."),
    ),
    "unused_import_go": (
        (B, "go test ./{word}", "Exit code 1\n# {host}/{word} [{host}/{word}.test]\n{word}/{word}_test.go:{n}:{n}: \"{word}\" imported and not used\nFAIL\t{host}/{word} [build failed]"),
        (B, "make build", "Exit code 2\ngo build -o bin/{word} .\n# {host}/{word}\n./{word}.go:{n}:{n}: \"encoding/{word}\" imported as {word} and not used\nmake: *** [build] Error 1"),
    ),
    "no_python_module": (
        (B, "uv run python {file}", "Exit code 1\nTraceback (most recent call last):\n  File \"{path}\", line {n}, in <module>\n    import {word} as {word}\nModuleNotFoundError: No module named '{word}'\n\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  File \"{path}\", line {n}, in {name}\nModuleNotFoundError: No module named '{word}.{word}'"),
        (B, "python3 scripts/{word}.py {n}", "Exit code 1\nTraceback (most recent call last):\n  File \"scripts/{word}.py\", line {n}, in <module>\n    import {word}\nModuleNotFoundError: No module named '{word}'"),
    ),
    "connection_refused": (
        (B, "curl -fsS http://127.0.0.1:{port}/health", "Exit code 7\ncurl: (7) Couldn't connect to server\ncurl: (7) Failed to connect to 127.0.0.1 port {port}: Connection refused"),
        (B, "redis-cli -p {port} ping", "Exit code 1\nCould not connect to Redis at 127.0.0.1:{port}: Connection refused"),
    ),
    "docker_down": (
        (B, "docker build -t {word} .", "Exit code 1\nERROR: Cannot connect to the Docker daemon at unix://{path}/docker.sock. Is the docker daemon running?"),
        (B, "docker-compose run {word}", "Exit code 1\nunable to get image '{word}:{n}': Cannot connect to the Docker daemon at tcp://{host}:{port}. Is the docker daemon running?"),
    ),
    "port_taken": (
        (B, "python3 -m http.server {port}", "Exit code 1\nTraceback (most recent call last):\n  File \"{path}\", line {n}, in server_bind\n    self.socket.bind(self.server_address)\nOSError: [Errno 98] Address already in use"),
        (B, "docker run -p {port}:{port} {word}", "Exit code 125\ndocker: Error response from daemon: driver failed programming external connectivity on endpoint {word} ({id}): Bind for 0.0.0.0:{port} failed: address already in use."),
    ),
    "web_refused": (
        ("WebFetch", "", "Unable to fetch {url}: Request failed with status code 403"),
        ("WebFetch", "", "HTTP error: status code 403 Forbidden"),
    ),
    "web_gone": (
        ("WebFetch", "", "Unable to fetch page: Request failed with status code 404"),
        ("WebFetch", "", "AxiosError: Request failed with status code 404"),
    ),
    "not_logged_in": (
        (B, "gh run list", "Exit code 1\nHTTP 401: Bad credentials (https://api.github.com/graphql)\nTry authenticating with:  gh auth login"),
        (B, "gh repo clone {word}/{word}", "Exit code 4\nYou are not logged into any GitHub hosts. To log in, run: gh auth login"),
    ),
    "gnu_flag_on_bsd": (
        (B, "sed -i '/{word}/d' {path}", "Exit code 1\nsed: 1: \"{path}\": invalid command code {word}"),
        (B, "sed -i -e 1d {file}; sed -i {n}d {file}", "Exit code 1\nsed: 1: \"{file}\": unterminated substitute in regular expression"),
    ),
    "no_such_program": (
        (B, "{word} run {word}", "Exit code 127\nzsh:1: command not found: {word}"),
        (B, "./{word}.sh", "Exit code 127\n./{word}.sh: line {n}: {word}: command not found"),
    ),
    "gh_flag_unknown": (
        (B, "cd {path} && gh pr list --{word}={word}", "Exit code 1\nunknown flag: --{word}\n\nUsage:  gh pr list [flags]\n\nFlags:\n  -A, --author string"),
        (B, "gh pr list -{word} | head -5", "Exit code 1\nunknown shorthand flag: '{word}' in -{word}\nUsage:  gh pr list [flags]"),
    ),
    "branch_conflict": (
        (B, "git pull", "Exit code 1\nFrom {url}\n   {id}..{id}  main -> origin/main\nAuto-merging {file}\nCONFLICT (add/add): Merge conflict in {file}\nAutomatic merge failed; fix conflicts and then commit the result."),
        (B, "git cherry-pick {id}", "Exit code 1\nerror: could not apply {id}... {word}: {word}\nhint: After resolving the conflicts, mark them with\nCONFLICT (content): Merge conflict in {path}"),
    ),
    "eslint_unused": (
        (B, "pnpm lint", "Exit code 1\n\n{path}\n  {n}:{n}  error  '{name}' is defined but never used. Allowed unused vars must match /^_/u  @typescript-eslint/no-unused-vars\n\n✖ {n} problems ({n} errors, {n} warnings)"),
        (B, "yarn eslint {path} --max-warnings 0", "Exit code 1\n{path}\n   {n}:{n}  error  '{word}' is assigned a value but never used  @typescript-eslint/no-unused-vars\nerror Command failed with exit code 1."),
    ),
    "browser_gone": (
        ("mcp__playwright__browser_evaluate", "", "### Error\nError: page.evaluate: Target page, context or browser has been closed\nCall log:\n  - {word}"),
        ("mcp__puppeteer__puppeteer_click", "", "Protocol error (Runtime.callFunctionOn): Target closed"),
    ),
    "browser_timeout": (
        ("mcp__playwright__browser_wait_for", "", "### Error\nTimeoutError: locator.waitFor: Timeout {n}ms exceeded.\nCall log:\n  - waiting for getByText('{word}') to be visible"),
        ("mcp__puppeteer__puppeteer_navigate", "", "Navigation timeout of {n} ms exceeded"),
    ),
    "browser_in_use": (
        ("mcp__playwright__browser_snapshot", "", "### Result\nError: Browser is already in use for {path}, use --isolated to run multiple instances of the same browser"),
        ("mcp__playwright__browser_resize", "", "Error: browserType.launchPersistentContext: Browser is already in use for {path}"),
    ),
    "user_said_no": (
        ("Write", "", "The user doesn't want to proceed with this tool use. The tool use was rejected. STOP what you are doing and wait for the user."),
        ("ExitPlanMode", "", "The user doesn't want to proceed with this tool use. The tool use was rejected. The user provided the following reason:\n{word} {word}"),
    ),
    "tool_not_there": (
        ("mcp__linear__save_comment", "", "Error: No such tool available: mcp__linear__save_comment"),
        ("mcp__linear__list_teams", "", "<tool_use_error>Error: No such tool available: mcp__linear__list_teams. {word} {word}</tool_use_error>"),
    ),
    "command_too_slow": (
        (B, "python {file}", "Command timed out after {n}m 0.0s\nloading {word}"),
        (B, "cargo build --release", "Exit code 143\nCommand timed out after 10m 0.0s\n   Compiling {word} v0.{n}.0"),
    ),
    "disk_full": (
        (B, "cargo build", "Exit code 101\nerror: failed to write {path}: No space left on device (os error 28)"),
        (B, "pip install {word}", "Exit code 1\nERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"),
    ),
    "no_such_table": (
        (B, "python manage.py shell -c 'x'", "Exit code 1\ndjango.db.utils.OperationalError: no such table: {word}_{word}"),
        (B, "psql {word} -f {word}.sql", "Exit code 3\npsql:{word}.sql:{n}: ERROR:  relation \"{word}.{word}\" does not exist"),
    ),
    "push_refused": (
        (B, "git push -u origin HEAD", "Exit code 1\nremote: Resolving deltas: 100% ({n}/{n})\n ! [rejected]        HEAD -> {word} (non-fast-forward)\nerror: failed to push some refs to '{url}'\nhint: Updates were rejected because the tip of your current branch is behind"),
        (B, "git push --tags", "Exit code 1\nTo {url}\n ! [rejected]        v{n}.{n} -> v{n}.{n} (fetch first)\nhint: Updates were rejected because the remote contains work that you do not have locally."),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Occurrence:
    """A failed call and why it failed; noise is a cause of its own."""

    cause: str
    tool: str
    command: str
    result: str


_SYLLABLES = (
    "ba be bi bo bu ca ce co da de di do fa fe fi fo ga go ha he ho ka ke la le li lo lu ma me mi "
    "mo na ne ni no pa pe pi po ra re ri ro sa se si so ta te ti to va ve vi vo wa we za zo"
).split()
_SLOT = re.compile(r"\{(\w+)\}")


def occurrences(
    forms: dict[str, tuple[Form, ...]], count: int, seed: int, *, noise: float = 0.1
) -> Iterator[Occurrence]:
    """So many failed calls: causes in sizes after Zipf, forms evenly, some that occur once."""
    rng = random.Random(seed)
    causes = sorted(forms)
    rng.shuffle(causes)
    weights = [1 / (rank + 1) for rank in range(len(causes))]
    for number in range(count):
        if rng.random() < noise:
            words = " ".join(_word(rng) for _ in range(rng.randint(4, 9)))
            yield Occurrence(f"noise {number}", B, _word(rng), f"Exit code 1\n{words}")
            continue
        (cause,) = rng.choices(causes, weights)
        tool, command, result = rng.choice(forms[cause])
        yield Occurrence(cause, tool, _filled(command, rng), _filled(result, rng))


def _filled(text: str, rng: random.Random) -> str:
    return _SLOT.sub(lambda match: _slot(match[1], rng), text)


def _slot(name: str, rng: random.Random) -> str:
    word = _word(rng)
    if name == "n":
        return str(rng.randint(1, 400))
    if name == "port":
        return str(rng.randint(1_024, 65_535))
    if name == "id":
        return f"{rng.getrandbits(160):040x}"[: rng.choice((7, 9, 40))]
    if name == "time":
        return f"2026/{rng.randint(1, 12):02}/{rng.randint(1, 28):02} 10:{rng.randint(10, 59)}:07"
    made = {
        "word": word,
        "name": f"{word}_{_word(rng)}",
        "Name": f"Test{word.title()}{_word(rng).title()}",
        "path": f"/home/dev/{word}/src/{_word(rng)}.{rng.choice(('py', 'ts', 'go', 'md'))}",
        "file": f"tests/{word}/test_{_word(rng)}.py",
        "tsfile": f"src/{word}/{_word(rng)}.tsx",
        "host": f"{word}.dev/{_word(rng)}",
        "url": f"https://{word}.example.com/{_word(rng)}/{_word(rng)}.git",
    }
    return made[name]


def _word(rng: random.Random) -> str:
    return "".join(rng.choice(_SYLLABLES) for _ in range(rng.randint(2, 4)))
