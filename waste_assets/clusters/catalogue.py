"""Well-known messages, in our own words: what different programs say of the same thing.

A template that is near enough to a wording here takes its name; near is the cosine of counted
character trigrams to pentagrams. The catalogue is part of the rules: it never grows by itself, so
that a message's place depends on the message alone.
"""

from __future__ import annotations

from collections import Counter
from functools import cache, lru_cache
from math import sqrt

#: At least so alike; below it differently worded messages of other things come in.
NEAR = 0.6

#: Name, then wordings: masked as templates are, and without what names the program.
MESSAGES: tuple[tuple[str, tuple[str, ...]], ...] = (
    # Code that does not compile or load.
    ("undefined_name", (
        "undefined: <name>", "undefined: name", "cannot find name <q>.", "name <q> is not defined",
        "use of undeclared identifier <q>", "cannot find value <q> in this scope",
        "cannot find symbol", "<name> is not defined", "undefined variable <q>",
        "undefined reference to <q>", "unresolved reference: name",
    )),
    ("unused_import", (
        "<q> imported and not used", "<q> imported but unused", "unused import: <q>",
        "<q> is defined but never used", "declared and not used: <name>",
        "<q> is declared but its value is never read.", "unused variable: <q>",
    )),
    ("no_such_member", (
        "<name> undefined (type <name> has no field or method <name>)",
        "property <q> does not exist on type <q>.", "<q> object has no attribute <q>",
        "no method named <q> found for struct <q> in the current scope",
        "unknown field <name> in struct literal of type <name>",
        "cannot read properties of undefined (reading <q>)", "<name> is not a function",
        "type <q> is missing the following properties from type <q>: <name>",
    )),
    ("wrong_type", (
        "type <q> is not assignable to type <q>.", "mismatched types",
        "cannot use <name> (variable of type <name>) as <name> value in assignment",
        "cannot use <name> (value of type <name>) as <name> value in argument to <name>",
        "incompatible types in assignment (expression has type <q>, variable has type <q>)",
        "argument of type <q> is not assignable to parameter of type <q>.",
        "incompatible types: <name> cannot be converted to <name>", "<q> is of type <q>.",
    )),
    ("wrong_arguments", (
        "not enough arguments in call to <name>", "too many arguments in call to <name>",
        "expected <n> arguments, but got <n>.", "missing <n> required positional argument: <q>",
        "this function takes <n> arguments but <n> were supplied",
        "<name> missing <n> required positional argument: <q>",
        "<name> got an unexpected keyword argument <q>",
    )),
    ("redeclared", (
        "<name> redeclared in this block", "cannot redeclare block-scoped variable <q>.",
        "duplicate identifier <q>.", "identifier <q> has already been declared",
        "redefinition of <q>",
    )),
    ("nothing_new", ("no new variables on left side of :=",)),
    ("not_a_type", (
        "<name> is not a type", "cannot find type <q> in this scope", "unknown type name <q>",
        "<q> refers to a value, but is being used as a type here.",
    )),
    ("syntax", (
        "expected <q>, found <q>", "expected declaration, found <q>", "invalid syntax",
        "syntaxerror: invalid syntax", "syntaxerror: unexpected token <q>", "unexpected token",
        "syntax error: unexpected <name>, expected <name>", "unterminated string literal",
        "parse error: expected <q>", "expected <q>.", "unexpected end of input",
        "unexpected end of json input", "expecting property name enclosed in double quotes",
    )),
    ("no_module", (
        "cannot find module <q> or its corresponding type declarations.",
        "modulenotfounderror: no module named <q>", "no module named <q>",
        "error: cannot find module <q>", "module not found: error: can't resolve <q> in <q>",
        "no required module provides package <path> to add it:", "failed to resolve import <q>",
        "could not import <path>", "cannot import name <q> from <q>", "could not resolve <q>",
        "package <path> is not in std", "missing <path> entry for module providing package <path>",
        "unresolved import <q>", "cannot find package <q>",
    )),
    ("no_go_module", (
        "go: cannot find main module, but found <path> in <path>",
        "pattern <path>: directory prefix . does not contain main module",
        "go: go.mod file not found in current directory or any parent directory; see <q>",
        "no go files in <path>",
    )),
    ("no_repository", ("fatal: not a git repository (or any of the parent directories): <path>",)),
    ("no_configuration", (
        "no configuration file provided: not found", "no config file found",
        "could not find <q> in <q> or any parent directory", "no configuration file found",
    )),
    ("no_such_version", (
        "unknown revision v<n>", "no matching version found for <name>",
        "could not find a version that satisfies the requirement <name>",
        "invalid version: unknown revision v<n>", "no matching distribution found for <name>",
        "could not resolve dependency", "unable to resolve dependency tree",
        "failed to select a version for the requirement <q>",
    )),
    # Tests.
    ("assertion", (
        "assertionerror", "assertionerror: expected <q> to be <q>", "assert <n> == <n>",
        "expected: <n> received: <n>", "assertion failed: left == right",
        "expect(received).<name>(expected)", "assertion <q> failed",
    )),
    ("tests_failed", (
        "<n> failed, <n> passed in <n>", "tests: <n> failed, <n> passed, <n> total",
        "test result: failed. <n> passed; <n> failed", "<n> tests failed", "test failed",
        "<n> failing", "there were test failures", "error: test failed, to rerun pass <q>",
    )),
    ("deadline", (
        "context deadline exceeded", "error: context deadline exceeded", "deadline exceeded",
    )),
    # Browsers.
    ("browser_closed", (
        "error: target page, context or browser has been closed", "browser has been closed",
        "page has been closed", "target closed", "browser disconnected", "session closed.",
    )),
    ("page_not_loaded", (
        "timeouterror: page.goto: timeout <n> exceeded.", "navigation timeout of <n> exceeded",
        "timeouterror: page.reload: timeout <n> exceeded.",
        "timeouterror: page.waitforloadstate: timeout <n> exceeded.",
    )),
    ("element_not_reached", (
        "timeouterror: locator.click: timeout <n> exceeded.",
        "timeouterror: locator.fill: timeout <n> exceeded.",
        "timeouterror: locator.waitfor: timeout <n> exceeded.",
        "timeouterror: page.waitforselector: timeout <n> exceeded.",
        "timeout <n> exceeded waiting for selector <q>",
        "waiting for selector <q> failed: timeout <n> exceeded",
    )),
    ("page_busy", (
        "timeouterror: page.screenshot: timeout <n> exceeded.",
        "timeouterror: page._snapshotforai: timeout <n> exceeded.",
        "timeouterror: page.evaluate: timeout <n> exceeded.", "screenshot timed out after <n>",
    )),
    ("browser_missing", (
        "browsertype.launch: executable doesn't exist at <path>",
        "chromium distribution <q> is not found at <path>",
        "looks like playwright was just installed or updated. please run <q>",
        "could not find chrome", "failed to launch the browser process",
    )),
    ("browser_network", (
        "page.goto: net::err_name_not_resolved at <url>",
        "page.goto: net::err_connection_refused at <url>", "net::err_aborted at <url>",
    )),
    ("element_missing", (
        "element not found", "no element found for selector: <q>",
        "waiting for locator(<q>)", "element is not visible", "ref <name> not found",
        "element is outside of the viewport", "ref not found in the current page snapshot",
    )),
    ("script_failed", (
        "evaluation failed: <name>", "page.evaluate: referenceerror: <name> is not defined",
        "page.evaluate: typeerror: cannot read properties of null (reading <q>)",
    )),
    # Services and connections.
    ("connection_closed", (
        "mcp error -32000: connection closed", "connection closed", "connection reset by peer",
        "socket hang up", "econnreset", "broken pipe", "server disconnected", "epipe: broken pipe",
    )),
    ("connection_refused", (
        "connection refused", "connect econnrefused <n>", "failed to connect to <name> port <n>",
        "could not connect to server: connection refused",
        "dial tcp <n>: connect: connection refused",
        "couldn't connect to server", "[errno 111] connection refused",
    )),
    ("docker_down", (
        "cannot connect to the docker daemon at <url>. is the docker daemon running?",
        "error during connect: this error may indicate that the docker daemon is not running",
    )),
    ("name_not_resolved", (
        "could not resolve host: <name>", "getaddrinfo enotfound <name>",
        "temporary failure in name resolution", "name or service not known",
        "dial tcp: lookup <name>: no such host", "nodename nor servname provided, or not known",
    )),
    ("timed_out", (
        "request timed out", "operation timed out", "connection timed out after <n>",
        "mcp error -32001: request timed out", "etimedout", "read timed out.",
        "timeout of <n> exceeded", "the operation was aborted due to timeout",
    )),
    ("rate_limited", (
        "rate limit exceeded", "too many requests", "429 too many requests",
        "api rate limit exceeded for user id <n>.", "you have exceeded your rate limit",
    )),
    ("unauthorized", (
        "401 unauthorized", "unauthorized", "authentication required", "invalid api key",
        "not authenticated", "token has expired", "authentication failed", "bad credentials",
        "invalid credentials", "please log in", "session expired, sign in again",
    )),
    ("forbidden", (
        "403 forbidden", "forbidden", "access denied", "accessdenied: access denied",
        "you do not have permission to access this resource", "insufficient permissions",
        "resource not accessible by integration",
    )),
    ("not_found", (
        "404 not found", "not found", "resource not found", "http 404: not found (<url>)",
        "the requested resource could not be found", "no such resource",
    )),
    ("bad_request", (
        "400 bad request", "bad request", "invalid request", "validation failed",
        "422 unprocessable entity", "request failed with status code 400",
    )),
    ("server_error", (
        "500 internal server error", "internal server error", "502 bad gateway",
        "503 service unavailable", "request failed with status code 500", "upstream error",
    )),
    # Machine.
    ("no_memory", (
        "out of memory", "javascript heap out of memory", "cannot allocate memory",
        "memoryerror", "killed", "signal: killed", "cuda out of memory.",
    )),
    ("no_space", ("no space left on device", "disk quota exceeded", "enospc: no space left")),
    ("port_taken", (
        "address already in use", "listen eaddrinuse: address already in use :::<n>",
        "port <n> is already in use", "bind: address already in use",
        "port is already allocated",
    )),
    ("no_permission", (
        "permission denied", "eacces: permission denied, open <q>", "operation not permitted",
        "[errno 13] permission denied: <q>", "must be run as root",
    )),
    ("no_such_file", (
        "no such file or directory", "enoent: no such file or directory, open <q>",
        "[errno 2] no such file or directory: <q>", "file not found: <path>",
        "filenotfounderror: [errno 2] no such file or directory: <q>", "cannot find the file",
    )),
    ("locked", (
        "database is locked", "unable to create <q>: file exists.", "could not write index",
        "resource temporarily unavailable", "could not get lock <path>",
        "blocking waiting for file lock on package cache",
    )),
    # What the harness asks.
    ("blocked", (
        "blocked: sleep <n> followed by: <name>", "blocked: standalone sleep <n>",
    )),
    ("dangerous", (
        "blocked: dangerous command detected and prevented", "dangerous rm command detected",
    )),
    ("not_granted", (
        "claude requested permissions to write to <path>, but you haven't granted it yet.",
        "claude requested permissions to use <name>, but you haven't granted it yet.",
    )),
    # Data.
    ("no_such_table", (
        "relation <q> does not exist", "no such table: <name>", "table <q> doesn't exist",
    )),
    ("no_such_column", (
        "column <q> does not exist", "no such column: <name>", "unknown column <q> in <q>",
    )),
    ("constraint", (
        "duplicate key value violates unique constraint <q>", "unique constraint failed: <name>",
        "violates foreign key constraint <q>", "not null constraint failed: <name>",
    )),
    ("type_error", (
        "typeerror: unsupported operand type(s) for +: <q> and <q>",
        "typeerror: <q> object is not subscriptable", "typeerror: <q> object is not iterable",
        "typeerror: <q> object is not callable",
    )),
    ("key_missing", ("keyerror: <q>", "key not found: <q>", "missing key: <name>")),
    ("bad_value", (
        "valueerror: invalid literal for int() with base <n>: <q>",
        "valueerror: could not convert string to float: <q>", "invalid value for <name>",
    )),
    ("bad_encoding", (
        "unicodedecodeerror: <q> codec can't decode byte <n> in position <n>: invalid start byte",
        "unicodeencodeerror: <q> codec can't encode character <q> in position <n>",
    )),
)  # fmt: skip

_SIZES = (3, 4, 5)


def grams(text: str) -> Counter[str]:
    """The character n-grams of a text, word by word, counted."""
    found: Counter[str] = Counter()
    for word in text.split():
        padded = f" {word} "
        for size in _SIZES:
            found.update(padded[n : n + size] for n in range(max(len(padded) - size + 1, 1)))
    return found


@cache
def _index() -> tuple[list[str], dict[str, list[tuple[int, float]]]]:
    """The name of each wording, and for each n-gram the wordings with it and its weight there."""
    names: list[str] = []
    index: dict[str, list[tuple[int, float]]] = {}
    for name, wordings in MESSAGES:
        for wording in wordings:
            counted = grams(wording)
            length = _length(counted)
            for gram, count in counted.items():
                index.setdefault(gram, []).append((len(names), count / length))
            names.append(name)
    return names, index


@lru_cache(maxsize=16_384)
def nearest(template: str) -> str | None:
    """The name of the well-known message that a template is nearest to; None: none is near."""
    names, index = _index()
    counted = grams(template)
    near: dict[int, float] = {}
    for gram, count in counted.items():
        for wording, weight in index.get(gram, ()):
            near[wording] = near.get(wording, 0.0) + count * weight
    if not near:
        return None
    wording = min(near, key=lambda one: (-near[one], one))
    return names[wording] if near[wording] >= NEAR * _length(counted) else None


def _length(counted: Counter[str]) -> float:
    return sqrt(sum(count * count for count in counted.values()))
