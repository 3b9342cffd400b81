"""One response with one block, by the name of what it does."""

from typing import Any, Self, Unpack

from waste_assets.sample import blocks
from waste_assets.sample.attempts import Attempts
from waste_assets.sample.options import ResponseOptions


class Tools(Attempts):
    """Each method is `respond` with a single block; see `blocks` for what the arguments mean."""

    def say(
        self, text: str | None = None, *, tokens: int | None = None,
        **options: Unpack[ResponseOptions],
    ) -> Self:  # fmt: skip
        """A response of one text block, ending the turn."""
        return self.respond(blocks.say(text, tokens=tokens), **options)

    def read(
        self, path: str, tokens: int | None = None, *, offset: int | None = None,
        limit: int | None = None, unchanged: bool = False, result: str | None = None,
        is_error: bool = False, **options: Unpack[ResponseOptions],
    ) -> Self:  # fmt: skip
        """Read a file: the same text every time until it is edited."""
        step = blocks.read(
            path, tokens, offset=offset, limit=limit, unchanged=unchanged, result=result,
            is_error=is_error,
        )  # fmt: skip
        return self.respond(step, **options)

    def edit(
        self, path: str, old: str | None = None, new: str | None = None, *,
        result: str | None = None, is_error: bool = False, **options: Unpack[ResponseOptions],
    ) -> Self:  # fmt: skip
        """Change a piece of a file."""
        return self.respond(
            blocks.edit(path, old, new, result=result, is_error=is_error), **options
        )

    def write_file(
        self, path: str, text: str | None = None, *, tokens: int | None = None,
        result: str | None = None, is_error: bool = False, **options: Unpack[ResponseOptions],
    ) -> Self:  # fmt: skip
        """Write a whole file (`write` writes the transcripts)."""
        return self.respond(
            blocks.write(path, text, tokens=tokens, result=result, is_error=is_error), **options
        )

    def bash(
        self, command: str, result: str | None = "", *, tokens: int | None = None,
        is_error: bool = False, description: str | None = None, seconds: float = 0.8,
        spill: bool = False, denial: blocks.Denial | None = None,
        **options: Unpack[ResponseOptions],
    ) -> Self:  # fmt: skip
        """Run a command."""
        step = blocks.bash(
            command, result, tokens=tokens, is_error=is_error, description=description,
            seconds=seconds, spill=spill, denial=denial,
        )  # fmt: skip
        return self.respond(step, **options)

    def grep(
        self, pattern: str, result: str = "", *, tokens: int | None = None,
        **options: Unpack[ResponseOptions],
    ) -> Self:  # fmt: skip
        """Search file contents."""
        return self.respond(blocks.grep(pattern, result, tokens=tokens), **options)

    def glob(self, pattern: str, *paths: str, **options: Unpack[ResponseOptions]) -> Self:
        """List files."""
        return self.respond(blocks.glob(pattern, *paths), **options)

    def todo(self, *tasks: str, done: int = 0, **options: Unpack[ResponseOptions]) -> Self:
        """Send the whole todo list."""
        return self.respond(blocks.todo(*tasks, done=done), **options)

    def web_search(
        self, query: str, *, searches: int = 1, tokens: int = 300,
        **options: Unpack[ResponseOptions],
    ) -> Self:  # fmt: skip
        """The WebSearch tool; for searches that the API runs use the option `web_searches`."""
        return self.respond(blocks.web_search(query, searches=searches, tokens=tokens), **options)

    def web_fetch(
        self, url: str, *, code: int = 200, tokens: int = 400,
        **options: Unpack[ResponseOptions],
    ) -> Self:  # fmt: skip
        """Fetch a page."""
        return self.respond(blocks.web_fetch(url, code=code, tokens=tokens), **options)

    def tool(
        self, name: str, arguments: dict[str, Any], result: str | None = "", *,
        tokens: int | None = None, details: object = None, is_error: bool = False,
        denial: blocks.Denial | None = None, seconds: float = 0.05,
        **options: Unpack[ResponseOptions],
    ) -> Self:  # fmt: skip
        """Any other tool, for example `mcp__server__name`."""
        step = blocks.tool(
            name, arguments, result, tokens=tokens, details=details, is_error=is_error,
            denial=denial, seconds=seconds,
        )  # fmt: skip
        return self.respond(step, **options)
