"""Where the lines of a transcript branch off: the line that each goes on from."""

from __future__ import annotations

from waste_assets.transcripts.records import Record


class Threads:
    """Where lines branch off: in each conversation of a transcript, the line they go on from.

    Only lines that somebody may have gone back to write are of interest: what the user says, and
    the first line of a response. Nearly all go on from the piece of content before them.
    """

    def __init__(self) -> None:
        #: By agent the last line with content, and the last response.
        self._tips: dict[str, str] = {}
        self._spoken: dict[str, str | None] = {}
        #: Lines with content, and for those without the one with content that they go on from.
        self._stands_for: dict[str, str] = {}

    def branch(self, record: Record, agent: str) -> str | None:
        """The line that a line goes on from, '' for none; None where it is the one before."""
        if record.type == "assistant":
            name = record.message.id if record.message else None
            if name is not None and name == self._spoken.get(agent):
                return None
        parent = record.parentUuid
        if not parent:
            is_first = record.type != "user" or record.isSidechain or record.isCompactSummary
            return None if is_first else ""
        # Those of other days, and progress, which takes no part in what is sent, are not known.
        parent = self._stands_for.get(parent, parent)
        return None if parent == self._tips.get(agent) else parent

    def add(self, record: Record, agent: str, has_content: bool) -> None:
        """Take in a line."""
        if record.type == "assistant":
            self._spoken[agent] = record.message.id if record.message else None
        uuid = record.uuid
        if not uuid:
            return
        if has_content:
            self._tips[agent] = self._stands_for[uuid] = uuid
            return
        tip = self._tips.get(agent)
        stands_for = self._stands_for.get(record.parentUuid or "", tip)
        if stands_for is not None:
            self._stands_for[uuid] = stands_for
