"""Remedies for what was found, ranked by the dollars a month that they address.

Each finding leads to one remedy, and no dollar is in two findings: so none is in two remedies, and
their sum is never more than the waste. A month is thirty days of the span that was observed, of
which a week is taken at the least: three days say little about thirty.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from waste_assets.clusters.finding import Finding
from waste_assets.clusters.remedies import words
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
    #: What the dearest finding is counted in.
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


@dataclass
class Addressed:
    """What a remedy addresses: sums of its findings, USD."""

    remedy: Remedy
    #: The finding to look at first.
    dearest: Finding
    #: Certain and likely findings, and candidates.
    flags: int
    candidates: int
    sessions: int
    first_day: date
    last_day: date
    #: Of certain and likely findings, low and high, and of candidates.
    usd_low: float
    usd_high: float
    usd_candidate: float
    projects: dict[str | None, float] = field(default_factory=dict)
    names: words.Names = field(default_factory=words.Names)


def led_to(usd_by_hour_cache: float, more_usd: float) -> dict[str, str]:
    """Remedies whose findings lead to another one, by their ids.

    An hour's cache is advised where it saves more than it costs; else the pauses are.
    """
    pauses = BY_RULE["cache_write", "rebuild_idle"]
    return {} if usd_by_hour_cache > more_usd else {HOUR_CACHE.id: pauses.id}


def ranked(addressed: Iterable[Addressed], basis: Basis) -> list[Ranked]:
    """The remedies, those that address most first; candidates count last.

    What leads to another remedy is in that one; see `led_to`.
    """
    shared = _shared_folders(basis.facts.values())
    found = [_ranked(group, basis, shared) for group in addressed]
    return sorted(found, key=lambda one: (-one.usd_high, -one.usd_candidate, one.remedy_id))


def _ranked(group: Addressed, basis: Basis, shared: frozenset[str]) -> Ranked:
    remedy, dearest = group.remedy, group.dearest
    cost = basis.hour_cache_usd if remedy is HOUR_CACHE else 0.0
    low, high, candidate = group.usd_low - cost, group.usd_high - cost, group.usd_candidate
    projects = sorted(group.projects, key=lambda name: (-group.projects[name], name or ""))
    names, withheld = group.names.told((lambda word: True) if basis.names else remedy.is_public)
    kind, change = remedy.change(Told(names, _facts(projects, basis, shared)))
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
        flags=group.flags,
        candidates=group.candidates,
        sessions=group.sessions,
        projects=len(projects),
        first_day=group.first_day,
        last_day=group.last_day,
        usd_low=low,
        usd_high=high,
        usd_candidate=candidate,
        usd_month_low=low / basis.months,
        usd_month_high=high / basis.months,
        usd_month_candidate=candidate / basis.months,
        example=f"{dearest.transcript}:{dearest.line_no}",
        evidence=dearest.evidence,
    )


def _facts(projects: Sequence[str | None], basis: Basis, shared: frozenset[str]) -> Facts:
    """What is true of all these projects; folders are those of a single one."""
    known = [basis.facts.get(project, ProjectFacts()) for project in projects]
    folders: tuple[str, ...] = ()
    if len(known) == 1:
        folders = tuple(f for f in known[0].folders if basis.names or f in shared)[:_FOLDERS]
    return Facts(_agreed(f.system for f in known), _agreed(f.manager for f in known), folders)


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
