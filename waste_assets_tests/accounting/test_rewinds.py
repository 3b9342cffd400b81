"""Going back: what was before keeps its place in the prompt, what was abandoned leaves it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from waste_assets.accounting.claims import whole_call
from waste_assets.accounting.ledger import Observation, settle
from waste_assets.accounting.sessions import sessions
from waste_assets.detectors import file_reread
from waste_assets.lake.tables import PARSED_TURNS, RAW_SESSIONS
from waste_assets.sample import Conversation, conversation
from waste_assets.sample.blocks import bash, read
from waste_assets_tests.detectors.support import flags_of, loaded
from waste_assets_tests.support import (
    Audit,
    Row,
    as_line,
    assert_blocks_add_up,
    record,
    write_lines,
)


@pytest.fixture
def audit(tmp_path: Path) -> Audit:
    return Audit(tmp_path)


def began(name: str = "back") -> Conversation:
    """Work, and the answer that the user will go back to."""
    return conversation(name).user("x" * 400).bash("make", tokens=900, output=50).say(output=80)


def entered(audit: Audit, *conversations: Conversation) -> tuple[Row, list[tuple[str, int]]]:
    """The last response, and the blocks that entered with it."""
    audit.write(*conversations)
    audit.account()
    return last(audit)


def last(audit: Audit) -> tuple[Row, list[tuple[str, int]]]:
    blocks = assert_blocks_add_up(audit)
    turn = max(audit.rows(PARSED_TURNS), key=lambda row: row["ts"])
    mine = [one for one in blocks if one["response_id"] == turn["response_id"]]
    return turn, [(one["kind"], one["tokens"]) for one in mine]


# --- what the prompt holds -----------------------------------------------------------------


@pytest.mark.parametrize("size", [10, 9_000], ids=["smaller", "larger again"])
def test_what_was_before_is_kept_and_what_was_abandoned_is_not(audit: Audit, size: int) -> None:
    c = began()
    kept = c.context
    c.user("Wrong way").read("b.py", 2_000).say().rewind()
    turn, blocks = entered(audit, c.user("x" * 4 * size).say())
    first, second, *_ = (row["response_id"] for row in audit.rows(PARSED_TURNS))
    assert turn["is_rewound"] and turn["epoch_start"] is None
    assert (turn["epoch"], turn["previous_response_id"]) == (first, second)
    assert turn["previous_prompt_tokens"] == kept
    assert blocks == [("user_text", size)]


def test_going_back_to_the_beginning_begins_an_epoch(audit: Audit) -> None:
    c = began()
    c.rewind().user("x" * 40).say()
    turn, blocks = entered(audit, c)
    assert (turn["epoch_start"], turn["is_rewound"]) == ("rewind", True)
    assert blocks == [("base", 18_000), ("user_text", 10)]


def test_a_prompt_that_was_taken_back_before_it_was_answered_enters_nothing(audit: Audit) -> None:
    c = began().user("y" * 4_000).rewind().user("x" * 40).say()
    turn, blocks = entered(audit, c)
    assert not turn["is_rewound"]
    assert blocks == [("output", 80), ("user_text", 10)]


def test_going_back_twice_to_the_same_place(audit: Audit) -> None:
    c = began()
    kept = c.context
    for _ in range(2):
        c.user("Wrong").bash("ls", tokens=300).say().rewind()
    turn, blocks = entered(audit, c.user("x" * 40).say())
    assert (turn["previous_prompt_tokens"], blocks) == (kept, [("user_text", 10)])


def test_going_back_over_several_prompts_and_on_from_there(audit: Audit) -> None:
    c = began()
    kept = c.context
    c.user("One").bash("ls", tokens=300).say().user("Two").say()
    c.rewind(2).user("x" * 40).read("b.py", 700, output=30).say()
    turn, blocks = entered(audit, c)
    assert blocks == [("output", 30), ("tool_result", 700)]
    assert turn["previous_prompt_tokens"] == kept + 10


def test_going_back_after_a_call_was_interrupted_keeps_the_call(audit: Audit) -> None:
    c = conversation("stop").user("Go").bash("make", tokens=900, output=50).interrupt()
    kept = c.context
    c.user("Wrong").say().rewind()
    turn, blocks = entered(audit, c.user("x" * 40).say())
    assert turn["previous_prompt_tokens"] == pytest.approx(kept, abs=2)
    assert [kind for kind, _ in blocks] == ["user_text"]


def test_a_place_is_found_that_no_line_with_content_stands_for(audit: Audit) -> None:
    """Turns end with notes of the harness: the next prompt goes on from these."""
    c = began().turn_duration()
    kept = c.context
    c.at("2026-03-03T09:00:00Z").user("Wrong").say().turn_duration()
    c.at("2026-03-04T09:00:00Z").rewind().user("x" * 40).say()
    turn, blocks = entered(audit, c)
    assert (turn["previous_prompt_tokens"], blocks) == (kept, [("user_text", 10)])


def test_rows_do_not_depend_on_how_days_were_batched(audit: Audit, tmp_path: Path) -> None:
    c = began().at("2026-03-03T09:00:00Z").user("Wrong").bash("make", tokens=5_000).say()
    c.at("2026-03-04T09:00:00Z").rewind().user("Right").bash("make", tokens=700).say()
    c.at("2026-03-05T09:00:00Z").rewind(2).user("x" * 40).read("a.py", 600).say()
    audit.write(c)
    audit.account()
    one_by_one = Audit(tmp_path / "other", audit.source)
    one_by_one.archive()
    days = one_by_one.lake.days(RAW_SESSIONS)
    for day in reversed(days):
        one_by_one.turns([day])
    for day in days:
        one_by_one.flags([day])
    assert one_by_one.parts() == audit.parts()
    assert sum(row["is_rewound"] for row in audit.rows(PARSED_TURNS)) == 2


def test_in_a_resumed_copy_somebody_goes_back(audit: Audit) -> None:
    old = began("old")
    new = old.wait(minutes=2).resume("new").user("Wrong").say().rewind().user("x" * 40).say()
    turn, blocks = entered(audit, old, new)
    assert turn["is_rewound"]
    assert blocks[-1] == ("user_text", 10)


def test_a_copy_that_goes_back_to_less_than_what_was_there_begins_an_epoch(audit: Audit) -> None:
    told = [
        chained(1, None, "user"), billed(2, 1, 0, 1_000), chained(3, 2, "user"),
        billed(4, 3, 1_000, 100),
    ]  # fmt: skip
    back = [chained(5, 2, "user"), billed(6, 5, 500, 41)]
    write_lines(audit, map(as_line, told))
    new = "99999999-2222-4333-8444-555555555555"
    write_lines(audit, [as_line({**line, "sessionId": new}) for line in (*told, *back)], new)
    audit.account()
    turn, blocks = last(audit)
    assert (turn["is_rewound"], turn["epoch_start"]) == (True, "shrink")
    assert min(tokens for _, tokens in blocks) >= 0


def test_an_empty_name_is_no_line_that_one_could_go_back_to(audit: Audit) -> None:
    lines = [
        chained(1, None, "user"), {**billed(2, 1, 0, 1_000), "uuid": ""}, chained(3, 2, "user"),
        billed(4, 3, 1_000, 100), {**billed(6, 5, 0, 300), "parentUuid": ""},
    ]  # fmt: skip
    write_lines(audit, map(as_line, lines))
    audit.account()
    assert len(audit.rows(PARSED_TURNS)) == 3
    last(audit)


# --- branches that are no rewinds ----------------------------------------------------------

#: How a conversation goes on without anybody going back.
FINE: dict[str, Any] = {
    "parallel calls": lambda c: c.respond(read("a.py", 300), bash("ls", tokens=40), read("b.py")),
    "a compaction": lambda c: c.compact().user("On"),
    "a subagent": lambda c: c.subagent(layout="inline").read("b.py").done(),
    "one in progress lines": lambda c: c.subagent(layout="progress").read("b.py").done(),
    "a side question": lambda c: c.btw(),
    "reminders and hooks": lambda c: c.system_reminder(tokens=60).hook_context(tokens=30),
    "notes": lambda c: c.turn_duration().stop_hook().mode().file_history_snapshot(),
    "an error of the API": lambda c: c.api_error(),
    "lines again": lambda c: c.relog(3),
    "a denied call": lambda c: c.bash("rm x", "denied", is_error=True).interrupt(for_tool_use=True),
    "midnight": lambda c: c.across_midnight(bash("ls", tokens=30)),
    "a fork": lambda c: c.fork("fork").user("On"),
}


def test_other_branches_are_no_rewinds(audit: Audit) -> None:
    for name, tell in FINE.items():
        c = began(name)
        told = tell(c)
        thread = told if isinstance(told, Conversation) else c
        audit.write(c, thread.say().user("More").say())
    audit.account()
    assert_blocks_add_up(audit)
    assert not [row for row in audit.rows(PARSED_TURNS) if row["is_rewound"]]


def chained(number: int, parent: int | None, kind: str = "assistant", **fields: Any) -> Row:
    """A record that goes on from another one."""
    uuid = None if parent is None else record(parent)["uuid"]
    return record(number, kind, parentUuid=uuid, **fields)


def billed(number: int, parent: int, read: int, written: int, output: int = 50) -> Row:
    answer = chained(number, parent)
    answer["message"]["usage"] = {
        "input_tokens": 0, "cache_read_input_tokens": read,
        "cache_creation_input_tokens": written, "output_tokens": output,
    }  # fmt: skip
    return answer


def test_a_branch_whose_cache_holds_what_would_be_abandoned_is_no_rewind(audit: Audit) -> None:
    """Some versions name an old line as parent although nobody went back."""
    lines = [
        chained(1, None, "user"), billed(2, 1, 0, 1_000), chained(3, 2, "user"),
        billed(4, 3, 1_000, 100), chained(5, 2, "user"), billed(6, 5, 1_100, 80),
    ]  # fmt: skip
    write_lines(audit, map(as_line, lines))
    audit.account()
    turn, _ = last(audit)
    assert (turn["is_rewound"], turn["previous_prompt_tokens"]) == (False, 1_100)


def test_one_whose_cache_ends_where_the_branch_begins_is_one(audit: Audit) -> None:
    lines = [
        chained(1, None, "user"), billed(2, 1, 0, 1_000), chained(3, 2, "user"),
        billed(4, 3, 1_000, 100), chained(5, 2, "user"), billed(6, 5, 1_050, 400),
    ]  # fmt: skip
    write_lines(audit, map(as_line, lines))
    audit.account()
    turn, blocks = last(audit)
    assert (turn["is_rewound"], turn["previous_prompt_tokens"]) == (True, 1_050)
    assert blocks == [("user_text", 400)]


def test_going_back_to_before_a_compaction_goes_on_in_the_epoch_before_it(audit: Audit) -> None:
    boundary = record(5, "system", parentUuid=None, subtype="compact_boundary", message=None)
    summary = chained(6, 5, "user", isCompactSummary=True)
    lines = [
        chained(1, None, "user"), billed(2, 1, 0, 9_000), chained(3, 2, "user"),
        billed(4, 3, 9_000, 500), boundary, summary, billed(7, 6, 500, 1_500),
        chained(8, 2, "user"), billed(9, 8, 9_000, 90),
    ]  # fmt: skip
    write_lines(audit, map(as_line, lines))
    audit.account()
    turn, blocks = last(audit)
    first = min(audit.rows(PARSED_TURNS), key=lambda row: row["ts"])["response_id"]
    assert (turn["is_rewound"], turn["epoch"], turn["epoch_position"]) == (True, first, 2)
    assert (turn["previous_prompt_tokens"], blocks) == (9_050, [("user_text", 40)])


def test_an_old_compaction_is_known_by_its_summary(audit: Audit) -> None:
    """Versions before the boundary line began the summary from nothing."""
    c = conversation("old").user("Go").bash("make", tokens=9_000).say().compact().user("On").say()
    audit.write(c)
    (path,) = audit.source.rglob("*.jsonl")
    lines = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    kept = [one for one in lines if one.get("subtype") != "compact_boundary"]
    summary = next(one for one in kept if one.get("isCompactSummary"))
    summary["parentUuid"] = None
    path.write_bytes(b"".join(as_line(one) + b"\n" for one in kept))
    audit.account()
    turn, blocks = last(audit)
    assert (turn["epoch_start"], turn["is_rewound"]) == ("compaction", False)
    assert [kind for kind, _ in blocks] == ["base", "summary", "user_text"]


# --- what is carried -----------------------------------------------------------------------


def carry_costs(c: Conversation) -> list[float]:
    """What each call of a session cost, with what it left behind."""
    (session,) = loaded(c)
    calls = [call for thread in session.conversations for call in thread.calls]
    observed = [Observation(tuple(whole_call(call))) for call in calls]
    return [cost.usd_direct for cost in settle(session, [], observed).observed]


def test_a_result_costs_as_long_as_it_is_in_the_prompt() -> None:
    c = conversation("cost").user("Go").read("a.py", 3_000)
    before = c.plant("file_reread", "kept")
    before.call(c.last_calls[0])
    c.say().user("Wrong").read("b.py", 5_000)
    after = c.plant("file_reread", "abandoned")
    after.call(c.last_calls[0])
    c.say().say().rewind().user("Right").say().say().say()
    kept, abandoned = carry_costs(c)
    assert kept == pytest.approx(before.plant().usd, rel=0.001)
    assert abandoned == pytest.approx(after.plant().usd, rel=0.001)


def test_a_file_read_on_an_abandoned_branch_alone_is_no_reread() -> None:
    c = conversation("branch").user("Go").read("a.py", 900).say()
    c.user("Wrong").read("b.py", 900).bash("git status", tokens=40).say().rewind()
    c.user("Right").read("b.py", 900).bash("git status", tokens=40).say()
    assert not flags_of(c, detector=file_reread.DETECTOR)


def test_a_file_read_before_the_place_one_went_back_to_is_reread() -> None:
    c = conversation("before").user("Go").read("a.py", 900).say()
    c.user("Wrong").read("b.py", 900).say().rewind().user("Right").read("a.py", 900).say()
    found = flags_of(c, detector=file_reread.DETECTOR)
    assert (found.rules, found.flagged) == (["repeated"], [2])


def test_responses_see_what_they_go_on_from(audit: Audit) -> None:
    c = began().user("Wrong").say().rewind().user("Right").say()
    audit.write(c)
    audit.account()
    (session,) = sessions(audit.lake, audit.lake.days(PARSED_TURNS))
    (thread,) = session.conversations
    one, two, wrong, right = thread.responses
    assert right.saw(one) and right.saw(two) and not right.saw(wrong) and not right.saw(right)
    assert wrong.saw(two) and not wrong.saw(right)
    assert [len(run.responses) for run in thread.runs] == [3, 1]
