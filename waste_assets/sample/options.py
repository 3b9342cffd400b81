"""How a response is billed and written, where it is not the ordinary way."""

from typing import TypedDict

from waste_assets.sample.cache import Ttl


class Options(TypedDict, total=False):
    """Keywords of every method that makes a response; as keywords of a conversation, defaults."""

    model: str
    output: int
    """Output tokens; by default the sum of the blocks. What exceeds them is unseen thinking."""
    ttl: Ttl
    """Which kind of cache write: 5 minutes or 1 hour."""
    cached: bool
    """False: no caching, the whole prompt is plain input, as behind most gateways."""
    placeholder: bool
    """Lines before the last hold 1 to 9 output tokens and no stop reason."""
    final: bool
    """False: the final usage never reaches the disk; every line stays a placeholder."""
    request_id: bool
    """False: the lines have no requestId."""
    gateway: str
    """Prefix of a gateway's response id, `chatcmpl` or `gen`; such lines have no requestId."""
    message_id: str
    """The response id, where a test needs a certain one."""
    fast: bool
    """Fast mode: `usage.speed` is `fast`."""
    geo: str
    """`usage.inference_geo`, for example `us`."""
    service_tier: str
    effort: str
    web_searches: int
    """Searches that the API ran itself, in `usage.server_tool_use`."""
    nested_only: bool
    """Cache writes stand only in the nested breakdown, the flat field is 0."""
    stop_reason: str
    cache_miss_reason: str
    """`message.diagnostics.cache_miss_reason.type`."""
    latency: float
    """Seconds to the first block; by default by its size."""
    spread: float
    """Seconds between blocks; by default by their size."""


class ResponseOptions(Options, total=False):
    """Options of one response, with blocks put before its own."""

    say: str
    think: str
