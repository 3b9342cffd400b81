"""Rewinds: where a conversation goes on from an older line than the one before.

Transcripts are trees: each line names the one that it goes on from (`parentUuid`). Where a person
goes back, what was said since is an abandoned branch: it is in no later prompt, while everything
before keeps its place. Most branches are none of that. The results of parallel calls each go on
from their own call, and all are sent; some versions name a line that was late. So a branch is a
rewind only where a response or a prompt would be abandoned, and where the bill of the response
after it says so. A prompt that reads more from the cache than the first abandoned one was long
holds what would be abandoned. One that is smaller than the last one, or whose cache ends where
the branch begins, does not. Elsewhere the size decides: whether it is nearer to what going back
leaves, or to what going on leaves.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from itertools import groupby

import duckdb
import pyarrow as pa

#: Of text whose tokens nobody has counted.
_CHARS_PER_TOKEN = 4


@dataclass(slots=True, eq=False)
class _Event:
    """A response, or a piece that enters with the next one."""

    conversation: int
    place: int
    link: int
    #: Of a piece: its size, the response whose call it answers, and whether a person said it.
    chars: int
    answers: int | None
    is_said: bool
    is_boundary: bool
    #: Where it goes on from, if not from what was before it.
    target: int | None
    #: Of a response.
    response: int | None
    owned: bool
    epoch_start: str | None
    prompt_tokens: int
    read_tokens: int
    cached_to: int
    output_tokens: int
    #: What it goes on from.
    before: _Event | None = None
    #: The response that it (of a response: its output) entered with.
    entered: _Event | None = None
    epoch: _Event | None = None


@dataclass(frozen=True, slots=True)
class _Threaded:
    """The place of a response in the tree; names are links."""

    link: int
    epoch: int
    epoch_position: int
    epoch_start: str | None
    #: Whether it goes on from another response than the one before it in time, and from which.
    is_rewound: bool
    previous: int | None = None
    #: The response with which what it goes on from had entered, and the last place of that.
    kept_with: int | None = None
    kept_to: int | None = None


_THREADED = pa.schema(
    [
        ("link", pa.int32()),
        ("epoch", pa.int32()),
        ("epoch_position", pa.int32()),
        ("epoch_start", pa.string()),
        ("is_rewound", pa.bool_()),
        ("previous", pa.int32()),
        ("kept_with", pa.int32()),
        ("kept_to", pa.int32()),
    ]
)
#: Pieces that enter with another response than the next one in time, or with none.
_MOVED = pa.schema([("place", pa.int32()), ("link", pa.int32())])


def find(con: duckdb.DuckDBPyConnection) -> bool:
    """Find the rewinds among `branching` (branches.sql); whether there are any.

    Makes the tables `threaded`, with all responses of the conversations that have rewinds, and
    `moved`, with the pieces that do not enter where time alone would have them.
    """
    events = [_Event(*row) for row in con.execute("FROM branching ORDER BY place").fetchall()]
    threaded: list[_Threaded] = []
    moved: list[tuple[int, int | None]] = []
    for _, happened in groupby(events, key=lambda event: event.conversation):
        tree = _Tree(list(happened))
        tree.grow()
        if tree.has_rewinds:
            threaded += tree.threaded
            moved += tree.moved
    for name, schema, rows in (
        ("threaded", _THREADED, [astuple(one) for one in threaded]),
        ("moved", _MOVED, moved),
    ):
        columns = list(zip(*rows, strict=True)) or [()] * len(schema)
        arrays = [pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)]
        con.register("found", pa.Table.from_arrays(arrays, schema=schema))
        con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM found")
        con.unregister("found")
    return bool(threaded)


class _Tree:
    """The events of one conversation, in the order of time, as a tree."""

    def __init__(self, events: Sequence[_Event]) -> None:
        self._events = events
        self.has_rewinds = False
        self.threaded: list[_Threaded] = []
        self.moved: list[tuple[int, int | None]] = []
        #: From the beginning to where the conversation stands.
        self._path: list[_Event] = []
        #: The last response in time, and what came after it.
        self._last: _Event | None = None
        self._since: list[_Event] = []
        self._epochs: Counter[int] = Counter()

    def grow(self) -> None:
        """Take in the events."""
        following = self._following()
        went_back = False
        for event, response in zip(self._events, following, strict=True):
            if event.target is not None and response is not None:
                went_back |= self._go_back(event, response)
            event.before = self._path[-1] if self._path else None
            if event.response is None:
                self._since.append(event)
            else:
                self._respond(event, went_back)
                self._last, self._since, went_back = event, [], False
            self._path.append(event)

    def _following(self) -> list[_Event | None]:
        """For each event the next response; of a response itself."""
        following: list[_Event | None] = []
        response = None
        for event in reversed(self._events):
            response = response if event.response is None else event
            following.append(response)
        return following[::-1]

    def _go_back(self, event: _Event, response: _Event) -> bool:
        """Leave the branch that an event does not go on from; whether that has responses."""
        kept, cut = self._divided(event)
        abandoned = [one for one in cut if one.response is not None]
        if not abandoned and not any(one.is_said for one in cut):
            return False
        if abandoned and not self._is_paid_for(event, response, kept, abandoned[0]):
            return False
        self._path = kept
        self.has_rewinds = True
        return bool(abandoned)

    def _divided(self, event: _Event) -> tuple[list[_Event], list[_Event]]:
        """What of the path stays where an event goes on from its target, and what does not."""
        path = self._path
        assert event.target is not None
        number = event.target - self._events[0].place
        target = self._events[number] if number >= 0 else None
        size = bisect_right(path, event.target, key=lambda one: one.place)
        if target is None or (size and path[size - 1] is target):
            kept, cut = path[:size], path[size:]
        else:
            # It lies on a branch that had been left before.
            kept = []
            while target is not None:
                kept.append(target)
                target = target.before
            kept.reverse()
            stays = set(kept)
            cut = [one for one in path if one not in stays]
        # The results of parallel calls belong to the response that made the calls.
        made = {one.response for one in kept if one.response is not None} - {None}
        results = [one for one in cut if one.answers in made]
        if results:
            kept = sorted((*kept, *results), key=lambda one: one.place)
            cut = [one for one in cut if one.answers not in made]
        return kept, cut

    def _is_paid_for(
        self, event: _Event, response: _Event, kept: list[_Event], abandoned: _Event
    ) -> bool:
        """Whether the bill of the next response is one of a prompt without what was abandoned."""
        last = self._last
        assert last is not None
        if response.read_tokens > abandoned.prompt_tokens:
            return False
        start = _last_response(kept)
        if response.prompt_tokens < last.prompt_tokens or (
            start is not None and 0 < start.cached_to <= response.read_tokens < last.cached_to
        ):
            return True
        first, end = self._events[0].place, response.place
        coming = self._events[event.place - first : end - first]
        on = _after(last) + _estimate(self._events[last.place + 1 - first : end - first])
        if start is not None:
            back = _after(start) + _estimate(_tail(kept)) + _estimate(coming)
        else:
            # Nothing but what the first prompt began with.
            opening = next(one for one in self._events if one.response is not None)
            held = [one for one in self._events if one.entered is opening and one not in kept]
            back = opening.prompt_tokens - _estimate(held) + _estimate(coming)
        size = response.prompt_tokens
        return abs(size - back) <= abs(size - on)

    def _respond(self, response: _Event, went_back: bool) -> None:
        """Find what a response goes on from, and what enters with it."""
        tail = _tail(self._path)
        on_path = set(tail)
        self.moved += [(one.place, None) for one in self._since if one not in on_path]
        if went_back and not any(one.is_boundary for one in tail):
            self._rewound(response, tail)
            return
        start = response.epoch_start
        previous = self._last
        if start is None and previous is not None and response.owned:
            previous.entered = response
        for one in tail:
            one.entered = one.entered or response
        self._thread(response, previous, start, False)

    def _rewound(self, response: _Event, tail: list[_Event]) -> None:
        previous = _last_response(self._path)
        start: str | None = None
        if previous is None:
            start = "rewind"
        elif response.prompt_tokens < previous.prompt_tokens:
            start = "shrink"
        elif response.owned and not previous.owned:
            start = "inherited"
        kept_with = previous.entered if previous is not None and start is None else None
        kept_to = None
        entering = tail
        if kept_with is not None:
            kept_to, count = 0, 0
            for one in tail:
                if one.entered is not kept_with:
                    break
                kept_to, count = one.place, count + 1
            entering = tail[count:]
        fresh = set(self._since)
        self.moved += [(one.place, response.link - 1) for one in entering if one not in fresh]
        for one in entering:
            one.entered = one.entered or response
        self._thread(
            response,
            previous,
            start,
            True,
            kept_with.link if kept_with is not None else None,
            kept_to,
        )

    def _thread(
        self,
        response: _Event,
        previous: _Event | None,
        start: str | None,
        is_rewound: bool,
        kept_with: int | None = None,
        kept_to: int | None = None,
    ) -> None:
        goes_on = start is None and previous is not None
        epoch = previous.epoch if goes_on and previous is not None else response
        assert epoch is not None
        response.epoch = epoch
        self.threaded.append(
            _Threaded(
                response.link,
                epoch.link,
                self._epochs[epoch.link],
                start,
                is_rewound,
                previous.link if is_rewound and previous is not None else None,
                kept_with,
                kept_to,
            )
        )
        self._epochs[epoch.link] += 1


def _tail(path: list[_Event]) -> list[_Event]:
    """The pieces of a path after its last response."""
    tail: list[_Event] = []
    for one in reversed(path):
        if one.response is not None:
            break
        tail.append(one)
    return tail[::-1]


def _last_response(path: list[_Event]) -> _Event | None:
    return next((one for one in reversed(path) if one.response is not None), None)


def _after(response: _Event) -> int:
    """Size of a prompt that holds a response and nothing else that is new."""
    return response.prompt_tokens + response.output_tokens


def _estimate(events: Iterable[_Event]) -> int:
    return sum(one.chars for one in events) // _CHARS_PER_TOKEN
