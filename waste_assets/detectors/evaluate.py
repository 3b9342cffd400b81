"""How well flags, causes and faults agree with annotated calls.

The annotated calls were drawn by strata: each stands for `stratum_size` calls divided by the
number drawn of its stratum. A call's predicted category is that of the flag that owns it: of
the flags that name the call and are no candidates, the first by precedence.

Every figure is also told without the calls whose annotation was a guess. The others go on to stand
for what they stood for: nobody knows what those were that the guesses stood for.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from waste_assets.accounting.conversation import Session
from waste_assets.accounting.ledger import PRECEDENCE
from waste_assets.detectors.causes import failures
from waste_assets.detectors.flag import Flag
from waste_assets.intervals import Proportion, proportion

NONE = "none"
NOT_FAILED = "n/a"
#: Categories that a reader can see in a single call; the others follow from arithmetic.
JUDGED = ("dead_end", "retry_error", "file_reread", "oververbose_edit")


class GoldItem(msgspec.Struct, frozen=True):
    """An annotated call."""

    tool_use_id: str
    file: str
    line: int
    stratum: str
    stratum_size: int
    #: One of the categories, or 'none'.
    category: str
    #: Where the call failed, else 'n/a'.
    cause: str = NOT_FAILED
    fault: str = NOT_FAILED
    #: 3 sure, 2 likely, 1 a guess.
    confidence: int = 3

    @property
    def is_guess(self) -> bool:
        """Whoever annotated it was not sure."""
        return self.confidence < 2


def read_gold(path: Path) -> list[GoldItem]:
    """The annotated calls of a JSONL file.

    Raises:
        OSError: the file cannot be read.
        ValueError: a line is none, in one sentence that says which.
    """
    items = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        if not line.strip():
            continue
        try:
            items.append(msgspec.json.decode(line, type=GoldItem))
        except msgspec.DecodeError as error:
            raise ValueError(f"{path} line {number} is no annotated call: {error}") from None
    return items


@dataclass(frozen=True, slots=True)
class Prediction:
    """What was found about a call."""

    category: str = NONE
    cause: str = NOT_FAILED
    fault: str = NOT_FAILED
    #: The flag's evidence, or the rule of the failure.
    why: str = ""


#: By tool_use_id, and by transcript and line for calls whose id was changed.
Predictions = Mapping[str | tuple[str, int], Prediction]


def predict(
    session: Session, flags: Sequence[Flag], into: dict[str | tuple[str, int], Prediction]
) -> None:
    """Add what was found about the calls of a session."""
    owner: dict[str, Flag] = {}
    for flag in sorted(flags, key=lambda flag: PRECEDENCE.index(flag.category)):
        if not flag.is_candidate:
            for call in flag.calls:
                owner.setdefault(call.id, flag)
    for conversation in session.conversations:
        failed = failures(conversation)
        for call in conversation.calls:
            owned, failure = owner.get(call.id), failed.get(call.id)
            found = Prediction(
                owned.category if owned else NONE,
                failure.cause if failure else NOT_FAILED,
                failure.fault if failure else NOT_FAILED,
                owned.evidence if owned else failure.rule if failure else "",
            )
            into[call.id] = found
            # Several calls may stand on a line of old transcripts: then it tells nothing.
            place = (call.transcript, call.line_no)
            into[place] = found if place not in into else Prediction(why="ambiguous line")


@dataclass(frozen=True, slots=True)
class CategoryScore:
    """Agreement on one category."""

    precision: Proportion
    recall: Proportion
    f1: Proportion


@dataclass(frozen=True, slots=True)
class Disagreement:
    """An annotated call about which something else was found."""

    tool_use_id: str
    file: str
    line: int
    #: 'category', 'cause' or 'fault'.
    about: str
    annotated: str
    predicted: str
    why: str


@dataclass(frozen=True, slots=True)
class Scores:
    """The figures of a comparison."""

    items: int
    categories: dict[str, CategoryScore]
    #: Share of the calls annotated 'none' that some flag owns.
    flagged_none: Proportion
    #: Share of annotated failures with the right cause, and with the right fault.
    cause: Proportion
    fault: Proportion


@dataclass(frozen=True, slots=True)
class Evaluation(Scores):
    """All figures of a comparison, and what they come from."""

    #: The figures without guesses.
    sure: Scores
    #: Annotated calls that are not among the analysed ones; they are left out.
    missing: tuple[str, ...]
    #: (annotated, predicted): number of calls, and how many calls they stand for.
    confusion: dict[tuple[str, str], tuple[int, float]]
    cause_confusion: dict[tuple[str, str], tuple[int, float]]
    disagreements: tuple[Disagreement, ...]


def evaluate(items: Sequence[GoldItem], predictions: Predictions) -> Evaluation:
    """Compare annotated calls with what was found about them."""
    drawn = Counter(item.stratum for item in items)
    found: list[tuple[GoldItem, Prediction, float]] = []
    missing = []
    for item in items:
        prediction = _find(item, predictions)
        if prediction is None:
            missing.append(item.tool_use_id)
        else:
            found.append((item, prediction, item.stratum_size / drawn[item.stratum]))
    failed = [one for one in found if one[0].cause != NOT_FAILED]
    scores = _scores(found)
    return Evaluation(
        items=scores.items,
        categories=scores.categories,
        flagged_none=scores.flagged_none,
        cause=scores.cause,
        fault=scores.fault,
        sure=_scores([one for one in found if not one[0].is_guess]),
        missing=tuple(missing),
        confusion=_confusion((i.category, p.category, weight) for i, p, weight in found),
        cause_confusion=_confusion((i.cause, p.cause, weight) for i, p, weight in failed),
        disagreements=tuple(_disagreements(found)),
    )


def _find(item: GoldItem, predictions: Predictions) -> Prediction | None:
    return predictions.get(item.tool_use_id) or predictions.get((item.file, item.line))


def _scores(found: list[tuple[GoldItem, Prediction, float]]) -> Scores:
    failed = [one for one in found if one[0].cause != NOT_FAILED]
    return Scores(
        items=len(found),
        categories={category: _score(found, category) for category in JUDGED},
        flagged_none=proportion(
            (prediction.category != NONE, weight)
            for item, prediction, weight in found
            if item.category == NONE
        ),
        cause=proportion((item.cause == found.cause, weight) for item, found, weight in failed),
        fault=proportion((item.fault == found.fault, weight) for item, found, weight in failed),
    )


def _score(found: list[tuple[GoldItem, Prediction, float]], category: str) -> CategoryScore:
    told = [(i.category == category, p.category == category, weight) for i, p, weight in found]
    # F1 is a function of the share of the calls that both name among those that one names.
    both = proportion((a and p, weight) for a, p, weight in told if a or p)
    return CategoryScore(
        proportion((annotated, weight) for annotated, predicted, weight in told if predicted),
        proportion((predicted, weight) for annotated, predicted, weight in told if annotated),
        Proportion(_f1(both.value), _f1(both.low), _f1(both.high), both.items, both.effective),
    )


def _f1(jaccard: float | None) -> float | None:
    return None if jaccard is None else 2 * jaccard / (1 + jaccard)


def _confusion(
    pairs: Iterable[tuple[str, str, float]],
) -> dict[tuple[str, str], tuple[int, float]]:
    counts: dict[tuple[str, str], tuple[int, float]] = defaultdict(lambda: (0, 0.0))
    for annotated, predicted, weight in pairs:
        number, sum_ = counts[annotated, predicted]
        counts[annotated, predicted] = (number + 1, sum_ + weight)
    return dict(sorted(counts.items()))


def _disagreements(found: list[tuple[GoldItem, Prediction, float]]) -> Iterable[Disagreement]:
    for item, prediction, _ in found:
        pairs = [("category", item.category, prediction.category)]
        if item.cause != NOT_FAILED:
            pairs.append(("cause", item.cause, prediction.cause))
            pairs.append(("fault", item.fault, prediction.fault))
        for about, annotated, predicted in pairs:
            if annotated != predicted:
                yield Disagreement(
                    item.tool_use_id,
                    item.file,
                    item.line,
                    about,
                    annotated,
                    predicted,
                    prediction.why,
                )


def render(evaluation: Evaluation) -> str:
    """The figures as text for a terminal."""
    lines = [
        f"{evaluation.items} annotated calls, {len(evaluation.missing)} of them not found "
        "among the analysed ones."
        if evaluation.missing
        else f"{evaluation.items} annotated calls.",
        "Shares are weighted by stratum; 95 % intervals by Wilson at the effective size.",
        "In brackets behind them the annotated calls, unweighted.",
    ]
    if evaluation.sure.items < evaluation.items:
        lines += ["", f"all {evaluation.items} calls", *_figures(evaluation), ""]
        sure = evaluation.sure.items
        lines.append(f"the {sure} calls annotated with confidence 2 or 3")
        lines += _figures(evaluation.sure)
    else:
        lines += ["", *_figures(evaluation)]
    lines += [
        "",
        *_table("category", evaluation.confusion),
        "",
        *_table("cause", evaluation.cause_confusion),
    ]
    if evaluation.disagreements:
        lines += ["", "disagreements"]
    for one in evaluation.disagreements:
        place = f"{one.file}:{one.line}"
        lines.append(
            f"  {one.tool_use_id}  {one.about}: annotated {one.annotated}, found "
            f"{one.predicted}{f' ({one.why})' if one.why else ''}  {place}"
        )
    return "\n".join(lines)


def _figures(scores: Scores) -> Iterator[str]:
    yield f"{'category':18}{'precision':>32}{'recall':>32}{'F1':>24}"
    for category, score in scores.categories.items():
        cells = (_counted(score.precision), _counted(score.recall))
        yield f"{category:18}" + "".join(f"{c:>32}" for c in cells) + f"{score.f1!s:>24}"
    yield ""
    yield f"annotated none, but flagged: {_counted(scores.flagged_none)}"
    yield f"right cause of failures:     {_counted(scores.cause)}"
    yield f"right fault of failures:     {_counted(scores.fault)}"


def _counted(share: Proportion) -> str:
    return f"{share} ({share.hits or 0}/{share.items})"


def _table(title: str, confusion: Mapping[tuple[str, str], tuple[int, float]]) -> list[str]:
    lines = [f"{title + ', annotated':24}{'found':24}{'calls':>6}{'stand for':>12}"]
    for (annotated, predicted), (number, weight) in confusion.items():
        lines.append(f"{annotated:24}{predicted:24}{number:>6}{weight:>12,.0f}")
    return lines
