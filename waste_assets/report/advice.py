"""What to change about each kind of waste: a headline and what to do, in words.

Keys are the rules of the detectors (docs/waste.md). For failures it is the cause that says what to
do.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Advice:
    """What goes wrong, and what to do about it."""

    what: str
    remedy: str


_BY_RULE = {
    ("cache_write", "rebuild_idle"): Advice(
        "pauses that outlive the cache",
        "Before a long pause /compact, or start anew with /clear: the whole context is written "
        "again after it.",
    ),
    ("cache_write", "rebuild_model"): Advice(
        "switches of model within a session",
        "Switch models at the start or after /clear: each model has a cache of its own.",
    ),
    ("cache_write", "rebuild_tools"): Advice(
        "tools that change within a session",
        "Connect MCP servers and plugins before the first prompt, and leave them connected.",
    ),
    ("cache_write", "rebuild_system"): Advice(
        "a system prompt that changes within a session",
        "Leave output styles, instructions and added directories as they are while a session runs.",
    ),
    ("cache_write", "rebuild_messages"): Advice(
        "earlier messages that change within a session",
        "Find the hook, plugin or gateway that rewrites what was already sent, and stop it.",
    ),
    ("cache_write", "rebuild_effort"): Advice(
        "switches of effort within a session",
        "Choose the effort at the start or after /clear.",
    ),
    ("cache_write", "rebuild_speed"): Advice(
        "switches of speed within a session",
        "Choose fast or standard at the start or after /clear.",
    ),
    ("cache_write", "rebuild_version"): Advice(
        "upgrades within a session",
        "Upgrade Claude Code between sessions; automatic updates can wait for the end of one.",
    ),
    ("cache_write", "rebuild_resume"): Advice(
        "sessions resumed after their cache ran out",
        "Resume soon, or begin a new session from a summary.",
    ),
    ("cache_write", "rebuild_unknown"): Advice(
        "cached prompts that were lost for a reason nobody recorded",
        "Look at what came just before: gateways, hooks and settings that reach into the prompt.",
    ),
    ("cache_write", "unread"): Advice(
        "prompts written to the cache for a single answer",
        "Give a subagent more than one question, or ask the question in the main thread.",
    ),
    ("cache_read", "prefix"): Advice(
        "sessions that begin with too much",
        "Look at /context: remove MCP servers, agents and skills that are not used; shorten "
        "CLAUDE.md.",
    ),
    ("cache_read", "duplicate"): Advice(
        "the same text injected again and again",
        "Shorten the CLAUDE.md files, skills and hook outputs that come again, or load them once.",
    ),
    ("file_reread", "repeated"): Advice(
        "files read again that had not changed",
        "Say in CLAUDE.md that what was read and not changed needs no second read.",
    ),
    ("file_reread", "overlap"): Advice(
        "parts of files read again that had not changed",
        "Say in CLAUDE.md to read a file once, in one piece, or by ranges that do not overlap.",
    ),
    ("file_reread", "unchanged"): Advice(
        "reads that Claude Code answered with: unchanged",
        "Say in CLAUDE.md that what was read and not changed needs no second read.",
    ),
    ("file_reread", "look"): Advice(
        "the same look at what had not changed",
        "Say in CLAUDE.md that git status, ls and searches need no repeat while nothing changes.",
    ),
    ("oververbose_edit", "big_result"): Advice(
        "results of many thousand tokens",
        "Ask for less: head, grep, line ranges, quiet flags; lower BASH_MAX_OUTPUT_LENGTH.",
    ),
    ("oververbose_edit", "machine_written"): Advice(
        "lock files, bundles and vendored code in the context",
        "Deny Read on them in settings.json (permissions), and leave them out of searches.",
    ),
    ("oververbose_edit", "rewrite"): Advice(
        "whole files written for small changes",
        "Say in CLAUDE.md to change existing files with Edit, not with Write.",
    ),
    ("oververbose_edit", "edit_context"): Advice(
        "edits that send far more than they change",
        "Say in CLAUDE.md to quote only the lines around a change.",
    ),
    ("oververbose_edit", "todo_unchanged"): Advice(
        "todo lists sent again unchanged", "Say in CLAUDE.md to update todos when one is done."
    ),
    ("oververbose_edit", "prose"): Advice(
        "long prose between calls, which nobody had asked for",
        "Ask in CLAUDE.md, or by an output style, for a sentence or two between calls.",
    ),
    ("dead_end", "run"): Advice(
        "attempts on one goal that all failed",
        "Say in CLAUDE.md to stop and ask after the third failure on one goal.",
    ),
    ("dead_end", "ended"): Advice(
        "sessions that ended with failures",
        "Look at what was missing, and write it into CLAUDE.md for the next session.",
    ),
    ("dead_end", "cut"): Advice(
        "answers cut off at the limit of tokens",
        "Ask for the work in smaller pieces, or raise CLAUDE_CODE_MAX_OUTPUT_TOKENS.",
    ),
    ("retry_error", "cancelled"): Advice(
        "calls cancelled because one beside them failed",
        "Allow read-only commands in settings.json (permissions), so that they fail less together.",
    ),
    ("retry_error", "repeated"): Advice(
        "calls repeated after a failure, with nothing changed",
        "Say in CLAUDE.md to change something before a failed command is run again.",
    ),
}
_BY_CAUSE = {
    "browser_playwright": "Wait for pages and elements in the instructions for the browser tool.",
    "web_wall": "Say where the content can be had (an API, a mirror), and deny the walled sites.",
    "stale_auth": "Log in before the session: tokens of gh, cloud and package tools run out.",
    "missing_tool": "Connect the servers that are asked for, or take their names out of prompts.",
    "platform_confusion": "Say in CLAUDE.md which system, shell and tools there are.",
    "file_precondition": "Say in CLAUDE.md where things are, and to read a file anew after a "
    "formatter or a command has changed it.",
    "permission": "Allow in settings.json (permissions) what is always granted; name what is not.",
    "timeout": "Raise BASH_DEFAULT_TIMEOUT_MS, or run long commands in the background.",
    "api_error": "Compact before the limit, and spread parallel sessions.",
    "command_precondition": "Write the project's commands into CLAUDE.md, with their flags.",
    "environment": "Start the services, and mend disk and network, before the session.",
    "build_or_test": "Write the commands for build and tests into CLAUDE.md.",
    "sibling_cancelled": "Allow read-only commands in settings.json (permissions).",
}
_SEE = "Open the example, and look at what came before it."


def advice(category: str, rule: str, cause: str | None) -> Advice:
    """What to say of a rule; `cause` is the dearest cause of its failures."""
    known = _BY_RULE.get((category, rule))
    if known is not None:
        return known
    if category == "retry_error":
        causes = f", mostly {cause.replace('_', ' ')}" if cause else ""
        return Advice(f"failed calls{causes}", _BY_CAUSE.get(cause or "", _SEE))
    return Advice(f"{category}: {rule}".replace("_", " "), _SEE)
