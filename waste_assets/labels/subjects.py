"""What is to be judged of some days, and the questions about it.

A day's subjects depend on the days of the sessions that are active on it, on nothing else, and
never on which other days are built in the same run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import date

import duckdb

from waste_assets.accounting.conversation import Conversation, Response, Session
from waste_assets.accounting.sessions import sessions
from waste_assets.detectors import causes
from waste_assets.detectors.evaluate import JUDGED
from waste_assets.detectors.flag import Settings
from waste_assets.detectors.flags import flag_id
from waste_assets.detectors.registry import detectors
from waste_assets.labels.digest import Digest, Spoken, spoken_in
from waste_assets.labels.fingerprint import fingerprint
from waste_assets.labels.question import Question
from waste_assets.labels.sampling import Candidate, Drawn, drawn
from waste_assets.labels.tasks import audit, dead_end, failure_cause
from waste_assets.labels.texts import Place, texts
from waste_assets.lake.lake import Lake
from waste_assets.lake.tables import (
    CONTEXT_BLOCKS,
    FAILED_CALLS,
    HEURISTIC_FLAGS,
    PARSED_TURNS,
    TOOL_CALLS,
)
from waste_assets.lake.views import view

DEAD_END, FAILURE_CAUSE, AUDIT = "dead_end", "failure_cause", "audit"


@dataclass(frozen=True, slots=True)
class Subject:
    """One thing to be judged."""

    task: str
    kind: str
    id: str
    day: date
    #: What the rules say of it; None where they cannot tell.
    rule_label: str | None
    rule_fault: str | None = None
    #: None where the rules suffice, and where questions were not asked for.
    question: Question | None = None
    session_id: str | None = None
    response_id: str | None = None
    project: str | None = None
    transcript: str | None = None
    line_no: int | None = None
    calls: int = 1
    usd: float = 0.0
    stratum: str | None = None
    weight: float | None = None


@dataclass
class Subjects:
    """What is to be judged of some days."""

    days: list[date]
    subjects: list[Subject] = field(default_factory=list)
    #: Flags that only a judgement can decide, by session and id, with their questions. Those of
    #: the same sessions on other days are among them: they decide about what these days cost, too.
    flags: dict[str, dict[str, Question | None]] = field(default_factory=dict)
    #: Whether there are questions: to make them takes most of the time.
    has_questions: bool = True

    @property
    def questions(self) -> list[Question]:
        """The questions of the days, each once."""
        found = [one.question for one in self.subjects if one.question is not None]
        return list({(q.prompt.digest, q.text): q for q in found}.values())


def subjects_of(
    lake: Lake,
    days: Sequence[date],
    related: Mapping[date, Iterable[date]],
    settings: Settings,
    audit_per_stratum: int,
    *,
    with_questions: bool = True,
) -> Subjects:
    """What is to be judged of `days`; `related` are the days of the sessions active on each.

    Raises:
        OSError, duckdb.Error, pa.ArrowException: the lake cannot be read.
    """
    found = Subjects(list(days), has_questions=with_questions)
    around = sorted(set(days).union(*(related[day] for day in days)))
    with duckdb.connect(":memory:", config={"threads": 1, "memory_limit": "256MB"}) as con:
        view(con, "turns", PARSED_TURNS, lake.parts(PARSED_TURNS, around))
        view(con, "flags", HEURISTIC_FLAGS, lake.parts(HEURISTIC_FLAGS, around))
        view(con, "calls", TOOL_CALLS, lake.parts(TOOL_CALLS, days))
        view(con, "failed", FAILED_CALLS, lake.parts(FAILED_CALLS, days))
        found.subjects += _known_dead_ends(con, days)
        found.subjects += _known_causes(con, days)
        found.subjects += _unknown_causes(con, days, with_questions)
        con.execute(_UNDECIDED, {"days": list(days)})
        for session, id_ in con.fetchall():
            found.flags.setdefault(session, {})[id_] = None
        sample = _sample(con, days, audit_per_stratum)
        of_sessions = [*_undecided_dead_ends(con, days), *_sampled(con, days, sample)]
        wanted = sorted({*found.flags, *(one.session_id or "" for one in of_sessions)})
        if with_questions and wanted:
            view(con, "blocks", CONTEXT_BLOCKS, lake.parts(CONTEXT_BLOCKS, around))
            con.execute(_SPOKEN, {"wanted": wanted})
            spoken = [(name, Place(file, line), day) for name, file, line, day in con.fetchall()]
    if with_questions and wanted:
        asked = _questions(lake, around, wanted, spoken, found, of_sessions, settings)
        of_sessions = [replace(one, question=asked.get((one.task, one.id))) for one in of_sessions]
    found.subjects += of_sessions
    found.subjects.sort(key=lambda one: (one.day, one.task, one.kind, one.id))
    return found


def _questions(
    lake: Lake,
    days: Sequence[date],
    wanted: Sequence[str],
    spoken: Sequence[tuple[str, Place, date]],
    found: Subjects,
    subjects: Iterable[Subject],
    settings: Settings,
) -> dict[tuple[str, str], Question]:
    """The questions about flags and responses of whole sessions, by task and id.

    Those about flags are noted in `found`, too.
    """
    drafts = _Drafts(spoken, {one.id for one in subjects if one.task == AUDIT})
    for session in sessions(lake, days, wanted):
        if session.id in found.flags:
            drafts.add_flags(session, settings)
        drafts.add_sample(session)
        session.release()
    said = texts(lake, drafts.places())
    asked = {}
    for draft in drafts.drafts:
        question = _ASK[draft.task](draft.digest.text(said), draft.day)
        asked[draft.task, draft.id] = question
        if draft.task == DEAD_END:
            found.flags[draft.session_id][draft.id] = question
    return asked


_ASK = {DEAD_END: dead_end.question, AUDIT: audit.question}


@dataclass(frozen=True, slots=True)
class _Draft:
    """A question whose texts have not been read yet."""

    task: str
    id: str
    session_id: str
    day: date
    digest: Digest


class _Drafts:
    """The questions of whole sessions, before the archive is read once for all of them."""

    def __init__(self, spoken: Sequence[tuple[str, Place, date]], sample: Set[str]) -> None:
        self.drafts: list[_Draft] = []
        self._day_of = {place: day for _, place, day in spoken}
        self._by_response: dict[str, list[tuple[str, Place]]] = {}
        for name, place, _ in spoken:
            self._by_response.setdefault(name, []).append((name, place))
        self._sample = sample
        self._places: dict[date, set[Place]] = {}

    def add_flags(self, session: Session, settings: Settings) -> None:
        """The flags of a session that only a judgement can decide."""
        (detector,) = (one for one in detectors() if one.category == DEAD_END)
        for flag in detector.detect(session, settings):
            if flag.needs_judgement:
                digest = dead_end.digest(flag, self._heard(flag.response.conversation))
                self._keep(DEAD_END, flag_id(flag), flag.response, digest)

    def add_sample(self, session: Session) -> None:
        """The responses of a session that were drawn."""
        for conversation in session.conversations:
            for response in conversation.responses:
                if response.id in self._sample:
                    digest = audit.digest(response, self._heard(conversation))
                    self._keep(AUDIT, response.id, response, digest)

    def places(self) -> dict[date, set[Place]]:
        """The lines that have to be read, by the day on which a response read them."""
        return self._places

    def _keep(self, task: str, id_: str, response: Response, digest: Digest) -> None:
        session = response.conversation.session.id
        self.drafts.append(_Draft(task, id_, session, response.day, digest))
        for place in digest.places:
            self._places.setdefault(self._day_of.get(place, response.day), set()).add(place)

    def _heard(self, conversation: Conversation) -> Spoken:
        heard = [
            place
            for response in conversation.responses
            for place in self._by_response.get(response.id, ())
        ]
        return spoken_in(conversation, heard)


_UNDECIDED = """
SELECT session_id, flag_id
FROM flags
WHERE basis = 'judged later'
    AND session_id IN (SELECT session_id FROM turns WHERE day IN (SELECT unnest($days::DATE[])))
ORDER BY session_id, flag_id
"""
_SPOKEN = """
SELECT response_id, transcript, line_no, day
FROM blocks
WHERE session_id IN (SELECT unnest($wanted::VARCHAR[]))
    AND (kind = 'user_text' AND subtype IN ('typed', 'command') OR subtype = 'queued_command')
    AND transcript IS NOT NULL
ORDER BY day, transcript, line_no, response_id
"""


def _known_dead_ends(con: duckdb.DuckDBPyConnection, days: Sequence[date]) -> Iterator[Subject]:
    con.execute(
        """
        SELECT flag_id, day, session_id, response_id, project, transcript, line_no,
            len(tool_use_ids), usd_direct
        FROM flags
        WHERE category = 'dead_end' AND tier <> 'candidate'
            AND day IN (SELECT unnest($days::DATE[]))
        ORDER BY day, flag_id
        """,
        {"days": list(days)},
    )
    for id_, day, session, response, project, transcript, line, calls, usd in con.fetchall():
        yield Subject(
            DEAD_END, "flag", id_, day, DEAD_END, session_id=session, response_id=response,
            project=project, transcript=transcript, line_no=line, calls=calls, usd=usd,
        )  # fmt: skip


def _undecided_dead_ends(con: duckdb.DuckDBPyConnection, days: Sequence[date]) -> Iterator[Subject]:
    con.execute(
        """
        SELECT flag_id, day, session_id, response_id, project, transcript, line_no,
            len(tool_use_ids), usd_direct
        FROM flags
        WHERE basis = 'judged later' AND day IN (SELECT unnest($days::DATE[]))
        ORDER BY day, flag_id
        """,
        {"days": list(days)},
    )
    for id_, day, session, response, project, transcript, line, calls, usd in con.fetchall():
        yield Subject(
            DEAD_END, "flag", id_, day, None, session_id=session, response_id=response,
            project=project, transcript=transcript, line_no=line, calls=calls, usd=usd,
        )  # fmt: skip


def _known_causes(con: duckdb.DuckDBPyConnection, days: Sequence[date]) -> Iterator[Subject]:
    # A rule may know a cause and leave the fault to the conversation: the commonest one is told.
    con.execute(
        """
        SELECT cause_rule, day, any_value(cause), mode(fault ORDER BY fault), count(*),
            sum(usd::DECIMAL(38, 15))::DOUBLE, min_by(transcript, (transcript, line_no)),
            min_by(line_no, (transcript, line_no))
        FROM failed
        WHERE cause_rule IS NOT NULL
        GROUP BY cause_rule, day
        ORDER BY day, cause_rule
        """
    )
    for rule, day, cause, fault, calls, usd, transcript, line in con.fetchall():
        yield Subject(
            FAILURE_CAUSE, "cause_rule", rule, day, cause, fault, transcript=transcript,
            line_no=line, calls=calls, usd=usd,
        )  # fmt: skip


def _unknown_causes(
    con: duckdb.DuckDBPyConnection, days: Sequence[date], with_questions: bool
) -> Iterator[Subject]:
    """The failures that no rule knows: one subject for all of a day that say the same."""
    con.execute(
        """
        SELECT f.day, f.tool_name, c.target, c.result_text, f.usd, f.transcript, f.line_no
        FROM failed AS f
        JOIN calls AS c
            ON c.day = f.day AND c.tool_use_id = f.tool_use_id AND c.response_id = f.response_id
        WHERE f.cause_rule IS NULL
        ORDER BY f.day, f.transcript, f.line_no, f.tool_use_id
        """
    )
    found: dict[tuple[date, str], list[tuple[tuple[str, str, str], float, str, int]]] = {}
    for day, tool, target, result, usd, transcript, line in con.fetchall():
        program = program_of(tool, target or "", result or "")
        failure = (tool, program, result or "")
        id_ = fingerprint(failure_cause.message(*failure))
        found.setdefault((day, id_), []).append((failure, usd, transcript, line))
    for (day, id_), failures in found.items():
        failure, _, transcript, line = failures[0]
        question = failure_cause.question(*failure, day) if with_questions else None
        yield Subject(
            FAILURE_CAUSE, "fingerprint", id_, day, None, question=question,
            transcript=transcript, line_no=line, calls=len(failures),
            usd=sum(usd for _, usd, _, _ in failures),
        )  # fmt: skip


def program_of(tool: str, command: str, result: str) -> str:
    """The program that a shell call ran last, and its subcommand; otherwise nothing."""
    commands = causes.attempt_of(tool, result, command).commands
    words = commands[-1].split() if commands else []
    if not words:
        return ""
    name = words[0].rpartition("/")[2]
    subcommand = words[1] if len(words) > 1 and words[1].replace("-", "").isalpha() else ""
    return name if not subcommand or subcommand.startswith("-") else f"{name} {subcommand}"


def _sample(con: duckdb.DuckDBPyConnection, days: Sequence[date], per_stratum: int) -> list[Drawn]:
    if not per_stratum:
        return []
    con.execute(_RESPONSES, {"days": list(days), "judged": list(JUDGED)})
    return drawn((Candidate(*row) for row in con.fetchall()), per_stratum)


def _sampled(
    con: duckdb.DuckDBPyConnection, days: Sequence[date], sample: Iterable[Drawn]
) -> Iterator[Subject]:
    """The responses that were drawn, as subjects."""
    of_response = {one.candidate.response_id: one for one in sample}
    con.execute(
        """
        SELECT response_id, day, session_id, project, transcript, line_no
        FROM turns
        WHERE day IN (SELECT unnest($days::DATE[]))
            AND response_id IN (SELECT unnest($drawn::VARCHAR[]))
        ORDER BY day, response_id
        """,
        {"days": list(days), "drawn": [*of_response]},
    )
    for id_, day, session, project, transcript, line in con.fetchall():
        one = of_response[id_]
        yield Subject(
            AUDIT, "response", id_, day, one.candidate.category or "none", session_id=session,
            response_id=id_, project=project, transcript=transcript, line_no=line,
            calls=one.candidate.calls, usd=one.candidate.usd, stratum=one.stratum,
            weight=one.weight,
        )  # fmt: skip


# Of flags that name calls of a response, the one that comes first in the order of precedence.
_RESPONSES = """
WITH flagged AS (
    SELECT c.day, c.response_id, arg_min(f.category, list_position($judged, f.category)) AS category
    FROM (
        SELECT category, unnest(tool_use_ids) AS tool_use_id
        FROM flags
        WHERE tier <> 'candidate' AND category IN (SELECT unnest($judged::VARCHAR[]))
    ) AS f
    JOIN calls AS c USING (tool_use_id)
    GROUP BY c.day, c.response_id
),
called AS (
    SELECT day, response_id, count(*) AS calls
    FROM calls
    GROUP BY day, response_id
)
SELECT t.day, t.response_id, t.session_id, t.usd, called.calls, flagged.category
FROM turns AS t
JOIN called USING (day, response_id)
LEFT JOIN flagged USING (day, response_id)
WHERE t.usd IS NOT NULL AND t.day IN (SELECT unnest($days::DATE[]))
ORDER BY t.day, t.response_id
"""
