"""Labels are scored from kept answers: no key, no network, no surprise about what was left out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from waste_assets.cli import commands
from waste_assets.labels.canary import items
from waste_assets.labels.question import Judge
from waste_assets.labels.recorded import RecordedAnswers
from waste_assets.labels.scores import Scored, score
from waste_assets.lake.tables import HAIKU_LABELS
from waste_assets_tests.labels.judging import answer_to, giving_up
from waste_assets_tests.labels.test_judged import questions
from waste_assets_tests.support import Audit

CANARY = [item for item in items() if item.task == "dead_end"]


def gold(path: Path, *rows: dict[str, str]) -> Path:
    """A file of known labels."""
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return path


def run(*arguments: object) -> tuple[int, str]:
    """The exit status and what was printed."""
    result = CliRunner().invoke(commands, ["evaluate", *map(str, arguments)])
    return result.exit_code, result.output


def known(judge: Judge | None = None) -> list[dict[str, str]]:
    """The canary as known labels."""
    return [
        {"task": item.task, "label": item.label, "key": item.question.key(judge or Judge())}
        for item in CANARY
    ]


def test_recorded_answers_are_scored_with_intervals(tmp_path: Path) -> None:
    # Every fourth is called recovered, with little confidence; one is refused.
    said = [
        answer_to(item.question, "recovered" if n % 4 == 1 else item.label, Judge())
        for n, item in enumerate(CANARY)
    ]
    said[0] = answer_to(CANARY[0].question, None, Judge())
    RecordedAnswers(said).write(tmp_path / "answers.jsonl")
    file = gold(tmp_path / "gold.jsonl", *known())
    status, told = run(
        file, "--answers", tmp_path / "answers.jsonl", "--data-root", tmp_path / "d", "--json"
    )
    assert status == 0
    found = json.loads(told)["scores"]["dead_end"]["llm"]
    assert found["items"] == 48
    assert found["abstained"]["value"] == pytest.approx(1 / 48)
    assert found["abstained"]["low"] < 1 / 48 < found["abstained"]["high"]
    recovered = found["labels"]["recovered"]
    assert recovered["recall"]["value"] == 1.0
    assert recovered["precision"]["value"] == pytest.approx(12 / 21)
    assert found["accuracy"]["value"] == pytest.approx(38 / 47)
    # By hand: observed 38 of 47, by chance what the margins give.
    assert found["kappa"] == pytest.approx(_kappa(found["confusion"]), abs=1e-9)
    assert found["calibration"]["high"]["items"] == 47
    status, told = run(file, "--answers", tmp_path / "answers.jsonl", "--data-root", tmp_path / "d")
    assert status == 0 and "kappa 0.7" in told and "of dead_end labelled (none)" in told


def _kappa(confusion: list[dict[str, object]]) -> float:
    pairs = [
        (str(one["known"]), str(one["said"]))
        for one in confusion
        for _ in range(int(str(one["items"])))
        if one["said"] != "(none)"
    ]
    agreed = sum(a == b for a, b in pairs) / len(pairs)
    labels = {label for pair in pairs for label in pair}
    chance = (
        sum(
            sum(a == label for a, _ in pairs) * sum(b == label for _, b in pairs)
            for label in labels
        )
        / len(pairs) ** 2
    )
    return (agreed - chance) / (1 - chance)


def test_subjects_are_found_by_their_name_and_rules_are_scored_beside_the_model(
    tmp_path: Path,
) -> None:
    audit = Audit(tmp_path)
    audit.write(giving_up())
    audit.run()
    (row,) = (row for row in audit.rows(HAIKU_LABELS) if row["task"] == "dead_end")
    file = gold(
        tmp_path / "gold.jsonl",
        {"task": "dead_end", "subject": row["subject_id"], "label": "dead_end"},
        {"task": "dead_end", "subject": "not here", "label": "dead_end"},
    )
    status, told = run(file, "--data-root", audit.data, "--json")
    found = json.loads(told)
    assert (status, found["items"], found["missing"]) == (0, 1, ["not here"])
    for labeler in ("rule", "llm"):
        assert found["scores"]["dead_end"][labeler]["abstained"]["value"] == 1.0


def test_answers_are_scored_where_no_question_was_made_when_the_day_was_built(
    tmp_path: Path,
) -> None:
    audit = Audit(tmp_path)
    audit.write(giving_up())
    audit.run()
    (row,) = (row for row in audit.rows(HAIKU_LABELS) if row["task"] == "dead_end")
    assert row["question_key"] is None
    (question,) = questions(audit, "dead_end")
    RecordedAnswers([answer_to(question, "dead_end", Judge())]).write(tmp_path / "answers.jsonl")
    file = gold(
        tmp_path / "gold.jsonl",
        {"task": "dead_end", "subject": row["subject_id"], "label": "dead_end"},
    )
    answers = tmp_path / "answers.jsonl"
    status, told = run(file, "--data-root", audit.data, "--answers", answers, "--json")
    assert status == 0
    assert json.loads(told)["scores"]["dead_end"]["llm"]["accuracy"]["value"] == 1.0


def test_synthetic_answers_are_scored_only_among_themselves(tmp_path: Path) -> None:
    said = [
        answer_to(item.question, item.label, Judge(), is_synthetic=n % 2 == 0)
        for n, item in enumerate(CANARY)
    ]
    RecordedAnswers(said).write(tmp_path / "a.jsonl")
    file = gold(tmp_path / "gold.jsonl", *known())
    _, told = run(file, "--answers", tmp_path / "a.jsonl", "--data-root", tmp_path / "d", "--json")
    found = json.loads(told)
    assert (found["synthetic"], found["synthetic_left_out"]) == (False, 24)
    assert found["scores"]["dead_end"]["llm"]["abstained"]["value"] == 0.5
    RecordedAnswers(one for one in said if one.is_synthetic).write(tmp_path / "b.jsonl")
    _, told = run(file, "--answers", tmp_path / "b.jsonl", "--data-root", tmp_path / "d")
    assert "All answers are synthetic" in told


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (
            {"task": "taste", "label": "good", "key": "1"},
            "there is no 'taste' with the label 'good'",
        ),
        ({"task": "dead_end", "label": "dead_end"}, "give either a subject or a key"),
    ],
)
def test_a_line_that_is_no_known_label_is_told(
    tmp_path: Path, row: dict[str, str], told: str
) -> None:
    status, said = run(gold(tmp_path / "gold.jsonl", row), "--data-root", tmp_path / "d")
    assert status == 2 and "gold.jsonl line 1" in said and told in said


def test_answers_that_are_none_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"key": "x"}\n')
    file = gold(tmp_path / "gold.jsonl", *known())
    status, said = run(file, "--answers", tmp_path / "a.jsonl", "--data-root", tmp_path / "d")
    assert status == 2 and "a.jsonl line 1 is no answer" in said


def test_confidence_that_means_something_shows() -> None:
    sure = [Scored("a", "a", "high")] * 30 + [Scored("b", "a", "low")] * 10
    found = score(sure)
    assert found.calibration["high"].value == 1.0 and found.calibration["low"].value == 0.0
    assert found.macro_f1 == pytest.approx((2 * 30 / 70) / 2)
