"""Tokens per character by model: measured, with an interval, and what a switch would cost."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from waste_assets.mart.tables import TOKENIZER_DRIFT, TOKENIZER_SWITCH
from waste_assets.sample import Conversation, conversation
from waste_assets.sample.blocks import bash
from waste_assets_tests.support import Audit, Row

OLD, NEW = "claude-opus-4-6", "claude-opus-5"


def drift(folder: Path, *conversations: Conversation) -> tuple[list[Row], list[Row]]:
    """The rows of both tables."""
    audit = Audit(folder)
    audit.write(*conversations)
    audit.run()
    audit.publish()
    return audit.published(TOKENIZER_DRIFT), audit.published(TOKENIZER_SWITCH)


def working(
    name: str, model: str, sizes: Sequence[int], start: str = "2026-03-02T09:00:00Z"
) -> Conversation:
    """A session whose commands print 4,000 characters each, of so many tokens."""
    c = conversation(name, model=model, start=start).user("Go")
    for size in sizes:
        c.bash("run", "x" * 4_000, tokens=size)
    return c.say()


def test_the_ratio_is_that_of_the_sums(tmp_path: Path) -> None:
    rows, _ = drift(tmp_path, working("a", OLD, [1_000, 1_200]), working("b", OLD, [1_150]))
    (row,) = rows
    assert (row["model"], row["text_kind"], str(row["week"])) == (
        OLD, "command_output", "2026-03-02",
    )  # fmt: skip
    assert (row["blocks"], row["sessions"], row["chars"]) == (3, 2, 12_000)
    assert row["tokens_per_char"] == pytest.approx(3_350 / 12_000)
    assert row["low"] < row["tokens_per_char"] < row["high"]


def test_the_interval_is_students_over_sessions(tmp_path: Path) -> None:
    """By hand: three sessions of one block each."""
    sizes = [1_000, 1_100, 1_260]
    sessions = [working(f"s{size}", OLD, [size]) for size in sizes]
    ((row,), _) = drift(tmp_path, *sessions)
    mean = sum(sizes) / 3
    error = (sum((size - mean) ** 2 for size in sizes) / 2 / 3) ** 0.5 / 4_000
    assert row["tokens_per_char"] == pytest.approx(mean / 4_000)
    assert row["high"] - row["tokens_per_char"] == pytest.approx(4.303 * error, rel=1e-6)


def test_a_single_session_has_no_interval(tmp_path: Path) -> None:
    ((row,), _) = drift(tmp_path, working("one", OLD, [1_000, 1_200]))
    assert row["low"] is None and row["high"] is None


def test_weeks_and_models_stand_apart(tmp_path: Path) -> None:
    rows, _ = drift(
        tmp_path,
        working("a", OLD, [1_000]),
        working("b", NEW, [1_350]),
        working("c", NEW, [1_400], start="2026-03-11T09:00:00Z"),
    )
    told = [(row["model"], str(row["week"]), row["tokens_per_char"]) for row in rows]
    assert told == [
        (OLD, "2026-03-02", 0.25), (NEW, "2026-03-02", 0.3375), (NEW, "2026-03-09", 0.35),
    ]  # fmt: skip


def test_what_is_not_measured_by_itself_is_left_out(tmp_path: Path) -> None:
    """Short texts, several results at once, hidden thinking, and growth over a switch of model."""
    c = conversation("out", model=OLD).user("Go").bash("ls", "x" * 900, tokens=300)
    c.respond(*(bash(f"run {n}", "x" * 4_000, tokens=1_000) for n in range(2)))
    c.say("y" * 3_000, think="", output=5_000).user("On").say()
    c.bash("run", "x" * 4_000, tokens=1_000).say(model=NEW)
    rows, _ = drift(tmp_path, c)
    assert rows == []


def test_a_switch_scales_the_bill_by_the_ratio(tmp_path: Path) -> None:
    old = [working(f"old{n}", OLD, [1_000, 1_010 + n]) for n in range(3)]
    new = [working(f"new{n}", NEW, [1_350, 1_360 + n]) for n in range(3)]
    _, switches = drift(tmp_path, *old, *new)
    by_model = {(row["model"], row["other_model"]): row for row in switches}
    there, back = by_model[OLD, NEW], by_model[NEW, OLD]
    assert there["factor"] == pytest.approx(8_133 / 6_033)
    assert there["factor_low"] < there["factor"] < there["factor_high"]
    assert there["usd_other"] == pytest.approx(there["usd"] * there["factor"])
    assert there["factor"] * back["factor"] == pytest.approx(1.0)
    assert 0 < there["compared_share"] <= 1


def test_only_the_last_thirty_days_are_billed_again(tmp_path: Path) -> None:
    old = [working(f"old{n}", OLD, [1_000 + n]) for n in range(2)]
    new = [working(f"new{n}", NEW, [1_350 + n], start="2026-05-04T09:00:00Z") for n in range(2)]
    _, switches = drift(tmp_path, *old, *new)
    assert [(row["model"], row["other_model"]) for row in switches] == [(NEW, OLD)]
