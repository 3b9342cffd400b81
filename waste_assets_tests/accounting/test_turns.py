"""Every billed token once, whatever shape the transcripts have: responses against the truth."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from waste_assets.lake.tables import PARSED_TURNS, TOOL_CALLS
from waste_assets.sample import Conversation, conversation
from waste_assets.sample.blocks import bash, read, say, think
from waste_assets.sample.oddities import ODDITIES
from waste_assets_tests.support import (
    KINDS,
    USAGE,
    Audit,
    Row,
    as_line,
    assert_blocks_add_up,
    assert_turns_are,
    expected_turn,
    record,
    tokens_of_bills,
    write_lines,
)

#: Session ids whose order differs from the order in which the sessions began.
EARLY_ID, MIDDLE_ID, LATE_ID = (
    f"{digit * 8}-1111-4111-8111-111111111111" for digit in ("0", "8", "f")
)


@pytest.fixture
def audit(tmp_path: Path) -> Audit:
    return Audit(tmp_path)


def account(audit: Audit, *conversations: Conversation) -> dict[str, Row]:
    """Run over these sessions and compare with their truth; the turns by message id."""
    truth = audit.write(*conversations)
    audit.account()
    assert audit.counts()["lines"] == truth.lines
    assert_blocks_add_up(audit)
    return assert_turns_are(audit, truth)


def begin(session: str = "shape", **options: Any) -> Conversation:
    return conversation(session, **options).user("Go").read("a.py", 700)


def first(c: Conversation) -> str:
    """Message id of the first response of a conversation."""
    return c.truth.responses[0].message_id


def last(c: Conversation) -> str:
    return c.truth.responses[-1].message_id


# --- one response, many lines --------------------------------------------------------------


def test_a_response_of_four_lines_is_counted_once(audit: Audit) -> None:
    c = begin().respond(think(), say(), read("b.py"), bash("ls", "x"))
    turns = account(audit, c)
    assert turns[last(c)]["lines"] == 4
    assert len(turns) == 2


def test_the_last_line_of_a_streamed_response_holds_its_usage(audit: Audit) -> None:
    c = begin(placeholder=True).respond(think(), say(), bash("ls", "x"), output=900)
    turn = account(audit, c)[last(c)]
    assert (turn["output_tokens"], turn["stop_reason"], turn["usage_final"]) == (
        900, "tool_use", True,
    )  # fmt: skip


def test_a_response_that_was_never_finished_is_a_lower_bound(audit: Audit) -> None:
    c = begin().respond(think(), say(tokens=200), final=False).user().say()
    turns = account(audit, c)
    (unfinished,) = [turn for turn in turns.values() if not turn["usage_final"]]
    assert unfinished["output_tokens"] < 10
    assert unfinished["stop_reason"] is None


def test_a_subagent_that_never_finalises_is_a_lower_bound(audit: Audit) -> None:
    c = begin()
    agent = c.subagent("Explore", finalise=False, model="claude-haiku-4-5-20251001")
    agent.respond(say(), read("b.py"), output=400).grep("total").done()
    turns = account(audit, c.say())
    unfinished = [turn for turn in turns.values() if not turn["usage_final"]]
    assert {turn["agent"] for turn in unfinished} == {agent.agent}
    assert len(unfinished) == 3


def test_a_line_logged_twice_counts_once(audit: Audit) -> None:
    account(audit, begin().respond(think(), say(tokens=70)).relog(3).user().say())


def test_one_file_may_hold_two_sessions(audit: Audit) -> None:
    c = begin().say().switch_session("another").user().say()
    turns = account(audit, c)
    assert len({turn["session_id"] for turn in turns.values()}) == 2
    assert len({turn["transcript"] for turn in turns.values()}) == 1


def test_lines_that_disagree_are_told_and_one_whole_line_wins(audit: Audit) -> None:
    one, other = record(1), record(2)
    one["message"]["usage"] = {"input_tokens": 500, "output_tokens": 40}
    other["message"] |= {"id": "msg_0001", "usage": {"input_tokens": 9, "output_tokens": 70}}
    write_lines(audit, map(as_line, (one, other)))
    audit.account()
    (turn,) = audit.rows(PARSED_TURNS)
    assert turn["usage_conflict"]
    assert (turn["input_tokens"], turn["output_tokens"], turn["lines"]) == (9, 70, 2)


def test_a_finished_line_wins_over_a_longer_placeholder(audit: Audit) -> None:
    one, other = record(1), record(2)
    one["message"] |= {"stop_reason": None, "usage": {**USAGE, "output_tokens": 90}}
    other["message"] |= {"id": "msg_0001"}
    write_lines(audit, map(as_line, (one, other)))
    audit.account()
    (turn,) = audit.rows(PARSED_TURNS)
    assert (turn["output_tokens"], turn["usage_final"]) == (50, True)


# --- copies --------------------------------------------------------------------------------


@pytest.mark.parametrize(("old", "new"), [(EARLY_ID, LATE_ID), (LATE_ID, EARLY_ID)])
@pytest.mark.parametrize("copy", ["resume", "fork", "hand_off"])
def test_a_session_copied_into_a_new_file_is_counted_once_and_keeps_its_session(
    audit: Audit, copy: str, old: str, new: str
) -> None:
    c = begin(old).say().wait(minutes=20)
    copied = getattr(c, copy)(new).user().edit("a.py").say()
    turns = account(audit, c, copied)
    assert [turns[one.message_id]["session_id"] for one in copied.truth.responses] == [new] * 2
    assert turns[first(c)]["conversations"] == 2


@pytest.mark.parametrize(("old", "new"), [(EARLY_ID, LATE_ID), (LATE_ID, EARLY_ID)])
def test_a_session_resumed_on_a_later_day_is_counted_once_and_keeps_its_session(
    audit: Audit, old: str, new: str
) -> None:
    c = begin(old).say().wait(hours=50)
    account(audit, c, c.resume(new).user().edit("a.py").say())


@pytest.mark.parametrize("ids", [(EARLY_ID, MIDDLE_ID, LATE_ID), (LATE_ID, MIDDLE_ID, EARLY_ID)])
def test_a_fork_of_a_fork_is_counted_once(audit: Audit, ids: tuple[str, str, str]) -> None:
    c = begin(ids[0]).say()
    one = c.fork(ids[1]).user().bash("make", tokens=60)
    two = one.fork(ids[2]).user().say()
    turns = account(audit, c.user().say(), one, two)
    assert turns[first(c)]["conversations"] == 3
    assert turns[first(one)]["conversations"] == 2


def test_a_fork_whose_original_is_gone_still_accounts_for_it(audit: Audit) -> None:
    c = begin(EARLY_ID).say()
    copied = c.fork(LATE_ID).user().say()
    copied.write(audit.source)
    audit.account()
    turns = audit.rows(PARSED_TURNS)
    assert {turn["session_id"] for turn in turns} == {LATE_ID}
    assert {turn["message_id"] for turn in turns} == {
        one.message_id for one in (*c.truth.responses, *copied.truth.responses)
    }


def test_a_side_question_replays_the_last_response_and_adds_only_its_answer(audit: Audit) -> None:
    c = begin().respond(think(), say(tokens=90))
    replayed = last(c)
    turns = account(audit, c.btw("What does it return?", "A list.").user().say())
    assert turns[replayed]["agent"] == "main"
    assert turns[replayed]["lines"] == 4
    assert len(turns) == 4


# --- subagents -----------------------------------------------------------------------------


@pytest.mark.parametrize("finalise", [False, True])
@pytest.mark.parametrize(
    ("layout", "progress"),
    [
        ("nested", False), ("nested", True), ("flat", False), ("inline", False),
        ("progress", True), ("mirrored", False),
    ],
)  # fmt: skip
def test_a_subagent_is_counted_once_wherever_its_lines_stand(
    audit: Audit, layout: Any, finalise: bool, progress: bool
) -> None:
    c = begin()
    agent = c.subagent("Explore", layout=layout, progress=progress, finalise=finalise)
    agent.respond(read("b.py"), read("c.py")).grep("total").done()
    turns = account(audit, c.say())
    own = [turn for turn in turns.values() if turn["agent"] == agent.agent]
    assert len(own) == 3
    assert {turn["from_progress"] for turn in own} == {layout == "progress"}


def test_two_agents_of_a_workflow_count_and_its_journal_does_not(audit: Audit) -> None:
    c = begin()
    agents = c.subagents("general-purpose", "general-purpose", workflow="wf_1a2b3c")
    for agent in agents:
        agent.read("b.py").done()
    turns = account(audit, c.say())
    by_agent = {turn["agent"]: turn["transcript"] for turn in turns.values()}
    assert by_agent.keys() == {"main", *(agent.agent for agent in agents)}
    assert not any(name.endswith("journal.jsonl") for name in by_agent.values())
    assert audit.counts()["quarantined"] == 0


def test_a_subagent_of_a_subagent_and_one_in_the_background_count(audit: Audit) -> None:
    (c,) = ODDITIES["nested_and_background_subagents"]("deep", "2026-09-03T10:00:00Z")
    turns = account(audit, c)
    assert len({turn["agent"] for turn in turns.values()}) == 4


# --- identifiers ---------------------------------------------------------------------------


def test_a_response_without_request_id_counts_once(audit: Audit) -> None:
    c = begin().respond(think(), say(), read("b.py"), request_id=False)
    turns = account(audit, c)
    assert [turns[one.message_id]["has_request_id"] for one in c.truth.responses] == [True, False]


@pytest.mark.parametrize("gateway", ["chatcmpl", "gen"])
def test_three_lines_of_a_gateway_without_request_id_are_one_response(
    audit: Audit, gateway: str
) -> None:
    c = conversation("gateway", model="glm-4.6", cached=False, gateway=gateway).user()
    c.respond(think(), say(), read("a.py")).respond(think(), say(), bash("ls", "x")).say()
    turns = account(audit, c)
    assert sorted(turn["lines"] for turn in turns.values()) == [1, 3, 3]


def test_a_gateway_that_gives_every_response_the_same_id_loses_none(audit: Audit) -> None:
    one = conversation("one", model="glm-4.6", cached=False, gateway="gen", message_id="gen-0")
    one.user().respond(think(), read("a.py")).say()
    other = conversation("other", model="glm-4.6", cached=False, gateway="gen", message_id="gen-0")
    other.user().respond(think(), read("a.py")).say()
    truth = audit.write(one, other)
    audit.account()
    told = sorted((t["session_id"], t["input_tokens"], t["output_tokens"])
                  for t in audit.rows(PARSED_TURNS))  # fmt: skip
    assert told == sorted((r.session, r.input, r.output) for r in truth.responses)


def test_a_resumed_session_of_a_gateway_is_counted_once(audit: Audit) -> None:
    c = conversation(EARLY_ID, model="glm-4.6", cached=False, gateway="gen").user()
    c.respond(think(), say(), read("a.py")).say()
    account(audit, c, c.resume(LATE_ID).user().say())


# --- attempts ------------------------------------------------------------------------------


def test_a_model_that_declined_after_some_output_is_billed_beside_the_answer(audit: Audit) -> None:
    c = begin().fallback(say(tokens=60), declined_output=2)
    turn = account(audit, c)[last(c)]
    declined, answered = c.truth.responses[-1].bills
    assert turn["model"] == answered.model
    assert turn["billed_extra_tokens"] == declined.prompt + declined.output > 0
    assert turn["prompt_tokens"] == answered.prompt


def test_a_model_that_declined_at_once_costs_nothing(audit: Audit) -> None:
    c = begin().fallback(say(tokens=60), declined_output=0)
    assert account(audit, c)[last(c)]["billed_extra_tokens"] == 0


def test_a_fallback_in_the_middle_of_a_stream_is_one_response_of_the_model_that_ended_it(
    audit: Audit,
) -> None:
    c = begin().fallback(say(tokens=60), say(tokens=60), midstream=True).say()
    turn = account(audit, c)[c.truth.responses[1].message_id]
    assert (turn["model"], turn["lines"]) == ("claude-opus-4-6", 3)


def test_an_advisor_is_billed_and_its_tokens_are_no_part_of_the_prompt(audit: Audit) -> None:
    c = begin().advised(say(tokens=60), read("b.py")).say()
    response = c.truth.responses[1]
    asked_first, advice, asked_last = response.bills
    turn = account(audit, c)[response.message_id]
    assert turn["billed_extra_tokens"] == tokens_of_bills([advice])
    assert turn["prompt_tokens"] == asked_last.prompt
    told = turn["input_tokens"] + turn["read_tokens"]
    assert told + turn["write_5m_tokens"] + turn["write_1h_tokens"] == (
        asked_first.prompt + asked_last.prompt
    )


def test_an_error_of_the_api_is_no_response(audit: Audit) -> None:
    c = begin().api_retries(2).say().user()
    turns = account(audit, c.api_error("You've hit your limit", status=429, error="rate_limit"))
    assert len(turns) == 2
    assert "<synthetic>" not in {turn["model"] for turn in turns.values()}


# --- tokens and prices ---------------------------------------------------------------------


def test_writes_for_five_minutes_and_for_an_hour_are_kept_apart(audit: Audit) -> None:
    c = begin().say(ttl="5m").wait(minutes=7).user().say(ttl="5m").wait(minutes=70).user().say()
    turns = account(audit, c).values()
    assert any(turn["write_5m_tokens"] for turn in turns)
    assert any(turn["write_1h_tokens"] for turn in turns)
    assert all(turn["ttl_known"] for turn in turns)


def test_writes_that_stand_only_in_the_breakdown_count(audit: Audit) -> None:
    turns = account(audit, begin(nested_only=True).say(ttl="5m")).values()
    assert sum(turn["write_1h_tokens"] for turn in turns) > 17_000
    assert sum(turn["write_5m_tokens"] for turn in turns) > 0


def test_writes_without_breakdown_are_taken_for_five_minutes_and_told(audit: Audit) -> None:
    one = record(1)
    one["message"]["usage"] = {
        "cache_creation_input_tokens": 900,
        "cache_creation": {"ephemeral_1h_input_tokens": 400},
    }
    write_lines(audit, [as_line(one)])
    audit.account()
    (turn,) = audit.rows(PARSED_TURNS)
    assert (turn["write_5m_tokens"], turn["write_1h_tokens"]) == (500, 400)
    assert not turn["ttl_known"]


def test_a_response_across_midnight_belongs_whole_to_the_day_it_began(audit: Audit) -> None:
    c = begin(start="2026-09-03T23:50:00Z").across_midnight(say(), bash("ls", tokens=30))
    across = last(c)
    turns = account(audit, c.user().say())
    assert turns[across]["day"] == date(2026, 9, 3)
    assert turns[across]["last_ts"] > datetime(2026, 9, 4, tzinfo=UTC)
    assert turns[last(c)]["day"] == date(2026, 9, 4)


def test_web_searches_are_billed_once_each(audit: Audit) -> None:
    c = begin().say(web_searches=2).web_search("lock", searches=3).say()
    truth = audit.write(c)
    audit.account()
    rows = {row["message_id"]: row for row in audit.rows(PARSED_TURNS)}
    told = [rows[one.message_id] for one in truth.responses]
    assert [row["web_search_requests"] for row in told] == [0, 2, 3, 0]
    assert [row["usd_web_search"] for row in told] == pytest.approx([0, 0.02, 0.03, 0])


def test_the_truth_of_a_day_holds_the_searches_of_the_tool(audit: Audit) -> None:
    truth = audit.write(begin().say(web_searches=2).web_search("lock", searches=3).say())
    assert sum(day.web_searches for day in truth.days.values()) == 5


def test_fast_mode_costs_what_fast_mode_costs(audit: Audit) -> None:
    c = begin(model="claude-opus-5").user().say("Yes.", output=1_000, fast=True)
    turn = account(audit, c)[last(c)]
    assert turn["speed"] == "fast"
    assert turn["usd_output"] == pytest.approx(1_000 * 50 / 1e6)


def test_inference_in_the_us_costs_a_tenth_more(audit: Audit) -> None:
    c = begin().user().say("Yes.", output=1_000, geo="us")
    turn = account(audit, c)[last(c)]
    assert turn["inference_geo"] == "us"
    assert turn["usd_output"] == pytest.approx(1_000 * 25 / 1e6 * 1.1)


def test_a_model_without_a_price_has_no_price_and_is_told(audit: Audit) -> None:
    c = begin().say(model="claude-unheard-of-9").user().say()
    truth = audit.write(c)
    audit.run()
    audit.publish()
    rows = {row["message_id"]: row for row in audit.rows(PARSED_TURNS)}
    unknown = rows[c.truth.responses[1].message_id]
    assert [value for name, value in unknown.items() if name.startswith("usd")] == [None] * 7
    assert unknown["output_tokens"] == c.truth.responses[1].output
    assert audit.query("SELECT model, responses, unpriced_responses, usd FROM daily_usage "
                       "WHERE usd IS NULL") == [("claude-unheard-of-9", 1, 1, None)]  # fmt: skip
    assert audit.query("SELECT sum(unpriced_responses), sum(responses) FROM coverage") == [
        (1, len(truth.responses))
    ]


def test_the_cost_that_claude_code_recorded_is_set_beside_ours(audit: Audit) -> None:
    c = begin("states").say().cost_state().user().say()
    c.cost_state(side_calls={"claude-haiku-4-5": 60})
    account(audit, c)
    audit.publish()
    ((session, recorded, ours, recorded_output, our_output),) = audit.query(
        "SELECT session_id, recorded_usd, accounted_usd, recorded_output_tokens, "
        "accounted_output_tokens FROM cost_reconciliation"
    )
    assert session == c.session.id
    assert recorded == pytest.approx(ours)
    assert recorded_output == our_output + 60


def test_the_costs_of_two_processes_of_a_session_add_up(audit: Audit) -> None:
    lines = [record(1)]
    for started, so_far in ((1, 10), (1, 25), (2, 4), (2, 7)):
        usage = {"claude-opus-4-6": {"outputTokens": so_far, "costUSD": so_far / 100}}
        lines.append(
            {"type": "cost-state", "sessionId": lines[0]["sessionId"], "startTime": started,
             "modelUsage": usage}
        )  # fmt: skip
    write_lines(audit, map(as_line, lines))
    audit.run()
    audit.publish()
    assert audit.query("SELECT recorded_output_tokens, recorded_usd FROM cost_reconciliation") == [
        (32, pytest.approx(0.32))
    ]


# --- tool calls ----------------------------------------------------------------------------


def test_calls_meet_their_results_across_copies_and_midnight(audit: Audit) -> None:
    c = begin(EARLY_ID, start="2026-09-03T23:50:00Z")
    c.respond(bash("x", "Exit code 1", is_error=True), bash("y", "fine"))
    c.bash("rm x", "The user said no.", denial="user-rejected").bash("sleep 900", None)
    c.at("2026-09-03T23:59:58.500Z").bash("make", "done", seconds=5).say()
    account(audit, c, c.fork(LATE_ID).user().say())
    calls = {row["target"]: row for row in audit.rows(TOOL_CALLS)}
    assert len(calls) == len(audit.rows(TOOL_CALLS)) == 6
    assert {name: row["outcome"] for name, row in calls.items()} == {
        "/home/dev/shop/a.py": "ok", "x": "error", "y": "ok", "rm x": "error",
        "sleep 900": "no_result", "make": "ok",
    }  # fmt: skip
    assert calls["rm x"]["denial"] == "user-rejected"
    assert calls["x"]["result_text"] == "Exit code 1"
    assert calls["make"]["day"] == date(2026, 9, 3)
    assert calls["make"]["result_ts"] > datetime(2026, 9, 4, tzinfo=UTC)


# --- everything at once --------------------------------------------------------------------


def test_all_odd_shapes_in_one_corpus_add_up_by_day_and_by_response(audit: Audit) -> None:
    sessions = [
        one
        for number, (name, make) in enumerate(ODDITIES.items())
        for one in make(f"odd {name}", f"2026-09-{number % 5 + 1:02}T22:30:00Z")
    ]
    truth = audit.write(*sessions)
    audit.run()
    assert audit.counts() == {
        "lines": truth.lines, "decoded": truth.lines, "repaired": 0, "quarantined": 0,
        "files": truth.files - truth.transcripts,
    }  # fmt: skip
    rows = {row["message_id"]: row for row in audit.rows(PARSED_TURNS)}
    assert len(audit.rows(PARSED_TURNS)) == len(rows) == len(truth.responses)
    days: dict[str, int] = defaultdict(int)
    for response in truth.responses:
        row, expected = rows[response.message_id], expected_turn(response)
        compared = [name for name in expected if name not in ("ts", "session_id")]
        assert {name: row[name] for name in compared} == {n: expected[n] for n in compared}
        days[row["day"].isoformat()] += sum(row[f"{kind}_tokens"] for kind in KINDS)
        days[row["day"].isoformat()] += row["billed_extra_tokens"]
    assert days == {
        day: totals.input + totals.write + totals.read + totals.output
        for day, totals in truth.days.items()
    }
    assert_blocks_add_up(audit)
