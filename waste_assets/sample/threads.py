"""Subagents: conversations of their own that one tool call starts and whose report it returns."""

from typing import Any, Literal, Self, Unpack

import orjson

from waste_assets.sample.billing import Bill, final_usage
from waste_assets.sample.blocks import Call, Step
from waste_assets.sample.options import Options
from waste_assets.sample.records import Records
from waste_assets.sample.tokens import tokens_of
from waste_assets.sample.transcript import Transcript
from waste_assets.sample.workspace import Workspace

Layout = Literal["nested", "flat", "inline", "progress", "mirrored"]
"""Where a subagent's lines stand:
nested: `<session>/subagents/agent-<id>.jsonl`; flat: `agent-<id>.jsonl` beside the session;
inline: in the parent's file; progress: only inside the parent's `progress` lines, the own file
is gone; mirrored: in the nested file and in the parent's file too.
"""


class Thread(Records):
    """A conversation that can start subagents: the main thread, or a subagent itself."""

    depth = 0
    _open: "list[Subagent]"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._open = []

    def subagent(
        self,
        kind: str = "Explore",
        prompt: str | None = None,
        *,
        description: str = "Look into it",
        finalise: bool = True,
        layout: Layout = "nested",
        progress: bool = False,
        workflow: str | None = None,
        background: bool = False,
        base_tokens: int = 6_000,
        **defaults: Unpack[Options],
    ) -> "Subagent":
        """Start one subagent and return it; its parent goes on after `done()`.

        `finalise=False`: none of its lines ever holds its final usage. `progress`: its lines also
        stand in the parent's `progress` lines. `workflow`: a workflow's id, whose folder and
        journal it then goes into. `background`: the parent goes on at once. Subagents write
        5-minute caches, unless `ttl` says otherwise; `base_tokens` is their system prompt.
        """
        return self.subagents(
            kind, prompt=prompt, description=description, finalise=finalise, layout=layout,
            progress=progress, workflow=workflow, background=background, base_tokens=base_tokens,
            **defaults,
        )[0]  # fmt: skip

    def subagents(
        self,
        *kinds: str,
        prompt: str | None = None,
        description: str = "Look into it",
        finalise: bool = True,
        layout: Layout = "nested",
        progress: bool = False,
        workflow: str | None = None,
        background: bool = False,
        base_tokens: int = 6_000,
        **defaults: Unpack[Options],
    ) -> "list[Subagent]":
        """Start several subagents from one response, in parallel."""
        calls: list[Call] = []
        agents: list[Subagent] = []
        task = prompt if prompt is not None else self.session.filler.prose(80)
        names = [self.session.ids.agent() for _ in kinds]
        steps = []
        for kind, name in zip(kinds, names, strict=True):
            steps.append(_launch(kind, task, description, name, background, calls))
        self.respond(*steps)
        settings: Options = {**self.defaults, "ttl": "5m", "final": finalise, **defaults}
        for kind, name, call in zip(kinds, names, calls, strict=True):
            agent = Subagent(
                self, name, kind, call, layout=layout, progress=progress, workflow=workflow,
                background=background, base_tokens=base_tokens, defaults=settings,
            )  # fmt: skip
            agent.describe(description)
            agent.user(task, source="system")
            agents.append(agent)
        self._open.extend(agents)
        return agents

    def _settle(self) -> None:
        for agent in [one for one in self._open if not one.background]:
            agent.done()


def _launch(
    kind: str, prompt: str, description: str, agent: str, background: bool, calls: list[Call]
) -> Step:
    def step(work: Workspace) -> Call:
        arguments = {"description": description, "prompt": prompt, "subagent_type": kind}
        size = tokens_of(orjson.dumps(arguments).decode()) + 2
        call = Call("Agent", arguments, size, None)
        if background:
            call.result = f"Async agent launched successfully. agentId: {agent}"
            call.result_tokens = tokens_of(call.result)
            call.details = {
                "isAsync": True,
                "status": "async_launched",
                "agentId": agent,
                "description": description,
                "prompt": prompt,
                "outputFile": f"/tmp/claude/tasks/{agent}.output",
            }
        calls.append(call)
        return call

    return step


class Subagent(Thread):
    """A subagent. It has the methods of a conversation, and `done` to return to its parent."""

    def __init__(
        self, parent: Thread, agent: str, kind: str, call: Call, *, layout: Layout,
        progress: bool, workflow: str | None, background: bool, base_tokens: int,
        defaults: Options,
    ) -> None:  # fmt: skip
        session = parent.session
        folder = f"{session.folder}/subagents"
        if workflow is not None:
            folder += f"/workflows/{workflow}"
        if layout == "flat":
            folder = f"projects/{session.slug}"
        super().__init__(
            session, f"{folder}/agent-{agent}.jsonl", base_tokens=base_tokens, defaults=defaults,
            start_ms=parent.now_ms + 20, cwd=parent.cwd, branch=parent._branch,
            version=parent.version, entrypoint=parent._entrypoint, agent=agent,
        )  # fmt: skip
        self.parent = parent
        self.kind = kind
        self.background = background
        self.depth = parent.depth + 1
        self._call = call
        self._layout = layout
        self._progress = progress or layout == "progress"
        self._folder = folder
        self._started_ms = parent.now_ms
        self._calls = 0
        self._done = False
        self._journal: Transcript | None = None
        if workflow is not None:
            self._journal = _journal(self, f"{folder}/journal.jsonl")
            self._journal._record({"type": "started", "agentId": agent, "workflow": workflow})

    def describe(self, description: str) -> None:
        """Write the `.meta.json` beside a file below `subagents/`."""
        if self._layout not in ("nested", "mirrored"):
            return
        meta = {
            "agentType": self.kind,
            "description": description,
            "toolUseId": self._call.id,
            "spawnDepth": self.depth,
        }
        name = self.path.removesuffix(".jsonl") + ".meta.json"
        self.session.side_file(name, orjson.dumps(meta))

    def done(self, report: str | None = None, *, tokens: int = 150) -> Thread:
        """Report to the parent (a last response of `tokens` tokens) and return the parent."""
        if self._done:
            return self.parent
        text = report if report is not None else self.session.filler.prose(tokens)
        self.say(text)
        self._done = True
        self.parent._open.remove(self)
        if self._journal is not None:
            self._journal._record({"type": "result", "agentId": self.agent, "result": text})
        self.parent.now_ms = max(self.parent.now_ms, self.now_ms)
        if self.background:
            self._notify(text)
        else:
            self._report(text)
        return self.parent

    def respond(self, *steps: Step, **options: Any) -> Self:
        """As in every conversation; counts what the report to the parent will say."""
        super().respond(*steps, **options)
        self._calls += 1
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if error[0] is None:
            self.done()

    def _report(self, text: str) -> None:
        parent, call = self.parent, self._call
        trailer = f"agentId: {self.agent}"
        content = [{"type": "text", "text": text}, {"type": "text", "text": trailer}]
        call.result = content
        call.result_tokens = tokens_of(text) + tokens_of(trailer)
        last = self.last_response
        assert last is not None
        bill = Bill(last.model, last.input, last.write_5m, last.write_1h, last.read, last.output)
        usage = final_usage(
            bill, iterations=[], geo="not_available", speed="standard", service_tier="standard",
            web_searches=0, nested_only=False,
        )  # fmt: skip
        call.details = {
            "status": "completed",
            "prompt": call.input["prompt"],
            "agentId": self.agent,
            "agentType": self.kind,
            "content": content[:1],
            "resolvedModel": last.model,
            "totalDurationMs": self.now_ms - self._started_ms,
            "totalTokens": bill.prompt + bill.output,
            "totalToolUseCount": self._calls,
            "usage": usage,
        }
        parent._result(call)

    def _notify(self, text: str) -> None:
        note = (
            f"<task-notification>\n<task-id>{self.agent}</task-id>\n"
            f"<tool-use-id>{self._call.id}</tool-use-id>\n<status>completed</status>\n"
            f"<result>{text}</result>\n</task-notification>"
        )
        self.parent.queue_operation("enqueue", note)
        self.parent.queue_operation("dequeue")
        self.parent.user(note, source="system")

    def _store(self, uuid: str | None, line: bytes) -> None:
        if self._layout == "inline":
            self.parent._store(uuid, line)
            return
        if self._progress and uuid is not None:
            self._store_progress(line)
        if self._layout == "progress":
            return
        super()._store(uuid, line)
        if self._layout == "mirrored":
            self.parent._store(uuid, line)

    def _store_progress(self, line: bytes) -> None:
        """Repeat a message inside a `progress` line of the parent."""
        own = orjson.loads(line)
        if own["type"] not in ("user", "assistant"):
            return
        message = {"type": own["type"], "timestamp": own["timestamp"], "message": own["message"]}
        if "requestId" in own:
            message["requestId"] = own["requestId"]
        message["uuid"] = own["uuid"]
        parent = self.parent
        parent.now_ms = max(parent.now_ms, self.now_ms)
        parent._chain(
            "progress",
            {
                "data": {
                    "message": message,
                    "type": "agent_progress",
                    "prompt": "",
                    "agentId": self.agent,
                },
                "toolUseID": f"agent_{own['message'].get('id', own['uuid'])}",
                "parentToolUseID": self._call.id,
            },
        )


def _journal(agent: Subagent, path: str) -> Transcript:
    for known in agent.session.transcripts:
        if known.path == path:
            return known
    return Transcript(
        agent.session, path, start_ms=agent.now_ms, cwd=agent.cwd, branch="", version="",
        entrypoint="",
    )  # fmt: skip
