"""Remedies of what is not a failed call: by category and rule of the detectors."""

from __future__ import annotations

from waste_assets.clusters.remedies import words
from waste_assets.clusters.remedies.remedy import (
    Kind,
    Remedy,
    as_json,
    deny,
    env,
    instead,
    lines,
    settings,
    typed,
)

_NO_SECOND_READ = (
    "What was read in this conversation and not changed since needs no second read: use what is "
    "in the context."
)
_READ_ONCE = Remedy(
    "reread-files",
    "files read again that had not changed",
    "Name the files that are read again, and say that one read is enough.",
    Kind.CLAUDE_MD,
    instead(_NO_SECOND_READ + " Above all: {names}.", _NO_SECOND_READ),
    words.files,
)
_LISTS = Remedy(
    "todo-lists",
    "todo lists sent again for little or nothing",
    "Say when a todo list is worth sending.",
    Kind.CLAUDE_MD,
    lines("Send the todo list only when an item has changed, and keep it short."),
)
_EDITS = Remedy(
    "edit-context",
    "edits that send far more than they change",
    "Say how much of a file an edit needs to quote.",
    Kind.CLAUDE_MD,
    lines(
        "In Edit quote only the lines that change and what makes the place unique, not whole "
        "functions or classes."
    ),
)
_STOP = Remedy(
    "stop-after-three",
    "attempts on one goal that all failed",
    "Let Claude stop and ask, rather than try a fourth way.",
    Kind.CLAUDE_MD,
    lines(
        "After the third failure on one goal stop: say what was tried, what is missing, and ask."
    ),
)
_PROSE = Remedy(
    "prose-between-calls",
    "long prose between calls, which nobody had asked for",
    "Ask for a sentence between calls, and for the report at the end.",
    Kind.CLAUDE_MD,
    lines("Between tool calls write one short sentence or nothing; the report comes at the end."),
)
_MACHINES = Remedy(
    "machine-written-files",
    "lock files, bundles and vendored code in the context",
    "Deny reading them; in shells Claude Code applies the rule to cat, head and the like.",
    Kind.SETTINGS,
    deny("Read({name})", "Read(package-lock.json)", "Read(*.lock)", "Read(node_modules/**)"),
    words.machine_written,
    is_public=lambda pattern: True,
)
_SMALL_RESULTS = (
    "Ask commands for less: pipe long output through `tail -50` or a filter, use quiet flags, and "
    "write logs to a file and search that."
)
_AGENTS = Remedy(
    "small-subagents",
    "subagents that begin cold, or read what their parent holds",
    "Each subagent begins with a prompt of its own that is in no cache.",
    Kind.CLAUDE_MD,
    lines(
        "Look small things up in the main conversation. Start a subagent only for work of many "
        "steps, and give it what is already known, with paths and lines."
    ),
)

#: By category and rule.
BY_RULE: dict[tuple[str, str], Remedy] = {
    ("file_reread", "repeated"): _READ_ONCE,
    ("file_reread", "overlap"): _READ_ONCE,
    ("file_reread", "unchanged"): _READ_ONCE,
    ("file_reread", "look"): Remedy(
        "repeated-looks",
        "the same look at what had not changed",
        "Say that listings and states need no repeat.",
        Kind.CLAUDE_MD,
        instead(
            "Do not run the same look twice while nothing changes. Above all: {names}.",
            "Do not run `git status`, `ls` or a search a second time while nothing changes.",
        ),
        words.commands,
    ),
    ("oververbose_edit", "machine_written"): _MACHINES,
    ("oververbose_edit", "rewrite"): Remedy(
        "edit-not-write",
        "whole files written for small changes",
        "Say that files that exist are changed by Edit.",
        Kind.CLAUDE_MD,
        lines("Change files that exist with Edit; Write is for new files."),
    ),
    ("oververbose_edit", "edit_context"): _EDITS,
    ("oververbose_edit", "todo_unchanged"): _LISTS,
    ("oververbose_edit", "todo_list"): _LISTS,
    ("oververbose_edit", "prose"): _PROSE,
    ("dead_end", "run"): _STOP,
    ("dead_end", "abandoned"): _STOP,
    ("dead_end", "ended"): Remedy(
        "ended-in-failure",
        "sessions that ended with failures",
        "Look at what was missing, and write it down for the next session.",
        Kind.CLAUDE_MD,
        lines("Before ending on a failure, say what is missing so that it can be provided."),
    ),
    ("dead_end", "cut"): Remedy(
        "longer-answers",
        "answers cut off at the limit of tokens",
        "Raise the limit, or ask for the work in smaller pieces.",
        Kind.SETTINGS,
        env(CLAUDE_CODE_MAX_OUTPUT_TOKENS="64000"),
    ),
    ("reasoning", "mechanical"): Remedy(
        "lower-effort",
        "much thinking before reads, listings and other small steps",
        "Choose a lower effort for work that needs little thought, before the first prompt: a "
        "change within a session loses its cache.",
        Kind.SETTINGS,
        settings(effortLevel="medium"),
    ),
    ("subagent_overhead", "cold_start"): _AGENTS,
    ("subagent_overhead", "held_by_parent"): _AGENTS,
    ("subagent_overhead", "no_report"): Remedy(
        "subagent-reports",
        "subagents whose report was empty, failed or never used",
        "Say what a report must hold.",
        Kind.CLAUDE_MD,
        lines("End a subagent's prompt with what its report must hold, and use that report."),
    ),
    ("cache_read", "unreferenced"): Remedy(
        "search-before-read",
        "whole files read of which nothing was used",
        "Say that a search comes before a read.",
        Kind.CLAUDE_MD,
        lines("Search first (Grep), then read the lines around a hit rather than whole files."),
    ),
    ("cache_read", "prefix"): Remedy(
        "smaller-prefix",
        "sessions that begin with too much",
        "See what fills the first prompt; switch unused MCP servers and plugins off (/mcp, "
        "/plugin), and keep CLAUDE.md under 200 lines.",
        Kind.PROMPT,
        typed("/context"),
    ),
    ("cache_write", "rebuild_idle"): Remedy(
        "pauses",
        "pauses that outlive the cache",
        "Before a long pause compact, or begin anew with /clear: after it the whole context is "
        "written again.",
        Kind.PROMPT,
        typed("/compact"),
    ),
    ("cache_write", "rebuild_model"): Remedy(
        "one-model-a-session",
        "switches of model within a session",
        "Each model has a cache of its own: clear before a switch, or switch at the start.",
        Kind.PROMPT,
        typed("/clear\n/model"),
    ),
    ("cache_write", "rebuild_effort"): Remedy(
        "one-effort-a-session",
        "switches of effort within a session",
        "Each effort has a cache of its own: clear before a switch, or choose at the start.",
        Kind.PROMPT,
        typed("/clear\n/effort"),
    ),
    ("cache_write", "rebuild_speed"): Remedy(
        "one-speed-a-session",
        "fast mode switched on within a session",
        "Turn fast mode on at the start of a session, not deep in it.",
        Kind.PROMPT,
        typed("/clear\n/fast"),
    ),
    ("cache_write", "rebuild_tools"): Remedy(
        "steady-tools",
        "tools that change within a session",
        "With tools deferred, a server that comes or goes no longer breaks the cache. A gateway "
        "may not know deferred tools: then connect all servers before the first prompt.",
        Kind.SETTINGS,
        env(ENABLE_TOOL_SEARCH="true"),
    ),
    ("cache_write", "rebuild_system"): Remedy(
        "steady-system-prompt",
        "a system prompt that changes within a session",
        "Look for what puts a time, a state or a path into the system prompt.",
        Kind.HABIT,
        typed(
            "Set output style, system prompt and added directories before the first prompt, and "
            "leave them until the session ends."
        ),
    ),
    ("cache_write", "rebuild_messages"): Remedy(
        "steady-history",
        "earlier messages that change within a session",
        "Run a session without hooks: if its cache holds, one of them rewrites what was sent; "
        "else look at plugins and gateways. Take the setting out afterwards.",
        Kind.SETTINGS,
        settings(disableAllHooks=True),
    ),
    ("cache_write", "rebuild_version"): Remedy(
        "upgrade-between-sessions",
        "upgrades within a session",
        "Switch the automatic update off, and run `claude update` between sessions.",
        Kind.SETTINGS,
        env(DISABLE_AUTOUPDATER="1"),
    ),
    ("cache_write", "rebuild_resume"): Remedy(
        "resume-soon",
        "sessions resumed after their cache ran out",
        "A resumed session is written to the cache again as a whole.",
        Kind.HABIT,
        typed(
            "Resume within the hour; later begin a new session with a summary of the old one "
            "rather than `claude --resume`."
        ),
    ),
    ("cache_write", "rebuild_unknown"): Remedy(
        "lost-cache",
        "cached prompts that were lost for a reason nobody recorded",
        "Open the example and look at what came just before it.",
        Kind.HABIT,
        typed(
            "Compare the sessions with lost caches: a gateway, a hook or a provider that they "
            "share is the first suspect."
        ),
    ),
    ("cache_write", "rebuild_compaction"): Remedy(
        "clear-not-compact",
        "compactions, each of which reads and writes the context anew",
        "Begin unrelated work anew: that needs no summary.",
        Kind.PROMPT,
        typed("/clear"),
    ),
    ("cache_write", "rebuild_cut"): Remedy(
        "fewer-rewinds",
        "conversations cut back or rewound",
        "What is cut away was paid for; what is kept is mostly read from the cache.",
        Kind.HABIT,
        typed("Stop a wrong turn early (Esc), rather than rewind far (/rewind) later."),
    ),
    ("cache_write", "rebuild_not_ready"): Remedy(
        "staggered-starts",
        "prompts written twice, as the first copy could not be read yet",
        "A prompt can be read from the cache once the answer to it has begun.",
        Kind.HABIT,
        typed("Start parallel sessions of the same folder one after another, seconds apart."),
    ),
    ("cache_write", "unread"): Remedy(
        "single-answers",
        "prompts written to the cache for a single answer",
        "A subagent of one answer writes a prompt that nobody reads.",
        Kind.CLAUDE_MD,
        lines("Give a subagent several questions at once, or ask in the main conversation."),
    ),
}
#: A cache that lives an hour, for those whose pauses are longer than five minutes and shorter.
HOUR_CACHE = Remedy(
    "hour-cache",
    "pauses that outlive a cache of five minutes",
    "Writes to it cost 2 rather than 1.25 times the input; the amounts here are net of that. "
    "Subscribers have it already.",
    Kind.SETTINGS,
    env(ENABLE_PROMPT_CACHING_1H="1"),
)
BIG_COMMANDS = Remedy(
    "big-command-output",
    "commands that print many thousand tokens",
    "Name the commands, and how to ask them for less.",
    Kind.CLAUDE_MD,
    instead(_SMALL_RESULTS + " Above all: {names}.", _SMALL_RESULTS),
    words.commands,
)
BIG_MCP = Remedy(
    "big-mcp-results",
    "MCP tools that answer with many thousand tokens",
    "Lower what an MCP tool may answer (25,000 tokens by default), and ask it for less.",
    Kind.SETTINGS,
    env(MAX_MCP_OUTPUT_TOKENS="10000"),
)
BIG_READS = Remedy(
    "big-reads",
    "large files read whole",
    "Name the files that are too large to be read whole.",
    Kind.CLAUDE_MD,
    lines(
        "Large files: search first, then read by ranges (offset, limit).",
        named="Never read these whole: {names}.",
    ),
    words.files,
)
BIG_RESULTS = Remedy(
    "big-results",
    "results of many thousand tokens",
    "Ask tools for less.",
    Kind.CLAUDE_MD,
    lines("Ask searches and pages for less: narrower patterns, a limit of hits, one question."),
)
#: What is injected again, by its kind.
INJECTED: dict[str, Remedy] = {
    "hook_additional_context": Remedy(
        "hook-output",
        "hooks that say the same again and again",
        "Let a hook print only when it has something new to say; what it must say once belongs "
        "into CLAUDE.md.",
        Kind.HABIT,
        lambda told: (
            "In settings.json (hooks) find "
            + (", ".join(told.names) if told.names else "the hooks that print each time")
            + ", and let the script exit without output where nothing has changed."
        ),
        words.injected,
    ),
    "nested_memory": Remedy(
        "repeated-memory",
        "instruction files that are loaded again and again",
        "Exclude instruction files that are not needed, or shorten them.",
        Kind.SETTINGS,
        lambda told: as_json({"claudeMdExcludes": [f"**/{n.lstrip('~/')}" for n in told.names]}),
        words.injected,
        unnamed=(Kind.PROMPT, typed("/memory")),
    ),
    "skill_listing": Remedy(
        "skill-list",
        "lists of skills that come again and again",
        "Remove skills and plugins that are not used: their list enters every context.",
        Kind.PROMPT,
        typed("/plugin"),
    ),
    "mcp_instructions_delta": Remedy(
        "mcp-instructions",
        "instructions of MCP servers that come again and again",
        "A server that reconnects says its instructions again: drop those that are not used, or "
        "switch them off (/mcp).",
        Kind.COMMAND,
        typed("claude mcp list", each="claude mcp remove {name}"),
        words.injecting_server,
        unnamed=(Kind.PROMPT, typed("/mcp")),
    ),
    "task_reminder": Remedy(
        "task-reminders",
        "reminders of the task list",
        "They come where a list of tasks is not kept up to date.",
        Kind.CLAUDE_MD,
        lines("Mark tasks done as soon as they are, and keep no list for work of few steps."),
    ),
}
REMINDERS = Remedy(
    "reminders",
    "the same text injected again and again",
    "Claude Code's own reminders follow long sessions; others come from plugins and hooks.",
    Kind.PROMPT,
    typed("/clear"),
    words.injected,
)
