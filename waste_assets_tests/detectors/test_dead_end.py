"""A dead end needs failures in a row on one sub-goal, and an end without success."""

from __future__ import annotations

import pytest

from waste_assets.detectors.dead_end import DETECTOR
from waste_assets.detectors.flag import Flag, Tier
from waste_assets.sample import Conversation, blocks, conversation
from waste_assets_tests.detectors.support import Found, flags_of

NO_MATCH = "<tool_use_error>String to replace not found in file.\nString: a</tool_use_error>"
SIBLING = "<tool_use_error>Sibling tool call errored</tool_use_error>"
CLOSED = "### Error\nTimeoutError: page.click: Timeout 5000ms exceeded."
BROWSER = "mcp__playwright__browser_"


def started() -> Conversation:
    """A conversation in which the user has asked for something."""
    return conversation().user("Fix the login")


def found(c: Conversation) -> Found:
    """The dead ends of a conversation."""
    return flags_of(c, detector=DETECTOR)


def runs(c: Conversation) -> list[Flag]:
    """The dead ends that need no judgement."""
    return [flag for flag in found(c) if not flag.is_candidate]


def browse(c: Conversation, tool: str, *, fails: bool = True) -> None:
    """Use the browser."""
    c.tool(f"{BROWSER}{tool}", {"of": tool}, CLOSED if fails else "done", is_error=fails)


def test_three_failures_in_a_row_that_are_given_up() -> None:
    c = started().read("a.py")
    for text in ("one", "two", "three"):
        c.edit("a.py", text, "other", result=NO_MATCH, is_error=True)
    flags = found(c.say("It cannot be done.").user("A pity").say())
    flag = flags.flag
    assert (flag.category, flag.rule, flag.tier) == ("dead_end", "run", Tier.LIKELY)
    assert len(flag.calls) == 3 and "went back to the user" in flag.evidence
    assert (flag.cause, flag.fault) == ("file_precondition", "model")
    (cost,) = flags.costs
    assert cost.usd_owned == pytest.approx(cost.usd_direct) and cost.usd_direct > 0


def test_the_session_that_just_ends_is_given_up() -> None:
    c = started()
    for tool in ("navigate", "click", "snapshot"):
        browse(c, tool)
    assert "the session ended" in runs(c.say())[0].evidence


def test_two_failures_are_none() -> None:
    c = started()
    for tool in ("navigate", "click"):
        browse(c, tool)
    assert [flag.rule for flag in found(c.say())] == ["abandoned"]
    assert not runs(c)


def test_success_on_the_sub_goal_makes_them_retries() -> None:
    c = started().read("a.py")
    for text in ("one", "two", "three"):
        c.edit("a.py", text, "other", result=NO_MATCH, is_error=True)
    assert not found(c.edit("a.py").say())


def test_success_in_another_way_is_success() -> None:
    c = started().read("a.py")
    for text in ("one", "two", "three"):
        c.edit("a.py", text, "other", result=NO_MATCH, is_error=True)
    assert not found(c.bash("sed -i s/a/b/ a.py").say())


def test_success_in_between_begins_anew() -> None:
    c = started().read("a.py")
    for text in ("one", "two"):
        c.edit("a.py", text, "other", result=NO_MATCH, is_error=True)
    c.edit("a.py").edit("a.py", "three", "other", result=NO_MATCH, is_error=True)
    assert not runs(c.say())


def test_looks_in_between_do_not_break_a_run() -> None:
    c = started().read("a.py")
    for text in ("one", "two", "three"):
        c.read("a.py").edit("a.py", text, "other", result=NO_MATCH, is_error=True)
    (flag,) = runs(c.say())
    # The first look came before the run; the others served nothing but it.
    assert [call.number for call in flag.wasted_calls] == [2, 3, 4, 5, 6]


def test_files_first_learned_in_a_run_and_used_later_are_left_out() -> None:
    c = started().read("a.py")
    for text, look in (("one", "b.py"), ("two", "c.py"), ("three", None)):
        c.edit("a.py", text, "other", result=NO_MATCH, is_error=True)
        if look:
            c.read(look)
    (flag,) = runs(c.say().user("Then change b").edit("b.py").say())
    assert [call.target and call.target[-4:] for call in flag.wasted_calls] == [
        "a.py", "a.py", "c.py", "a.py",
    ]  # fmt: skip


def test_failures_of_one_batch_count_once() -> None:
    c = started().respond(
        *(
            blocks.tool(f"{BROWSER}{tool}", {"of": tool}, CLOSED, is_error=True)
            for tool in ("navigate", "click", "snapshot")
        )
    )
    assert not runs(c.say())


def test_cancelled_siblings_do_not_count() -> None:
    c = started().read("a.py")
    for text in ("one", "two"):
        c.respond(
            blocks.edit("a.py", text, "x", result=NO_MATCH, is_error=True),
            blocks.edit("a.py", "four", "x", result=SIBLING, is_error=True),
        )
    assert not runs(c.say())


def test_failures_on_many_sub_goals_are_no_run() -> None:
    c = started()
    for name in ("a.py", "b.py", "c.py"):
        c.read(name).edit(name, "one", "other", result=NO_MATCH, is_error=True)
    assert not runs(c.say())


def test_red_tests_are_work_until_somebody_judges() -> None:
    c = started().read("a.py")
    for number in range(3):
        c.edit("a.py").bash("pytest -q", f"Exit code 1\nFAILED test_{number}", is_error=True)
    (flag,) = found(c.say())
    assert flag.rule == "run" and flag.is_candidate and flag.needs_judgement


def test_where_other_work_follows_somebody_must_judge() -> None:
    c = started()
    for tool in ("navigate", "click", "snapshot"):
        browse(c, tool)
    (flag,) = found(c.write_file("report.md").say())
    assert flag.needs_judgement and flag.tier is Tier.CANDIDATE


def test_what_the_user_rejects_is_no_failure_of_a_run() -> None:
    rejected = "The user doesn't want to proceed with this tool use. The tool use was rejected"
    c = started()
    for text in ("one", "two", "three"):
        c.edit("a.py", text, "other", result=rejected, is_error=True)
    assert not found(c.say())


def test_probes_that_say_no_are_no_failures_of_a_run() -> None:
    c = started()
    for name in ("one", "two", "three"):
        c.bash(f"grep -rn {name} src", "Exit code 1", is_error=True)
    assert not found(c.say())


def test_a_host_is_a_sub_goal() -> None:
    c = started()
    for page in ("a", "b", "c"):
        c.web_fetch(f"https://shop.example.org/{page}", code=403)
    (flag,) = runs(c.say())
    assert "the host shop.example.org" in flag.evidence
    assert (flag.cause, flag.fault) == ("web_wall", "infrastructure")


LOGGED_OUT = "Exit code 4\nTo get started with the CLI, please run: gh auth login"


def call_gh(c: Conversation, command: str, error: str | None = LOGGED_OUT) -> None:
    c.bash(f"gh {command}", error or "done", is_error=error is not None)


@pytest.mark.parametrize("prefix", ["", "cd /home/dev/shop && ", "NO_COLOR=1 "])
def test_subcommands_that_fail_with_the_same_error_are_one_run(prefix: str) -> None:
    c = started()
    for number, command in enumerate(("issue list", "release view", "api repos/shop")):
        error = f"{LOGGED_OUT} (took {number}.2 s)"
        c.bash(f"{prefix}gh {command}", error, is_error=True)
    (flag,) = runs(c.say("You have to log in."))
    assert len(flag.calls) == 3 and "the program gh" in flag.evidence


def test_subcommands_that_fail_with_other_errors_are_none() -> None:
    c = started()
    call_gh(c, "issue list")
    call_gh(c, "release view", "Exit code 1\nno release found with tag v3")
    call_gh(c, "api repos/shop", "Exit code 1\nunknown flag: --limit")
    assert not runs(c.say())


def test_other_programs_with_the_same_error_are_none() -> None:
    c = started()
    for program in ("hub issue", "lab issue", "tea issue"):
        c.bash(program, LOGGED_OUT, is_error=True)
    assert not runs(c.say())


def test_errors_that_say_nothing_are_not_the_same() -> None:
    c = started()
    for command in ("issue list", "release view", "api repos/shop"):
        call_gh(c, command, "Exit code 1")
    assert not runs(c.say())


def test_a_subcommand_that_works_is_success_where_it_had_failed_and_only_there() -> None:
    c, other = started(), conversation("other").user("Fix the login")
    for one in (c, other):
        for command in ("issue list", "release view", "api repos/shop"):
            call_gh(one, command)
    call_gh(c, "release view", None)
    call_gh(other, "help", None)
    assert "run" not in found(c.say()).rules
    assert "run" in found(other.say()).rules


def test_red_tests_of_one_program_are_no_dead_end_without_a_judge() -> None:
    c = started().read("a.py")
    for target in ("unit", "e2e", "lint"):
        c.edit("a.py").bash(f"make {target}", "Exit code 2\nFAILED test_a", is_error=True)
    assert not runs(c.say())


def test_failures_that_no_rule_knows_are_left_to_a_judge() -> None:
    c = started()
    for name in ("list", "search", "open"):
        c.tool(f"mcp__archive__{name}", {"of": name}, "Das Archiv antwortet nicht.", is_error=True)
    (flag,) = found(c.say())
    assert flag.rule == "run" and flag.is_candidate and flag.needs_judgement


def test_two_failures_that_no_rule_knows_are_nothing() -> None:
    c = started()
    for name in ("list", "search"):
        c.tool(f"mcp__archive__{name}", {"of": name}, "Das Archiv antwortet nicht.", is_error=True)
    assert not found(c.say())


def test_a_session_that_ends_in_an_error() -> None:
    c = started().read("gone.py", result="File does not exist.", is_error=True)
    (flag,) = runs(c)
    assert (flag.rule, flag.cause) == ("ended", "file_precondition")


def test_a_session_that_ends_in_a_red_test_does_not_end_in_an_error() -> None:
    assert not runs(started().bash("pytest -q", "Exit code 1\nFAILED test_a", is_error=True))


def test_an_output_that_was_cut() -> None:
    flags = found(started().say("And so", stop_reason="max_tokens").say("on"))
    flag = flags.flag
    assert (flag.rule, flag.tier) == ("cut", Tier.LIKELY)
    (cost,) = flags.costs
    assert cost.usd_direct > 0
