"""A fluent builder of Claude Code sessions whose bills are known to the token.

    c = conversation(session="login", cwd="/home/dev/shop")
    c.user("Fix the login test").read("src/app.py", tokens=1_200).edit("src/app.py")
    c.bash("pytest -q", result="Exit code 1", is_error=True).say("Still red.").wait(minutes=7)
    c.subagent("Explore").grep("login").done()
    c.write(root)
    c.truth.days["2026-03-02"].output

Every method that makes a response takes the keywords of `ResponseOptions`; given to
`conversation`, they hold for all of its responses.
"""

import re
from pathlib import Path
from typing import Self, Unpack
from uuid import UUID

import orjson

from waste_assets.sample.clock import to_ms
from waste_assets.sample.filler import Filler
from waste_assets.sample.ids import Ids
from waste_assets.sample.options import Options
from waste_assets.sample.session import Session, project_slug
from waste_assets.sample.threads import Thread
from waste_assets.sample.truth import Truth
from waste_assets.sample.workspace import Workspace


class Conversation(Thread):
    """The main thread of a session."""

    @property
    def truth(self) -> Truth:
        """What a correct reader must find in all files of this session so far."""
        self._settle()
        self.session.truth.plant([one.plant() for one in self.session.plantings])
        return self.session.truth

    def write(self, root: Path | str) -> Self:
        """Append what is new to the files below `root/projects`."""
        self._settle()
        folder = Path(root)
        for transcript in self.session.transcripts:
            transcript.flush(folder)
        for path, content in self.session.side_files.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        return self

    def resume(self, session: str | None = None) -> "Conversation":
        """Go on in a new file with a new session id; all lines so far are copied into it."""
        return self._copy(session, b"")

    def fork(self, session: str | None = None) -> "Conversation":
        """As `resume`, but each copied line says where it is from (`forkedFrom`)."""
        origin = orjson.dumps(self.session.id)
        return self._copy(session, b',"forkedFrom":{"sessionId":' + origin + b',"messageUuid":%s}')

    def hand_off(self, session: str | None = None) -> "Conversation":
        """As `resume`, to the background: copied lines say only `sessionKind: bg`."""
        return self._copy(session, b',"sessionKind":"bg"')

    def btw(self, question: str | None = None, answer: str | None = None) -> Self:
        """A side question (`/btw`): a sidechain file that replays the last response.

        The replayed lines keep their message id and usage but have another request id. The
        answer is a response of its own, which reads the parent's cache.
        """
        self._settle()
        if self.last_response is None:
            raise ValueError("there is no response yet that a side question could replay")
        ids = self.session.ids
        side = self._beside(f"aside_question-{ids.agent()[1:]}")
        request = ids.request()
        replayed = self.last_response.message_id
        for _, line in self._lines:
            content = orjson.loads(line) if line.startswith(b'{"parentUuid"') else {}
            if content.get("message", {}).get("id") != replayed:
                continue
            content.update(isSidechain=True, agentId=side.agent, requestId=request)
            side._store(content["uuid"], orjson.dumps(content))
            side._tip = content["uuid"]
        side.user(question).say(answer)
        self.now_ms = max(self.now_ms, side.now_ms)
        return self

    def switch_session(self, session: str) -> Self:
        """Go on in the same file under another session id, as some front ends do.

        Subagents started from here on live in the new id's folder.
        """
        self.session.id = session_id(session)
        return self

    def _beside(self, agent: str) -> Thread:
        """A sidechain of this conversation, with its context and cache."""
        side = Thread(
            self.session, f"{self.session.folder}/subagents/agent-{agent}.jsonl",
            base_tokens=self.base_tokens, defaults=self.defaults, start_ms=self.now_ms,
            cwd=self.cwd, branch=self._branch, version=self.version,
            entrypoint=self._entrypoint, agent=agent,
        )  # fmt: skip
        side.context = self.context
        side._cache = self._cache.copy()
        return side

    def _copy(self, session: str | None, stamp: bytes) -> "Conversation":
        self._settle()
        seed = session or self.session.ids.uuid()
        other = conversation(
            session=seed, cwd=self.cwd, start=self.now, base_tokens=self.base_tokens,
            version=self.version, branch=self._branch, entrypoint=self._entrypoint,
            home=self.session.home, project=self.session.slug, **self.defaults,
        )  # fmt: skip
        old = b'"sessionId":"%s"' % self.session.id.encode()
        new = b'"sessionId":"%s"' % other.session.id.encode()
        for uuid, line in self._lines:
            other._store(uuid, _stamped(uuid, line.replace(old, new), stamp))
        other._tip = self._tip
        other.context = self.context
        other.last_response = self.last_response
        other._cache = self._cache.copy()
        other._turns = list(self._turns)
        other.session.workspace = self.session.workspace.copy(other.session.filler)
        return other


def _stamped(uuid: str | None, line: bytes, stamp: bytes) -> bytes:
    # What is already marked keeps its first mark; lines without a uuid get none.
    if not stamp or uuid is None or stamp[:13] in line:
        return line
    mark = stamp % orjson.dumps(uuid) if b"%s" in stamp else stamp
    return line[:-1] + mark + b"}"


def session_id(seed: str) -> str:
    """A session id: the seed itself if it is a UUID, else a UUID that the seed stands for."""
    if re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", seed):
        return str(UUID(seed))
    return Ids(f"session:{seed}").uuid()


def conversation(
    session: str = "sample",
    *,
    cwd: str = "/home/dev/shop",
    start: str = "2026-03-02T09:00:00Z",
    base_tokens: int = 18_000,
    version: str = "2.1.220",
    branch: str = "main",
    entrypoint: str = "cli",
    home: str = "/home/dev",
    project: str | None = None,
    **defaults: Unpack[Options],
) -> Conversation:
    """Begin a session.

    `session` is a UUID or any text, which then also seeds all ids and made-up texts. `start` is
    ISO, UTC. `base_tokens` is the size of system prompt and tool schemas, which no line shows.
    `project` is the folder below `projects/`; by default it follows from `cwd`. The rest are
    options of all responses (`model`, `ttl`, …); by default `claude-opus-4-6` with 1-hour writes.
    """
    filler = Filler(session)
    state = Session(
        id=session_id(session),
        slug=project or project_slug(cwd),
        ids=Ids(session),
        filler=filler,
        workspace=Workspace(cwd, filler),
        home=home,
    )
    settings: Options = {"model": "claude-opus-4-6", **defaults}
    return Conversation(
        state,
        f"projects/{state.slug}/{state.id}.jsonl",
        base_tokens=base_tokens,
        defaults=settings,
        start_ms=to_ms(start),
        cwd=cwd,
        branch=branch,
        version=version,
        entrypoint=entrypoint,
    )
