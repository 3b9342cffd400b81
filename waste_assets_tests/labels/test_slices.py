"""Runs of one backfill, each with its slice of days, ask about them at the same moment."""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from pathlib import Path
from threading import Barrier

import pytest

from waste_assets.labels import judged
from waste_assets.labels.settings import KEY
from waste_assets.labels.spend import ledger
from waste_assets.lake.tables import HAIKU_LABELS
from waste_assets.mart.tables import LABEL_SPEND
from waste_assets.resources.data_root import DataRoot
from waste_assets.resources.haiku import Haiku
from waste_assets_tests.fake_anthropic import FakeAnthropic
from waste_assets_tests.forks import FORKS
from waste_assets_tests.labels.judging import giving_up
from waste_assets_tests.labels.support import opened
from waste_assets_tests.support import Audit

DAYS = [date(2026, 9, day) for day in range(14, 20)]


@pytest.fixture(scope="module")
def flagged(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    """Each day has sessions that gave up; nothing was asked yet."""
    audit = Audit(tmp_path_factory.mktemp("slices"))
    audit.write(*(giving_up(f"{day}", f"{day}", cwd=f"/home/dev/{day}") for day in DAYS))
    audit.account()
    audit.flags()
    return audit


def judge(
    start: Barrier | None, root: Path, url: str, max_usd: float, run: str, days: list[date]
) -> None:
    """The labels of some days, once the others are there too; a name for the whole backfill."""
    os.environ[KEY] = "sk-fake"
    data_root = DataRoot(path=str(root), time_zone="UTC")
    haiku = Haiku(base_url=url, max_usd=max_usd)
    if start is not None:
        start.wait(60)
    with data_root.labelling(haiku, run) as given:
        judged.build(data_root.lake, days, data_root.detector_settings, given)


def sliced(root: Path, url: str, max_usd: float, slices: list[list[date]]) -> None:
    with FORKS.Manager() as manager, ProcessPoolExecutor(len(slices), FORKS) as pool:
        start = manager.Barrier(len(slices))
        work = [pool.submit(judge, start, root, url, max_usd, "ours", days) for days in slices]
        for one in work:
            one.result(60)


def spent(root: Path) -> dict[str, float]:
    """What was set aside for each question; none was sent twice."""
    with opened(root) as store:
        rows = [dict(zip(LABEL_SPEND.column_names, row, strict=True)) for row in ledger(store)]
    assert len({row["key"] for row in rows}) == len(rows)
    return {row["key"]: row["reserved_usd"] for row in rows}


def copy(audit: Audit, folder: Path) -> Audit:
    made = Audit(folder, audit.source)
    shutil.copytree(audit.data, made.data)
    return made


def labels(audit: Audit, url: str) -> list[tuple[object, ...]]:
    """What is said of everything that had to be judged, once all answers are there."""
    haiku = Haiku(base_url=url, max_usd=1.0)
    with DataRoot(path=str(audit.data), time_zone="UTC").label_store() as store:
        haiku.collect(store)
    judge(None, audit.data, url, 0.0, "another", DAYS)
    names = ("task", "subject_id", "labeler_kind", "status", "label", "in_force", "synthetic")
    return sorted(tuple(row[name] for name in names) for row in audit.rows(HAIKU_LABELS))


@pytest.fixture
def whole(
    flagged: Audit, fake: FakeAnthropic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Audit:
    """One run has asked about all days."""
    monkeypatch.setenv(KEY, "sk-fake")
    made = copy(flagged, tmp_path / "whole")
    judge(None, made.data, fake.url, 1.0, "ours", DAYS)
    return made


def test_slices_at_once_ask_what_one_run_over_all_days_asks(
    flagged: Audit, whole: Audit, fake: FakeAnthropic, tmp_path: Path
) -> None:
    parts = copy(flagged, tmp_path / "parts")
    sent = fake.counts()["requests"]
    assert sent == len(spent(whole.data)) > len(DAYS)
    sliced(parts.data, fake.url, 1.0, [DAYS[:3], DAYS[3:]])
    assert fake.counts()["requests"] == 2 * sent
    assert spent(parts.data) == spent(whole.data)
    fake.end()
    told = labels(whole, fake.url)
    assert labels(parts, fake.url) == told
    assert {"llm", "rule"} <= {str(kind) for _, _, kind, *_ in told}


def test_slices_at_once_share_the_budget_of_their_backfill(
    flagged: Audit, whole: Audit, fake: FakeAnthropic, tmp_path: Path
) -> None:
    parts = copy(flagged, tmp_path / "parts")
    prices = spent(whole.data).values()
    before, budget = fake.counts()["requests"], sum(prices) / 2
    sliced(parts.data, fake.url, budget, [[day] for day in DAYS[:3]] + [DAYS[3:]])
    reserved = spent(parts.data)
    assert fake.counts()["requests"] - before == len(reserved)
    assert budget - max(prices) < sum(reserved.values()) <= budget
