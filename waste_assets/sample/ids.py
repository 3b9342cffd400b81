"""Identifiers in the shapes that Claude Code writes, all drawn from one seed."""

from random import Random

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# Two characters at a time, so that an id costs a few lookups.
_PAIRS = tuple(a + b for a in _BASE62 for b in _BASE62)[: 1 << 11]


class Ids:
    """A stream of identifiers; the same seed gives the same identifiers in the same order."""

    def __init__(self, seed: str) -> None:
        self._bits = Random(f"ids:{seed}").getrandbits

    def uuid(self) -> str:
        """A random-looking version 4 UUID, as on every chained line."""
        text = f"{self._bits(128):032x}"
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"

    def message(self) -> str:
        """`msg_01…`: the id of one API response."""
        return "msg_01" + self._letters(22)

    def request(self) -> str:
        """`req_011C…`: the API's request id."""
        return "req_011C" + self._letters(20)

    def tool_use(self) -> str:
        """`toolu_01…`: the id of one tool call."""
        return "toolu_01" + self._letters(22)

    def server_tool_use(self) -> str:
        """`srvtoolu_01…`: the id of a tool call that the API ran itself."""
        return "srvtoolu_01" + self._letters(22)

    def gateway_message(self, kind: str) -> str:
        """The response id of a gateway: `chatcmpl-…` or `gen-…` (any other prefix also works)."""
        return f"{kind}-{self._letters(24)}"

    def agent(self) -> str:
        """`a…`: the id of a subagent, 17 hexadecimal digits."""
        return f"a{self._bits(64):016x}"

    def short(self) -> str:
        """`b…`: nine characters, the name of a spilled tool result or of a task."""
        return "b" + self._letters(8).lower()

    def number(self, low: int, high: int) -> int:
        """A whole number between two bounds, both included."""
        return low + self._bits(32) % (high - low + 1)

    def _letters(self, count: int) -> str:
        bits = self._bits(11 * (count // 2))
        pairs = []
        for _ in range(count // 2):
            pairs.append(_PAIRS[bits & 2047])
            bits >>= 11
        return "".join(pairs)
