"""The sample generator against a counter that knows nothing of it."""

import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from waste_assets.sample import Conversation, Truth, conversation, generate
from waste_assets.sample.blocks import bash, read, say, think
from waste_assets.sample.oddities import ODDITIES

Rows = list[dict[str, Any]]
END = date(2026, 9, 14)
TOTALS = {"expected.json", "planted.json"}


def lines_of(root: Path) -> Iterator[dict[str, Any]]:
    for path in sorted(root.glob("projects/**/*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            yield json.loads(line)


def billed_lines(root: Path) -> Iterator[dict[str, Any]]:
    """Assistant lines with usage, those inside progress lines last."""
    later = []
    for line in lines_of(root):
        if line.get("type") == "progress":
            inner = line["data"]["message"]
            later += [inner] if inner["type"] == "assistant" else []
        elif line.get("type") == "assistant" and not line.get("isApiErrorMessage"):
            yield line
    yield from later


def groups_of(root: Path) -> dict[str, Rows]:
    groups: dict[str, Rows] = defaultdict(list)
    for line in billed_lines(root):
        groups[line["message"]["id"]].append(line)
    return groups


def naive_days(root: Path) -> dict[str, dict[str, int]]:
    """Tokens by day, one row a message id: a final one if there is any, then most output."""
    days: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for rows in groups_of(root).values():
        best = max(rows, key=_finality)["message"]
        parts = best["usage"].get("iterations") or [best["usage"]]
        if any(part.get("type") == "fallback_message" for part in parts):
            parts = [part for part in parts if part["output_tokens"]]
        day = days[min(row["timestamp"] for row in rows)[:10]]
        day["responses"] += 1
        day["lower_bound"] += best["stop_reason"] is None
        for part in parts:
            writes = part["cache_creation"]
            day["input"] += part["input_tokens"]
            day["output"] += part["output_tokens"]
            day["read"] += part["cache_read_input_tokens"]
            day["write_5m"] += writes["ephemeral_5m_input_tokens"]
            day["write_1h"] += writes["ephemeral_1h_input_tokens"]
            day["write"] += sum(writes.values())
    return days


def _finality(row: dict[str, Any]) -> tuple[bool, int]:
    message = row["message"]
    return message["stop_reason"] is not None, message["usage"]["output_tokens"]


def expected_days(truth: Truth) -> dict[str, dict[str, int]]:
    days: Any = json.loads(json.dumps(truth.as_dict()["days"]))
    for day in days.values():
        del day["web_searches"]
    return dict(days)


def write_all(conversations: list[Conversation], root: Path) -> Truth:
    return Truth.of(one.write(root).truth for one in conversations)


def contents(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        generate(tmp_path / name, sessions=6, end=END, seed=3, odd=True)
    generate(tmp_path / "c", sessions=6, end=END, seed=4)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert not contents(tmp_path / "a").keys() & contents(tmp_path / "c").keys() - TOTALS


def test_a_generated_corpus_adds_up_by_day_and_by_response(tmp_path: Path) -> None:
    truth = generate(tmp_path, sessions=25, end=END, odd=True, keep_responses=True)
    assert naive_days(tmp_path) == expected_days(truth)
    files = [path for path in (tmp_path / "projects").rglob("*") if path.is_file()]
    assert truth.lines == sum(1 for _ in lines_of(tmp_path))
    assert truth.files == len(files)
    assert truth.transcripts == sum(path.suffix == ".jsonl" for path in files)
    groups = groups_of(tmp_path)
    assert {row.message_id for row in truth.responses} == groups.keys()
    for row in truth.responses:
        usage = max(groups[row.message_id], key=_finality)["message"]["usage"]
        last = (usage.get("iterations") or [usage])[-1]
        prompt = last["input_tokens"] + last["cache_read_input_tokens"]
        assert prompt + sum(last["cache_creation"].values()) == row.prompt
    assert json.loads((tmp_path / "expected.json").read_text()) == truth.as_dict()


def test_no_session_of_the_plain_corpus_leaves_its_days(tmp_path: Path) -> None:
    truth = generate(tmp_path, sessions=60, days=3, end=END)
    assert truth.days.keys() <= {"2026-09-12", "2026-09-13", "2026-09-14"}
    assert truth.responses == []


def test_planted_waste_is_written_beside_the_totals(tmp_path: Path) -> None:
    truth = generate(tmp_path / "a", sessions=12, end=END, keep_responses=True)
    told = json.loads((tmp_path / "a" / "planted.json").read_text())
    assert told == truth.planted_dict()
    assert sum(one["plants"] for one in told.values()) == len(truth.plants) > 10
    usd = sum(one["usd_direct"] for one in told.values())
    assert usd == pytest.approx(sum(plant.usd for plant in truth.plants))
    assert all(plant.usd > 0 and plant.tokens > 0 for plant in truth.plants)
    # Without responses nothing is kept but totals, however many sessions there are.
    totals = generate(tmp_path / "b", sessions=12, end=END)
    assert (totals.plants, totals.responses) == ([], [])
    assert totals.planted == truth.planted


def test_without_plants_the_same_sessions_hold_none(tmp_path: Path) -> None:
    clean = generate(tmp_path / "a", sessions=6, end=END, plants=0, keep_responses=True)
    other = generate(tmp_path / "b", sessions=6, end=END, plants=0.9, keep_responses=True)
    assert clean.plants == []
    assert {row.session for row in clean.responses} == {row.session for row in other.responses}
    assert json.loads((tmp_path / "a" / "planted.json").read_text()) == {}


def test_a_plant_costs_what_its_call_left_in_later_prompts() -> None:
    """Opus 4.6: 25 USD for a million output tokens, 10 for one-hour writes, 0.50 for reads."""
    c = conversation("price").user("Go").read("a.py", 1_000).read("a.py")
    planting = c.plant("file_reread", "by hand")
    planting.call(c.last_calls[0])
    call = c.last_calls[0].tokens
    c.say().user().say().compact().say()
    # The call was said once; it and its result were written once and read once. The last three
    # tokens of a prompt are plain input, and written with the next one.
    expected = call * 25 + (call + 1_000) * (10 + 0.5) + 3 * (5 - 10) + 3 * (10 - 0.5)
    (plant,) = c.truth.plants
    assert plant.usd * 1e6 == pytest.approx(expected)
    assert plant.tokens == 2 * call + 1_000
    assert plant.responses == (c.truth.responses[1].message_id,)


def test_a_cache_that_expires_makes_what_it_held_dearer() -> None:
    c = conversation("late").user("Go").read("a.py", 1_000).read("a.py")
    planting = c.plant("file_reread", "by hand")
    planting.call(c.last_calls[0])
    call = c.last_calls[0].tokens
    c.say().wait(minutes=70).user().say()
    (plant,) = c.truth.plants
    assert plant.usd * 1e6 == pytest.approx(call * 25 + (call + 1_000) * (10 + 10) + 3 * (5 - 10))


def test_a_full_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    with pytest.raises(FileExistsError, match="empty"):
        generate(tmp_path, sessions=1, end=END)


@pytest.mark.parametrize("name", ODDITIES)
def test_each_odd_shape_adds_up(name: str, tmp_path: Path) -> None:
    truth = write_all(ODDITIES[name](name, "2026-09-03T10:00:00Z"), tmp_path)
    assert naive_days(tmp_path) == expected_days(truth)
    assert truth.lines == sum(1 for _ in lines_of(tmp_path))


def test_a_response_is_one_line_a_block_and_its_prompt_is_what_was_billed(tmp_path: Path) -> None:
    c = conversation("blocks").user("Go").respond(think(), say(), read("a.py"), bash("ls", "x"))
    c.say("Done").write(tmp_path)
    groups = groups_of(tmp_path)
    assert [len(rows) for rows in groups.values()] == [4, 1]
    for row in c.truth.responses:
        lines = groups[row.message_id]
        usage = lines[-1]["message"]["usage"]
        assert len(lines) == row.blocks == len({line["uuid"] for line in lines})
        assert len({line["requestId"] for line in lines}) == 1
        assert all(len(line["message"]["content"]) == 1 for line in lines)
        billed = usage["input_tokens"] + usage["cache_creation_input_tokens"]
        assert billed + usage["cache_read_input_tokens"] == row.prompt


def test_the_prompt_grows_by_exactly_the_blocks_entered() -> None:
    c = conversation("growth", base_tokens=10_000).user("x" * 40)
    c.read("a.py", tokens=1_200, output=50).say(output=7)
    first, second = c.truth.responses
    assert first.prompt == 10_000 + 10
    assert second.prompt == first.prompt + 50 + 1_200
    assert c.context == second.prompt + 7


def test_a_file_reads_the_same_until_it_is_edited(tmp_path: Path) -> None:
    c = conversation("files").user().read("a.py", 300).read("a.py").edit("a.py").read("a.py")
    c.write(tmp_path)
    shown = [
        line["toolUseResult"]["file"]["content"]
        for line in lines_of(tmp_path)
        if "file" in line.get("toolUseResult", {})
    ]
    assert shown[0] == shown[1] != shown[2]


@pytest.mark.parametrize(
    ("ttl", "minutes", "alive"),
    [("5m", 4, True), ("5m", 6, False), ("1h", 6, True), ("1h", 61, False)],
)
def test_a_cache_is_read_until_its_time_to_live_has_passed(
    ttl: Any, minutes: int, alive: bool
) -> None:
    c = conversation("ttl", ttl=ttl).user().say().wait(minutes=minutes).user().say()
    first, second = c.truth.responses
    assert second.read == (first.prompt - first.input if alive else 0)
    assert second.input + second.write + second.read == second.prompt


def test_a_compaction_shrinks_the_prompt_and_keeps_the_base_cached() -> None:
    c = conversation("compact", base_tokens=9_000).user().bash("x", tokens=5_000).say()
    c.compact(tokens=700).say()
    assert c.truth.responses[-1].prompt == 9_700
    assert c.truth.responses[-1].read == 9_000


def test_a_second_write_appends_only_what_is_new(tmp_path: Path) -> None:
    c = conversation("live").user().say().write(tmp_path)
    before = sum(1 for _ in lines_of(tmp_path))
    c.user().say().write(tmp_path)
    assert (before, sum(1 for _ in lines_of(tmp_path))) == (2, 4)


def test_a_copied_session_bills_only_what_it_adds(tmp_path: Path) -> None:
    for copy in ("resume", "fork", "hand_off"):
        c = conversation(f"copy {copy}").user().say().write(tmp_path)
        other = getattr(c, copy)().user().say().write(tmp_path)
        assert len(other.truth.responses) == 1
        assert other.truth.lines == c.truth.lines + 2
        assert other.session.id != c.session.id


def shape(name: str, root: Path) -> list[dict[str, Any]]:
    write_all(ODDITIES[name](name, "2026-09-03T10:00:00Z"), root)
    return list(lines_of(root))


def usages(lines: Rows) -> Rows:
    return [line["message"]["usage"] for line in lines if line.get("type") == "assistant"]


def test_placeholders_hold_one_to_nine_tokens_and_no_stop_reason(tmp_path: Path) -> None:
    lines = [one for one in shape("streaming_placeholders", tmp_path) if one["type"] != "user"]
    first = [one["message"] for one in lines][:4]
    assert [one["stop_reason"] for one in first] == [None, None, None, "tool_use"]
    assert all(1 <= one["usage"]["output_tokens"] <= 9 for one in first[:3])
    assert first[3]["usage"]["output_tokens"] == 900


def test_a_subagent_that_never_ends_keeps_its_placeholders(tmp_path: Path) -> None:
    lines = [one for one in shape("subagent_never_final", tmp_path) if one["isSidechain"]]
    replies = [one["message"] for one in lines if one["type"] == "assistant"]
    assert {one["stop_reason"] for one in replies} == {None}
    assert max(one["usage"]["output_tokens"] for one in replies) <= 9


def test_copies_differ_from_their_originals_only_as_they_do_on_disk(tmp_path: Path) -> None:
    marks = {"resumed": None, "forked": "forkedFrom", "handed_off": "sessionKind"}
    for name, mark in marks.items():
        lines = [one for one in shape(name, tmp_path / name) if "uuid" in one]
        by_uuid: dict[str, Rows] = defaultdict(list)
        for line in lines:
            by_uuid[line["uuid"]].append(line)
        twice = [copies for copies in by_uuid.values() if len(copies) > 1]
        assert twice
        for copies in twice:
            assert len({one.pop("sessionId") for one in copies}) == len(copies)
            marked = [one.pop(mark, None) for one in copies] if mark else []
            assert marked.count(None) <= 1
            assert all(one == copies[0] for one in copies)


def test_a_side_question_replays_under_another_request(tmp_path: Path) -> None:
    lines = [one for one in shape("side_question", tmp_path) if one["type"] == "assistant"]
    requests: dict[str, set[tuple[str, bool]]] = defaultdict(set)
    for line in lines:
        requests[line["message"]["id"]].add((line["requestId"], line["isSidechain"]))
    assert [len(one) for one in requests.values()].count(2) == 1


def test_subagents_stand_where_they_should(tmp_path: Path) -> None:
    for layout in ("flat", "inline", "progress", "mirrored", "nested_and_progress"):
        shape(f"subagent_{layout}", tmp_path / layout)
    shape("workflow", tmp_path / "workflow")
    names = {
        one.name: [str(p.relative_to(one)) for p in one.rglob("*.jsonl")]
        for one in tmp_path.iterdir()
    }
    assert all(name.count("/") == 2 for name in names["flat"])
    assert len(names["flat"]) == 3
    assert len(names["inline"]) == len(names["progress"]) == 1
    assert sum("/subagents/agent-" in name for name in names["mirrored"]) == 2
    assert sum("/subagents/workflows/wf_1a2b3c/agent-" in name for name in names["workflow"]) == 2
    assert sum(name.endswith("journal.jsonl") for name in names["workflow"]) == 1
    inner = [one for one in lines_of(tmp_path / "progress") if one["type"] == "progress"]
    assert {one["data"]["type"] for one in inner} == {"agent_progress"}
    assert any("usage" in one["data"]["message"]["message"] for one in inner)


def test_gateways_have_other_ids_and_no_request_id(tmp_path: Path) -> None:
    lines = [one for one in shape("gateways", tmp_path) if one["type"] == "assistant"]
    assert {one["message"]["id"].split("-")[0] for one in lines} == {"chatcmpl", "gen"}
    assert not any("requestId" in one for one in lines)
    lines = [one for one in shape("no_request_id", tmp_path / "n") if one["type"] == "assistant"]
    assert any("requestId" not in one for one in lines)


def test_attempts_stand_in_iterations(tmp_path: Path) -> None:
    lines = shape("fallback", tmp_path / "f") + shape("advisor", tmp_path / "a")
    kinds = {
        (one["type"], one.get("model"))
        for usage in usages(lines)
        for one in usage.get("iterations", ())
    }
    assert ("fallback_message", "claude-opus-4-6") in kinds
    assert ("message", "claude-fable-5") in kinds
    assert ("advisor_message", "claude-opus-4-6") in kinds
    models: dict[str, set[str]] = defaultdict(set)
    for line in lines:
        if line["type"] == "assistant":
            models[line["message"]["id"]].add(line["message"]["model"])
    assert {"claude-fable-5", "claude-opus-4-6"} in models.values()


def test_the_other_shapes_are_on_disk(tmp_path: Path) -> None:
    errors = [one for one in shape("api_errors", tmp_path / "e") if one.get("isApiErrorMessage")]
    assert [one["message"]["model"] for one in errors] == ["<synthetic>"]
    writes = [one["cache_creation"] for one in usages(shape("both_kinds_of_writes", tmp_path))]
    assert any(one["ephemeral_5m_input_tokens"] for one in writes)
    assert any(one["ephemeral_1h_input_tokens"] for one in writes)
    nested = usages(shape("nested_breakdown_only", tmp_path / "n"))
    assert {one["cache_creation_input_tokens"] for one in nested} == {0}
    assert all(sum(one["cache_creation"].values()) for one in nested)
    fast = usages(shape("fast_and_us", tmp_path / "f"))
    assert {one["speed"] for one in fast} == {"fast", "standard"}
    assert "us" in {one["inference_geo"] for one in fast}
    night = [one for one in shape("over_midnight", tmp_path / "m") if one["type"] == "assistant"]
    days: dict[str, set[str]] = defaultdict(set)
    for line in night:
        days[line["message"]["id"]].add(line["timestamp"][:10])
    assert {"2026-09-03", "2026-09-04"} in days.values()
    searched = shape("web_searches", tmp_path / "w")
    assert 2 in {one["server_tool_use"]["web_search_requests"] for one in usages(searched)}
    assert 3 in {one.get("toolUseResult", {}).get("searchCount") for one in searched}
    untimed = {
        one["type"] for one in shape("untimed_lines", tmp_path / "u") if "timestamp" not in one
    }
    assert untimed >= {"mode", "file-history-snapshot", "summary", "last-prompt", "cost-state"}
    kinds = {
        one["attachment"]["type"]
        for one in shape("attachments", tmp_path / "at")
        if one["type"] == "attachment"
    }
    assert kinds >= {"nested_memory", "skill_listing", "hook_additional_context", "task_reminder"}
    compacted = shape("compacted", tmp_path / "c")
    assert [one.get("subtype") for one in compacted].count("compact_boundary") == 2
    assert sum(one.get("isCompactSummary", False) for one in compacted) == 2


def test_a_spilled_result_is_in_its_own_file(tmp_path: Path) -> None:
    lines = shape("spilled", tmp_path)
    saved = next(tmp_path.rglob("tool-results/*.txt"))
    stub = next(one for one in lines if "persistedOutputPath" in one.get("toolUseResult", {}))
    assert stub["toolUseResult"]["persistedOutputPath"].endswith(saved.name)
    assert stub["toolUseResult"]["persistedOutputSize"] == saved.stat().st_size == 60_000
    assert stub["message"]["content"][0]["content"].startswith("<persisted-output>")
