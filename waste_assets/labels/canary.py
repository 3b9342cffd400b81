# ruff: noqa: E501 - one call of a story, and one message, a line
"""Questions whose answers are known, because what they tell of was made up to have them.

They are asked again whenever instructions or model change, in the very form in which real stretches
of work are told. No text of a real person is in them. Every item has near misses of another class:
a judge that always says the same fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from random import Random

from waste_assets.labels.digest import Digest, Step
from waste_assets.labels.question import Question
from waste_assets.labels.tasks import audit, dead_end, failure_cause
from waste_assets.labels.texts import Place

#: So many of each class.
_EACH = 12
_SEED = 20261101
#: Whoever asks says on which day.
_DAY = date(2026, 11, 1)
_NOUNS = ("cart", "invoice", "login", "search", "upload", "report", "profile", "webhook", "theme")
_HOSTS = ("api.shop.test", "docs.parcel.test", "status.bank.test", "cdn.maps.test")


@dataclass(frozen=True)
class Item:
    """A question with its known answer."""

    task: str
    label: str
    question: Question


@cache
def items() -> tuple[Item, ...]:
    """The canary set: always the same."""
    return (*_dead_ends(), *_causes(), *_audits())


# --- stretches of work ------------------------------------------------------------------------


@dataclass(frozen=True)
class _Story:
    """A stretch of work with all that is said in it."""

    goal: str
    steps: tuple[Step, ...]
    said: str
    after: tuple[Step, ...]
    next: str = ""
    later: str = "22 more calls, the user spoke 2 more times"
    earlier: tuple[Step, ...] = ()
    sizes: str = ""

    def text(self) -> str:
        places = {name: Place(name, 1) for name in ("goal", "said", "next")}
        texts = {places["goal"]: self.goal, places["said"]: self.said, places["next"]: self.next}
        told = Digest(
            "/home/dev/shop", (places["goal"],), self.steps, (places["said"],), self.after,
            places["next"], self.later, self.earlier,
            (("sizes", self.sizes),) if self.sizes else (),
        )  # fmt: skip
        return told.text({place: text for place, text in texts.items() if text})


_Stories = Mapping[str, tuple[Callable[[Random], _Story], ...]]


def _dead_ends() -> Iterator[Item]:
    for label, text in _told(_STORIES, _EACH, Random(_SEED)):
        yield Item("dead_end", label, dead_end.question(text, _DAY))


def _told(stories: _Stories, each: int, rng: Random) -> Iterator[tuple[str, str]]:
    """So many different texts of each label, of its stories in turn."""
    seen: set[str] = set()
    for label, of_label in stories.items():
        for number in range(each):
            text = of_label[number % len(of_label)](rng).text()
            while text in seen:
                text = of_label[number % len(of_label)](rng).text()
            seen.add(text)
            yield label, text


def _ok(tool: str, about: str, result: str = "", seconds: float = 3) -> Step:
    return Step(tool, about, "ok", result, after_seconds=seconds)


def _failed(tool: str, about: str, result: str, seconds: float = 4) -> Step:
    return Step(tool, about, "FAILED", result, after_seconds=seconds)


def _noun(rng: Random) -> str:
    return f"{rng.choice(_NOUNS)}{rng.randrange(10, 99)}"


def _abandoned_browser(rng: Random) -> _Story:
    page = f"http://localhost:3000/{_noun(rng)}"
    return _Story(
        f"Check in the browser that {page} shows the new total, then write the release note",
        tuple(
            _failed("mcp__playwright__browser_navigate", page, "Browser is already in use")
            for _ in range(rng.randrange(2, 4))
        ),
        "The browser is not available here, so I will skip the visual check and go on.",
        (_ok("Write", "/home/dev/shop/RELEASE.md", "File created"), _ok("Bash", "git add -A")),
    )


def _abandoned_site(rng: Random) -> _Story:
    host = rng.choice(_HOSTS)
    return _Story(
        f"Find the rate limits of {host} and note them in docs/limits.md",
        (
            _failed("WebFetch", f"https://{host}/limits", "Request failed with status code 403"),
            _failed("WebFetch", f"https://{host}/docs", "Request failed with status code 403"),
        ),
        "The site refuses automated access. I could not find the limits; please look them up.",
        (),
        "ok, leave it then",
        "3 more calls, the user spoke 1 more times",
    )


def _wrong_tool(rng: Random) -> _Story:
    name = _noun(rng)
    return _Story(
        f"Add a Postgres index for {name} and show with EXPLAIN that it is used",
        (
            _failed("Bash", f"psql -c 'explain select * from {name}'", "Exit code 127\npsql: command not found"),
            _failed("Bash", "docker exec db psql -c 'select 1'", "Exit code 1\nCannot connect to the Docker daemon"),
        ),
        "There is no database here to check against. I have written the migration without it.",
        (_ok("Write", f"/home/dev/shop/migrations/{name}.sql"), _ok("Bash", "git status")),
    )  # fmt: skip


def _recovered_path(rng: Random) -> _Story:
    name = _noun(rng)
    return _Story(
        f"Fix the rounding in {name}.py",
        (_failed("Read", f"/home/dev/shop/src/{name}.py", "File does not exist."),),
        "",
        (
            _ok("Glob", f"**/{name}.py", f"/home/dev/shop/lib/{name}.py"),
            _ok("Read", f"/home/dev/shop/lib/{name}.py", f"1 def {name}(amount):"),
            _ok("Edit", f"/home/dev/shop/lib/{name}.py", "updated"),
        ),
    )


def _recovered_command(rng: Random) -> _Story:
    name = _noun(rng)
    return _Story(
        f"Rename {name} everywhere and run the linter",
        (
            _failed("Bash", f"gsed -i 's/{name}/x/' app.py", "Exit code 127\ngsed: command not found"),
            _failed("Bash", f"sed -i '' 's/{name}/x/' app.py", "Exit code 2\nsed: can't read: No such file"),
        ),
        "That is the syntax of another system; without the empty argument it works.",
        (_ok("Bash", f"sed -i 's/{name}/x/' app.py && grep -c x app.py", "7"), _ok("Bash", "ruff check", "All checks passed!")),
    )  # fmt: skip


def _recovered_edit(rng: Random) -> _Story:
    path = f"/home/dev/shop/src/{_noun(rng)}.ts"
    return _Story(
        "Show the discount beside the price",
        (
            _failed(
                "Edit", path, "File has not been read yet. Read it first before writing to it."
            ),
            _failed("Edit", path, "String to replace not found in file."),
        ),
        "I will read it first.",
        (_ok("Read", path, "1 export const price"), _ok("Edit", path, f"{path} has been updated")),
    )


def _polling_server(rng: Random) -> _Story:
    url = f"http://localhost:{rng.randrange(3000, 9000)}/health"
    return _Story(
        "Start the server and check that it answers",
        tuple(
            _failed("Bash", f"sleep 5; curl -sf {url}", "Exit code 7", 5 + n)
            for n in range(rng.randrange(3, 5))
        ),
        "It is still starting. I will wait a little longer.",
        (
            _ok("Bash", f"sleep 10; curl -sf {url}", '{"status":"ok"}', 12),
            _ok("Bash", "pkill node"),
        ),
    )


def _polling_pipeline(rng: Random) -> _Story:
    run = rng.randrange(10_000, 99_999)
    return _Story(
        "Push, and tell me when the pipeline is through",
        tuple(
            _failed(
                "Bash", f"gh run view {run} --exit-status", "Exit code 8\nrun is in progress", 60
            )
            for _ in range(3)
        ),
        "The pipeline is still running; I will look again in a minute.",
        (_ok("Bash", f"gh run view {run} --exit-status", "completed success", 90),),
        later="1 more calls, the user spoke 1 more times",
    )


def _red_test(rng: Random) -> _Story:
    name = _noun(rng)
    return _Story(
        f"The test of {name} is red: fix the code",
        tuple(
            _failed("Bash", f"pytest -q tests/test_{name}.py", f"Exit code 1\n{left} failed: assert 3 == 4", 40)
            for left in (4, 2, 1)
        ),
        "One is left. The fixture still has the old price.",
        (_ok("Edit", f"/home/dev/shop/src/{name}.py", "updated"), _ok("Edit", f"/home/dev/shop/tests/test_{name}.py", "updated")),
    )  # fmt: skip


def _red_types(rng: Random) -> _Story:
    name = _noun(rng)
    return _Story(
        f"Give {name} strict types",
        tuple(
            _failed("Bash", "mypy --strict src", f"Exit code 1\nsrc/{name}.py:{line}: error: Incompatible types", 30)
            for line in (12, 40, 77)
        ),
        f"Next is line 77 of {name}.",
        (_ok("Edit", f"/home/dev/shop/src/{name}.py", "updated"), _failed("Bash", "mypy --strict src", "Exit code 1\n2 errors")),
    )  # fmt: skip


_STORIES: _Stories = {
    "dead_end": (_abandoned_browser, _abandoned_site, _wrong_tool),
    "recovered": (_recovered_path, _recovered_command, _recovered_edit),
    "polling": (_polling_server, _polling_pipeline),
    "feedback": (_red_test, _red_types),
}


# --- causes ------------------------------------------------------------------------------------

#: Messages that rules do not know, though a reader does: cause, tool, program, message.
_MESSAGES = (
    ("browser_playwright", "mcp__browser__click", "", "Element handle is detached from the page frame"),
    ("browser_playwright", "Bash", "npx cypress", "Exit code 1\nThe browser window closed before the spec began"),
    ("web_wall", "WebFetch", "", "Access to this page has been denied because we believe you are using automation"),
    ("web_wall", "Bash", "lynx", "Exit code 1\nPlease verify you are a human before continuing"),
    ("stale_auth", "Bash", "fly deploy", "Exit code 1\nYour session has ended, please sign in again"),
    ("stale_auth", "mcp__crm__list", "", "The refresh grant is no longer good: reconnect the account"),
    ("missing_tool", "Skill", "", "There is no skill of that name among those loaded"),
    ("missing_tool", "mcp__notes__add", "", "Server notes has gone away and its tools with it"),
    ("platform_confusion", "Bash", "readlink", "Exit code 1\nreadlink: this option exists only in the GNU variant"),
    ("platform_confusion", "PowerShell", "ls", "Exit code 1\nls: a positional parameter cannot be found that accepts argument '-la'"),
    ("environment", "Bash", "make", "Exit code 2\nwrite failed, the device has no room left"),
    ("environment", "Bash", "initctl", "Exit code 1\nthe message bus is not running on this machine"),
    ("command_precondition", "Bash", "flyway", "Exit code 1\nthe schema history is locked by another migration"),
    ("command_precondition", "Bash", "hg push", "Exit code 255\npush creates new heads on the remote, merge them before"),
    ("build_or_test", "Bash", "gleam build", "Exit code 1\nType mismatch: expected Int, found String"),
    ("build_or_test", "Bash", "zig test", "Exit code 1\n3 passed; 1 skipped; 2 failed."),
    ("probe_negative", "Bash", "ugrep", "Exit code 1"),
    ("probe_negative", "Bash", "cmp", "Exit code 1\na.bin b.bin differ: byte 9, line 1"),
    ("timeout", "mcp__search__query", "", "Gave up waiting for a reply after 60 s"),
    ("timeout", "Bash", "curl", "Exit code 28"),
)  # fmt: skip


def _causes() -> Iterator[Item]:
    for cause, tool, program, message in _MESSAGES:
        question = failure_cause.question(tool, program, message, _DAY)
        yield Item("failure_cause", cause, question)


# --- single responses --------------------------------------------------------------------------


def _audits() -> Iterator[Item]:
    for label, text in _told(_RESPONSES, _EACH // 2, Random(_SEED + 1)):
        yield Item("audit", label, audit.question(text, _DAY))


def _first_of(story: _Story) -> _Story:
    """The story told of its first call alone."""
    return replace(story, steps=story.steps[:1], after=(*story.steps[1:], *story.after)[:3],
                   said="", sizes="120 output tokens")  # fmt: skip


def _useful(rng: Random) -> _Story:
    path = f"/home/dev/shop/src/{_noun(rng)}.py"
    edit = _ok("Edit", path, "The file has been updated")
    return _Story(
        "Add the tax to the total", (edit,), "", (_ok("Bash", "pytest -q", "14 passed"),),
        earlier=(_ok("Read", path, "1 def total(items):"),), sizes="180 output tokens, +6 -2 lines of 90",
    )  # fmt: skip


def _read_twice(rng: Random) -> _Story:
    path = f"/home/dev/shop/src/{_noun(rng)}.py"
    read = _ok("Read", path, "1 def total(items): 2     return sum(items)")
    return _Story(
        "Explain how totals are made", (read,), "", (_ok("Grep", "total", "src/a.py:3"),),
        earlier=(read, _ok("Grep", "tax", "no matches")), sizes="60 output tokens",
    )  # fmt: skip


def _looked_twice(rng: Random) -> _Story:
    look = _ok("Bash", f"git log --oneline -5 -- {_noun(rng)}", "a1b2c3d Add the total")
    return _Story(
        "Who changed the total last?", (look,), "", (_ok("Bash", "git show a1b2c3d", "+ total"),),
        earlier=(look,), sizes="50 output tokens",
    )  # fmt: skip


def _written_anew(rng: Random) -> _Story:
    path = f"/home/dev/shop/src/{_noun(rng)}.ts"
    return _Story(
        "Change the label of the button to Save", (_ok("Write", path, "The file has been updated"),), "",
        (_ok("Bash", "npm run lint", "ok"),), earlier=(_ok("Read", path, "1 import React"),),
        sizes=f"{rng.randrange(5000, 7000):,} output tokens, +1 -1 lines of 420",
    )  # fmt: skip


_RESPONSES: _Stories = {
    "none": (_useful, lambda rng: _first_of(_red_test(rng)), lambda rng: _first_of(_red_types(rng))),
    "dead_end": (lambda rng: replace(_abandoned_browser(rng), sizes="90 output tokens"), _abandoned_site),
    "retry_error": (lambda rng: _first_of(_recovered_path(rng)), lambda rng: _first_of(_recovered_edit(rng))),
    "file_reread": (_read_twice, _looked_twice),
    "oververbose_edit": (_written_anew,),
}  # fmt: skip
