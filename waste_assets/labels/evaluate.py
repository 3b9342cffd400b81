"""How well labels agree with known ones: from kept answers, so that nothing is asked or paid.

The known labels are one JSON object a line: `task`, `label`, and either the `subject` as it stands
in `haiku_labels` or the `key` of a question.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import msgspec

from waste_assets.intervals import Proportion
from waste_assets.labels.answer import Answer
from waste_assets.labels.judged import has_questions
from waste_assets.labels.question import Judge
from waste_assets.labels.recorded import Answers, is_answered
from waste_assets.labels.registry import tasks
from waste_assets.labels.scores import Score, Scored, score
from waste_assets.labels.subjects import Subject
from waste_assets.lake.lake import Lake
from waste_assets.lake.tables import HAIKU_LABELS


class KnownLabel(msgspec.Struct, frozen=True):
    """What somebody knows about a subject."""

    task: str
    label: str
    subject: str | None = None
    key: str | None = None


@dataclass(frozen=True)
class LabelEvaluation:
    """Scores by task and labeler, rule or llm."""

    items: int
    #: Subjects and keys of which nothing is known here; they are left out.
    missing: tuple[str, ...]
    #: Answers of this machine that were left out because there are real ones, too.
    synthetic_left_out: int
    #: All answers that were scored are from this machine.
    is_synthetic: bool
    scores: Mapping[str, Mapping[str, Score]]


def is_label_gold(path: Path) -> bool:
    """Whether a file holds known labels, and not annotated calls."""
    with path.open("rb") as file:
        for line in file:
            if line.strip():
                try:
                    first = msgspec.json.decode(line)
                except msgspec.DecodeError:
                    return False
                return isinstance(first, dict) and "task" in first
    return False


def read_known(path: Path) -> list[KnownLabel]:
    """The known labels of a JSONL file.

    Raises:
        OSError: the file cannot be read.
        ValueError: a line is none, in one sentence that says which and why.
    """
    known = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        if not line.strip():
            continue
        try:
            one = msgspec.json.decode(line, type=KnownLabel)
        except msgspec.DecodeError as error:
            raise ValueError(f"{path} line {number} is no known label: {error}.") from None
        task = tasks().get(one.task)
        if task is None or one.label not in task.choices:
            told = f"{one.task!r} with the label {one.label!r}"
            raise ValueError(f"{path} line {number} is no known label: there is no {told}.")
        if (one.subject is None) == (one.key is None):
            raise ValueError(f"{path} line {number}: give either a subject or a key.")
        known.append(one)
    return known


def evaluate_labels(
    lake: Lake,
    known: Sequence[KnownLabel],
    answers: Answers,
    judge: Judge,
    to_judge: Callable[[Set[date]], Iterable[Subject]],
) -> LabelEvaluation:
    """Score rules and answers against known labels.

    `to_judge` finds what there is to be judged of some days, with the questions to `judge`: it is
    asked where these were not made when the day was built.

    Raises:
        OSError, duckdb.Error, pa.ArrowException: the lake cannot be read.
    """
    rows = _labels(lake, {one.subject for one in known if one.subject is not None})
    unasked = {day for day, _, _ in rows.values() if not has_questions(lake, day)}
    made = {(one.task, one.id): one.question for one in to_judge(unasked)} if unasked else {}
    asked = {subject: key for subject, (_, key, _) in rows.items()}
    asked |= {subject: question.key(judge) for subject, question in made.items() if question}
    keys = {one.key or asked.get((one.task, one.subject or "")) for one in known}
    kept = answers.answers([key for key in sorted(filter(None, keys))])
    real = [one for one in kept.values() if is_answered(one) and not one.is_synthetic]
    usable = {key: one for key, one in kept.items() if not one.is_synthetic or not real}
    by_labeler: dict[tuple[str, str], list[Scored]] = defaultdict(list)
    missing = []
    for one in known:
        key, rule_label = one.key, None
        if one.subject is not None:
            if (one.task, one.subject) not in rows:
                missing.append(one.subject)
                continue
            key, rule_label = asked[one.task, one.subject], rows[one.task, one.subject][2]
            by_labeler[one.task, "rule"].append(Scored(one.label, rule_label))
        if key is not None:
            by_labeler[one.task, "llm"].append(_said(one, usable.get(key)))
    scores: dict[str, dict[str, Score]] = defaultdict(dict)
    for (task, labeler), items in sorted(by_labeler.items()):
        scores[task][labeler] = score(items, tasks()[task].undecided - {i.known for i in items})
    return LabelEvaluation(
        items=len(known) - len(missing),
        missing=tuple(missing),
        synthetic_left_out=len(kept) - len(usable),
        is_synthetic=bool(usable) and not real,
        scores=scores,
    )


def _said(known: KnownLabel, answer: Answer | None) -> Scored:
    if answer is None or not is_answered(answer):
        return Scored(known.label, None)
    value = answer.value or {}
    return Scored(known.label, tasks()[known.task].label(value), value.get("confidence"))


def _labels(
    lake: Lake, subjects: Set[str]
) -> dict[tuple[str, str], tuple[date, str | None, str | None]]:
    """By task and subject its day, the key of its question and what the rules say of it."""
    parts = lake.parts(HAIKU_LABELS)
    if not parts:
        return {}
    with duckdb.connect(":memory:") as con:
        con.execute(
            """
            SELECT task, subject_id, day, question_key, label
            FROM read_parquet($parts, hive_partitioning = true, hive_types = {'day': DATE})
            WHERE labeler_kind = 'rule' AND subject_id IN (SELECT unnest($subjects::VARCHAR[]))
            ORDER BY day
            """,
            {"parts": parts, "subjects": sorted(subjects)},
        )
        return {(task, subject): (*told,) for task, subject, *told in con.fetchall()}


def as_json(found: LabelEvaluation) -> dict[str, Any]:
    """The figures as plain values."""
    return {
        "items": found.items,
        "missing": list(found.missing),
        "synthetic": found.is_synthetic,
        "synthetic_left_out": found.synthetic_left_out,
        "scores": {
            task: {labeler: _plain(one) for labeler, one in by_labeler.items()}
            for task, by_labeler in found.scores.items()
        },
    }


def _plain(one: Score) -> dict[str, Any]:
    return {
        "items": one.items,
        "abstained": _share(one.abstained),
        "accuracy": _share(one.accuracy),
        "kappa": one.kappa,
        "macro_f1": one.macro_f1,
        "labels": {
            name: {"precision": _share(c.precision), "recall": _share(c.recall), "f1": c.f1}
            for name, c in one.classes.items()
        },
        "calibration": {level: _share(share) for level, share in one.calibration.items()},
        "confusion": [
            {"known": known, "said": said, "items": items}
            for (known, said), items in one.confusion.items()
        ],
    }


def _share(share: Proportion) -> dict[str, Any]:
    return {"value": share.value, "low": share.low, "high": share.high, "items": share.items}


def render(found: LabelEvaluation) -> str:
    """The figures as text for a terminal."""
    lines = [f"{found.items} known labels; 95 % intervals by Wilson."]
    if found.missing:
        lines.append(f"{len(found.missing)} more are of subjects that are not here: left out.")
    if found.is_synthetic:
        lines.append("All answers are synthetic: they say nothing about any model.")
    elif found.synthetic_left_out:
        lines.append(f"{found.synthetic_left_out} synthetic answers are left out.")
    for task, by_labeler in found.scores.items():
        for labeler, one in by_labeler.items():
            lines += ["", f"{task}, labelled by {labeler}: {one.items} items", *_told(one)]
    return "\n".join(lines)


def _told(one: Score) -> list[str]:
    lines = [
        f"  abstained {one.abstained}   right of the rest {one.accuracy}",
        f"  kappa {_number(one.kappa)}   macro-F1 {_number(one.macro_f1)}",
        f"  {'label':22}{'precision':>24}{'recall':>24}{'F1':>8}",
    ]
    lines += [
        f"  {name:22}{c.precision!s:>24}{c.recall!s:>24}{_number(c.f1):>8}"
        for name, c in one.classes.items()
    ]
    lines += [f"  right where {level}: {share}" for level, share in one.calibration.items()]
    lines += [
        f"  {items} of {known} labelled {said}"
        for (known, said), items in one.confusion.items()
        if known != said
    ]
    return lines


def _number(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.3f}"
