"""Failed and repeated calls are flagged; feedback, recovery and polling are not."""

from __future__ import annotations

import pytest

from waste_assets.detectors.flag import Tier
from waste_assets.detectors.retry_error import DETECTOR
from waste_assets.sample import Conversation, blocks, conversation
from waste_assets_tests.detectors.support import Found, flags_of

MISSING = "<tool_use_error>File does not exist.</tool_use_error>"
SIBLING = "<tool_use_error>Sibling tool call errored</tool_use_error>"
RED = "Exit code 1\nFAILED test_login.py::test_expiry\n1 failed in 0.31s"


def started() -> Conversation:
    """A conversation in which the user has asked for something."""
    return conversation().user("Fix the login")


def found(c: Conversation) -> Found:
    """The retry_error flags of a conversation that goes on after its last call."""
    return flags_of(c.say(), detector=DETECTOR)


def test_a_failed_call_is_waste_and_its_retry_with_other_input_is_recovery() -> None:
    c = started().read("src/ap.py", result=MISSING, is_error=True).read("src/app.py")
    flags = found(c)
    flag = flags.flag
    assert (flag.rule, flag.tier, flag.cause, flag.fault) == (
        "failed", Tier.CERTAIN, "file_precondition", "model",
    )  # fmt: skip
    assert flags.flagged == [0]
    assert "File does not exist." in flag.evidence and "src/ap.py" in flag.evidence
    (cost,) = flags.costs
    # The response held nothing else: the whole request need not have been made.
    assert 0 < cost.usd_direct < cost.usd_avoidable
    assert cost.usd_owned == pytest.approx(cost.usd_direct)


@pytest.mark.parametrize(
    ("command", "result"),
    [
        ("pytest -q", RED),
        ("npm run lint", "Exit code 1\nsrc/a.ts:3:1 missing semicolon"),
        ("git commit -m x", "Exit code 1\nhusky - pre-commit script failed (code 1)"),
        ("grep -rn needle src", "Exit code 1"),
        ("ls docs/*draft* 2>/dev/null", "Exit code 1\n(eval):1: no matches found: docs/*draft*"),
        ("which ruby", "Exit code 1"),
        ("diff a b", "Exit code 1\n< one\n> two"),
    ],
)
def test_feedback_is_no_waste(command: str, result: str) -> None:
    assert not found(started().bash(command, result, is_error=True))


def test_what_the_user_rejects_is_no_waste() -> None:
    rejected = "The user doesn't want to proceed with this tool use. The tool use was rejected"
    c = started().bash("git push", rejected, is_error=True, denial="user-rejected").user("No")
    assert not found(c)


def test_an_automatic_denial_is_waste() -> None:
    denied = "Permission to use Bash with command git push has been denied."
    flag = found(started().bash("git push", denied, is_error=True)).flag
    assert (flag.cause, flag.fault) == ("permission", "harness")


def test_cancelled_siblings_belong_to_the_one_that_failed() -> None:
    c = started().respond(
        blocks.read("gone.py", result=MISSING, is_error=True),
        blocks.read("a.py", result=SIBLING, is_error=True),
        blocks.read("b.py", result=SIBLING, is_error=True),
    )
    flag = found(c).flag
    assert flag.rule == "failed"
    assert [call.target and call.target[-4:] for call in flag.calls] == ["e.py", "a.py", "b.py"]
    assert flag.cause == "file_precondition"


def test_siblings_of_a_probe_are_waste_though_the_probe_is_none() -> None:
    c = started().respond(
        blocks.bash("ls docs/*x* 2>/dev/null", "Exit code 1\nno matches found: d", is_error=True),
        blocks.read("a.py", result=SIBLING, is_error=True),
    )
    flags = found(c)
    assert flags.flag.rule == "cancelled"
    assert flags.flagged == [1]
    assert (flags.flag.cause, flags.flag.fault) == ("sibling_cancelled", "harness")


def test_a_red_test_run_again_with_nothing_changed_is_a_repeat() -> None:
    c = started()
    for seconds in ("0.31", "0.29"):
        c.bash("pytest -q", RED.replace("0.31", seconds), is_error=True)
    flags = found(c)
    assert flags.flag.rule == "repeated"
    assert flags.flagged == [1]
    assert (flags.flag.cause, flags.flag.fault) == ("build_or_test", "model")


def test_nearly_the_same_command_is_a_repeat_too() -> None:
    c = started().bash("pytest -q tests/login tests/shop", RED, is_error=True)
    c.bash("pytest  -q tests/login tests/shops", RED, is_error=True)
    assert found(c).flagged == [1]


def test_a_test_that_fails_again_after_an_edit_is_feedback() -> None:
    c = started().read("a.py").bash("pytest -q", RED, is_error=True).edit("a.py")
    assert not found(c.bash("pytest -q", RED, is_error=True))


def test_a_test_that_fails_again_after_a_shell_write_is_feedback() -> None:
    c = started().bash("pytest -q", RED, is_error=True).bash("sed -i s/a/b/ a.py")
    assert not found(c.bash("pytest -q", RED, is_error=True))


def test_a_test_that_fails_again_after_the_user_spoke_is_feedback() -> None:
    c = started().bash("pytest -q", RED, is_error=True).say().user("I changed it, try again")
    assert not found(c.bash("pytest -q", RED, is_error=True))


def test_a_look_between_changes_nothing() -> None:
    c = started().bash("pytest -q", RED, is_error=True).read("a.py")
    assert found(c.bash("pytest -q", RED, is_error=True)).flagged == [2]


def test_a_repeat_comes_within_eight_calls() -> None:
    for looks, flagged in ((7, [8]), (8, [])):
        c = started().bash("pytest -q", RED, is_error=True)
        for number in range(looks):
            c.read(f"{number}.py")
        assert found(c.bash("pytest -q", RED, is_error=True)).flagged == flagged


def test_the_same_call_with_another_answer_is_polling() -> None:
    c = started()
    c.bash("pytest -q", RED, is_error=True)
    c.bash("pytest -q", "Exit code 1\nE  ImportError: cannot import name shop", is_error=True)
    assert not found(c)


def test_checks_that_are_still_pending_are_waited_for() -> None:
    c = started()
    for _ in range(3):
        c.bash("sleep 60 && gh pr checks 7", "Exit code 8\nE2E\tpending\t0\thttps://ci",
               is_error=True)  # fmt: skip
    assert not found(c)


def test_a_probe_of_another_name_is_another_question() -> None:
    c = started()
    for name in ("authentication_service", "authentication_servicf"):
        c.bash(f"grep -rn {name} src/shop/accounts", "Exit code 1", is_error=True)
    assert not found(c)


def test_a_failure_that_no_rule_knows_is_only_likely() -> None:
    flag = found(started().tool("mcp__tickets__add", {"a": 1}, "it broke", is_error=True)).flag
    assert (flag.tier, flag.cause) == (Tier.LIKELY, "other")


def test_a_subagents_failures_are_its_own() -> None:
    c = started()
    c.subagent("Explore").read("gone.py", result=MISSING, is_error=True).done()
    flag = found(c).flag
    assert not flag.response.conversation.is_main
