"""What the conversation before a failure says about whose fault it was."""

from __future__ import annotations

import pytest

from waste_assets.detectors.causes import failures
from waste_assets.sample import Conversation, blocks, conversation
from waste_assets_tests.detectors.support import loaded

REFUSED = "Permission to use Bash with command git push has been denied."


def told(c: Conversation) -> list[tuple[str, str]]:
    """Rule and fault of each failure of the main conversation, in order."""
    (session,) = loaded(c)
    (main, *_) = session.conversations
    found = failures(main)
    return [(found[call.id].rule, found[call.id].fault) for call in main.calls if call.id in found]


def test_a_refusal_that_is_asked_for_again_and_again_is_the_models() -> None:
    c = conversation().user("Push it")
    for _ in range(4):
        c.bash("git push", REFUSED, is_error=True)
    assert told(c.say()) == [
        ("permission/rule@1", "harness"),
        ("permission/rule@1", "harness"),
        ("permission/rule@1", "model"),
        ("permission/rule@1", "model"),
    ]


def test_another_command_that_is_refused_is_no_repeat() -> None:
    c = conversation().user("Push it")
    for branch in ("a", "b", "c", "d"):
        c.bash(f"git push origin {branch}", REFUSED, is_error=True)
    assert {fault for _, fault in told(c.say())} == {"harness"}


def test_a_tool_of_a_server_that_had_answered_is_gone() -> None:
    gone = "<tool_use_error>Error: No such tool available: mcp__docs__find</tool_use_error>"
    c = conversation().user("Look it up")
    c.tool("mcp__docs__list", {}, "three").tool("mcp__docs__find", {}, gone, is_error=True).say()
    assert told(c) == [("missing_tool/no_such_tool@1", "infrastructure")]


def test_a_tool_of_a_server_that_was_never_there_is_made_up() -> None:
    gone = "<tool_use_error>Error: No such tool available: mcp__docs__find</tool_use_error>"
    c = conversation().user("Look it up")
    c.tool("mcp__docs__find", {}, gone, is_error=True).say()
    assert told(c) == [("missing_tool/no_such_tool@1", "model")]


def test_a_usage_of_a_program_that_nobody_called_shows_a_wrapper() -> None:
    wrong = "Exit code 2\nerror: unexpected argument '-C' found\n\nUsage: wrap git [OPTIONS]"
    c = conversation().user("Go").bash("git -C /repo status", wrong, is_error=True)
    c.bash("wrap git -C /repo status", wrong, is_error=True).say()
    assert told(c) == [
        ("command_precondition/wrong_flag@1", "harness"),
        ("command_precondition/wrong_flag@1", "model"),
    ]


def test_a_program_that_was_just_built_is_tried_out() -> None:
    c = conversation().user("Go")
    c.bash("/tmp/shop frobnicate", "Exit code 1\nno such thing", is_error=True)
    c.bash("go build -o /tmp/shop ./cmd").bash(
        "/tmp/shop frobnicate", "Exit code 1\nno such thing", is_error=True
    )
    assert told(c.say()) == [
        ("other/status@1", "feedback"),
        ("build_or_test/own_program@1", "feedback"),
    ]


@pytest.mark.parametrize(
    ("command", "fault"),
    [("prettier --write src", "model"), ("sed -i s/a/b/ a.py", "model"), ("ls src", "harness")],
)
def test_a_file_that_a_command_of_its_own_changed(command: str, fault: str) -> None:
    """Whoever formats after reading must read again; a linter or the user is another matter."""
    modified = "File has been modified since read, either by the user or by a linter."
    c = conversation().user("Go").read("a.py").bash(command)
    c.edit("a.py", result=modified, is_error=True)
    assert told(c.say()) == [("file_precondition/modified@1", fault)]


def test_failure_words_in_a_result_that_is_none_are_no_failure() -> None:
    c = conversation().user("Go").bash("cat run.log", "command not found: jq\nNo such file")
    assert told(c.say()) == []


def test_the_command_of_a_long_call_is_known_by_its_beginning() -> None:
    message = "words and words; " * 100
    c = conversation().user("Go")
    c.bash(
        f"git add a.py && git commit -m \"$(cat <<'EOF'\n{message}\nEOF\n)\"",
        "Exit code 1\nnot today",
        is_error=True,
    )
    assert told(c.say()) == [("build_or_test/command@1", "feedback")]


def test_a_call_without_a_result_was_cut_off() -> None:
    c = conversation().user("Go").bash("sleep 100", None)
    assert told(c.user("Stop").say()) == [("permission/no_result@1", "user")]


def test_a_failed_build_beside_a_read() -> None:
    """Of several calls of one response each has its own cause."""
    c = (
        conversation()
        .user("Go")
        .respond(
            blocks.bash("make test", "Exit code 2\nFAILED test_a", is_error=True),
            blocks.read("gone.py", result="<tool_use_error>File does not exist.", is_error=True),
        )
    )
    assert [rule for rule, _ in told(c.say())] == [
        "build_or_test/report@1",
        "file_precondition/no_such_file@1",
    ]
