"""What a correct reader must find in generated transcripts, known from what was asked for.

Nothing here is read back from the files that were written.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields

from waste_assets.sample.billing import Bill
from waste_assets.sample.planted import Plant


@dataclass(frozen=True, slots=True)
class Response:
    """One API response. Tokens are summed over its billed attempts (`bills`)."""

    message_id: str
    day: str
    """UTC day of its first line, `YYYY-MM-DD`."""
    timestamp: str
    """Timestamp of its first line."""
    session: str
    agent: str | None
    """Subagent id; None for the main thread."""
    model: str
    """Model of the attempt that produced the message."""
    input: int
    output: int
    """What the lines can tell: where `usage_final` is false, a lower bound of `output_billed`."""
    output_billed: int
    """What the API really charged for."""
    write_5m: int
    write_1h: int
    read: int
    prompt: int
    """Prompt tokens of the last attempt: what stood in the model's context."""
    usage_final: bool
    blocks: int
    """Content blocks, each on a line of its own."""
    bills: tuple[Bill, ...]
    """Billed attempts, usually one; an attempt that declined without output is not among them."""
    speed: str = "standard"
    inference_geo: str = "not_available"
    service_tier: str = "standard"
    web_searches: int = 0
    """Searches run by the API in this response; those of the WebSearch tool are not here."""

    @property
    def write(self) -> int:
        """Cache writes of both kinds, tokens."""
        return self.write_5m + self.write_1h


@dataclass(slots=True)
class Day:
    """Totals of one UTC day; tokens but for the counts `responses`, `lower_bound`, searches."""

    responses: int = 0
    input: int = 0
    output: int = 0
    write_5m: int = 0
    write_1h: int = 0
    write: int = 0
    read: int = 0
    lower_bound: int = 0
    """Responses whose final usage never reached the disk."""
    web_searches: int = 0
    """Searches run by the API plus those of the WebSearch tool."""

    def add(self, other: "Day") -> None:
        """Add another day's totals to these."""
        for one in fields(Day):
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))


@dataclass(slots=True)
class Planted:
    """Totals of the waste of one category."""

    plants: int = 0
    tokens: int = 0
    usd_direct: float = 0.0

    def add(self, other: "Planted") -> None:
        """Add another category's totals to these."""
        self.plants += other.plants
        self.tokens += other.tokens
        self.usd_direct += other.usd_direct


@dataclass(slots=True)
class Truth:
    """Day totals, exact counts of what was written, and each response."""

    days: dict[str, Day] = field(default_factory=dict)
    lines: int = 0
    """Lines in all `.jsonl` files, journals included."""
    transcripts: int = 0
    """`.jsonl` files, journals included."""
    files: int = 0
    """All files below `projects/`."""
    responses: list[Response] = field(default_factory=list)
    plants: list[Plant] = field(default_factory=list)
    """Waste that was put in on purpose."""
    planted: dict[str, Planted] = field(default_factory=dict)
    """Totals of `plants` by category."""

    def bill(self, response: Response) -> None:
        """Enter one response."""
        self.responses.append(response)
        day = self.days.setdefault(response.day, Day())
        day.responses += 1
        day.input += response.input
        day.output += response.output
        day.write_5m += response.write_5m
        day.write_1h += response.write_1h
        day.write += response.write
        day.read += response.read
        day.lower_bound += not response.usage_final
        day.web_searches += response.web_searches

    def plant(self, plants: list[Plant]) -> None:
        """Take what was planted so far in place of what was known before."""
        self.plants = plants
        self.planted = {}
        for one in plants:
            sums = Planted(1, one.tokens, one.usd)
            self.planted.setdefault(one.category, Planted()).add(sums)

    def add(self, other: "Truth", *, responses: bool = True) -> None:
        """Add another truth; without `responses` only its totals, so that memory stays bounded."""
        for day, totals in other.days.items():
            self.days.setdefault(day, Day()).add(totals)
        self.lines += other.lines
        self.transcripts += other.transcripts
        self.files += other.files
        for name, sums in other.planted.items():
            self.planted.setdefault(name, Planted()).add(sums)
        if responses:
            self.responses.extend(other.responses)
            self.plants.extend(other.plants)

    @classmethod
    def of(cls, parts: Iterable["Truth"]) -> "Truth":
        """The sum of several truths."""
        whole = cls()
        for part in parts:
            whole.add(part)
        return whole

    def as_dict(self) -> dict[str, object]:
        """Days in order and the counts, ready for JSON; the responses are left out."""
        return {
            "days": {
                day: {one.name: getattr(totals, one.name) for one in fields(Day)}
                for day, totals in sorted(self.days.items())
            },
            "lines": self.lines,
            "transcripts": self.transcripts,
            "files": self.files,
        }

    def planted_dict(self) -> dict[str, object]:
        """What was planted by category, ready for JSON; USD are list prices."""
        return {name: asdict(sums) for name, sums in sorted(self.planted.items())}
