"""Bulk text in invented words: prose, code and command output that compress as real ones do."""

from __future__ import annotations

from functools import cache
from random import Random

from waste_assets.sample.filler import Filler

_ONSETS = ("b", "br", "d", "dr", "f", "fl", "g", "gr", "k", "kl", "l", "m", "n", "p", "pl", "s")
_MORE = ("st", "t", "tr", "v", "w", "z")
_VOWELS = ("a", "e", "i", "o", "u", "ai", "ea", "ou")
_ENDS = ("", "", "", "l", "m", "n", "nd", "r", "rt", "s", "sk", "t", "x")
_WORDS = 4_000
_LINES = 20_000
#: Shapes of lines; `{}` is a word.
_SHAPES = {
    "prose": (
        "The {} {} of the {} is {} before the {} has {}.",
        "I will {} the {} first and see what the {} {} says about {}.",
        "That {} fails because {} and {} disagree about the {} {}.",
        "Nothing else {} on the {}, so the {} stays as it is.",
        "Once the {} {} is {}, the {} can {} without the {}.",
    ),
    "code": (
        "    def {}_{}(self, {}: {}, *, {}: int = 0) -> {}:",
        "        {} = self._{}.{}({}, {}={})",
        "        if {}.{} is None or {}.{} > {}:",
        "            raise {}Error(f'{} {{{}!r}} of {} is {}')",
        "        for {} in {}.{}({}):",
        "    return [{}({}) for {} in {} if {}.{}]",
        "from {}.{}.{} import {}, {}_{}",
        "    # the {} must be {} before {} is {}, see {}_{}",
        "    assert {}_{}({}) == {{'{}': {}, '{}': {}}}",
        "class {}{}({}Base):",
        '    """{} the {} of a {} until {} {}."""',
    ),
    "log": (
        "{}/{}_{}.py::test_{}_{} PASSED",
        "INFO  {}.{}: {} {} in {} ms",
        "DEBUG {}.{}: {}={} {}={}",
        "{}/{}/{}.ts:{} - {} is {} but never {}",
        "  {} -> {} ({}, {})",
        "drwxr-xr-x {} {} {}_{}.{}",
    ),
}


@cache
def words() -> tuple[str, ...]:
    """Invented words, the short ones first and most used."""
    rng = Random("article:words")
    made: dict[str, None] = {}
    while len(made) < _WORDS:
        parts = 1 + len(made) // 400 % 3
        word = "".join(rng.choice(_ONSETS + _MORE) + rng.choice(_VOWELS) for _ in range(parts))
        made[word + rng.choice(_ENDS)] = None
    return tuple(made)


@cache
def _pool(kind: str) -> tuple[str, ...]:
    rng = Random(f"article:{kind}")
    known, shapes = words(), _SHAPES[kind]
    lines = []
    for _ in range(_LINES):
        shape = rng.choice(shapes)
        lines.append(shape.format(*rng.choices(known, k=shape.count("{}"))))
    return tuple(lines)


class Text(Filler):
    """The filler of a sample, over far more lines, each with something of its own in it."""

    def _lines(self, kind: str, chars: int) -> list[str]:
        """Lines of at least so many characters, in runs, as files that are alike share them."""
        rng, pool, known = self._rng, _pool(kind), words()
        made: list[str] = []
        left = chars
        while left > 0:
            start = int(rng.random() * (_LINES - 8))
            for line in pool[start : start + 1 + int(rng.random() * 6)]:
                made.append(line)
                left -= len(line) + 1
            if rng.random() < 0.3:
                own = f"{known[int(rng.random() * _WORDS)]} {rng.getrandbits(44):x}"
                made.append(own)
                left -= len(own) + 1
        return made

    def variation(self, line: str) -> str:
        """Another line of code in place of one, with its indentation."""
        indent = line[: len(line) - len(line.lstrip())]
        return indent + self._rng.choice(_pool("code")).lstrip()

    def blob(self, chars: int) -> str:
        """What looks like the base64 of a picture: nothing compresses it below six bits a byte."""
        return f"{self._rng.getrandbits(4 * chars):0{chars}x}"
