"""What the transcripts of one session share: ids, files, and the truth about them."""

from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from waste_assets.sample.billing import Bill
from waste_assets.sample.filler import Filler
from waste_assets.sample.ids import Ids
from waste_assets.sample.truth import Response, Truth
from waste_assets.sample.workspace import Workspace

if TYPE_CHECKING:
    from waste_assets.sample.planted import Planting
    from waste_assets.sample.transcript import Transcript


def project_slug(cwd: str) -> str:
    """Claude Code's folder name for a working directory: all but letters and digits as `-`."""
    return "".join(char if char.isascii() and char.isalnum() else "-" for char in cwd)


@dataclass(slots=True)
class Session:
    """One session id, and everything written under it."""

    id: str
    slug: str
    ids: Ids
    filler: Filler
    workspace: Workspace
    home: str
    """Home directory as absolute paths in the transcripts name it."""
    truth: Truth = field(default_factory=Truth)
    transcripts: list["Transcript"] = field(default_factory=list)
    side_files: dict[str, bytes] = field(default_factory=dict)
    """Files that are not transcripts, by path below the config directory."""
    spent: dict[str, Bill] = field(default_factory=dict)
    """By model, what the API charged so far, subagents included."""
    searches: int = 0
    plantings: list["Planting"] = field(default_factory=list)

    @property
    def folder(self) -> str:
        """`projects/<slug>/<session>`: where subagents and spilled results live."""
        return str(PurePosixPath("projects", self.slug, self.id))

    def open(self, transcript: "Transcript") -> None:
        """Know a transcript from its first line on."""
        self.transcripts.append(transcript)
        self.truth.transcripts += 1
        self.truth.files += 1

    def side_file(self, path: str, content: bytes) -> None:
        """Keep a file that is not a transcript for the next write."""
        self.truth.files += path not in self.side_files
        self.side_files[path] = content

    def bill(self, response: Response) -> None:
        """Enter one response into the truth and into what the session has spent."""
        self.truth.bill(response)
        hidden = response.output_billed - response.output
        for bill in response.bills:
            known = self.spent.get(bill.model, Bill(bill.model, 0, 0, 0, 0, 0))
            self.spent[bill.model] = Bill(
                bill.model,
                known.input + bill.input,
                known.write_5m + bill.write_5m,
                known.write_1h + bill.write_1h,
                known.read + bill.read,
                known.output + bill.output + (hidden if bill is response.bills[-1] else 0),
            )
        self.searches += response.web_searches

    def add_searches(self, day: str, count: int) -> None:
        """Count searches of the WebSearch tool, which no usage object holds."""
        self.truth.days[day].web_searches += count
        self.searches += count
