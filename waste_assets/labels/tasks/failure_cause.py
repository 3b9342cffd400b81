"""Why did this fail? Asked once for all failures that say the same, where no rule knows why."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, get_args

from waste_assets.labels.fenced import ABOUT_FENCE, Fence, fenced
from waste_assets.labels.fingerprint import template
from waste_assets.labels.question import Prompt, Question
from waste_assets.labels.task import AnswerModel, Confidence, Task, lowered

_Cause = Literal[
    "browser_playwright",
    "web_wall",
    "stale_auth",
    "missing_tool",
    "platform_confusion",
    "file_precondition",
    "permission",
    "timeout",
    "api_error",
    "command_precondition",
    "environment",
    "build_or_test",
    "probe_negative",
    "sibling_cancelled",
    "other",
]
_Fault = Literal["infrastructure", "harness", "model", "user", "feedback"]


class Answer(AnswerModel):
    """A judgement about a failure."""

    evidence: str
    cause: Annotated[_Cause, lowered]
    fault: Annotated[_Fault, lowered]
    confidence: Confidence


_SYSTEM = f"""\
You audit logs of a coding agent. You are shown the message of a failed tool call, in which names, \
paths and counts were masked (PATH, FILE, URL, HEX, ID, TIME, N, 'X'). Many calls failed with this \
message; your answer holds for all of them. Say what kind of cause it is and whose fault it was.

{ABOUT_FENCE}

The data has these lines, where they are known:
tool: the tool that was called.
program: the program, and its subcommand, that a shell call ran last.
message: the line that says what went wrong, after the exit status.

Choose exactly one cause:
browser_playwright: a browser or a browser automation failed: no page, no element, in use.
web_wall: a site refused: 403, 429, CAPTCHA, Cloudflare, robots.
stale_auth: a login, token or cookie is missing, wrong or expired: 401.
missing_tool: no such tool, skill, agent or server in the agent itself; wrong parameters of a tool.
platform_confusion: command not found, flags or paths of another platform, quoting, line ends.
file_precondition: a file that was not read first, was changed meanwhile, does not exist, does not \
match, or is too large.
permission: refused by a rule, a hook, a sandbox, the user, or the mode of a file.
timeout: the time ran out.
api_error: the model's own API: overloaded, rate limit, prompt too long.
command_precondition: a program that is there refuses as things stand: wrong flag or subcommand, \
locked database, dirty tree, nothing to commit, it exists already, wrong directory.
environment: no network, no such service, full disk, no memory, a broken installation.
build_or_test: a compiler, type checker, linter, test or commit hook says that the work is not \
right yet; a script of the project that is being written fails.
probe_negative: a question that was answered with no: grep, ls, which, diff, test.
sibling_cancelled: cancelled because a call beside it failed.
other: none of these, or the message does not tell. Choose this rather than a guess.

And exactly one fault:
infrastructure: what is around: browser, network, services, missing programs.
harness: the agent's own program, its hooks and rules.
model: the agent should have known better: a guessed path, a wrong flag, a step left out.
user: the user's will: rejected or interrupted.
feedback: nobody's: a red test, a failing build, a search that finds nothing is how work is done.

Go by what the message says, not by what the program is usually used for. An exit status alone \
tells little: with a test runner, compiler or linter it is build_or_test and feedback, with a \
search or a comparison probe_negative and feedback, otherwise other. An uncaught exception in a \
one-off script that the agent wrote is build_or_test and feedback, unless the exception itself \
names another cause such as a missing module (environment) or a missing file (file_precondition).

Write the evidence first: at most 20 words. Then cause and fault. Then your confidence: high if \
the message names the cause, medium if it is likely, low otherwise.\
"""

TASK = Task(
    Prompt("failure_cause", "1", _SYSTEM, Answer, max_tokens=140),
    labelled_by="cause",
    choices=get_args(_Cause),
    undecided=frozenset(["other"]),
)
FAULTS = get_args(_Fault)
_MOST_NAME = 60


def message(tool: str, program: str, result: str) -> str:
    """What a failed call is known by: its fingerprint is that of this text."""
    told = f"{tool} {template(program)}" if program else tool
    return f"{told}: {template(result)}"


def question(tool: str, program: str, result: str, day: date) -> Question:
    """The question about all failures that say the same as this one."""
    fence = Fence()
    fields = [
        ("tool", fence.line(tool, _MOST_NAME)),
        ("program", fence.line(template(program), _MOST_NAME) if program else ""),
        ("message", template(result)),
    ]
    return Question(TASK.prompt, fenced(fields), day)
