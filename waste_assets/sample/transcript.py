"""One JSONL file: its envelope, its chain of lines, its clock."""

from pathlib import Path
from typing import Any, Self

import orjson

from waste_assets.sample.clock import MS_PER_SECOND, iso, to_ms
from waste_assets.sample.session import Session

Line = tuple[str | None, bytes]
"""uuid of a line, if it has one, and its JSON without the line end."""


class Transcript:
    """Lines of one file, in order, with the fields that every chained line carries."""

    def __init__(
        self,
        session: Session,
        path: str,
        *,
        start_ms: int,
        cwd: str,
        branch: str,
        version: str,
        entrypoint: str,
        agent: str | None = None,
    ) -> None:
        self.session = session
        self.path = path
        self.agent = agent
        self.now_ms = start_ms
        self.cwd = cwd
        self.version = version
        self._branch = branch
        self._entrypoint = entrypoint
        self._lines: list[Line] = []
        self._flushed: dict[Path, int] = {}
        self._tip: str | None = None

    def wait(self, *, seconds: float = 0, minutes: float = 0, hours: float = 0) -> Self:
        """Let time pass, as when the user is away."""
        self.now_ms += round((seconds + 60 * (minutes + 60 * hours)) * MS_PER_SECOND)
        return self

    def at(self, moment: str) -> Self:
        """Go on at a moment (ISO, UTC unless it says otherwise), which must not be in the past."""
        moment_ms = to_ms(moment)
        if moment_ms < self.now_ms:
            raise ValueError(f"{moment} is before {iso(self.now_ms)}, where this transcript stands")
        self.now_ms = moment_ms
        return self

    @property
    def now(self) -> str:
        """Where the clock stands, as a line's timestamp would say it."""
        return iso(self.now_ms)

    def raw(self, line: str | bytes) -> Self:
        """A line exactly as given: broken JSON, a record type nobody knows, a byte order mark."""
        self._store(None, line.encode() if isinstance(line, str) else line)
        return self

    def relog(self, count: int = 1) -> Self:
        """Write the last `count` lines again, verbatim, same uuids and all."""
        for uuid, line in self._lines[-count:]:
            self._store(uuid, line)
        return self

    def history(self) -> list[Line]:
        """The lines so far."""
        return list(self._lines)

    def _chain(self, kind: str, fields: dict[str, Any], *, parent: str | None = "") -> str:
        """Append a chained line at the clock's time; returns its uuid. `parent=''`: the tip."""
        uuid = self.session.ids.uuid()
        self._tip = self._put(kind, fields, uuid, self._tip if parent == "" else parent)
        return uuid

    def _put(self, kind: str, fields: dict[str, Any], uuid: str, parent: str | None) -> str:
        line: dict[str, Any] = {"parentUuid": parent, "isSidechain": self.agent is not None}
        if self.agent is not None:
            line["agentId"] = self.agent
        line.update(fields)
        line["type"] = kind
        line["uuid"] = uuid
        line["timestamp"] = iso(self.now_ms)
        line["userType"] = "external"
        line["entrypoint"] = self._entrypoint
        line["cwd"] = self.cwd
        line["sessionId"] = self.session.id
        line["version"] = self.version
        line["gitBranch"] = self._branch
        self._store(uuid, orjson.dumps(line))
        return uuid

    def _record(self, fields: dict[str, Any]) -> None:
        """Append a line that is not chained: no uuid, and no timestamp but a given one."""
        self._store(None, orjson.dumps(fields))

    def _store(self, uuid: str | None, line: bytes) -> None:
        if not self._lines:
            self.session.open(self)
        self._lines.append((uuid, line))
        self.session.truth.lines += 1

    def flush(self, root: Path) -> None:
        """Append to the file below `root` the lines that it does not have from here yet."""
        done = self._flushed.get(root, 0)
        if done == len(self._lines):
            return
        target = root / self.path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("ab") as file:
            file.write(b"".join(line + b"\n" for _, line in self._lines[done:]))
        self._flushed[root] = len(self._lines)
