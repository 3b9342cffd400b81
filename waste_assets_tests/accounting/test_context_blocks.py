"""What entered each prompt: the blocks add up, know where they are from, and have their sizes."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from pathlib import Path

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from waste_assets.lake.tables import PARSED_TURNS
from waste_assets.sample import Conversation, conversation
from waste_assets.sample.blocks import bash, read, say, think
from waste_assets.sample.threads import Thread
from waste_assets.sample.tokens import tokens_of
from waste_assets_tests.stories import stories, tell
from waste_assets_tests.support import (
    Audit,
    Row,
    as_line,
    assert_blocks_add_up,
    expected_turn,
    record,
    told_turn,
    write_lines,
)

BASE = 18_000


@pytest.fixture
def audit(tmp_path: Path) -> Audit:
    return Audit(tmp_path)


def blocks_of(audit: Audit, *conversations: Conversation) -> dict[str, list[Row]]:
    """Run over these sessions; the blocks of each response in order, by message id."""
    audit.write(*conversations)
    audit.account()
    grouped: dict[str, list[Row]] = defaultdict(list)
    for block in assert_blocks_add_up(audit):
        grouped[block["response_id"]].append(block)
    return grouped


def turns_of(audit: Audit) -> dict[str, Row]:
    return {row["message_id"]: row for row in audit.rows(PARSED_TURNS)}


def ids(thread: Thread) -> list[str]:
    """Message ids of a conversation's own responses, subagents left out."""
    return [one.message_id for one in thread.session.truth.responses if one.agent == thread.agent]


def shape(blocks: list[Row]) -> list[tuple[str, str, int]]:
    return [(block["kind"], block["basis"], block["tokens"]) for block in blocks]


# --- sizes ---------------------------------------------------------------------------------


def test_one_result_is_measured_to_the_token(audit: Audit) -> None:
    c = conversation("one").user("x" * 400).read("a.py", 1_200, output=50).say()
    blocks = blocks_of(audit, c)
    one, two = ids(c)
    assert shape(blocks[one]) == [("base", "estimated", BASE), ("user_text", "estimated", 100)]
    assert shape(blocks[two]) == [("output", "measured", 50), ("tool_result", "measured", 1_200)]


def test_an_answer_alone_is_measured_to_the_token(audit: Audit) -> None:
    c = conversation("talk").user("x" * 400).say(output=75).user("y" * 800).say()
    assert shape(blocks_of(audit, c)[ids(c)[1]]) == [
        ("output", "measured", 75), ("user_text", "measured", 200),
    ]  # fmt: skip


def test_results_of_parallel_calls_share_a_measured_sum_by_their_characters(audit: Audit) -> None:
    sizes = [300, 1_200, 40]
    c = conversation("parallel").user("Go")
    c.respond(*(bash(f"run {size}", tokens=size) for size in sizes), output=90).say()
    output, *results = blocks_of(audit, c)[ids(c)[1]]
    assert shape([output]) == [("output", "measured", 90)]
    assert {block["basis"] for block in results} == {"apportioned"}
    assert [block["tokens"] for block in results] == pytest.approx(sizes, abs=1)
    assert sum(block["tokens"] for block in results) == sum(sizes)


def test_output_that_was_never_counted_shares_the_growth(audit: Audit) -> None:
    c = conversation("lost").user("Go").bash("make", tokens=400, final=False).say()
    output, result = blocks_of(audit, c)[ids(c)[1]]
    assert {output["basis"], result["basis"]} == {"apportioned"}
    assert result["tokens"] == pytest.approx(400, abs=25)


def test_growth_that_no_line_explains_is_shown_as_such(audit: Audit) -> None:
    c = conversation("unseen").user("Go").say(output=60)
    c.context += 333
    c.say()
    assert shape(blocks_of(audit, c)[ids(c)[1]]) == [
        ("output", "measured", 60), ("unseen", "measured", 333),
    ]  # fmt: skip


def test_thinking_that_is_dropped_from_the_prompt_makes_the_output_smaller(audit: Audit) -> None:
    c = conversation("dropped").user("Go").respond(think(tokens=500), say(tokens=100), output=600)
    c.context -= 500
    blocks = blocks_of(audit, c.user("x" * 80).say())[ids(c)[1]]
    assert [block["kind"] for block in blocks] == ["output", "user_text"]
    assert sum(block["tokens"] for block in blocks) == 120
    assert {block["basis"] for block in blocks} == {"apportioned"}


def test_a_spilled_result_weighs_what_its_preview_weighs(audit: Audit) -> None:
    c = conversation("spill").user("Go").bash("git log -p", tokens=15_000, spill=True).say()
    _, result = blocks_of(audit, c)[ids(c)[1]]
    assert (result["kind"], result["basis"]) == ("tool_result", "measured")
    assert 500 < result["tokens"] < 600


def test_an_advisors_tokens_are_no_part_of_any_prompt(audit: Audit) -> None:
    c = conversation("advised").user("Go").advised(say(tokens=60), advice=5_000).user("x" * 40)
    blocks = blocks_of(audit, c.say())[ids(c)[1]]
    prompts = [turns_of(audit)[one]["prompt_tokens"] for one in ids(c)]
    assert sum(block["tokens"] for block in blocks) == prompts[1] - prompts[0] < 100


def test_a_reminder_in_a_tool_result_is_a_block_of_its_own(audit: Audit) -> None:
    reminder = "<system-reminder>\n" + "r" * 363 + "\n</system-reminder>"
    c = conversation("reminder").user("Go").bash("ls", "f" * 1_200 + reminder, output=10).say()
    output, result, told = blocks_of(audit, c)[ids(c)[1]]
    assert (result["kind"], told["kind"]) == ("tool_result", "reminder")
    assert (result["tokens"], told["tokens"]) == pytest.approx((300, 100), abs=1)
    assert result["tool_use_id"] == told["tool_use_id"]
    assert output["source_response_id"] == ids(c)[0]


# --- kinds and places ----------------------------------------------------------------------


def test_every_block_says_from_which_line_it_came(audit: Audit) -> None:
    c = conversation("places").nested_memory(tokens=200).skill_listing(tokens=300).user("Typed")
    c.respond(read("a.py", 300), bash("ls", tokens=50)).system_reminder(tokens=40)
    c.hook_context(tokens=60).say().compact(tokens=500).user("More").say()
    with c.subagent("Explore") as agent:
        agent.grep("total")
    by_response = blocks_of(audit, c.say())
    kinds = set()
    for blocks in by_response.values():
        for block in blocks:
            kinds.add((block["kind"], block["subtype"]))
            if block["transcript"] is not None:
                assert_stands_there(audit, block)
            else:
                assert block["kind"] in ("base", "unseen")
    assert kinds == {
        ("base", None), ("output", None), ("tool_result", "text"), ("tool_result", "completed"),
        ("tool_result", None), ("user_text", "typed"),
        ("reminder", None), ("attachment", "nested_memory"), ("attachment", "skill_listing"),
        ("attachment", "hook_additional_context"), ("summary", None),
    }  # fmt: skip


def assert_stands_there(audit: Audit, block: Row) -> None:
    (path,) = audit.source.rglob(block["transcript"].rpartition("/")[2])
    line = orjson.loads(path.read_bytes().splitlines()[block["line_no"] - 1])
    match block["kind"]:
        case "output":
            assert line["message"]["id"] == block["source_response_id"]
        case "tool_result":
            assert line["message"]["content"][0]["tool_use_id"] == block["tool_use_id"]
        case "attachment":
            assert line["attachment"]["type"] == block["subtype"]
        case "summary":
            assert line["isCompactSummary"]
        case "reminder":
            assert line["isMeta"]
        case kind:
            assert (kind, line["type"]) == ("user_text", "user")


def test_notes_to_the_harness_enter_no_prompt(audit: Audit) -> None:
    c = conversation("notes").user("x" * 40).say(output=30).hook_error().stop_hook()
    c.turn_duration().user("y" * 40).say()
    assert shape(blocks_of(audit, c)[ids(c)[1]]) == [
        ("output", "measured", 30), ("user_text", "measured", 10),
    ]  # fmt: skip


# --- epochs --------------------------------------------------------------------------------


def test_an_epoch_goes_on_through_pauses_and_broken_caches(audit: Audit) -> None:
    c = conversation("long").user("Go").say().wait(hours=30).user("More").bust().say()
    c.user("Again").say(model="claude-sonnet-5").user("Faster").say(fast=True)
    blocks_of(audit, c)
    turns = turns_of(audit)
    told = [(turns[one]["epoch"], turns[one]["epoch_position"]) for one in ids(c)]
    assert told == [(ids(c)[0], position) for position in range(4)]
    assert [turns[one]["epoch_start"] for one in ids(c)] == ["first", None, None, None]


@pytest.mark.parametrize("trigger", ["auto", "manual"])
def test_a_compaction_begins_an_epoch_of_base_and_summary(audit: Audit, trigger: str) -> None:
    c = conversation("compact").user("Go").bash("make", tokens=9_000).say()
    c.compact(tokens=2_000, trigger=trigger).user("x" * 400).say()  # type: ignore[arg-type]
    blocks = blocks_of(audit, c)[ids(c)[-1]]
    assert shape(blocks) == [
        ("base", "estimated", BASE), ("summary", "estimated", 2_000),
        ("user_text", "estimated", 100),
    ]  # fmt: skip
    turn = turns_of(audit)[ids(c)[-1]]
    assert (turn["epoch_start"], turn["epoch"], turn["epoch_position"]) == (
        "compaction", ids(c)[-1], 0,
    )  # fmt: skip


def test_a_prompt_that_shrank_although_nobody_went_back_begins_an_epoch(audit: Audit) -> None:
    c = conversation("less").user("Go").bash("make", tokens=900).say().user("More").say()
    c.context -= 800
    c.user("x" * 40).say()
    blocks = blocks_of(audit, c)[ids(c)[-1]]
    assert turns_of(audit)[ids(c)[-1]]["epoch_start"] == "shrink"
    assert blocks[0]["kind"] == "base"
    assert blocks[-1]["tokens"] == 10


@pytest.mark.parametrize("copy", ["resume", "fork", "hand_off"])
def test_a_copied_session_inherits_what_was_in_its_prompt(audit: Audit, copy: str) -> None:
    c = conversation("0" * 8 + "-1111-4111-8111-111111111111").user("Go")
    c.bash("make", tokens=900, output=20).say(output=40)
    other = getattr(c, copy)("f" * 8 + "-1111-4111-8111-111111111111").user("x" * 40).say()
    blocks = blocks_of(audit, c, other)[ids(other)[0]]
    held = c.truth.responses[-1].prompt
    assert shape(blocks) == [
        ("base", "measured", held), ("output", "measured", 40), ("user_text", "measured", 10),
    ]  # fmt: skip
    assert blocks[0]["subtype"] == "inherited"
    assert turns_of(audit)[ids(other)[0]]["epoch_start"] == "inherited"


def test_a_side_question_inherits_its_parents_prompt(audit: Audit) -> None:
    c = conversation("side").user("Go").bash("make", tokens=900).say(output=40)
    held = c.truth.responses[-1].prompt
    c.btw("x" * 40)
    answer = c.truth.responses[-1]
    blocks = blocks_of(audit, c)[answer.message_id]
    assert (answer.agent or "").startswith("aside")
    assert [block["tokens"] for block in blocks] == [held, 40, 10]


def test_a_subagent_begins_cold_and_apart_from_its_parent(audit: Audit) -> None:
    c = conversation("agent").user("Go")
    agent = c.subagent("Explore", prompt="p" * 400, base_tokens=6_000)
    agent.bash("ls", tokens=500, output=30).done("r" * 600)
    by_response = blocks_of(audit, c.say())
    one, two = ids(agent)
    assert shape(by_response[one]) == [
        ("base", "estimated", 6_000), ("user_text", "estimated", 100),
    ]  # fmt: skip
    assert shape(by_response[two]) == [("output", "measured", 30), ("tool_result", "measured", 500)]
    _, report = by_response[ids(c)[-1]]
    assert report["tokens"] == pytest.approx(150 + tokens_of(f"agentId: {agent.agent}"), abs=1)


def test_a_prompt_that_crosses_midnight_goes_on_the_next_day(audit: Audit) -> None:
    c = conversation("night", start="2026-09-03T23:50:00Z").user("Go")
    c.across_midnight(say(), bash("ls", tokens=30)).user("x" * 40).say()
    blocks = blocks_of(audit, c)[ids(c)[-1]]
    assert [block["kind"] for block in blocks] == ["output", "tool_result", "user_text"]
    assert {str(block["day"]) for block in blocks} == {"2026-09-04"}


def test_two_conversations_of_one_moment_do_not_mix(audit: Audit) -> None:
    one = conversation("one").user("x" * 40).bash("make", tokens=700).say()
    other = conversation("other").user("x" * 40).bash("make", tokens=80).say()
    by_response = blocks_of(audit, one, other)
    assert by_response[ids(one)[1]][1]["tokens"] == 700
    assert by_response[ids(other)[1]][1]["tokens"] == 80


def test_an_image_in_a_result_weighs_as_an_image(audit: Audit) -> None:
    image = {"type": "image", "source": {"type": "base64", "data": "A" * 90_000}}
    call = {"type": "tool_use", "id": "toolu_1", "name": "Read", "input": {}}
    asked, answered = record(1), record(3)
    asked["message"] |= {"content": [call]}
    answered["message"] |= {"usage": {"input_tokens": 3_553, "output_tokens": 5}}
    results = [
        {"type": "tool_result", "tool_use_id": "toolu_1", "content": [image]},
        {"type": "text", "text": "t" * 6_000},
    ]
    shown = record(2, "user", message={"role": "user", "content": results})
    write_lines(audit, map(as_line, (asked, shown, answered)))
    audit.account()
    last = [b for b in assert_blocks_add_up(audit) if b["response_id"] == "msg_0003"]
    assert [(block["kind"], block["tokens"]) for block in last[1:]] == [
        ("tool_result", 1_250), ("user_text", 1_250),
    ]  # fmt: skip


# --- any story -----------------------------------------------------------------------------


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
@given(story=stories, zone=st.sampled_from(["UTC", "America/Los_Angeles"]))
def test_blocks_and_tokens_add_up_in_any_story(story: list[tuple[str, int]], zone: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        audit = Audit(Path(folder), zone=zone)
        truth = audit.write(*tell(story))
        audit.run()
        assert_blocks_add_up(audit)
        told = {row["message_id"]: told_turn(row) for row in audit.rows(PARSED_TURNS)}
        assert told.keys() == {one.message_id for one in truth.responses}
        for response in truth.responses:
            # Whose it is and on which day has tests of its own; here all is about sizes.
            expected = expected_turn(response)
            compared = [n for n in expected if n not in ("session_id", "day")]
            assert {n: told[response.message_id][n] for n in compared} == {
                n: expected[n] for n in compared
            }
