"""The detectors as they are, run over a lake and scored against annotated calls."""

from __future__ import annotations

from collections.abc import Sequence

from waste_assets.accounting.sessions import sessions
from waste_assets.detectors.evaluate import Evaluation, GoldItem, Prediction, evaluate, predict
from waste_assets.detectors.flag import Settings
from waste_assets.detectors.registry import detect
from waste_assets.lake.lake import Lake
from waste_assets.lake.tables import PARSED_TURNS


def score(lake: Lake, items: Sequence[GoldItem], settings: Settings | None = None) -> Evaluation:
    """Detect over all sessions of the lake and compare with the annotations.

    Raises:
        duckdb.Error: a partition cannot be read.
    """
    settings = settings or Settings()
    predictions: dict[str | tuple[str, int], Prediction] = {}
    for session in sessions(lake, lake.days(PARSED_TURNS)):
        predict(session, detect(session, settings), predictions)
    return evaluate(items, predictions)
