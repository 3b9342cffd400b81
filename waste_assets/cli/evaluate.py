"""`evaluate`: how good detectors and labels are, by what people have annotated."""

from __future__ import annotations

import json
from collections.abc import Iterator, Set
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from waste_assets.cli import options
from waste_assets.cli.faults import InputFault, faults
from waste_assets.cli.terminal import echo

if TYPE_CHECKING:
    from waste_assets.labels.subjects import Subject


@click.command()
@click.argument("gold", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@options.data_root
@click.option(
    "--answers",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Recorded answers to score instead of those in the state database.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as one JSON object.")
def evaluate(gold: Path, data_root: Path, answers: Path | None, as_json: bool) -> None:
    """Score the detectors against annotated calls, or labels against known ones.

    GOLD is a file of annotated tool calls or of known labels, one JSON object a line. Their
    transcripts must have been audited into the data root. The detectors run as they are now,
    labels are scored from kept answers; nothing is asked, and nothing is written.
    """
    with faults():
        from waste_assets.labels.evaluate import is_label_gold

        if is_label_gold(gold):
            echo(_label_scores(gold, data_root.absolute(), answers, as_json))
            return
        from waste_assets.detectors.evaluate import read_gold, render
        from waste_assets.detectors.flag import Settings as DetectorSettings
        from waste_assets.detectors.score import score
        from waste_assets.lake.place import lake_of
        from waste_assets.settings import Settings

        given = Settings.from_environment()
        settings = DetectorSettings(given.prefix_budget, given.result_cap)
        found = score(lake_of(data_root.absolute()), read_gold(gold), settings)
        if found.items and len(found.missing) == found.items:
            raise InputFault(
                f"None of the annotated calls lies in {data_root}: run `waste-assets audit` on "
                "their transcripts first."
            )
    echo(json.dumps(asdict(found), default=str) if as_json else render(found))


def _label_scores(gold: Path, data_root: Path, recorded: Path | None, as_json: bool) -> str:
    from waste_assets.detectors.flag import Settings as DetectorSettings
    from waste_assets.labels import evaluate as scoring
    from waste_assets.labels.judged import gathered
    from waste_assets.labels.recorded import RecordedAnswers
    from waste_assets.labels.store import LabelStore
    from waste_assets.lake.place import lake_of
    from waste_assets.lake.state import State
    from waste_assets.settings import Settings

    given, lake = Settings.from_environment(), lake_of(data_root)
    settings = DetectorSettings(given.prefix_budget, given.result_cap)

    def to_judge(days: Set[date]) -> Iterator[Subject]:
        for portion in gathered(lake, days, settings, given.audit_sample):
            for found in portion:
                yield from found.subjects

    known = scoring.read_known(gold)
    state = State(data_root)
    try:
        answers = RecordedAnswers.read(recorded) if recorded else LabelStore(state)
        found = scoring.evaluate_labels(lake, known, answers, given.labels.judge, to_judge)
    finally:
        state.close()
    if known and not found.items:
        raise InputFault(
            f"None of the known labels is of a subject in {data_root}: run `waste-assets audit` on "
            "their transcripts first."
        )
    return json.dumps(scoring.as_json(found)) if as_json else scoring.render(found)
