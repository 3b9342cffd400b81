"""How well labels agree with known ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from waste_assets.agreement import kappa
from waste_assets.intervals import Proportion, proportion


@dataclass(frozen=True, slots=True)
class Scored:
    """One item: the known label, and what was said; None where nobody answered."""

    known: str
    said: str | None
    confidence: str | None = None


@dataclass(frozen=True)
class ClassScore:
    """How well one label is found."""

    precision: Proportion
    recall: Proportion
    f1: float | None


@dataclass(frozen=True)
class Score:
    """All figures of a comparison; intervals are Wilson's, 95 %."""

    items: int
    #: Of all items, those that nobody answered or whose answer was that it cannot be told.
    abstained: Proportion
    #: Of the rest.
    accuracy: Proportion
    kappa: float | None
    #: Mean over the known labels; an item that nobody answered counts as missed.
    macro_f1: float | None
    classes: Mapping[str, ClassScore]
    #: Accuracy by the confidence that the judge names, where it names one.
    calibration: Mapping[str, Proportion]
    confusion: Mapping[tuple[str, str], int]


def score(items: Sequence[Scored], undecided: frozenset[str] = frozenset()) -> Score:
    """Compare what was said with what is known."""
    said = [(one, None if one.said in undecided else one.said) for one in items]
    decided = [(one, label) for one, label in said if label is not None]
    classes = {
        name: _class(name, [(one.known, label) for one, label in said])
        for name in sorted({one.known for one in items})
    }
    f1s = [one.f1 or 0.0 for one in classes.values()]
    levels = sorted({one.confidence for one, _ in decided if one.confidence})
    return Score(
        items=len(items),
        abstained=proportion((label is None, 1.0) for _, label in said),
        accuracy=proportion((one.known == label, 1.0) for one, label in decided),
        kappa=kappa([(one.known, label) for one, label in decided]),
        macro_f1=sum(f1s) / len(f1s) if f1s else None,
        classes=classes,
        calibration={
            level: proportion(
                (one.known == label, 1.0) for one, label in decided if one.confidence == level
            )
            for level in levels
        },
        confusion=dict(
            sorted(Counter((one.known, label or "(none)") for one, label in said).items())
        ),
    )


def _class(name: str, pairs: Sequence[tuple[str, str | None]]) -> ClassScore:
    precision = proportion((known == name, 1.0) for known, said in pairs if said == name)
    recall = proportion((said == name, 1.0) for known, said in pairs if known == name)
    found, named = recall.hits or 0, precision.items
    total = named + recall.items
    return ClassScore(precision, recall, 2 * found / total if total else None)
