"""Remedies for what was found, ranked by the dollars a month that they address.

Each finding goes to one remedy, and no dollar is in two findings: so none is in two remedies, and
their sum is never more than the waste. A month is thirty days of the span that was observed, of
which a week is taken at the least: three days say little about thirty.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from math import fsum

from waste_assets.clusters.finding import Finding
from waste_assets.clusters.remedies import words
from waste_assets.clusters.remedies.catalogue import remedy_of
from waste_assets.clusters.remedies.remedy import Facts, Kind, Remedy, Told
from waste_assets.clusters.remedies.rules import BY_RULE, HOUR_CACHE

MONTH_DAYS = 30
_LEAST_DAYS = 7
#: So many folders are named.
_FOLDERS = 6


@dataclass(frozen=True, slots=True)
class ProjectFacts:
    """What a project's calls that went well show of it."""

    system: str | None = None
    manager: str | None = None
    #: Folders at its top, those that are worked in most first.
    folders: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Basis:
    """What a ranking rests on beside the findings."""

    #: Days from the first to the last response.
    span_days: int
    facts: Mapping[str | None, ProjectFacts] = field(default_factory=dict)
    #: Names that only one project has may be shown.
    names: bool = False
    #: What an hour's cache would have cost more than one of five minutes, USD.
    hour_cache_usd: float = 0.0

    @property
    def months(self) -> float:
        """How many months were observed."""
        return max(self.span_days, _LEAST_DAYS) / MONTH_DAYS


@dataclass(frozen=True, slots=True)
class Ranked:
    """A remedy with what it addresses; amounts are USD."""

    remedy_id: str
    what: str
    advice: str
    kind: Kind
    place: str
    change: str
    #: Names that were left out, as only one project has them.
    names_withheld: int
    category: str
    #: The dearest of its clusters.
    cluster_id: str
    cause: str | None
    #: Certain and likely findings, and apart from them candidates.
    flags: int
    candidates: int
    sessions: int
    projects: int
    first_day: date
    last_day: date
    #: Observed, low and high, of certain and likely findings; and of candidates.
    usd_low: float
    usd_high: float
    usd_candidate: float
    usd_month_low: float
    usd_month_high: float
    usd_month_candidate: float
    #: The dearest finding: its line in the transcript, and why.
    example: str
    evidence: str


def ranked(findings: Iterable[Finding], basis: Basis) -> list[Ranked]:
    """The remedies of some findings, those that address most first; candidates count last."""
    groups: dict[str, tuple[Remedy, list[Finding]]] = {}
    for finding in findings:
        remedy = remedy_of(finding)
        groups.setdefault(remedy.id, (remedy, []))[1].append(finding)
    _settle_hour_cache(groups, basis.hour_cache_usd)
    shared = _shared_folders(basis.facts.values())
    found = [_ranked(remedy, group, basis, shared) for remedy, group in groups.values()]
    return sorted(found, key=lambda one: (-one.usd_high, -one.usd_candidate, one.remedy_id))


def _settle_hour_cache(groups: dict[str, tuple[Remedy, list[Finding]]], more_usd: float) -> None:
    """An hour's cache is advised where it saves more than it costs; else the pauses are."""
    found = groups.get(HOUR_CACHE.id)
    if found is None or fsum(finding.usd_low for finding in found[1]) > more_usd:
        return
    del groups[HOUR_CACHE.id]
    pauses = BY_RULE["cache_write", "rebuild_idle"]
    groups.setdefault(pauses.id, (pauses, []))[1].extend(found[1])


def _ranked(
    remedy: Remedy, findings: list[Finding], basis: Basis, shared: frozenset[str]
) -> Ranked:
    sure = [finding for finding in findings if not finding.is_candidate]
    low, high = (fsum(getattr(f, name) for f in sure) for name in ("usd_low", "usd_high"))
    if remedy is HOUR_CACHE:
        low, high = low - basis.hour_cache_usd, high - basis.hour_cache_usd
    candidate = fsum(finding.usd_low for finding in findings if finding.is_candidate)
    dearest = max(findings, key=lambda f: (not f.is_candidate, f.usd_high, f.flag_id))
    costs: dict[str | None, float] = defaultdict(float)
    for finding in findings:
        costs[finding.project] += finding.usd_high
    projects = sorted(costs, key=lambda name: (-costs[name], name or ""))
    told, withheld = _told(remedy, findings, projects, basis, shared)
    kind, change = remedy.change(told)
    return Ranked(
        remedy_id=remedy.id,
        what=remedy.what,
        advice=remedy.advice,
        kind=kind,
        place=place(kind, projects),
        change=change,
        names_withheld=withheld,
        category=dearest.category,
        cluster_id=dearest.cluster_id,
        cause=dearest.cause,
        flags=len(sure),
        candidates=len(findings) - len(sure),
        sessions=len({finding.session_id for finding in findings}),
        projects=len(projects),
        first_day=min(finding.day for finding in findings),
        last_day=max(finding.day for finding in findings),
        usd_low=low,
        usd_high=high,
        usd_candidate=candidate,
        usd_month_low=low / basis.months,
        usd_month_high=high / basis.months,
        usd_month_candidate=candidate / basis.months,
        example=f"{dearest.transcript}:{dearest.line_no}",
        evidence=dearest.evidence,
    )


def _told(
    remedy: Remedy,
    findings: list[Finding],
    projects: Sequence[str | None],
    basis: Basis,
    shared: frozenset[str],
) -> tuple[Told, int]:
    """What the change may say, and how many names it may not."""
    names: tuple[str, ...] = ()
    withheld = 0
    if remedy.words is not None:
        may_say = (lambda word: True) if basis.names else remedy.is_public
        names, withheld = words.names(findings, remedy.words, may_say)
    known = [basis.facts.get(project, ProjectFacts()) for project in projects]
    folders: tuple[str, ...] = ()
    if len(known) == 1:
        allowed = (f for f in known[0].folders if basis.names or f in shared)
        folders = tuple(allowed)[:_FOLDERS]
    facts = Facts(_agreed(f.system for f in known), _agreed(f.manager for f in known), folders)
    return Told(names, facts), withheld


def _agreed(values: Iterable[str | None]) -> str | None:
    """What all of them say."""
    distinct = set(values)
    return distinct.pop() if len(distinct) == 1 else None


def _shared_folders(facts: Iterable[ProjectFacts]) -> frozenset[str]:
    """Folders that more than one project has: their names give nothing away."""
    seen: dict[str, int] = defaultdict(int)
    for one in facts:
        for folder in one.folders:
            seen[folder] += 1
    return frozenset(folder for folder, count in seen.items() if count > 1)


def place(kind: Kind, projects: Sequence[str | None]) -> str:
    """Where a change goes, the dearest project first."""
    named = [project for project in projects if project]
    match kind:
        case Kind.CLAUDE_MD if not named:
            return "CLAUDE.md of the project"
        case Kind.CLAUDE_MD if len(projects) == 1:
            return f"CLAUDE.md in {named[0]}"
        case Kind.CLAUDE_MD:
            return f"~/.claude/CLAUDE.md, or CLAUDE.md in {named[0]} and {_more(projects)}"
        case Kind.SETTINGS if len(projects) == 1 and named:
            return f"merged into .claude/settings.json in {named[0]}"
        case Kind.SETTINGS:
            return "merged into ~/.claude/settings.json"
        case Kind.COMMAND:
            return "a terminal"
        case Kind.PROMPT:
            return "the prompt of Claude Code"
        case _:
            return "how you work"


def _more(projects: Sequence[str | None]) -> str:
    others = len(projects) - 1
    return f"{others} more project{'s' * (others > 1)}"
