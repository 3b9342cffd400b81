"""Which instructions and which model may label: those that the canary set has shown to be no worse.

For each task the answers to the canary's questions are scored. A version passes where its macro-F1
is no more than two points below that of the last version that passed, no class is found less often
than the floor, and, against that last version's own answers, Cohen's kappa is at least 0.9. What
passed is written down in the state database and stays passed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

import sqlalchemy as sa

from waste_assets.agreement import kappa
from waste_assets.labels.answer import Answer
from waste_assets.labels.canary import Item, items
from waste_assets.labels.question import Judge, Question
from waste_assets.labels.recorded import Answers, is_answered
from waste_assets.labels.registry import tasks
from waste_assets.labels.scores import Score, Scored, score

#: Points of macro-F1 that a version may lose.
_MOST_LOST = 0.02
_LEAST_RECALL = 0.6
#: Of fewer questions with a label, one that is missed says nothing about the label.
_LEAST_ITEMS = 5
#: Of a first version, with nothing to compare to.
_LEAST_F1 = 0.75
_LEAST_KAPPA = 0.9

_metadata = sa.MetaData()
_versions = sa.Table(
    "label_versions",
    _metadata,
    sa.Column("task", sa.Text, primary_key=True),
    sa.Column("prompt_digest", sa.Text, primary_key=True),
    sa.Column("model", sa.Text, primary_key=True),
    sa.Column("effort", sa.Text, primary_key=True),
    sa.Column("synthetic", sa.Boolean, primary_key=True),
    sa.Column("prompt_version", sa.Text, nullable=False),
    sa.Column("passed", sa.Boolean, nullable=False),
    sa.Column("told", sa.Text, nullable=False),
    sa.Column("macro_f1", sa.Float),
    sa.Column("labels", sa.Text, nullable=False),
    sa.Column("examined_at", sa.Text, nullable=False),
)


@dataclass(frozen=True)
class Examination:
    """How a task's canary answers are."""

    task: str
    #: Whether all of its questions have an outcome.
    is_complete: bool
    passed: bool
    #: In one sentence, why or why not.
    told: str
    score: Score | None = None
    #: What was said, in the order of the items.
    labels: tuple[str | None, ...] = ()


class Gate:
    """The versions that were examined, in the state database."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        with engine.begin() as connection:
            connection.execute(sa.schema.CreateTable(_versions, if_not_exists=True))

    def questions(self, judge: Judge, day: date, is_synthetic: bool = False) -> list[Question]:
        """The canary's questions of the tasks that have not been examined with this judge.

        They are asked on behalf of `day`.
        """
        examined = {row.task for row in self._examined(judge, is_synthetic)}
        return [replace(item.question, day=day) for item in items() if item.task not in examined]

    def blocked(self, judge: Judge, is_synthetic: bool = False) -> frozenset[str]:
        """Tasks that failed with this judge: asking more would buy nothing."""
        rows = self._examined(judge, is_synthetic)
        return frozenset(row.task for row in rows if not row.passed)

    def examine(
        self, judge: Judge, answers: Answers, now: datetime, is_synthetic: bool = False
    ) -> frozenset[str]:
        """The tasks that have passed with this judge, and write down what was found anew."""
        examined = {row.task: row for row in self._examined(judge, is_synthetic)}
        for task in tasks():
            asked = [item for item in items() if item.task == task]
            if task in examined or not asked:
                continue
            found = examine(task, asked, judge, answers, self._last(task, is_synthetic))
            if found.is_complete:
                self._note(found, judge, now, is_synthetic)
        return frozenset(
            row.task for row in self._examined(judge, is_synthetic) if row.passed
        ) | frozenset(_UNEXAMINED)

    def told(self, judge: Judge, is_synthetic: bool = False) -> dict[str, str]:
        """By task, what was found with this judge."""
        return {row.task: row.told for row in self._examined(judge, is_synthetic)}

    def _examined(self, judge: Judge, is_synthetic: bool) -> Sequence[sa.Row[tuple[object, ...]]]:
        digests = [task.prompt.digest for task in tasks().values()]
        query = sa.select(_versions).where(
            _versions.c.prompt_digest.in_(digests),
            _versions.c.model == judge.model,
            _versions.c.effort == judge.effort,
            _versions.c.synthetic == is_synthetic,
        )
        with self._engine.connect() as connection:
            return connection.execute(query).all()

    def _last(self, task: str, is_synthetic: bool) -> Last | None:
        query = (
            sa.select(_versions.c.macro_f1, _versions.c.labels)
            .where(
                _versions.c.task == task,
                _versions.c.passed,
                _versions.c.synthetic == is_synthetic,
            )
            .order_by(_versions.c.examined_at.desc(), _versions.c.prompt_digest)
        )
        with self._engine.connect() as connection:
            row = connection.execute(query).first()
        return None if row is None else Last(row.macro_f1, json.loads(row.labels))

    def _note(self, found: Examination, judge: Judge, now: datetime, is_synthetic: bool) -> None:
        prompt = tasks()[found.task].prompt
        row = {
            "task": found.task,
            "prompt_digest": prompt.digest,
            "model": judge.model,
            "effort": judge.effort,
            "synthetic": is_synthetic,
            "prompt_version": prompt.version,
            "passed": found.passed,
            "told": found.told,
            "macro_f1": found.score.macro_f1 if found.score else None,
            "labels": json.dumps(found.labels),
            "examined_at": now.isoformat(timespec="seconds"),
        }
        try:
            with self._engine.begin() as connection:
                connection.execute(_versions.insert(), row)
        except sa.exc.IntegrityError:
            # Another process has found the same.
            return


#: A title is right or wrong to nobody: there is nothing that it could be scored with.
_UNEXAMINED = ("cluster_title",)


@dataclass(frozen=True)
class Last:
    """The last version that passed."""

    macro_f1: float
    labels: Sequence[str | None]


def examine(
    task: str, asked: Sequence[Item], judge: Judge, answers: Answers, last: Last | None
) -> Examination:
    """Score a task's canary answers, and compare them with those of the last version."""
    keys = [item.question.key(judge) for item in asked]
    known = answers.answers(keys)
    # What the API failed to serve is asked again, and says nothing about the version.
    if any(key not in known or known[key].outcome == "unserved" for key in keys):
        missing = sum(key not in known or known[key].outcome == "unserved" for key in keys)
        told = f"{missing} of the {len(keys)} canary questions of {task} are not answered yet."
        return Examination(task, False, False, told)
    labels = tuple(_label(task, known[key]) for key in keys)
    found = score(
        [Scored(item.label, said) for item, said in zip(asked, labels, strict=True)],
        tasks()[task].undecided - {item.label for item in asked},
    )
    faults = list(_faults(found, labels, last))
    told = f"macro-F1 of {task} on the canary set {found.macro_f1 or 0.0:.3f}"
    told = f"{told}: {'; '.join(faults)}." if faults else f"{told}."
    return Examination(task, True, not faults, told, found, labels)


def _faults(found: Score, labels: Sequence[str | None], last: Last | None) -> list[str]:
    faults = []
    f1 = found.macro_f1 or 0.0
    if last is None and f1 < _LEAST_F1:
        faults.append(f"below {_LEAST_F1}")
    if last is not None and f1 < last.macro_f1 - _MOST_LOST:
        faults.append(f"{100 * (last.macro_f1 - f1):.1f} points below the last version")
    for name, one in found.classes.items():
        if one.recall.items >= _LEAST_ITEMS and (one.recall.value or 0.0) < _LEAST_RECALL:
            faults.append(f"{name} is found in {one.recall.value or 0.0:.0%} only")
    if last is not None and len(last.labels) == len(labels):
        agreement = kappa(list(zip(last.labels, labels, strict=True)))
        if agreement is not None and agreement < _LEAST_KAPPA:
            faults.append(f"kappa {agreement:.2f} with the last version's answers")
    return faults


def _label(task: str, answer: Answer) -> str | None:
    value: Mapping[str, object] | None = answer.value
    return tasks()[task].label(value) if is_answered(answer) and value is not None else None
