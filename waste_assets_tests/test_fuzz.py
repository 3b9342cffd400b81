"""A small round of the fuzzer; `benchmarks/fuzz.py` damages a million lines."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from waste_assets.sample import conversation
from waste_assets.sample.blocks import bash, think
from waste_assets.transcripts.decode import REFUSED_OR_DEEP, Quarantined, decode, with_room
from waste_assets.transcripts.records import Record, fast_record, tolerant
from waste_assets_tests.damage import LINE_DAMAGE
from waste_assets_tests.fuzzing import Seeds, round_, seeds
from waste_assets_tests.support import Audit


@pytest.fixture(scope="module")
def few() -> Seeds:
    return seeds(3)


def test_damage_costs_no_line_and_no_neighbour(few: Seeds) -> None:
    counts = round_(3, few, 700, thorough=True)
    assert counts.damaged > 500
    assert counts.quarantined > 20 and counts.repaired > 20
    assert counts.responses_held > 50 and counts.neighbour_rows > 100


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    audit = Audit(tmp_path_factory.mktemp("lines"))
    c = conversation("to be damaged").user("Go").respond(think(tokens=30), bash("ls", "a\nb"))
    audit.write(c.read("a.py", 300).web_search("q", searches=2).compact(tokens=90).user("On").say())
    return [
        line for path in audit.source.rglob("*.jsonl") for line in path.read_bytes().splitlines()
    ]


@settings(max_examples=150, deadline=None)
@given(
    number=st.integers(0, 10**6), steps=st.lists(st.integers(0, len(LINE_DAMAGE) - 1), max_size=4)
)
def test_a_line_is_read_or_refused_in_words(
    lines: list[bytes], number: int, steps: list[int]
) -> None:
    rng = Random(number)
    line = lines[number % len(lines)]
    for step in steps:
        line = LINE_DAMAGE[step](rng, line, lines).replace(b"\n", b" ")
    try:
        fast_record(line)
    except REFUSED_OR_DEEP:
        try:
            records = decode(line).records
        except Quarantined as reason:
            assert str(reason)
        else:
            read = with_room(line, lambda: [tolerant(Record, one) for one in records])
            assert all(isinstance(one, Record) for one in read)
