"""Failed calls as programs word them: known causes, many forms of each, Zipf sizes, one-off noise.

A form (failure_forms.json) is a tool, a command (of shell calls) and a result, with slots for what
differs from one occurrence to the next. `TUNED` are forms that rules may be improved with;
`HELD_OUT` were written after the rules of version 1 were frozen, and no rule was changed because of
them: a rule that is changed after a look at them needs new ones.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

Form = tuple[str, str, str]
_FORMS = json.loads(Path(__file__).with_name("failure_forms.json").read_text("utf-8"))
TUNED: dict[str, list[Form]] = _FORMS["tuned"]
HELD_OUT: dict[str, list[Form]] = _FORMS["held_out"]


@dataclass(frozen=True)
class Occurrence:
    """A failed call and why it failed; noise is a cause of its own."""

    cause: str
    tool: str
    command: str
    result: str


_SYLLABLES = [consonant + vowel for consonant in "bcdfghklmnprstvwz" for vowel in "aeio"]
_SLOT = re.compile(r"\{(\w+)\}")


def occurrences(
    forms: Mapping[str, Sequence[Form]], count: int, seed: int, *, noise: float = 0.1
) -> Iterator[Occurrence]:
    """So many failed calls: causes in sizes after Zipf, forms evenly, some that occur once."""
    rng = random.Random(seed)
    causes = sorted(forms)
    rng.shuffle(causes)
    weights = [1 / (rank + 1) for rank in range(len(causes))]
    for number in range(count):
        if rng.random() < noise:
            words = " ".join(_word(rng) for _ in range(rng.randint(4, 9)))
            yield Occurrence(f"noise {number}", "Bash", _word(rng), f"Exit code 1\n{words}")
            continue
        (cause,) = rng.choices(causes, weights)
        tool, command, result = rng.choice(forms[cause])
        yield Occurrence(cause, tool, _filled(command, rng), _filled(result, rng))


def _filled(text: str, rng: random.Random) -> str:
    return _SLOT.sub(lambda match: _slot(match[1], rng), text)


def _slot(name: str, rng: random.Random) -> str:
    word = _word(rng)
    if name == "n":
        return str(rng.randint(1, 400))
    if name == "port":
        return str(rng.randint(1_024, 65_535))
    if name == "id":
        return f"{rng.getrandbits(160):040x}"[: rng.choice((7, 9, 40))]
    if name == "time":
        return f"2026/{rng.randint(1, 12):02}/{rng.randint(1, 28):02} 10:{rng.randint(10, 59)}:07"
    made = {
        "word": word,
        "name": f"{word}_{_word(rng)}",
        "Name": f"Test{word.title()}{_word(rng).title()}",
        "path": f"/home/dev/{word}/src/{_word(rng)}.{rng.choice(('py', 'ts', 'go', 'md'))}",
        "file": f"tests/{word}/test_{_word(rng)}.py",
        "tsfile": f"src/{word}/{_word(rng)}.tsx",
        "host": f"{word}.dev/{_word(rng)}",
        "url": f"https://{word}.example.com/{_word(rng)}/{_word(rng)}.git",
    }
    return made[name]


def _word(rng: random.Random) -> str:
    return "".join(rng.choice(_SYLLABLES) for _ in range(rng.randint(2, 4)))
