"""Re-reads: what is in the context already is fetched again, and nothing has changed.

The same lines of a file are read again in one epoch (more than half of them; Read, or cat, head,
tail, sed -n of a path) with no edit, write or shell write to the file between, and the same
content comes back, or the harness answers that the file is unchanged. The same successful look
(git status, ls, grep) with the same answer and nothing changed in between counts as well.

Not flagged, but counted as expected: a read after a change, in a new epoch, of other lines, or
one that the harness demands before an edit. Polling is neither: what is looked at changes by
itself.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from waste_assets.accounting.claims import carried, whole_call
from waste_assets.accounting.conversation import Call, Response, Session
from waste_assets.detectors.effect import END, Effect, FileRange, Reach
from waste_assets.detectors.effects import (
    EDITORS,
    SHELLS,
    World,
    arguments,
    is_unchanged_stub,
    world,
)
from waste_assets.detectors.flag import Detector, Flag, Settings, Tier
from waste_assets.detectors.shell_effects import grows
from waste_assets.detectors.wording import path_of, place_of, what


class Kind(StrEnum):
    """Why something was read again."""

    #: The harness itself says that nothing had changed.
    UNCHANGED = "unchanged"
    #: The same call brought the same content.
    REPEATED = "repeated"
    #: More than half of the lines were in the context, and nothing is known to have changed.
    OVERLAP = "overlap"
    #: The same look at something else than a file, with the same answer.
    LOOK = "look"
    #: Expected: it was written or may have been, or other content came back.
    CHANGED = "changed"
    #: Expected: the context began anew since.
    NEW_EPOCH = "new_epoch"
    #: Expected: other lines, for the most part.
    OTHER_LINES = "other_lines"
    #: Expected: the harness wants files read, by Read, before they are edited.
    DEMANDED = "demanded"


_ENDINGS = {1: "st", 2: "nd", 3: "rd"}
#: An edit that the harness refuses until the file is read, or read again.
_REFUSED = re.compile(
    r"has not been read|modified since|unexpectedly modified|Read it (?:again|first)"
)
WASTED = (Kind.UNCHANGED, Kind.REPEATED, Kind.OVERLAP, Kind.LOOK)


@dataclass(frozen=True, slots=True)
class Reread:
    """A call that reads what its conversation had read before."""

    kind: Kind
    call: Call
    #: The call that had brought it, where one is known.
    earlier: Call | None
    #: What was read: a file with its lines, or None for a look at something else.
    lines: FileRange | None = None
    #: Part of the lines that were in the context.
    share: float = 1.0
    #: How often it had been read in this epoch.
    times: int = 1
    #: Something ran in between that may change any file.
    doubtful: bool = False


@dataclass(slots=True)
class _File:
    """What an epoch holds of a file since it last changed."""

    #: Place, among the events of the session, of the first call that told of it.
    since: int
    file_lines: int | None = None
    #: Lines that are in the context, as stretches that do not overlap, in order.
    starts: list[int] = field(default_factory=list)
    stretches: list[tuple[int, Call]] = field(default_factory=list)
    #: By tool and lines (or input): the call that told, and how often.
    exact: dict[tuple[object, ...], tuple[Call, int]] = field(default_factory=dict)
    #: Read was among them: the harness lets the file be edited.
    by_tool: bool = False

    def held(self, lines: FileRange) -> tuple[int, Call | None]:
        """How many of the lines are in the context, and a call that brought them."""
        count, call = 0, None
        index = max(bisect_left(self.starts, lines.first + 1) - 1, 0)
        while index < len(self.starts) and self.starts[index] <= lines.last:
            end, teller = self.stretches[index]
            both = min(end, lines.last) - max(self.starts[index], lines.first) + 1
            if both > 0:
                count += both
                call = teller
            index += 1
        return count, call

    def hold(self, lines: FileRange, call: Call) -> None:
        """Take in lines."""
        first, last = lines.first, lines.last
        low = bisect_left(self.starts, first)
        if low and self.stretches[low - 1][0] >= first - 1:
            low -= 1
        high = low
        while high < len(self.starts) and self.starts[high] <= last + 1:
            first = min(first, self.starts[high])
            last = max(last, self.stretches[high][0])
            high += 1
        self.starts[low:high] = [first]
        self.stretches[low:high] = [(last, call)]

    def forget(self, number: int) -> bool:
        """Forget what responses after `number` brought; whether anything is left."""
        self.exact = {
            key: told for key, told in self.exact.items() if told[0].response.number <= number
        }
        kept = [
            (start, stretch)
            for start, stretch in zip(self.starts, self.stretches, strict=True)
            if stretch[1].response.number <= number
        ]
        self.starts = [start for start, _ in kept]
        self.stretches = [stretch for _, stretch in kept]
        return bool(self.exact or self.stretches)


def rereads(session: Session) -> Iterator[Reread]:
    """Every call of a session that reads again, wasteful or expected, in the order of time."""
    reader = _Reader(session)
    for place, (call, effect) in enumerate(reader.world.events):
        yield from reader.see(place, call, effect)


def counts(session: Session) -> Counter[Kind]:
    """How often a session reads again, by the reason."""
    return Counter(one.kind for one in rereads(session))


class _Reader:
    """Goes through the events of a session and knows what each epoch holds."""

    def __init__(self, session: Session) -> None:
        self.world: World = world(session)
        self._files: dict[tuple[str, str], _File] = {}
        self._looks: dict[tuple[str, object], tuple[int, Call, int]] = {}
        #: Files that a conversation has read at all.
        self._known: set[tuple[str, str]] = set()
        #: When a path was last written, and when any file may have been, by reach.
        self._written: dict[str, int] = {}
        self._reached = [-1 for _ in Reach]
        self._last_write = -1
        #: When the user last spoke in a conversation, and when the harness said that a file had
        #: been edited by others.
        self._spoken: dict[str, int] = {}
        self._notified: dict[str, int] = {}
        self._last_response: dict[str, Response] = {}
        #: Files that an edit was refused for, until they are read.
        self._refused: set[tuple[str, str]] = set()
        self._edits = _edits(session)

    def see(self, place: int, call: Call, effect: Effect) -> Iterator[Reread]:
        """Take in an event."""
        self._hear(place, call.response)
        agent = call.response.conversation.agent
        if is_unchanged_stub(call):
            yield self._stub(place, call, effect)
        elif call.outcome == "ok" and effect.looks:
            if effect.reads and not effect.changes:
                yield from self._reading(place, call, effect)
            elif effect.is_pure_look:
                yield from self._look(place, call)
        elif call.failed and call.tool in EDITORS and call.target is not None:
            self._refuse(agent, call)
        for path in effect.writes:
            self._written[path] = self._last_write = place
        for reach in range(Reach.STATE, effect.reach + 1):
            self._reached[reach] = place

    def _hear(self, place: int, response: Response) -> None:
        agent = response.conversation.agent
        if self._last_response.get(agent) is response:
            return
        self._last_response[agent] = response
        if response.is_rewound and response.previous is not None:
            self._forget(response.epoch, response.previous.number)
        for block in response.blocks:
            if block.kind == "user_text":
                self._spoken[agent] = place
            elif block.subtype == "edited_text_file":
                self._notified[agent] = place

    def _forget(self, epoch: str, number: int) -> None:
        """Somebody went back: what was read after response `number` is in no prompt any more."""
        for key in [key for key in self._files if key[0] == epoch]:
            if not self._files[key].forget(number):
                del self._files[key]
        for look in [look for look in self._looks if look[0] == epoch]:
            if self._looks[look][1].response.number > number:
                del self._looks[look]

    def _refuse(self, agent: str, call: Call) -> None:
        if _REFUSED.search(call.result_text):
            for edit in self.world.paths_of_edit(call):
                self._refused.add((agent, edit))

    def _changed(self, path: str, since: int) -> bool:
        """Whether a file is known to have been written, or rewritten unnamed, since a place."""
        if self._reached[Reach.ANYTHING] > since:
            return True
        written = self._write_of(path)
        # What nobody has written is in order: a formatter finds nothing to do.
        return written > since or (written >= 0 and self._reached[Reach.FORMAT] > since)

    def _write_of(self, path: str) -> int:
        """When a file, or a folder that it lies in, was last written; -1 if never."""
        latest = -1
        while self._written and path:
            latest = max(latest, self._written.get(path, -1))
            path = path.rpartition("/")[0]
        return latest

    def _stub(self, place: int, call: Call, effect: Effect) -> Reread:
        lines = effect.reads[0] if effect.reads else None
        held = None if lines is None else self._files.get((call.response.epoch, lines.path))
        earlier = None
        times = 1
        if held is not None and lines is not None:
            earlier = held.held(lines)[1]
            times = max((count for _, count in held.exact.values()), default=1)
        return Reread(Kind.UNCHANGED, call, earlier, lines, times=times)

    def _reading(self, place: int, call: Call, effect: Effect) -> Iterator[Reread]:
        """Files are read: of several in one call the first that was not to be expected tells."""
        found = [self._file(place, call, lines) for lines in effect.reads]
        told = [one for one in found if one is not None]
        if not told:
            return
        wasted = [one for one in told if one.kind in WASTED]
        if len(wasted) == len(found) and not effect.shows_more:
            yield min(wasted, key=lambda one: one.share)
        elif len(wasted) < len(told):
            yield next(one for one in told if one.kind not in WASTED)

    def _file(self, place: int, call: Call, lines: FileRange) -> Reread | None:
        response = call.response
        agent, path = response.conversation.agent, lines.path
        if grows(path):
            return None
        key = response.epoch, path
        held = self._files.get(key)
        was_known = (agent, path) in self._known
        self._known.add((agent, path))
        refused = (agent, path) in self._refused
        if call.tool == "Read":
            self._refused.discard((agent, path))
        told: Reread | None = None
        if held is None:
            if was_known:
                told = Reread(Kind.NEW_EPOCH, call, None, lines)
        else:
            told = self._again(call, lines, held)
            if told.kind in WASTED and (refused or self._demanded(call, held, path)):
                told = Reread(Kind.DEMANDED, call, told.earlier, lines)
        if held is None or (told is not None and told.kind is Kind.CHANGED):
            held = self._files[key] = _File(place)
        self._take_in(held, call, lines)
        return told

    def _again(self, call: Call, lines: FileRange, held: _File) -> Reread:
        """Judge a reading of a file of which this epoch holds something."""
        total = call.file_lines if call.tool == "Read" else None
        if self._changed(lines.path, held.since) or (
            None not in (total, held.file_lines) and total != held.file_lines
        ):
            return Reread(Kind.CHANGED, call, None, lines)
        doubtful = self._reached[Reach.UNKNOWN] > held.since
        same = held.exact.get(_exact(call, lines))
        if same is not None:
            earlier, times = same
            if call.result_hash != earlier.result_hash:
                return Reread(Kind.CHANGED, call, earlier, lines)
            if _is_text(call) or not self._reached[Reach.STATE] > held.since:
                return Reread(Kind.REPEATED, call, earlier, lines, 1.0, times, doubtful)
            return Reread(Kind.CHANGED, call, earlier, lines)
        if lines.from_end or not _is_text(call):
            return Reread(Kind.OTHER_LINES, call, None, lines)
        end = held.file_lines or total or END
        lines = FileRange(lines.path, lines.first, max(min(lines.last, end), lines.first))
        count, teller = held.held(lines)
        share = count / (lines.last - lines.first + 1)
        if share <= 0.5:
            return Reread(Kind.OTHER_LINES, call, teller, lines, share)
        agent = call.response.conversation.agent
        if self._notified.get(agent, -1) > held.since or (doubtful and total is None):
            # Nobody can tell whether the same content came back.
            return Reread(Kind.CHANGED, call, teller, lines, share)
        return Reread(Kind.OVERLAP, call, teller, lines, share, doubtful=doubtful)

    def _demanded(self, call: Call, held: _File, path: str) -> bool:
        """Whether Read is used on a file that only the shell had shown, to edit it afterwards."""
        if held.by_tool or call.tool != "Read":
            return False
        edits = self._edits.get((call.response.conversation.agent, path), [])
        return bool(edits) and edits[-1] > call.number

    def _take_in(self, held: _File, call: Call, lines: FileRange) -> None:
        key = _exact(call, lines)
        times = held.exact[key][1] + 1 if key in held.exact else 1
        held.exact[key] = call, times
        if call.tool == "Read":
            held.by_tool = True
            held.file_lines = call.file_lines or held.file_lines
        if _is_text(call) and not lines.from_end:
            end = held.file_lines or END
            held.hold(FileRange(lines.path, lines.first, min(lines.last, end)), call)

    def _look(self, place: int, call: Call) -> Iterator[Reread]:
        """A look at something else than files: listings, searches, states."""
        response = call.response
        agent = response.conversation.agent
        if call.tool in SHELLS:
            line = _command(call)
            key: tuple[str, object] = (response.epoch, line)
            least = Reach.STATE if "git" in line else Reach.BUILD
        else:
            key = (response.epoch, call.input_hash)
            least = Reach.UNKNOWN
        known = self._looks.get(key)
        times = 1
        if known is not None and known[1].result_hash == call.result_hash:
            since, earlier, times = known
            unchanged = (
                self._reached[least] <= since
                and self._last_write <= since
                and self._spoken.get(agent, -1) <= since
            )
            if unchanged:
                yield Reread(Kind.LOOK, call, earlier, times=times)
                times += 1
            else:
                times = 1
        self._looks[key] = place, call, times


def _edits(session: Session) -> dict[tuple[str, str], list[int]]:
    """For each agent and path the numbers of the calls that edit it by a tool."""
    edits: dict[tuple[str, str], list[int]] = {}
    told = world(session)
    for conversation in session.conversations:
        for call in conversation.calls:
            if call.tool in EDITORS:
                for path in told.paths_of_edit(call):
                    edits.setdefault((conversation.agent, path), []).append(call.number)
    return edits


def _exact(call: Call, lines: FileRange) -> tuple[object, ...]:
    """What makes two readings the same, so that their results can be compared."""
    if call.tool == "Read":
        return ("Read", lines.first, lines.last) if _is_text(call) else ("Read", call.input_hash)
    return (call.tool, _command(call))


def _command(call: Call) -> str:
    return " ".join(str(arguments(call).get("command", "")).split())


def _is_text(call: Call) -> bool:
    return call.tool != "Read" or call.result_kind in ("text", None, "file_unchanged")


def _detect(session: Session, settings: Settings) -> Iterator[Flag]:
    for one in rereads(session):
        if one.kind in WASTED:
            yield _flag(one)


def _flag(one: Reread) -> Flag:
    call = one.call
    whole = one.share >= 1.0
    if whole:
        claims = tuple(whole_call(call))
    else:
        block = call.result_block
        fresh = 0 if block is None else round(block.tokens * (1 - one.share))
        claims = () if block is None else tuple(carried(block, beyond=fresh))
    return Flag(
        "file_reread",
        one.kind.value,
        _tier(one),
        _evidence(one),
        call.response,
        claims,
        (call,),
        (call,) if whole else (),
    )


def _tier(one: Reread) -> Tier:
    if one.kind is Kind.REPEATED or one.kind is Kind.LOOK:
        return Tier.LIKELY if one.doubtful else Tier.CERTAIN
    if one.kind is Kind.UNCHANGED:
        return Tier.CERTAIN
    return Tier.LIKELY


def _evidence(one: Reread) -> str:
    call, earlier = one.call, one.earlier
    where = "" if earlier is None else f" at {place_of(earlier)}"
    if one.kind is Kind.LOOK:
        return (
            f"{_ordinal(one.times + 1)} time in this context that {what(call)} gave the "
            f"same answer; nothing was changed since the one{where}"
        )
    lines = one.lines
    name = path_of(call.target if lines is None else lines.path)
    if one.kind is Kind.UNCHANGED:
        return f"read of {name}: the harness answered that it had not changed since the last read"
    assert lines is not None
    span = "" if lines.last >= END or lines.from_end else f" lines {lines.first}-{lines.last}"
    if one.kind is Kind.REPEATED:
        return (
            f"{_ordinal(one.times + 1)} read of {name}{span} in this context, with the same "
            f"content as the read{where}"
        )
    return (
        f"read of {name}{span}, {one.share:.0%} of which were in the context since the read{where}"
    )


def _ordinal(number: int) -> str:
    ending = "th" if number % 100 in (11, 12, 13) else _ENDINGS.get(number % 10, "th")
    return f"{number}{ending}"


DETECTOR = Detector("file_reread", "outright", "1", _detect)
