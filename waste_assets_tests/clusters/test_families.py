"""Where a failed call belongs: the telling line, what stays of it, and the family."""

from __future__ import annotations

import pytest

from waste_assets.clusters.catalogue import MESSAGES, nearest
from waste_assets.clusters.families import Failed, Family, command_of, family
from waste_assets.clusters.fingerprint import template
from waste_assets.clusters.salient import salient
from waste_assets.detectors.cause_rules import RULES
from waste_assets.detectors.causes import attempt_of, rule_of
from waste_assets.redaction import redact

TRACEBACK = """Exit code 1
Traceback (most recent call last):
  File "/home/dev/shop/a.py", line 3, in <module>
    main()
ValueError: first

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/home/dev/shop/a.py", line 9, in <module>
    import yaml
ModuleNotFoundError: No module named 'yaml'
"""


@pytest.mark.parametrize(
    ("result", "line", "code"),
    [
        (TRACEBACK, "No module named 'yaml'", "ModuleNotFoundError"),
        (
            "Exit code 2\nsrc/a.ts(3,7): error TS2322: Type 'x' is not assignable to type 'y'.",
            "Type 'x' is not assignable to type 'y'.",
            "TS2322",
        ),
        (
            "Exit code 1\nsrc/a.py:1:8: F401 `os` imported but unused",
            "`os` imported but unused",
            "F401",
        ),
        (
            "Exit code 1\na/b.go:9:2: Error return value is not checked (errcheck)\n\treturn x",
            "Error return value is not checked",
            "errcheck",
        ),
        ("Exit code 1\n\n> shop@1 build\n> x\n\nsh: v: not found", "sh: v: not found", None),
        ("Exit code 1\n=== start\n[STARTED] lint\nfatal: bad HEAD", "fatal: bad HEAD", None),
        ("\x1b[31mExit code 1\x1b[0m\n\x1b[1mthe build broke\x1b[0m", "the build broke", None),
        ("Exit code 3", "Exit code 3", None),
        ("", "", None),
    ],
)  # fmt: skip
def test_the_telling_line(result: str, line: str, code: str | None) -> None:
    told = salient(result)
    assert (told.line, told.code) == (line, code)


def test_of_a_long_result_the_end_tells() -> None:
    head, tail = (
        "Exit code 1\n" + "collecting ...\n" * 60,
        "x\nFAILED tests/a.py::b - KeyError: 'k'",
    )
    assert salient(head[:1_000]).reporter is None
    assert salient(head[:1_000], tail).code == "KeyError"


def test_what_was_cut_through_is_left_out_for_it_may_be_half_a_secret() -> None:
    secret = "ghp_" + "h7Wq2" * 8
    result = "Exit code 1\n" + "step done\n" * 98 + f"key {secret} was refused\nfatal: no access\n"
    for cut in range(990, 1_035):
        for text in (result[:cut], "Exit code 1\n" + "word " * 195 + result[cut - 30 : cut]):
            for tail in (result[-cut + 980 :], "x" * 9 + result[cut - 25 :]):
                found = family(Failed("Bash", None, text, tail, "./go"))
                shown = " ".join((found.title, found.template, redact(found.line))).lower()
                assert "h7wq2" not in shown
    one_line = salient("Exit code 1\nfatal: " + "long " * 198 + "wor", "d and so on")
    assert one_line.line.startswith("fatal: long long") and not one_line.line.endswith("wor")


@pytest.mark.parametrize(
    ("line", "masked"),
    [
        ("Request failed with status code 429", "request failed with status code 429"),
        ("gh: Not Found (HTTP 404)", "gh: not found (http 404)"),
        ("Error: 403 Forbidden at 10:22:31", "error: 403 forbidden at <time>"),
        ("[Errno 13] Permission denied: '/srv/x'", "[errno 13] permission denied: <q>"),
        ("MCP error -32602: Invalid arguments", "mcp error -32602: invalid arguments"),
        ("error TS2304: Cannot find name 'foo'", "error ts2304: cannot find name <q>"),
        ("open /home/dev/shop/a.txt: no such file", "open <path>: no such file"),
        ("commit 3fa85f64a1b2 of 12 files, 3.4s", "commit <id> of <n> files, <n>"),
        ("read tcp 10.0.0.1:5432: i/o timeout", "read tcp <n>: <path> timeout"),
        ("cannot call getUserName() of user_account", "cannot call <name> of <name>"),
        ("fetch https://a.example/b?c=d failed", "fetch <url> failed"),
        ("mail dev@example.com bounced", "mail <address> bounced"),
    ],
)
def test_what_differs_is_masked_and_what_means_something_stays(line: str, masked: str) -> None:
    assert template(line).replace("[redacted:email]", "<address>") == masked


def test_a_secret_leaves_no_trace() -> None:
    secret = "sk-ant-" + "api03-" + "Zx9" * 20
    assert "Zx9" not in template(f"invalid key {secret} for user").replace("zx9", "Zx9")


def of(tool: str, result: str, command: str = "", tail: str = "") -> Family:
    """The family of a call, its cause found as the flags stage finds it."""
    rule = rule_of(attempt_of(tool, result, command)).id
    known = rule if any(rule == one.id for one in RULES) else None
    return family(Failed(tool, known, result, tail, command))


SAME = [
    (
        (
            "Edit",
            "<tool_use_error>String to replace not found in file.\nString: a</tool_use_error>",
        ),
        ("MultiEdit", "String to replace not found in file.\nString: b = c(d)"),
    ),
    (
        ("Bash", "Exit code 1\n--- FAIL: TestA (0.1s)\nFAIL", "go test ./a"),
        (
            "Bash",
            "Exit code 1\n--- FAIL: TestB/c (2.0s)\nFAIL\tx/y\t2s",
            "cd x && go test -v | tail -5",
        ),
    ),
    (
        (
            "Bash",
            'Exit code 1\n./a.go:3:2: "io" imported and not used\nFAIL x [build failed]',
            "go test",
        ),
        ("Bash", 'Exit code 1\n# x/y\nb/c.go:9:1: "os" imported and not used', "make build"),
    ),
]
OTHER = [
    (
        ("WebFetch", "Request failed with status code 403"),
        ("WebFetch", "Request failed with status code 404"),
    ),
    (
        ("Bash", "Exit code 2\na.ts(1,1): error TS2322: Type 'a'", "tsc"),
        ("Bash", "Exit code 2\na.ts(1,1): error TS2304: Cannot find name 'a'", "tsc"),
    ),
    (
        ("Bash", "Exit code 1\nunknown flag: --x", "gh pr list --x"),
        ("Bash", "Exit code 1\nunknown flag: --x", "docker ps --x"),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), SAME)
def test_one_problem_in_other_words_is_one_family(
    one: tuple[str, ...], other: tuple[str, ...]
) -> None:
    assert of(*one).cluster_id == of(*other).cluster_id


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_another_problem_is_another_family(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    assert of(*one).cluster_id != of(*other).cluster_id


def test_a_rule_that_gets_better_keeps_its_family() -> None:
    first = Failed("Edit", "file_precondition/no_match@1", "String to replace not found in file.")
    later = Failed("Edit", "file_precondition/no_match@2", "String to replace not found in file.")
    assert family(first) == family(later)


def test_every_well_known_wording_finds_its_own_message() -> None:
    # Near misses between entries would make the name depend on the order of the catalogue.
    wordings = [(name, wording) for name, told in MESSAGES for wording in told]
    assert len({wording for _, wording in wordings}) == len(wordings)
    for name, wording in wordings:
        assert nearest(wording) == name
    assert nearest("the quick brown fox jumps over the lazy dog") is None


def test_a_command_that_was_cut_off_is_read_as_far_as_it_goes() -> None:
    assert command_of("Bash", '{"command": "go test \\"./a\\"", "timeout": 5}') == 'go test "./a"'
    assert command_of("Bash", '{"command": "go test \\u00e4 && ls \\') == "go test ä && ls "
    assert command_of("Bash", "{}") == ""
    assert command_of("Read", '{"command": "x"}') == ""
