"""What people have judged: one JSON object a line, which counts before all that others say.

`{"task": "dead_end", "subject": "<flag id>", "label": "dead_end", "by": "ana"}`; the subject is the
`subject_id` of a row of `haiku_labels`. For failure_cause a `fault` may stand beside the label.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from waste_assets.labels.registry import tasks
from waste_assets.labels.tasks.failure_cause import FAULTS


class HumanLabel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a person says of a subject."""

    task: str
    subject: str
    label: str
    by: str = "a person"
    fault: str | None = None
    why: str | None = None


@dataclass(frozen=True)
class HumanLabels:
    """Labels by task and subject, and the identity of all of them."""

    labels: Mapping[tuple[str, str], HumanLabel] = field(default_factory=dict)
    identity: str = ""

    @classmethod
    def read(cls, path: Path) -> HumanLabels:
        """The labels of a file; none where there is no file. Of several the last one counts.

        Raises:
            OSError: the file cannot be read.
            ValueError: a line is no label, in one sentence that says which and why.
        """
        if not path.exists():
            return cls()
        content = path.read_bytes()
        labels: dict[tuple[str, str], HumanLabel] = {}
        for number, line in enumerate(content.splitlines(), 1):
            if line.strip():
                label = _label(path, number, line)
                labels[label.task, label.subject] = label
        return cls(labels, hashlib.sha256(content).hexdigest()[:16])


def _label(path: Path, number: int, line: bytes) -> HumanLabel:
    try:
        label = msgspec.json.decode(line, type=HumanLabel)
    except msgspec.DecodeError as error:
        raise ValueError(f"{path} line {number} is no label: {error}.") from None
    task = tasks().get(label.task)
    known = [name for name, one in tasks().items() if one.choices]
    if task is None or not task.choices:
        told = f"task {label.task!r} is none of {', '.join(known)}"
    elif label.label not in task.choices:
        told = f"label {label.label!r} is none of {', '.join(task.choices)}"
    elif label.fault is not None and label.fault not in FAULTS:
        told = f"fault {label.fault!r} is none of {', '.join(FAULTS)}"
    else:
        return label
    raise ValueError(f"{path} line {number} is no label: {told}.")
