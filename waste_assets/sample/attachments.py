"""What Claude Code itself puts into the context: attachments and reminders."""

from typing import Any, Self

from waste_assets.sample.tokens import tokens_of
from waste_assets.sample.tools import Tools


class Attachments(Tools):
    """Each method adds one line; its text enters the context of the next response."""

    def attach(self, kind: str, *, tokens: int = 0, **fields: Any) -> Self:
        """An attachment of any kind; `tokens` is what it adds to the context."""
        self._settle()
        self._chain("attachment", {"attachment": {"type": kind, **fields}})
        self.context += tokens
        return self

    def nested_memory(
        self, path: str = "CLAUDE.md", text: str | None = None, *, tokens: int = 200
    ) -> Self:
        """A CLAUDE.md or a rule file."""
        body = text if text is not None else self._prose(f"memory:{path}", tokens)
        full = self.session.workspace.absolute(path)
        content = {"path": full, "type": "Project", "content": body}
        return self.attach(
            "nested_memory", tokens=tokens_of(body), path=full, content=content, displayPath=path
        )

    def skill_listing(self, text: str | None = None, *, tokens: int = 300) -> Self:
        """The list of skills."""
        body = text if text is not None else self._prose("skills", tokens)
        return self.attach(
            "skill_listing", tokens=tokens_of(body), content=body,
            skillCount=body.count(".") or 1, isInitial=True,
        )  # fmt: skip

    def hook_context(
        self, text: str | None = None, *, tokens: int = 60, hook: str = "UserPromptSubmit"
    ) -> Self:
        """What a hook adds: `hook_additional_context`."""
        body = text if text is not None else self._prose(f"hook:{hook}", tokens)
        return self.attach(
            "hook_additional_context", tokens=tokens_of(body), content=[body], hookName=hook,
            toolUseID=f"hook-{self.session.ids.uuid()}", hookEvent=hook.split(":")[0],
        )  # fmt: skip

    def task_reminder(self, *tasks: str) -> Self:
        """The reminder of the task list, empty without tasks."""
        items = [
            {"id": str(number), "subject": task, "status": "pending"}
            for number, task in enumerate(tasks, 1)
        ]
        size = sum(tokens_of(task) + 12 for task in tasks)
        return self.attach("task_reminder", tokens=size, content=items, itemCount=len(items))

    def deferred_tools(self, *names: str) -> Self:
        """Tools that became known: `deferred_tools_delta`."""
        return self.attach(
            "deferred_tools_delta", tokens=sum(tokens_of(name) + 1 for name in names),
            addedNames=list(names), addedLines=list(names), removedNames=[],
        )  # fmt: skip

    def hook_error(self, hook: str = "PreToolUse:Write", stderr: str = "no such command") -> Self:
        """A hook that failed without blocking: nothing enters the context."""
        return self.attach(
            "hook_non_blocking_error", hookName=hook, toolUseID=self.session.ids.uuid(),
            hookEvent=hook.split(":")[0], stderr=stderr, stdout="", exitCode=127,
            command="check-style", durationMs=36,
        )  # fmt: skip

    def system_reminder(self, text: str | None = None, *, tokens: int = 40) -> Self:
        """A `<system-reminder>` in a user line that nobody typed (`isMeta`)."""
        self._settle()
        body = text if text is not None else self._prose("reminder", tokens)
        content = f"<system-reminder>\n{body}\n</system-reminder>"
        self._chain("user", {"message": {"role": "user", "content": content}, "isMeta": True})
        self.context += tokens_of(content)
        return self

    def _prose(self, name: str, tokens: int) -> str:
        """The same text every time it is asked for in one session, as instructions are."""
        return self.session.workspace.instructions(name, tokens)
