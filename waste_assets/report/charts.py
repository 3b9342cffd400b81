"""Where the marks of a chart stand, in percent of its width and height; templates draw them.

Percent, so that a chart has the width of its page, on a phone too, and its letters keep their
size. docs/decisions/static-report.md says why no library draws them. Texts of charts are words and
figures of our own: no text of a transcript stands in one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from markupsafe import Markup, escape

#: Names below a chart: as many as a phone has room for.
_NAMES = 5
#: Lines across it, less or more by one or two.
_LINES = 4


@dataclass(frozen=True, slots=True)
class Part:
    """One series: the class that gives its colour, and its name in the legend."""

    key: str
    name: str


@dataclass(frozen=True, slots=True)
class Column:
    """What is to be drawn: a name for the axis, a longer one, and a value for each series.

    `marks` are kinds of marks above the column, each with what it says.
    """

    name: str
    title: str
    values: Sequence[float]
    marks: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a column that has been placed."""

    key: str
    top: Markup
    height: Markup


@dataclass(frozen=True, slots=True)
class Slot:
    """A column that has been placed: all that stands between two places of the axis."""

    left: Markup
    width: Markup
    #: The place and the width of what is drawn within it.
    inner_left: Markup
    inner_width: Markup
    middle: Markup
    #: Where the column ends, from above.
    top: Markup
    title: Markup
    segments: tuple[Segment, ...]
    #: Kinds of marks above it.
    marks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """Stacked columns, ready to be drawn, and the same as rows of a table."""

    name: str
    title: str
    parts: tuple[Part, ...]
    slots: tuple[Slot, ...]
    #: (place from above, what it says)
    lines: tuple[tuple[Markup, Markup], ...]
    #: (place from the left, where the text is held, what it says)
    names: tuple[tuple[Markup, str, Markup], ...]
    #: Each with a title and the values in words.
    rows: tuple[tuple[Markup, tuple[Markup, ...]], ...]


def stacked(
    name: str,
    title: str,
    parts: Sequence[Part],
    columns: Sequence[Column],
    told: Callable[[float], str],
    on_axis: Callable[[float], str] | None = None,
) -> Chart:
    """Stack the values of each column upon each other, the first series at the bottom.

    `told` puts a value in words, `on_axis` a round one.
    """
    tops = ticks(max((sum(column.values) for column in columns), default=0.0))
    most = tops[-1]
    width = 100 / max(len(columns), 1)
    # Columns that are many touch each other.
    gap = width * (0.12 if len(columns) <= 70 else 0.05 if len(columns) <= 130 else 0)
    worded = on_axis or told
    return Chart(
        name,
        title,
        tuple(parts),
        tuple(
            _slot(parts, column, n * width, width, gap, most, told)
            for n, column in enumerate(columns)
        ),
        tuple((_percent(100 - 100 * top / most), escape(worded(top))) for top in tops),
        tuple(_names(columns, width)),
        tuple(
            (escape(column.title), tuple(escape(told(value)) if value else Markup()
                                         for value in (*column.values, sum(column.values))))
            for column in columns
        ),
    )  # fmt: skip


def _slot(
    parts: Sequence[Part],
    column: Column,
    left: float,
    width: float,
    gap: float,
    most: float,
    told: Callable[[float], str],
) -> Slot:
    placed, said, below = [], [], 0.0
    for part, value in zip(parts, column.values, strict=True):
        if value <= 0:
            continue
        said.append(f"{part.name} {told(value)}")
        height = 100 * value / most
        below += height
        # Less than a tenth of a pixel is not to be seen.
        if height > 0.04:
            placed.append(Segment(part.key, _percent(100 - below), _percent(height)))
    said += [text for _, text in column.marks if text]
    return Slot(
        _percent(left),
        _percent(width),
        _percent(left + gap),
        _percent(width - 2 * gap),
        _percent(left + width / 2),
        _percent(100 - below),
        escape(f"{column.title}: {'; '.join(said) or 'nothing'}"),
        tuple(placed),
        tuple(kind for kind, _ in column.marks),
    )


def _percent(value: float) -> Markup:
    return Markup(f"{value:.2f}".rstrip("0").rstrip(".") + "%")


def ticks(most: float) -> list[float]:
    """Round values from 0 to the first that is not below `most`."""
    if most <= 0:
        return [0.0, 1.0]
    rough = most / _LINES
    unit = 10.0 ** floor(log10(rough))
    step = next(unit * n for n in (1, 2, 5, 10) if unit * n >= rough * 0.999)
    return [n * step for n in range(ceil(most / step * 0.999999) + 1)]


def _names(columns: Sequence[Column], width: float) -> list[tuple[Markup, str, Markup]]:
    """Some of the names, evenly apart, the outer ones held within the chart."""
    if not columns:
        return []
    last = len(columns) - 1
    chosen = sorted({round(n * last / (_NAMES - 1)) for n in range(_NAMES)})
    placed = []
    for n in chosen:
        middle = (n + 0.5) * width
        held = "start" if middle < 8 else "end" if middle > 92 else "middle"
        place = {"start": 0.0, "end": 100.0}.get(held, middle)
        placed.append((_percent(place), held, escape(columns[n].name)))
    return placed
