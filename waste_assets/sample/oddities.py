"""One small story for each odd shape that accounting must survive.

`ODDITIES[name](seed, start)` gives the sessions of a story, ready to be written.
"""

from collections.abc import Callable

from waste_assets.sample.blocks import bash, read, say, think
from waste_assets.sample.conversation import Conversation, conversation
from waste_assets.sample.threads import Layout

Oddity = Callable[[str, str], list[Conversation]]
ODDITIES: dict[str, Oddity] = {}


def _oddity(story: Oddity) -> Oddity:
    ODDITIES[story.__name__] = story
    return story


def _begin(seed: str, start: str) -> Conversation:
    return conversation(seed, cwd="/home/dev/odd", start=start).user().read("src/a.py", 700)


@_oddity
def streaming_placeholders(seed: str, start: str) -> list[Conversation]:
    """Versions up to 2.1.96: only a response's last line has its final usage."""
    c = conversation(seed, cwd="/home/dev/odd", start=start, version="2.1.90", placeholder=True)
    c.user().respond(think(), say(), read("src/a.py"), read("src/b.py"), output=900)
    return [c.respond(think(), say(tokens=80))]


@_oddity
def subagent_never_final(seed: str, start: str) -> list[Conversation]:
    """A subagent whose lines all stay placeholders."""
    c = _begin(seed, start)
    agent = c.subagent("Explore", finalise=False, model="claude-haiku-4-5-20251001")
    agent.respond(say(), read("src/b.py"), output=400).grep("total").done()
    return [c.say()]


@_oddity
def main_never_final(seed: str, start: str) -> list[Conversation]:
    """An old main transcript in which one response never gets its final line."""
    return [_begin(seed, start).respond(think(), say(tokens=200), final=False).user().say()]


@_oddity
def resumed(seed: str, start: str) -> list[Conversation]:
    """A session resumed in a new file: all lines again, with another session id."""
    c = _begin(seed, start).say()
    return [c, c.wait(minutes=20).resume().user().edit("src/a.py").say()]


@_oddity
def forked(seed: str, start: str) -> list[Conversation]:
    """A fork, and a fork of the fork."""
    c = _begin(seed, start).say()
    first = c.fork().user().bash("make", tokens=60)
    return [c.user().say(), first, first.fork().user().say()]


@_oddity
def handed_off(seed: str, start: str) -> list[Conversation]:
    """A copy that went on in the background, with nothing but `sessionKind`."""
    c = _begin(seed, start).say()
    return [c, c.hand_off().user().bash("make", tokens=60).say()]


@_oddity
def side_question(seed: str, start: str) -> list[Conversation]:
    """`/btw`: the same message id under another request id, in a sidechain file."""
    c = _begin(seed, start).respond(think(), say(tokens=90))
    return [c.btw("What does it return?", "A list.").user().say()]


def _subagent_in(layout: Layout, *, progress: bool = False) -> Oddity:
    def story(seed: str, start: str) -> list[Conversation]:
        c = _begin(seed, start)
        agent = c.subagent("Explore", layout=layout, progress=progress, finalise=False)
        agent.respond(read("src/b.py"), read("src/c.py")).grep("total").done()
        final = c.subagent("Plan", layout=layout, progress=progress)
        final.respond(think(), bash("ls", tokens=40)).done()
        return [c.say()]

    return story


for _layout in ("flat", "inline", "progress", "mirrored"):
    ODDITIES[f"subagent_{_layout}"] = _subagent_in(_layout)
ODDITIES["subagent_nested_and_progress"] = _subagent_in("nested", progress=True)


@_oddity
def workflow(seed: str, start: str) -> list[Conversation]:
    """Two agents of one workflow, with its journal."""
    c = _begin(seed, start)
    for agent in c.subagents("general-purpose", "general-purpose", workflow="wf_1a2b3c"):
        agent.read("src/b.py").done()
    return [c.say()]


@_oddity
def nested_and_background_subagents(seed: str, start: str) -> list[Conversation]:
    """A subagent of a subagent, and one that the parent does not wait for."""
    c = _begin(seed, start)
    outer = c.subagent("general-purpose")
    outer.read("src/b.py").subagent("Explore").grep("total").done()
    outer.done()
    late = c.subagent("Explore", background=True)
    c.say()
    late.read("src/c.py").done()
    return [c.say()]


@_oddity
def no_request_id(seed: str, start: str) -> list[Conversation]:
    """Lines without requestId."""
    return [_begin(seed, start).respond(think(), say(), read("src/b.py"), request_id=False).say()]


@_oddity
def gateways(seed: str, start: str) -> list[Conversation]:
    """Responses of third-party gateways: other ids, no requestId, no caching."""
    c = conversation(seed, cwd="/home/dev/odd", start=start, model="glm-4.6", cached=False).user()
    c.respond(think(), say(), read("src/a.py"), gateway="chatcmpl")
    return [c.respond(think(), say(), gateway="gen")]


@_oddity
def fallback(seed: str, start: str) -> list[Conversation]:
    """Another model answers: before the stream, without cost, and in the middle of a stream."""
    c = _begin(seed, start).fallback(say(tokens=60)).user()
    c.fallback(say(tokens=60), declined_output=0).user()
    return [c.fallback(say(tokens=60), say(tokens=60), midstream=True).say()]


@_oddity
def advisor(seed: str, start: str) -> list[Conversation]:
    """Another model advises: its tokens are not in the top level."""
    return [_begin(seed, start).advised(say(tokens=60), read("src/b.py")).say()]


@_oddity
def api_errors(seed: str, start: str) -> list[Conversation]:
    """Retries, and a request that fails for good."""
    c = _begin(seed, start).api_retries(2).say()
    return [c.user().api_error("You've hit your session limit", status=429, error="rate_limit")]


@_oddity
def both_kinds_of_writes(seed: str, start: str) -> list[Conversation]:
    """1-hour and 5-minute writes in one conversation, gaps past both."""
    c = _begin(seed, start).say(ttl="5m").wait(minutes=7).user().say(ttl="5m")
    return [c.wait(minutes=70).user().say().wait(minutes=7).user().say()]


@_oddity
def nested_breakdown_only(seed: str, start: str) -> list[Conversation]:
    """`cache_creation_input_tokens` is 0, the writes stand in the breakdown."""
    c = conversation(seed, cwd="/home/dev/odd", start=start, version="2.1.140", nested_only=True)
    return [c.user().read("src/a.py").say(ttl="5m")]


@_oddity
def over_midnight(seed: str, start: str) -> list[Conversation]:
    """A response that begins on one UTC day and ends on the next."""
    return [_begin(seed, start).across_midnight(say(), bash("ls", tokens=30)).say()]


@_oddity
def web_searches(seed: str, start: str) -> list[Conversation]:
    """Searches that the API counts, and those that only the tool's result counts."""
    return [_begin(seed, start).say(web_searches=2).web_search("lock", searches=3).say()]


@_oddity
def fast_and_us(seed: str, start: str) -> list[Conversation]:
    """Fast mode, US inference, priority tier."""
    c = _begin(seed, start).say(fast=True).user().say(geo="us")
    return [c.user().say(service_tier="priority")]


@_oddity
def untimed_lines(seed: str, start: str) -> list[Conversation]:
    """Every kind of line without timestamp, and cost-state."""
    c = conversation(seed, cwd="/home/dev/odd", start=start).mode().permission_mode()
    c.file_history_snapshot().summary("Old title").user().read("src/a.py").title("A title")
    c.title("Mine", custom=True).cost_state(side_calls={"claude-haiku-4-5": 60}).pr_link()
    return [c.say().last_prompt().cost_state()]


@_oddity
def attachments(seed: str, start: str) -> list[Conversation]:
    """Every kind of attachment, a reminder, system notes."""
    c = conversation(seed, cwd="/home/dev/odd", start=start).nested_memory().skill_listing()
    c.deferred_tools("mcp__tracker__list", "mcp__tracker__get").user().hook_context()
    c.task_reminder("One", "Two").system_reminder().hook_error().say().stop_hook()
    return [c.turn_duration().user().hook_context().say()]


@_oddity
def compacted(seed: str, start: str) -> list[Conversation]:
    """Two compactions, one by hand."""
    c = _begin(seed, start).bash("make", tokens=9_000).compact().say().user().read("src/a.py")
    return [c.compact(trigger="manual").user().say()]


@_oddity
def spilled(seed: str, start: str) -> list[Conversation]:
    """A result too large for the context."""
    return [_begin(seed, start).bash("git log -p", tokens=15_000, spill=True).say()]


@_oddity
def logged_twice(seed: str, start: str) -> list[Conversation]:
    """Lines written twice in one file, and one file with two session ids."""
    c = _begin(seed, start).respond(think(), say(tokens=70)).relog(3)
    return [c.switch_session(f"{seed}:other").user().say()]


@_oddity
def branched(seed: str, start: str) -> list[Conversation]:
    """The user goes back and asks something else."""
    return [_begin(seed, start).say().user().say().rewind().user().say(stop_reason="max_tokens")]


@_oddity
def refused_and_stopped(seed: str, start: str) -> list[Conversation]:
    """Calls that were rejected, denied, interrupted, or never answered."""
    c = _begin(seed, start).bash("rm x", "The user said no.", denial="user-rejected")
    c.interrupt(for_tool_use=True).user()
    c.bash("curl x", "Permission to use Bash has been denied.", denial="permission-rule")
    return [c.bash("sleep 900", None).interrupt()]


@_oddity
def broken_cache(seed: str, start: str) -> list[Conversation]:
    """The tool list changes, the model changes, the effort changes."""
    c = _begin(seed, start).bust().say(cache_miss_reason="tools_changed").user()
    return [c.say(model="claude-sonnet-5").user().say(effort="high")]
