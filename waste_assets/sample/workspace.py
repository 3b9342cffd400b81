"""The files a conversation works on: what was read once reads the same until it is edited."""

from waste_assets.sample.filler import Filler

DEFAULT_FILE_TOKENS = 250


class Workspace:
    """Made-up files of one project, by absolute path, in memory only."""

    def __init__(self, cwd: str, filler: Filler) -> None:
        self.cwd = cwd
        self.filler = filler
        self._files: dict[str, str] = {}
        self._instructions: dict[tuple[str, int], str] = {}
        self.todos: list[dict[str, str]] = []
        """The todo list as it was last sent."""

    def absolute(self, path: str) -> str:
        """The path as tools name it."""
        return path if path.startswith("/") else f"{self.cwd}/{path}"

    def text(self, path: str, tokens: int = DEFAULT_FILE_TOKENS, text: str | None = None) -> str:
        """Text of a file; an unknown one gets `text`, else made-up code of `tokens` tokens."""
        known = self._files.get(path)
        if known is None or text is not None:
            known = text if text is not None else self.filler.source_file(tokens)
            self._files[path] = known
        return known

    def put(self, path: str, text: str) -> None:
        """Replace a file's text."""
        self._files[path] = text

    def knows(self, path: str) -> bool:
        """Whether the conversation has met this file."""
        return path in self._files

    def paths(self) -> list[str]:
        """Paths met so far, in the order met."""
        return list(self._files)

    def some_line(self, path: str) -> str:
        """One line of a file that is not blank."""
        lines = [line for line in self.text(path).split("\n") if line.strip()] or [""]
        return lines[self.filler.index(len(lines))]

    def instructions(self, name: str, tokens: int) -> str:
        """A text of the project's own, such as a hook's: the same at every call."""
        known = self._instructions.get((name, tokens))
        if known is None:
            known = self._instructions[name, tokens] = self.filler.prose(tokens)
        return known

    def copy(self, filler: Filler) -> "Workspace":
        """The same files for a conversation that goes on elsewhere."""
        other = Workspace(self.cwd, filler)
        other._files = dict(self._files)
        other._instructions = dict(self._instructions)
        other.todos = self.todos
        return other
