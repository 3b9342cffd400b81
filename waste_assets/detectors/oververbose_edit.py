"""Too much said, or too much fetched, for what was to be done.

A Write over an existing file of more than 60 lines of which less than a third changes; edits
whose text is far above what they change; long prose on a turn that calls tools; a todo list sent
again with its unchanged items; tool results above the cap; reads of files that machines write
(lock files, bundles, build output, packages). A flag claims what exceeds the change or the cap.

Whole source files above the cap, partly changed todo lists and code read from packages are
candidates: they are as often what the work needs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from waste_assets.accounting.claims import CarryClaim, Claim, OutputClaim, carried, whole_call
from waste_assets.accounting.conversation import Call, Response, Session
from waste_assets.accounting.sessions import thinking_tokens
from waste_assets.detectors.effects import AGENTS, SHELLS, World, arguments, world
from waste_assets.detectors.flag import Detector, Flag, Settings, Tier
from waste_assets.detectors.wording import path_of, what

#: A rewrite: lines of the file before, and the part of it, added and removed lines together,
#: that may change at most; below the second part it is certain.
_REWRITE_LINES = 60
_REWRITE_PART, _REWRITE_SURE = 1 / 3, 1 / 5
#: An edit: characters of its input, times the changed text; what an edit may hold besides the
#: changed text, twice: lines around the place, which the old text needs to be unique.
_EDIT_CHARS, _EDIT_TIMES = 1_500, 6
_EDIT_SURE_CHARS, _EDIT_SURE_TIMES = 2_000, 10
_EDIT_CONTEXT_CHARS = 400
#: Prose on a turn that calls tools, characters: what is long, what is very long, what is usual.
_PROSE_CHARS, _PROSE_SURE_CHARS, _PROSE_USUAL = 1_200, 2_400, 400
#: A todo list that is sent again for little: items, and the part of them that changed.
_TODO_ITEMS, _TODO_PART = 4, 1 / 3
#: A file that machines write is worth a flag from this size on, tokens.
_MACHINE_TOKENS = 1_000

#: Tools whose turn talks to the user.
_TALKS = frozenset(["AskUserQuestion", "ExitPlanMode", "EnterPlanMode", "Skill"])
_LOCK_FILE = re.compile(
    r"(?:\A|/)(?:[^/]*[-.]lock\.(?:json|ya?ml)|[^/]+\.lock|bun\.lockb|go\.sum|npm-shrinkwrap\.json|"
    r"Package\.resolved)\Z"
)
_BUNDLE = re.compile(r"\.(?:min\.(?:js|css|mjs)|bundle\.js|chunk\.js|(?:js|css|mjs|d\.ts)\.map)\Z")
_MACHINE_FOLDER = re.compile(
    r"/(?:node_modules|bower_components|dist|build|target|out|vendor|third_party|\.next|\.nuxt|"
    r"\.output|coverage|__pycache__|site-packages|\.venv|Pods|DerivedData)/"
)
_EVERYWHERE = re.compile(r'"replace_all"\s*:\s*true')
_DIFF = re.compile(r"\bgit\b[^|;&]*\b(?:diff|show)\b")


def _detect(session: Session, settings: Settings) -> Iterator[Flag]:
    told = world(session)
    for conversation in session.conversations:
        for response in conversation.responses:
            if response.calls:
                yield from _prose(response)
        for call in conversation.calls:
            yield from _call(call, told, settings)


def _call(call: Call, told: World, settings: Settings) -> Iterator[Flag]:
    if call.outcome != "ok":
        return
    if call.tool == "Write":
        yield from _rewrite(call)
    elif call.tool in ("Edit", "MultiEdit"):
        yield from _edit(call)
    elif call.tool == "TodoWrite":
        yield from _todos(call)
    else:
        by_machine = list(_machine_written(call, told))
        yield from by_machine or _big(call, settings)


def _flag(
    call: Call,
    rule: str,
    tier: Tier,
    evidence: str,
    claims: Iterator[Claim] | tuple[Claim, ...],
    wasted: tuple[Call, ...] = (),
) -> Flag:
    return Flag(
        "oververbose_edit", rule, tier, evidence, call.response, tuple(claims), (call,), wasted
    )


def _beyond(call: Call, part: float) -> Iterator[Claim]:
    """What a call's input, and a result that repeats it, cost beyond a part of them."""
    start, end = call.output_span
    start += round((end - start) * part)
    if start < end:
        yield OutputClaim(call.response, start, end)
    block, span = call.response.output_block, call.input_span
    if block is not None and span is not None:
        start = span[0] + round((span[1] - span[0]) * part)
        if start < span[1]:
            yield CarryClaim(block.response, start, span[1])


def _rewrite(call: Call) -> Iterator[Flag]:
    """A Write over a file of which it changes little."""
    lines, added, removed = call.file_lines, call.added_lines, call.removed_lines
    if call.result_kind != "update" or lines is None or added is None or removed is None:
        return
    before = lines - added + removed
    touched = added + removed
    # No change at all is how versions that keep no patch look.
    if before <= _REWRITE_LINES or not 0 < touched < before * _REWRITE_PART:
        return
    claims = list(_beyond(call, touched / lines))
    if call.result_block is not None and call.result_chars > call.input_chars // 2:
        # The harness shows the whole file again.
        claims += carried(call.result_block, round(call.result_block.tokens * touched / lines))
    yield _flag(
        call,
        "rewrite",
        Tier.CERTAIN if touched < before * _REWRITE_SURE else Tier.LIKELY,
        f"Write sent all {lines} lines of {path_of(call.target)} to add {added} and remove "
        f"{removed}; the file had {before}",
        tuple(claims),
    )


def _edit(call: Call) -> Iterator[Flag]:
    """An edit with much more text than it changes."""
    changed = call.changed_chars
    if changed is None or call.input_chars < _EDIT_CHARS:
        return
    if call.input_chars < _EDIT_TIMES * max(changed, 1) or _EVERYWHERE.search(call.input_text):
        return
    needed = 2 * (changed + _EDIT_CONTEXT_CHARS)
    if needed >= call.input_chars:
        return
    sure = call.input_chars >= _EDIT_SURE_CHARS and call.input_chars >= _EDIT_SURE_TIMES * changed
    yield _flag(
        call,
        "edit_context",
        Tier.LIKELY if sure else Tier.CANDIDATE,
        f"{call.tool} sent {call.input_chars:,} characters to change {changed:,} in "
        f"{path_of(call.target)}",
        _beyond(call, needed / call.input_chars),
    )


def _todos(call: Call) -> Iterator[Flag]:
    """A todo list sent again with what had not changed."""
    items, changed = call.file_lines, call.added_lines
    if not items or changed is None or changed >= items:
        return
    if changed == 0:
        yield _flag(
            call,
            "todo_unchanged",
            Tier.CERTAIN,
            f"TodoWrite sent all {items} items again, none of them changed",
            whole_call(call),
            (call,),
        )
    elif items >= _TODO_ITEMS and changed <= items * _TODO_PART:
        yield _flag(
            call,
            "todo_list",
            Tier.CANDIDATE,
            f"TodoWrite sent all {items} items to change {changed}",
            _beyond(call, changed / items),
        )


def _machine_written(call: Call, told: World) -> Iterator[Flag]:
    """A look into a file that no person writes."""
    block = call.result_block
    if block is None or block.tokens < _MACHINE_TOKENS:
        return
    effect = told.effect(call)
    if len(effect.reads) != 1 or effect.shows_more or effect.changes:
        return
    path = effect.reads[0].path
    kind = (
        "a lock file" if _LOCK_FILE.search(path) else "a bundle" if _BUNDLE.search(path) else None
    )
    if kind is not None:
        yield _flag(
            call,
            "machine_written",
            Tier.LIKELY,
            f"{call.tool} brought {block.tokens:,} tokens of {path_of(path)}, {kind}",
            whole_call(call),
            (call,),
        )
    elif folder := _MACHINE_FOLDER.search(path):
        yield _flag(
            call,
            "machine_written",
            Tier.CANDIDATE,
            f"{call.tool} brought {block.tokens:,} tokens of {path_of(path)}, in "
            f"{folder.group()[1:-1]}",
            carried(block),
        )


def _big(call: Call, settings: Settings) -> Iterator[Flag]:
    """A result above the cap."""
    block, cap = call.result_block, settings.result_cap
    if block is None or block.tokens <= cap or call.tool in AGENTS:
        return
    yield _flag(
        call,
        "big_result",
        _tier_of_big(call),
        f"{what(call)} brought {block.tokens:,} tokens, {block.tokens - cap:,} above the cap of "
        f"{cap:,}",
        carried(block, beyond=cap),
    )


def _tier_of_big(call: Call) -> Tier:
    """Files and changes that are read whole are as often what the work needs."""
    if call.tool == "Read":
        return Tier.CANDIDATE
    if call.tool in SHELLS and _DIFF.search(str(arguments(call).get("command", ""))):
        return Tier.CANDIDATE
    return Tier.LIKELY


def _prose(response: Response) -> Iterator[Flag]:
    """Long prose before tool calls, where nobody had asked for an answer."""
    chars = response.text_chars
    if chars < _PROSE_CHARS or any(call.tool in _TALKS for call in response.calls):
        return
    if any(block.kind == "user_text" for block in response.blocks):
        return
    first = response.calls[0]
    rest = chars + sum(call.input_chars for call in response.calls)
    start, end = thinking_tokens(response, rest), first.output_span[0]
    start += (end - start) * _PROSE_USUAL // chars
    claims: list[Claim] = [OutputClaim(response, start, end)] if start < end else []
    block, span, thought = response.output_block, first.input_span, response.thought_span
    if block is not None and span is not None and thought is not None:
        low = thought[1] + (span[0] - thought[1]) * _PROSE_USUAL // chars
        if low < span[0]:
            claims.append(CarryClaim(block.response, low, span[0]))
    yield Flag(
        "oververbose_edit",
        "prose",
        Tier.LIKELY if chars >= _PROSE_SURE_CHARS else Tier.CANDIDATE,
        f"{chars:,} characters of prose on a turn that goes on to call {first.tool}",
        response,
        tuple(claims),
    )


DETECTOR = Detector("oververbose_edit", "inefficient", "1", _detect)
