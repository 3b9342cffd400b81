"""Answers, wherever they are kept: what the labels need of a store, and answers in a file."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Protocol

import msgspec

from waste_assets.labels.answer import Answer, Outcome


class Answers(Protocol):
    """Answers by the key of their question."""

    def answers(self, keys: Collection[str]) -> Mapping[str, Answer]:
        """The last answer to each of these questions that has one."""
        ...

    def version(self) -> str:
        """Identity of all answers, empty without any: equal versions, equal answers."""
        ...


class RecordedAnswers:
    """Answers that were written down, or none at all."""

    def __init__(self, answers: Iterable[Answer] = ()) -> None:
        self._answers = {answer.key: answer for answer in answers}

    @classmethod
    def read(cls, path: Path) -> RecordedAnswers:
        """The answers of a JSONL file, one a line; of several to a question the last one.

        Raises:
            OSError: the file cannot be read.
            ValueError: a line is no answer, in one sentence that says which.
        """
        answers = []
        for number, line in enumerate(path.read_bytes().splitlines(), 1):
            if not line.strip():
                continue
            try:
                answers.append(msgspec.json.decode(line, type=Answer))
            except msgspec.DecodeError as error:
                raise ValueError(f"{path} line {number} is no answer: {error}.") from None
        return cls(answers)

    def write(self, path: Path) -> None:
        """Write the answers down, in the order of their keys."""
        lines = [msgspec.json.encode(asdict(one)) for _, one in sorted(self._answers.items())]
        path.write_bytes(b"".join(line + b"\n" for line in lines))

    def answers(self, keys: Collection[str]) -> Mapping[str, Answer]:
        """The answers to these questions."""
        return {key: self._answers[key] for key in keys if key in self._answers}

    def version(self) -> str:
        """Identity of all answers, empty without any."""
        return digest(self._answers) if self._answers else ""


def digest(answers: Mapping[str, Answer]) -> str:
    """Identity of some answers: what was said, by whom, to which question."""
    told = hashlib.sha256()
    for key, answer in sorted(answers.items()):
        value = msgspec.json.encode(answer.value, order="deterministic")
        told.update(f"{key}\0{answer.outcome}\0{answer.request_id}\0".encode() + value)
    return told.hexdigest()[:16]


def is_answered(answer: Answer | None) -> bool:
    """Whether there is something to go by."""
    return answer is not None and answer.outcome is Outcome.ANSWERED and answer.value is not None
