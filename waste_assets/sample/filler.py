"""Made-up English, code and command output of an exact length, from one seed."""

from functools import cache
from random import Random

from waste_assets.sample.tokens import CHARS_PER_TOKEN

_NOUNS = (
    *("cart", "invoice", "ledger", "parcel", "refund", "voucher", "session", "token", "queue"),
    *("worker", "schema", "cursor", "batch", "window", "tenant", "webhook", "receipt", "margin"),
)
_VERBS = ("load", "merge", "settle", "parse", "route", "audit", "rotate", "stamp", "drain", "pack")
_ADJECTIVES = ("stale", "pending", "signed", "empty", "nested", "late", "partial", "frozen")
_SENTENCES = (
    "The {a} {n} is read twice before the {m} has settled.",
    "We should {v} every {n} first and only then {w} the {m}.",
    "A {a} {n} reaches the {m} when nobody waits for it.",
    "That test fails because the {n} keeps a {a} {m}.",
    "I will {v} the {n} and check what the {m} says.",
    "Nothing else depends on the {a} {n}, so the change stays small.",
    "The {n} and the {m} disagree about time zones.",
    "Once we {v} it, the {a} {m} goes away.",
)
_CODE = (
    "def {v}_{n}({m}: {M}, *, limit: int = {k}) -> list[{N}]:",
    "    {n}s = [one for one in {m}.{n}s if not one.{a}]",
    "    if {m}.{a} and len({n}s) > {k}:",
    "        raise {N}Error(f'{a} {n}: {{{m}.id}}')",
    "    for {n} in {w}_{m}s({m}, page={k}):",
    "        total += {n}.amount * {k}",
    "    return {v}_{m}({n}, timeout={k})",
    "    # the {a} {n} must be gone before we {v} the {m}",
    "    {m}_{n} = {M}({a}={k}, {n}=self._{n})",
    "class {N}{M}:",
    '    """Keeps each {a} {n} until the {m} can {v} it."""',
    "    assert {m}.{n}_count == {k}",
)
_LOG = (
    "tests/test_{n}.py::test_{v}_{a}_{n} PASSED [{k:3d}%]",
    "tests/test_{m}.py::test_{w}_{m} PASSED [{k:3d}%]",
    "INFO {n}: {v} of {k} {m}s took {k} ms",
    "DEBUG {m}: {a} {n} {k} left in queue",
    "src/{n}/{v}_{m}.py:{k}: unused name '{a}_{n}'",
    "WARN {n}: {m} {k} is {a}, trying again",
)
_RED = (
    ("AssertionError", "assert 3 == 4"),
    ("TypeError", "unsupported operand type(s) for -: 'NoneType' and 'int'"),
    ("AttributeError", "'NoneType' object has no attribute 'amount'"),
    ("KeyError", "'receipt'"),
    ("ValueError", "time data '31/10/26' does not match format '%Y-%m-%d'"),
)
_POOL_SIZE = 4_096


def _fill(templates: tuple[str, ...], name: str) -> tuple[str, ...]:
    rng = Random(f"filler:{name}")
    lines = []
    for _ in range(_POOL_SIZE):
        noun, other = rng.sample(_NOUNS, 2)
        verb, second = rng.sample(_VERBS, 2)
        lines.append(
            rng.choice(templates).format(
                n=noun,
                m=other,
                N=noun.title(),
                M=other.title(),
                v=verb,
                w=second,
                a=rng.choice(_ADJECTIVES),
                k=rng.randrange(1, 100),
            )
        )
    return tuple(lines)


@cache
def _pool(kind: str) -> tuple[str, ...]:
    return _fill({"prose": _SENTENCES, "code": _CODE, "log": _LOG}[kind], kind)


class Filler:
    """A stream of made-up text; the same seed gives the same text in the same order."""

    def __init__(self, seed: str) -> None:
        self._rng = Random(f"text:{seed}")

    def prose(self, tokens: int) -> str:
        """English sentences, exactly `tokens` tokens long."""
        return self._cut("prose", " ", tokens)

    def log(self, tokens: int) -> str:
        """Output of a command, exactly `tokens` tokens long."""
        return self._cut("log", "\n", tokens)

    def red(self, tokens: int, tests: str) -> str:
        """What a test runner prints of red tests, exactly `tokens` tokens long."""
        told = self.log(tokens)
        kind, said = _RED[tokens % len(_RED)]
        end = f"E   {kind}: {said}\nFAILED tests/test_{tests}.py::test_all - {kind}: {said}"
        room = len(told) - len(end) - 2
        if room < 0:
            return told
        # Whole lines, and the rest of the room in dots, as a runner prints them.
        lines = told[:room].rpartition("\n")[0]
        return f"{lines}\n{'.' * (room - len(lines))}\n{end}"

    def code(self, tokens: int) -> str:
        """Source code, exactly `tokens` tokens long."""
        return self._cut("code", "\n", tokens)

    def source_file(self, tokens: int) -> str:
        """A source file whose numbered listing (see `numbered`) is exactly `tokens` long."""
        left = tokens * CHARS_PER_TOKEN
        lines: list[str] = []
        for line in self._lines("code", left):
            size = len(str(len(lines) + 1)) + len(line) + 2
            if left - size < 120:
                break
            left -= size
            lines.append(line)
        room = left - len(str(len(lines) + 1)) - 1
        if room > 0:
            lines.append(("# " + self._cut("prose", " ", room // CHARS_PER_TOKEN + 1))[:room])
        return "\n".join(lines)

    def variation(self, line: str) -> str:
        """Another line of code in place of one, with its indentation."""
        indent = line[: len(line) - len(line.lstrip())]
        return indent + self._rng.choice(_pool("code")).lstrip()

    def index(self, size: int) -> int:
        """A position below `size`."""
        return self._rng.randrange(size)

    def _lines(self, kind: str, chars: int) -> list[str]:
        pool = _pool(kind)
        start = int(self._rng.random() * _POOL_SIZE)
        step = 1 + 2 * int(self._rng.random() * (_POOL_SIZE // 2))  # odd: every line once a round
        count = chars // 20 + 2
        return [pool[(start + i * step) % _POOL_SIZE] for i in range(count)]

    def _cut(self, kind: str, separator: str, tokens: int) -> str:
        chars = tokens * CHARS_PER_TOKEN
        return separator.join(self._lines(kind, chars))[:chars]


def numbered(text: str, first: int = 1) -> str:
    """A file as the Read tool shows it: number, tab, line."""
    return "\n".join(f"{n}\t{line}" for n, line in enumerate(text.split("\n"), first))
