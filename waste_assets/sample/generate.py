"""A whole Claude Code config directory of made-up sessions, and what it must add up to."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random

import orjson

from waste_assets.sample.cache import TTL_MS
from waste_assets.sample.clock import MS_PER_MINUTE, iso, to_ms
from waste_assets.sample.conversation import Conversation, conversation
from waste_assets.sample.episodes import EPISODES, Episode, answer, ask
from waste_assets.sample.oddities import ODDITIES
from waste_assets.sample.plants import Place, bloated_prefix, some_kind
from waste_assets.sample.truth import Truth

_MODELS = {"claude-opus-5": 5, "claude-sonnet-5": 4, "claude-haiku-4-5-20251001": 1}
_PROJECTS = ("shop", "shop-api", "warehouse", "infra/deploy", "notes.app")
_COMPACT_AT = 150_000
"""Context size in tokens at which a session is compacted."""
PLANTS = 0.3
"""How many turns hold planted waste, unless the caller says otherwise."""
_BETWEEN = 0.08
"""How many pauses hold waste, as a part of the turns that do."""
_BLOATED = 0.15
"""How many sessions begin with too much, as a part of the turns with waste."""
_LONGEST_PAUSE = 110
"""Minutes that a planted pause may take."""
_LAST_MINUTES = 100
"""Sessions start nothing new in the last minutes of the last day, so that none runs past it."""


def generate(
    root: Path | str,
    *,
    sessions: int = 40,
    days: int = 14,
    end: date,
    seed: int = 7,
    plants: float = PLANTS,
    odd: bool = False,
    keep_responses: bool = False,
) -> Truth:
    """Write `sessions` sessions of the `days` days up to and with `end` below `root/projects`.

    The same arguments write the same bytes. `plants` is the chance of each turn of a session to
    hold waste: with 0 the same sessions do the same work without any. `odd` adds one session for
    each odd shape of `ODDITIES`. The truth holds its responses and plants only with
    `keep_responses`; without it memory does not grow with `sessions`. Its totals are also written
    to `root/expected.json`, those of the waste to `root/planted.json`. `root` must be new or
    empty.
    """
    folder = Path(root)
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty; give a new or an empty directory")
    folder.mkdir(parents=True, exist_ok=True)
    truth = Truth()
    for one in _conversations(sessions, days, end, seed, plants, odd):
        one.write(folder)
        truth.add(one.truth, responses=keep_responses)
    for name, content in (("expected", truth.as_dict()), ("planted", truth.planted_dict())):
        text = orjson.dumps(content, option=orjson.OPT_INDENT_2)
        (folder / f"{name}.json").write_bytes(text + b"\n")
    return truth


def _conversations(
    sessions: int, days: int, end: date, seed: int, plants: float, odd: bool
) -> Iterator[Conversation]:
    first = datetime(end.year, end.month, end.day, tzinfo=UTC) - timedelta(days=days - 1)
    limit_ms = to_ms(first + timedelta(days=days)) - _LAST_MINUTES * MS_PER_MINUTE
    for number in range(sessions):
        rng = Random(f"{seed}:session:{number}")
        start_ms = to_ms(first) + rng.randrange(days) * 1_440 * MS_PER_MINUTE
        start_ms += rng.randrange(7 * 60, 21 * 60) * MS_PER_MINUTE + rng.randrange(MS_PER_MINUTE)
        yield from _session(f"{seed}:{number}", rng, start_ms, limit_ms, plants)
    if odd:
        for number, (name, make) in enumerate(ODDITIES.items()):
            start_ms = to_ms(first) + (number % days) * 1_440 * MS_PER_MINUTE
            yield from make(f"{seed}:odd:{name}", iso(start_ms + 10 * 60 * MS_PER_MINUTE))


def _session(
    seed: str, rng: Random, start_ms: int, limit_ms: int, plants: float
) -> Iterator[Conversation]:
    """One session, and now and then the one that it is resumed or forked into."""
    waste = Random(f"{seed}:waste")
    is_bloated = waste.random() < plants * _BLOATED
    base_tokens = rng.randrange(14_000, 34_000)
    c = conversation(
        seed,
        cwd=f"/home/dev/{rng.choice(_PROJECTS)}",
        start=iso(start_ms),
        base_tokens=waste.randrange(58_000, 80_000) if is_bloated else base_tokens,
        model=rng.choices(list(_MODELS), list(_MODELS.values()))[0],
        ttl=rng.choice(("1h", "1h", "1h", "5m")),
        version=rng.choice(("2.1.190", "2.1.219", "2.1.220")),
        branch=rng.choice(("main", "main", "fix/rounding", "feature/limits")),
    )
    c.mode().file_history_snapshot()
    if rng.random() < 0.7:
        c.nested_memory(tokens=rng.randrange(100, 1_500))
    if rng.random() < 0.7:
        c.skill_listing(tokens=rng.randrange(200, 900))
    injected = c.context - c.base_tokens
    _work(c, seed, min(120, max(1, round(rng.lognormvariate(1.3, 1.0)))), limit_ms, plants)
    if is_bloated:
        bloated_prefix(c, injected)
    yield c
    if rng.random() < 0.08 and c.now_ms < limit_ms:
        c.wait(minutes=_pause(c, rng))
        copy = rng.choice((c.resume, c.fork, c.hand_off))(f"{seed}:copy")
        _work(copy, f"{seed}:copy", rng.randint(1, 4), limit_ms, plants)
        yield copy


def _work(c: Conversation, seed: str, turns: int, limit_ms: int, plants: float) -> None:
    """Turns of a session: a question, one to three episodes, an answer, a pause.

    What is planted draws from a stream of its own, so that the work stays the same without it.
    """
    episodes: list[Episode] = list(EPISODES)
    weights = list(EPISODES.values())
    for turn in range(turns):
        if turn and c.now_ms > limit_ms:
            break
        rng, waste = Random(f"{seed}:turn:{turn}"), Random(f"{seed}:waste:{turn}")
        ask(c, rng)
        work = [
            (episode, Random(f"{seed}:turn:{turn}:{number}"))
            for number, episode in enumerate(
                rng.choices(episodes, weights, k=rng.choice((1, 1, 2, 3)))
            )
        ]
        if waste.random() < plants:
            kind = some_kind(waste, Place.WITHIN, Place.LAST)
            place = len(work) if kind.place is Place.LAST else waste.randint(0, len(work))
            work.insert(place, (kind.insert, waste))
        for episode, stream in work:
            episode(c, stream)
        answer(c, rng)
        c.turn_duration()
        if c.context > _COMPACT_AT:
            c.compact(tokens=rng.randrange(1_500, 4_000))
        if turn + 1 < turns:
            room = max(limit_ms - c.now_ms, 0) / MS_PER_MINUTE
            if waste.random() < plants * _BETWEEN and room > _LONGEST_PAUSE:
                some_kind(waste, Place.BETWEEN).insert(c, waste)
            c.wait(minutes=min(_pause(c, rng), room))
    c.last_prompt()


def _pause(c: Conversation, rng: Random) -> float:
    """Minutes in which the user is away; the cache outlives them."""
    alive = TTL_MS[c.defaults.get("ttl", "1h")] / MS_PER_MINUTE
    return min(rng.lognormvariate(0.7, 1.2), 0.8 * alive)
