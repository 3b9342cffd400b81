"""Before against after: what is said of a remedy, and what is not."""

from __future__ import annotations

from datetime import date, timedelta
from math import comb
from pathlib import Path

import numpy as np
import pytest

from waste_assets.clusters.applied import Applied, AppliedRemedies
from waste_assets.clusters.tracking import Span, Status, Tracked, fisher, track
from waste_assets.lake.state import State

ON = date(2026, 9, 15)
REMEDY = Applied("reread-files", None, ON)


def sessions(count: int, first: int, days: int, project: str = "~/shop") -> list[Span]:
    """So many sessions of one day each, from `first` days after the remedy on."""
    start = ON + timedelta(days=first)
    found = [start + timedelta(days=number * days // count) for number in range(count)]
    return [Span(f"{project} {first} {n}", project, day, day) for n, day in enumerate(found)]


def told(
    before: tuple[int, int], after: tuple[int, int], days: int = 20, applied: Applied = REMEDY
) -> Tracked:
    """Of so many sessions before and after, so many have it once, for a dollar."""
    earlier, later = sessions(before[0], -30, 30), sessions(after[0], 1, days)
    affected = [*earlier[: before[1]], *later[: after[1]]]
    return track(applied, earlier + later, {s.session_id: (1, 1.0) for s in affected})


def test_two_quiet_days_prove_nothing() -> None:
    assert told((100, 60), (3, 0), days=2).status is Status.TOO_EARLY
    # Nor do many sessions of two days, nor many days of few sessions.
    assert told((100, 60), (50, 0), days=2).status is Status.TOO_EARLY
    assert told((100, 60), (19, 0)).status is Status.TOO_EARLY
    assert told((19, 15), (100, 0)).status is Status.TOO_EARLY


def test_what_was_frequent_and_is_not_seen_any_more_is_gone_so_far() -> None:
    one = told((60, 30), (40, 0))
    assert one.status is Status.GONE
    assert (one.affected_before, one.affected_after) == (30, 0)
    assert one.occurrences.before == 0.5 and one.occurrences.after == 0
    assert one.occurrences.high is not None and one.occurrences.high < 0
    assert one.usd.change == -0.5


def test_what_was_rare_may_be_missing_by_luck() -> None:
    assert told((100, 2), (40, 0)).status is Status.TOO_EARLY


def test_less_the_same_and_more() -> None:
    assert told((100, 60), (60, 12)).status is Status.LOWER
    assert told((100, 60), (60, 36)).status is Status.NO_CHANGE
    assert told((100, 60), (60, 32)).status is Status.NO_CHANGE
    assert told((100, 20), (60, 40)).status is Status.HIGHER
    assert told((100, 0), (60, 0)).status is Status.NO_CHANGE


def test_a_withdrawn_remedy_is_not_judged_and_its_time_has_an_end() -> None:
    ended = Applied("reread-files", None, ON, ON + timedelta(days=11))
    one = told((60, 30), (40, 0), applied=ended)
    assert one.status is Status.WITHDRAWN
    # Sessions of the tenth day and before.
    assert one.sessions_after == 20 and one.until == ON + timedelta(days=10)


def test_sessions_that_went_on_across_the_day_are_neither_before_nor_after() -> None:
    across = Span("across", "~/shop", ON - timedelta(days=1), ON + timedelta(days=1))
    same_day = Span("same", "~/shop", ON, ON)
    one = track(REMEDY, [across, same_day], {"across": (5, 1.0), "same": (5, 1.0)})
    assert (one.sessions_before, one.sessions_after) == (0, 0)
    assert one.status is Status.TOO_EARLY and one.occurrences.change is None


def test_a_remedy_of_one_project_is_held_against_that_project() -> None:
    here = [*sessions(30, -30, 30), *sessions(30, 1, 20)]
    there = sessions(500, 1, 20, project="~/site")
    found = {s.session_id: (1, 1.0) for s in (*here[:25], *there)}
    one = track(Applied("reread-files", "~/shop", ON), here + there, found)
    assert (one.sessions_before, one.sessions_after) == (30, 30)
    assert one.status is Status.GONE


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_where_nothing_has_changed_a_change_is_seldom_told(share: float) -> None:
    random = np.random.default_rng(3)
    spans = [*sessions(80, -30, 30), *sessions(40, 1, 20)]
    changed = 0
    for _ in range(100):
        found = {
            s.session_id: (int(random.geometric(0.5)), float(random.lognormal()))
            for s in spans
            if random.random() < share
        }
        status = track(REMEDY, spans, found).status
        changed += status in (Status.LOWER, Status.HIGHER, Status.GONE)
    assert changed <= 10


def test_a_change_by_half_is_told_with_enough_sessions() -> None:
    random = np.random.default_rng(4)
    earlier, later = sessions(300, -30, 30), sessions(300, 1, 20)
    seen = [s for s in earlier if random.random() < 0.4]
    seen += [s for s in later if random.random() < 0.2]
    assert track(REMEDY, earlier + later, {s.session_id: (1, 0.5) for s in seen}).status is (
        Status.LOWER
    )


def test_many_sessions_are_told_as_few_are() -> None:
    """Where means are normal none is drawn: the interval is that of the formula."""
    earlier, later = sessions(4_000, -30, 30), sessions(4_000, 1, 20)
    found = {s.session_id: (1, 0.5) for s in (*earlier[::2], *later[::3])}
    one = track(REMEDY, earlier + later, found)
    spread = (0.25 / 4_000 + 2 / 9 / 4_000) ** 0.5
    assert one.status is Status.LOWER
    assert one.occurrences.change == pytest.approx(1 / 3 - 1 / 2, abs=1e-3)
    assert one.occurrences.low == pytest.approx(1 / 3 - 1 / 2 - 1.96 * spread, abs=2e-3)
    assert one.occurrences.high == pytest.approx(1 / 3 - 1 / 2 + 1.96 * spread, abs=2e-3)


def test_fishers_exact_test_by_hand() -> None:
    """Of 8 sessions 4 are affected, none of the 3 after: C(5, 4) of C(8, 4) ways."""
    assert fisher(0, 3, 4, 5) == pytest.approx(comb(5, 4) / comb(8, 4))
    assert fisher(3, 3, 0, 5) == 1
    assert fisher(0, 400, 300, 600) < 1e-60


# --- what people say they have done --------------------------------------------------------


def test_what_was_noted_last_counts_and_nothing_is_forgotten(tmp_path: Path) -> None:
    state = State(tmp_path)
    try:
        record = AppliedRemedies(state)
        record.record("paths", ON)
        record.record("paths", ON + timedelta(days=3), "~/shop")
        record.record("todo-lists", ON, withdrawn=True)
        record.record("paths", ON + timedelta(days=9), withdrawn=True)
        assert AppliedRemedies(state).all() == [
            Applied("paths", None, ON, ON + timedelta(days=9)),
            Applied("paths", "~/shop", ON + timedelta(days=3)),
        ]
        again = ON + timedelta(days=20)
        record.record("paths", again)
        assert record.all()[0] == Applied("paths", None, again)
        with state.engine.connect() as connection:
            rows = connection.exec_driver_sql("SELECT count(*) FROM applied_remedies")
            assert rows.scalar_one() == 5
    finally:
        state.close()
