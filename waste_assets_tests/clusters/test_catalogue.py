"""The catalogue: every finding leads to a change that can be copied and is valid."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from datetime import date
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from waste_assets.accounting.ledger import PRECEDENCE
from waste_assets.accounting.rebuilds import RECORDED_CAUSES
from waste_assets.clusters.finding import Finding
from waste_assets.clusters.remedies import words
from waste_assets.clusters.remedies.catalogue import catalogue, remedy_of
from waste_assets.clusters.remedies.failures import BY_CAUSE, BY_CAUSE_RULE, OTHER
from waste_assets.clusters.remedies.remedy import Facts, Kind, Told
from waste_assets.clusters.remedies.rules import BY_RULE, HOUR_CACHE, INJECTED
from waste_assets.detectors.cause_rules import CAUSES, RULES
from waste_assets.lake.tables import HEURISTIC_FLAGS
from waste_assets.sample import generate
from waste_assets_tests.clusters.support import failure, finding
from waste_assets_tests.support import Audit

# --- the documented shape of settings.json, as far as remedies use it -----------------------

Rule = Annotated[
    str,
    Field(pattern=r"^(Read\([^()\s/][^()\s]*\)|WebFetch\(domain:[a-z0-9.*-]+\))$"),
]
#: Environment variables of Claude Code's reference, with what they take.
VARIABLES = {
    "BASH_DEFAULT_TIMEOUT_MS": r"[1-9]\d+",
    "BASH_MAX_TIMEOUT_MS": r"[1-9]\d+",
    "CLAUDE_BASH_MAINTAIN_PROJECT_WORKING_DIR": "1",
    "CLAUDE_CODE_MAX_OUTPUT_TOKENS": r"[1-9]\d+",
    "DISABLE_AUTOUPDATER": "1",
    "ENABLE_PROMPT_CACHING_1H": "1",
    "ENABLE_TOOL_SEARCH": r"true|false|auto(:\d+)?",
    "MAX_MCP_OUTPUT_TOKENS": r"[1-9]\d+",
    "MCP_TOOL_TIMEOUT": r"[1-9]\d+",
}
#: Commands of Claude Code's reference.
PROMPTS = {
    "/clear", "/compact", "/context", "/effort", "/fast", "/mcp", "/memory", "/model", "/plugin",
}  # fmt: skip


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Permissions(_Strict):
    deny: list[Rule] = Field(min_length=1)


class _Hook(_Strict):
    type: Literal["command"]
    command: str = Field(min_length=1)


class _Matcher(_Strict):
    matcher: Literal["startup", "resume", "clear", "compact"]
    hooks: list[_Hook] = Field(min_length=1)


class _Hooks(_Strict):
    SessionStart: list[_Matcher] = Field(min_length=1)


class _Settings(_Strict):
    env: dict[str, str] | None = None
    permissions: _Permissions | None = None
    hooks: _Hooks | None = None
    claudeMdExcludes: list[str] | None = Field(default=None, min_length=1)
    disableAllHooks: bool | None = None
    effortLevel: Literal["low", "medium", "high", "xhigh"] | None = None


TOLD = (
    Told(),
    Told(("src/app.py", "node_modules/**"), Facts("macOS", "pnpm", ("src", "tests"))),
    Told(("example.org",), Facts("Linux", "uv")),
    Told((), Facts("Windows")),
)
CHANGES = [
    pytest.param(remedy.change(told), id=f"{remedy.id}-{number}")
    for remedy in catalogue().values()
    for number, told in enumerate(TOLD)
    # A host is no file.
    if remedy.words is not words.hosts or number != 1
]


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_is_valid_and_can_be_copied(change: tuple[Kind, str]) -> None:
    kind, text = change
    assert text == text.strip() and text
    assert "{name" not in text and "None" not in text
    lines = text.splitlines()
    match kind:
        case Kind.SETTINGS:
            settings = _Settings.model_validate_json(text)
            assert settings.model_fields_set
            for name, value in (settings.env or {}).items():
                assert re.fullmatch(VARIABLES[name], value), name
        case Kind.CLAUDE_MD:
            assert all(line.startswith("- ") and len(line) < 600 for line in lines)
        case Kind.PROMPT:
            assert set(lines) <= PROMPTS
        case Kind.COMMAND:
            assert all(re.match(r"claude mcp (add|remove|list)\b", line) for line in lines)
        case Kind.HABIT:
            assert len(lines) == 1 and text.endswith(".")


@pytest.mark.parametrize("remedy", catalogue().values(), ids=lambda remedy: remedy.id)
def test_a_remedy_says_what_goes_wrong_and_what_to_do(remedy: object) -> None:
    what, advice, id_ = (getattr(remedy, name) for name in ("what", "advice", "id"))
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", id_)
    assert what and not what.endswith(".")
    assert advice.endswith(".")


def test_a_remedy_belongs_to_one_category() -> None:
    """What it addresses is held against the waste of its category."""
    categories: dict[str, set[str]] = defaultdict(set)
    for (category, rule), remedy in BY_RULE.items():
        assert category in PRECEDENCE
        assert remedy_of(finding(category, rule)) is remedy
        categories[remedy.id].add(category)
    for remedy in (*BY_CAUSE_RULE.values(), *BY_CAUSE.values()):
        categories[remedy.id].add("retry_error")
    for remedy in INJECTED.values():
        categories[remedy.id].add("cache_read")
    assert all(len(found) == 1 for found in categories.values())


@pytest.mark.parametrize("rule", [r for r in RULES if r.fault not in ("feedback", "user")],
                         ids=lambda rule: rule.id)  # fmt: skip
def test_every_cause_that_is_a_fault_has_a_remedy(rule: object) -> None:
    cause, id_ = getattr(rule, "cause"), getattr(rule, "id")  # noqa: B009
    remedy = remedy_of(failure(id_))
    assert remedy is not OTHER or cause == "other"


def test_the_catalogue_knows_only_causes_that_there_are() -> None:
    known = {rule.id.partition("@")[0] for rule in RULES}
    assert BY_CAUSE_RULE.keys() <= known
    assert BY_CAUSE.keys() <= set(CAUSES)
    assert {f"rebuild_{cause}" for cause in RECORDED_CAUSES} <= {rule for _, rule in BY_RULE}


def test_whatever_detectors_find_has_a_remedy_of_its_own(tmp_path_factory: object) -> None:
    audit = Audit(tmp_path_factory.mktemp("found"))  # type: ignore[attr-defined]
    generate(audit.source, sessions=25, days=4, end=date(2026, 9, 14), seed=5, plants=0.6)
    audit.run()
    rules = set()
    for row in audit.rows(HEURISTIC_FLAGS):
        fields = {name: row[name] for name in ("cause", "cause_rule", "tool_name", "evidence")}
        one: Finding = finding(row["category"], row["rule"], **fields)
        assert remedy_of(one) is not OTHER or row["cause"] == "other", row
        rules.add((row["category"], row["rule"]))
    assert len(rules) > 20


def test_pauses_that_an_hours_cache_outlives_are_told_apart() -> None:
    """The words are those of the detector."""

    def idle(words: str) -> str:
        evidence = f"9,000 prompt tokens that … were paid for again (read: 0): {words}"
        return remedy_of(finding("cache_write", "rebuild_idle", evidence=evidence)).id

    assert idle("8 min 5 s idle, and the cache is kept for five minutes") == HOUR_CACHE.id
    assert idle("45 min idle, and the cache is kept for five minutes") == HOUR_CACHE.id
    assert idle("95 min idle, and the cache is kept for five minutes") == "pauses"
    assert idle("5 h idle, and the cache is kept for five minutes") == "pauses"
    assert idle("75 min idle, and the cache is kept for an hour (recorded: x)") == "pauses"


def test_json_is_json() -> None:
    kind, text = catalogue()["machine-written-files"].change(Told(("yarn.lock", "dist/**")))
    assert kind is Kind.SETTINGS
    assert json.loads(text) == {"permissions": {"deny": ["Read(yarn.lock)", "Read(dist/**)"]}}
