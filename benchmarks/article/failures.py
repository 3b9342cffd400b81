"""How calls fail, as often as in real transcripts: one function a way, one response each.

The texts are those of Claude Code and of well-known programs; names in them are invented.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from benchmarks.article.text import words
from waste_assets.sample import faults
from waste_assets.sample.blocks import Denial, Step, bash, read, tool

Failing = Callable[[Random], Step]

BROWSER_IN_USE = faults.BROWSER_IN_USE


def name(rng: Random) -> str:
    """An invented name."""
    return rng.choice(words()[200:])


def path(rng: Random, ending: str = "py") -> str:
    """An invented path."""
    return f"src/{name(rng)}/{name(rng)}.{ending}"


def _no_file(rng: Random) -> Step:
    return read(path(rng), is_error=True)


def _edit(text: str) -> Failing:
    def failing(rng: Random) -> Step:
        old = f"return {name(rng)}({name(rng)})"
        arguments = {
            "file_path": f"/home/dev/{path(rng)}",
            "old_string": old,
            "new_string": f"return {name(rng)}",
            "replace_all": False,
        }
        return tool("Edit", arguments, text.format(old=old), is_error=True)

    return failing


def _shell(command: str, text: str) -> Failing:
    def failing(rng: Random) -> Step:
        a, b, number = name(rng), name(rng), rng.randrange(2, 900)
        shown = {"a": a, "b": b, "n": number}
        return bash(command.format(**shown), text.format(**shown), is_error=True)

    return failing


def _tests(rng: Random) -> Step:
    area = name(rng)
    lines = [
        f"FAILED tests/test_{area}.py::test_{name(rng)} - AssertionError: {name(rng)} != "
        f"{name(rng)}"
        for _ in range(1 + min(int(rng.expovariate(0.3)), 40))
    ]
    text = "Exit code 1\n" + "\n".join((*lines, f"{len(lines)} failed, 31 passed in 4.2s"))
    return bash(f"pytest -q tests/test_{area}.py", text, is_error=True, seconds=8)


def _compiler(rng: Random) -> Step:
    module = name(rng)
    errors = [
        f"src/{module}/{name(rng)}.ts({rng.randrange(1, 400)},{rng.randrange(1, 60)}): error "
        f"TS2304: Cannot find name '{name(rng)}'."
        for _ in range(1 + min(int(rng.expovariate(0.4)), 30))
    ]
    return bash("npx tsc --noEmit", "Exit code 2\n" + "\n".join(errors), is_error=True, seconds=6)


def _denied(kind: Denial, text: str) -> Failing:
    def failing(rng: Random) -> Step:
        return bash(f"rm -r build/{name(rng)}", text, denial=kind)

    return failing


def _called(tool_name: str, text: str) -> Failing:
    def failing(rng: Random) -> Step:
        server = name(rng)
        return tool(
            tool_name.format(name=server),
            {"query": f"{name(rng)} {name(rng)}"},
            text.format(name=tool_name.format(name=server)),
            is_error=True,
        )

    return failing


WAYS: dict[Failing, float] = {
    _edit(faults.NO_MATCH): 9.0,
    _edit(faults.FILE_NOT_READ): 9.0,
    _edit(faults.FILE_CHANGED): 4.0,
    _no_file: 8.0,
    _tests: 13.0,
    _compiler: 7.0,
    _denied("user-rejected", faults.REJECTED): 9.0,
    _denied(
        "permission-rule", "Permission to use Bash with command rm has been denied."
    ): 5.0,
    _shell("git push origin {a}", "Exit code 1\nerror: src refspec {a} does not match any"): 4.0,
    _shell("git commit -m '{a} {b}'", "Exit code 1\nnothing to commit, working tree clean"): 7.0,
    _shell("grep -rn '{a}_{b}' src/{a}", "Exit code 1"): 2.5,
    _shell(
        "ls build/{a}", "Exit code 2\nls: cannot access 'build/{a}': No such file or directory"
    ): 2.0,
    _shell("cat src/{a}.py", faults.SIBLING): 4.0,
    _called("mcp__{name}__lookup", faults.UNKNOWN_TOOL): 2.5,
    _called("Grep", faults.BAD_INPUT): 1.5,
    _shell("docker compose up -d {a}", "Exit code 1\n" + faults.NO_DOCKER): 2.0,
    _shell("npm start", "Exit code 1\nError: listen EADDRINUSE: address already in use :::3000"):
        1.5,
    _shell("gsed -i s/{a}/{b}/ notes.txt",
           "Exit code 127\n/bin/bash: line 1: gsed: command not found"): 2.2,
    _shell("make {a}", "Command timed out after 2m 0s"): 0.7,
    _called("mcp__tracker__{name}", "the {name} is out of order"): 1.5,
}  # fmt: skip
"""Ways to fail, by their share in 100 failures of real transcripts; browsers stand in the plan."""


def failing(rng: Random) -> Step:
    """A call that fails in one of these ways."""
    return rng.choices(_WAYS, _WEIGHTS)[0](rng)


_WAYS, _WEIGHTS = list(WAYS), list(WAYS.values())
