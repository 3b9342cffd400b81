"""Anthropic's prompt cache as one conversation sees it.

A prompt is a row of tokens that grows at its end. What a request sent stays cached until its time
to live has passed since it was last sent. Another model, speed or effort has a cache of its own.
"""

from dataclasses import dataclass
from typing import Literal

Ttl = Literal["5m", "1h"]
TTL_MS: dict[Ttl, int] = {"5m": 300_000, "1h": 3_600_000}
CacheKey = tuple[str, str, str | None]
"""Model, speed, effort: whatever of them changes, the cache does not hold."""


@dataclass(slots=True)
class _Segment:
    """Prompt tokens up to `end`, written with one time to live."""

    end: int
    ttl: Ttl
    expires_ms: int


class PromptCache:
    """What of a conversation's prompt is cached, and until when."""

    def __init__(self) -> None:
        self._segments: dict[CacheKey, list[_Segment]] = {}

    def request(self, key: CacheKey, prompt: int, tail: int, now_ms: int, ttl: Ttl) -> int:
        """Send a prompt of `prompt` tokens; returns how many of them are read from the cache.

        The rest is written with `ttl`, but for the last `tail` tokens, which stay plain input.
        """
        alive: list[_Segment] = []
        for segment in self._segments.get(key, ()):
            if now_ms > segment.expires_ms:
                break
            segment.expires_ms = now_ms + TTL_MS[segment.ttl]
            alive.append(segment)
        read = min(alive[-1].end, prompt) if alive else 0
        if prompt - tail > read:
            if alive and alive[-1].ttl == ttl:
                alive[-1].end = prompt - tail
            else:
                alive.append(_Segment(prompt - tail, ttl, now_ms + TTL_MS[ttl]))
        self._segments[key] = alive
        return read

    def keep(self, tokens: int) -> None:
        """Forget all but the first `tokens` tokens: what follows them has changed."""
        for segments in self._segments.values():
            while segments and segments[-1].end > tokens:
                last = segments.pop()
                if tokens > (segments[-1].end if segments else 0):
                    segments.append(_Segment(tokens, last.ttl, last.expires_ms))

    def copy(self) -> "PromptCache":
        """An independent cache in the same state, as a forked conversation starts with."""
        other = PromptCache()
        other._segments = {
            key: [_Segment(s.end, s.ttl, s.expires_ms) for s in segments]
            for key, segments in self._segments.items()
        }
        return other
