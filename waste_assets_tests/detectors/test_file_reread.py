"""Re-reads: which are waste, which are expected, and what they cost."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from waste_assets.detectors.file_reread import DETECTOR, Kind, counts
from waste_assets.detectors.flag import Tier
from waste_assets.sample import Conversation, conversation
from waste_assets.sample.blocks import bash, read
from waste_assets_tests.detectors.support import Found, flags_of, found_by_story

STATUS = "On branch main\nnothing to commit, working tree clean"
Story = Callable[[Conversation], object]

WASTE: dict[str, tuple[list[str], Story]] = {
    "the same file twice": (
        ["repeated"],
        lambda c: c.user("Go").read("a.py").read("a.py"),
    ),
    "the same file three times": (
        ["repeated", "repeated"],
        lambda c: c.user("Go").read("a.py").read("a.py").grep("x").read("a.py"),
    ),
    "twice in one response": (
        ["repeated"],
        lambda c: c.user("Go").respond(read("a.py"), read("a.py")),
    ),
    "another file was edited between": (
        ["repeated"],
        lambda c: c.user("Go").read("a.py").read("b.py").edit("b.py").read("a.py"),
    ),
    "tests ran between": (
        ["repeated"],
        lambda c: c.user("Go").read("a.py").bash("pytest -q", "1 passed").read("a.py"),
    ),
    "the edit between was refused": (
        ["repeated"],
        lambda c: c.user("Go").read("a.py").edit("a.py", is_error=True).read("a.py"),
    ),
    "a formatter ran, but nobody had written the file": (
        ["repeated"],
        lambda c: c.user("Go").read("a.py").bash("make fmt", "").read("a.py"),
    ),
    "the harness says unchanged": (
        ["unchanged"],
        lambda c: c.user("Go").read("a.py").read("a.py", unchanged=True),
    ),
    "a part of what was read whole": (
        ["overlap"],
        lambda c: c.user("Go").read("a.py", 2_000).read("a.py", offset=11, limit=20),
    ),
    "more than half of the lines": (
        ["overlap"],
        lambda c: (
            c.user("Go")
            .read("a.py", 4_000, offset=1, limit=60)
            .read("a.py", offset=21, limit=60)
        ),
    ),
    "read piece by piece, then whole": (
        ["overlap"],
        lambda c: (
            c.user("Go")
            .read("a.py", 2_000, offset=1, limit=60)
            .read("a.py", offset=61, limit=200)
            .read("a.py")
        ),
    ),
    "by cat after Read": (
        ["overlap"],
        lambda c: c.user("Go").read("a.py").bash("cat a.py", "text"),
    ),
    "the same cat": (
        ["repeated"],
        lambda c: c.user("Go").bash("cat a.py", "text").bash("cat  a.py", "text"),
    ),
    "the same sed -n after a cd": (
        ["overlap"],
        lambda c: (
            c.user("Go")
            .bash("sed -n '1,50p' src/a.py", "text")
            .bash("cd src && sed -n '10,40p' a.py", "part")
        ),
    ),
    "git status twice": (
        ["look"],
        lambda c: c.user("Go").bash("git status", STATUS).bash("git status", STATUS),
    ),
    "the same search": (
        ["look"],
        lambda c: c.user("Go").grep("total", "a.py:1").bash("pytest", "ok").grep("total", "a.py:1"),
    ),
}  # fmt: skip

EXPECTED: dict[str, Story] = {
    "after an edit": lambda c: c.user("Go").read("a.py").edit("a.py").read("a.py"),
    "after an edit elsewhere in the file": lambda c: (
        c.user("Go").read("a.py", 2_000, offset=1, limit=20).edit("a.py", "", "x = 1\n")
        .read("a.py", offset=1, limit=20)
    ),
    "reading back what was just written": lambda c: (
        c.user("Go").read("a.py").write_file("a.py", "x = 1\n").read("a.py")
    ),
    "after a redirection into it": lambda c: (
        c.user("Go").read("a.py").bash("echo x >> a.py", "").read("a.py")
    ),
    "after sed -i": lambda c: c.user("Go").read("a.py").bash("sed -i s/x/y/ a.py", "").read("a.py"),
    "after its folder was replaced": lambda c: (
        c.user("Go").read("src/a.py").bash("rm -rf src && cp -r old src", "").read("src/a.py")
    ),
    "after a checkout": lambda c: (
        c.user("Go").read("a.py").bash("git checkout main", "").read("a.py")
    ),
    "after a formatter, read after an edit": lambda c: (
        c.user("Go").edit("a.py").read("a.py").bash("make fmt", "").read("a.py")
    ),
    "after a subagent's edit": lambda c: (
        c.user("Go").read("a.py").subagent("general-purpose").edit("a.py").done().read("a.py")
    ),
    "after compaction": lambda c: (
        c.user("Go").read("a.py", 4_000).compact(tokens=500).user("On").read("a.py")
    ),
    "in another agent": lambda c: (
        c.user("Go").read("a.py").subagent("Explore").read("a.py").done()
    ),
    "another range": lambda c: (
        c.user("Go").read("a.py", 4_000, offset=1, limit=50).read("a.py", offset=51, limit=50)
    ),
    "half of the lines": lambda c: (
        c.user("Go").read("a.py", 4_000, offset=1, limit=40).read("a.py", offset=21, limit=40)
    ),
    "other content came back": lambda c: (
        c.user("Go").bash("cat a.py", "one").bash("cat a.py", "two")
    ),
    "Read is needed to edit what cat had shown": lambda c: (
        c.user("Go").bash("cat a.py", "text").read("a.py").edit("a.py")
    ),
    "the harness demanded it": lambda c: (
        c.user("Go").read("a.py")
        .edit("a.py", is_error=True, result="File has been modified since read. Read it again.")
        .read("a.py")
    ),
    "polling a service": lambda c: (
        c.user("Go").bash("gh pr checks 3", "pending").bash("gh pr checks 3", "pending")
    ),
    "polling a task's output": lambda c: (
        c.user("Go").read("/tmp/tasks/b1.output", result="x").read("/tmp/tasks/b1.output")
    ),
    "git status after git add": lambda c: (
        c.user("Go").bash("git status", STATUS).bash("git add -A", "").bash("git status", STATUS)
    ),
    "git status after an edit": lambda c: (
        c.user("Go").read("a.py").bash("git status", STATUS).edit("a.py").bash("git status", STATUS)
    ),
    "git status after the user spoke": lambda c: (
        c.user("Go").bash("git status", STATUS).say().user("Again").bash("git status", STATUS)
    ),
    "a look with another answer": lambda c: (
        c.user("Go").bash("ls", "a.py").bash("ls", "a.py\nb.py")
    ),
    "a look that failed twice": lambda c: (
        c.user("Go").bash("ls x", "No such file", is_error=True)
        .bash("ls x", "No such file", is_error=True)
    ),
    "a command that changes things, twice": lambda c: (
        c.user("Go").bash("make deploy", "done").bash("make deploy", "done")
    ),
    "a file shown along with something else": lambda c: (
        c.user("Go").read("a.py").bash("git log -3; cat a.py", "text")
    ),
    "one of two files is new": lambda c: c.user("Go").read("a.py").bash("cat a.py b.py", "text"),
    "its bytes made visible": lambda c: c.user("Go").read("a.py").bash("cat -A a.py", "text$"),
}  # fmt: skip


@pytest.fixture(scope="module")
def found() -> dict[str, Found]:
    stories = {name: story for name, (_, story) in WASTE.items()} | EXPECTED
    ended = {name: lambda c, tell=tell: (tell(c), c.say()) for name, tell in stories.items()}
    return found_by_story(ended, DETECTOR)


@pytest.mark.parametrize("story", WASTE)
def test_what_is_waste(story: str, found: dict[str, Found]) -> None:
    assert found[story].rules == WASTE[story][0]


@pytest.mark.parametrize("story", EXPECTED)
def test_what_is_expected(story: str, found: dict[str, Found]) -> None:
    assert found[story].rules == []


def test_expected_readings_are_counted_by_their_reason(found: dict[str, Found]) -> None:
    for story, kind in {
        "after an edit": Kind.CHANGED,
        "after a checkout": Kind.CHANGED,
        "after compaction": Kind.NEW_EPOCH,
        "another range": Kind.OTHER_LINES,
        "the harness demanded it": Kind.DEMANDED,
        "Read is needed to edit what cat had shown": Kind.DEMANDED,
    }.items():
        assert counts(found[story].session) == {kind: 1}, story
    assert not counts(found["in another agent"].session)


def test_a_whole_repeat_wastes_the_response_and_all_it_left_behind(
    found: dict[str, Found],
) -> None:
    one = found["the same file twice"]
    first, second = one.calls
    assert one.flag.calls == one.flag.wasted_calls == (second,)
    assert one.flag.tier is Tier.CERTAIN
    (cost,) = one.costs
    block = second.result_block
    assert block is not None
    assert cost.tokens == second.response.output_tokens * 2 + block.tokens
    assert 0 < cost.usd_direct < cost.usd_avoidable
    assert f"line {first.line_no} of {first.transcript}" in one.flag.evidence
    assert "2nd read of ~/shop/a.py" in one.flag.evidence


def test_a_repeat_beside_other_work_does_not_waste_the_response() -> None:
    c = conversation("beside").user("Go").read("a.py")
    c.respond(read("a.py"), bash("pytest", "1 passed", tokens=30)).say()
    (cost,) = flags_of(c, detector=DETECTOR).costs
    assert cost.usd_avoidable == cost.usd_direct > 0


def test_an_overlap_claims_only_the_lines_that_were_there(found: dict[str, Found]) -> None:
    one = found["more than half of the lines"]
    block = one.calls[1].result_block
    assert block is not None
    (cost,) = one.costs
    assert cost.tokens == pytest.approx(block.tokens * 40 / 60, abs=1)
    assert one.flag.wasted_calls == ()
    assert one.flag.tier is Tier.LIKELY
    assert "67% of which" in one.flag.evidence


def test_an_unknown_program_in_between_makes_a_repeat_less_sure() -> None:
    c = conversation("doubt").user("Go").read("a.py").bash("./tool", "ok").read("a.py").say()
    assert flags_of(c, detector=DETECTOR).flag.tier is Tier.LIKELY


def test_what_was_read_in_hundreds_of_pieces_is_known_as_a_whole() -> None:
    c = conversation("long").user("Go").read("big.py", 40_000, offset=1, limit=2)
    for offset in range(3, 900, 2):
        c.read("big.py", offset=offset, limit=2)
    c.read("big.py", offset=1, limit=800).say()
    assert flags_of(c, detector=DETECTOR).rules == ["overlap"]
