"""The program `waste-assets` with five questions of the tests' own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from waste_assets import cli
from waste_assets.labels import wanted
from waste_assets.labels.labelling import Labelling
from waste_assets.labels.question import Prompt, Question
from waste_assets_tests.labels.support import PROMPT, questions


def main() -> None:
    """Run one command."""
    give_questions()
    cli.main()


def give_questions() -> None:
    """Let the product find these questions, and no others: neither a stage's nor a canary's."""

    def ours(lake: Any, settings: Any, days: Sequence[date], sample: int) -> Iterator[Question]:
        yield from questions(5)

    def allowed(_: Labelling, asked: Sequence[Question], day: date) -> Sequence[Question]:
        return asked

    def nothing(_: Labelling, asked: Sequence[Question], days: Sequence[date]) -> None:
        """A stage's questions are others."""

    def known() -> Mapping[str, Prompt]:
        return {PROMPT.digest: PROMPT}

    wanted.questions, wanted.prompts = ours, known
    Labelling.allowed, Labelling.ask = allowed, nothing


if __name__ == "__main__":
    main()
